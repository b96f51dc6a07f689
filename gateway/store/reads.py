"""What can be asked of the store, as SQLAlchemy Core statements. Runs in the writer, or on a reader's snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
)

from gateway.domain.event import Event, EventType
from gateway.domain.hold import HOLDS, HoldCode
from gateway.domain.identity import shard_of, shard_of_channel_reference, shard_of_payout, shard_of_request
from gateway.domain.outcome import Heard
from gateway.domain.payout import OPEN, Payout
from gateway.domain.review import Request, RequestKind
from gateway.store import codec, schema
from gateway.store import statements as sql
from gateway.store.allowances import SqlAllowanceReads
from gateway.store.app_events import SqlAppEventReads
from gateway.store.archiving import SqlArchiveReads
from gateway.store.auditing import SqlAuditReads
from gateway.store.batches import SqlBatchReads
from gateway.store.beneficiaries import SqlBeneficiaryReads
from gateway.store.census import SqlCensusReads
from gateway.store.endpoints import SqlEndpointReads
from gateway.store.idempotency import SqlIdempotencyReads
from gateway.store.overrides import SqlOverrideReads
from gateway.store.parked import SqlParkedReads
from gateway.store.principals import SqlPrincipalReads
from gateway.store.quick import Runs, quick
from gateway.store.records import (
    Callback,
    Delivery,
    Evidence,
    Incident,
    LiveGround,
    PayoutFilter,
    Position,
    Reference,
    UnderReview,
)
from gateway.store.retries import SqlRetryReads
from gateway.store.rows import Rows

_P, _A = schema.payouts.c, schema.attempts.c

OPEN_STATES = sorted(str(state) for state in OPEN)
OPEN_ATTEMPT: ColumnElement[Any] = literal_column(schema.OPEN_ATTEMPT)
"""As the partial index has it, in its very words."""
SILENT_HOLDS = sorted(str(code) for code, rule in HOLDS.items() if not rule.asks)


def answerable_payout() -> ColumnElement[bool]:
    """No hold forbids asking about it."""
    return or_(_P.hold_code.is_(None), _P.hold_code.not_in(SILENT_HOLDS))


_GROUND = (_A.channel, _A.adapter, _A.base_address, _A.account_id, _A.duplicate_mode, _A.key_ids)
NEXT_GROUND = (
    select(*_GROUND)
    .where(
        _A.due_at.is_not(None),
        tuple_(*_GROUND) > tuple_(*(bindparam(f"after_{c.name}", type_=c.type) for c in _GROUND)),
    )
    .order_by(*_GROUND)
    .limit(1)
)
"""From one ground to the next: a step each, however many attempts stand on it."""
GROUND_COUNT_MAX = 100_000
_ON_GROUND: Select[Any] = (
    select(literal_column("1"))
    .where(_A.due_at.is_not(None), *(c == bindparam(f"of_{c.name}") for c in _GROUND))
    .limit(GROUND_COUNT_MAX)
)
COUNT_ON_GROUND = select(func.count()).select_from(_ON_GROUND.subquery())
# As the partial index has it: SQLAlchemy's own `frozen = 1` would not go by it.
_UNDER_REVIEW = or_(_P.hold_code.is_not(None), literal_column("payouts.frozen"))
HELD = select(schema.payouts).where(_UNDER_REVIEW, _P.hold_code.is_not(None)).order_by(_P.hold_at, _P.id)
_F = schema.freezes.c
_older = schema.freezes.alias("older").c
_OLDEST_FREEZE = select(func.min(_older.number)).where(
    _older.shard == _P.shard, _older.payout_id == _P.id, _older.lifted_at.is_(None)
)
FROZEN = (
    select(schema.payouts, _F.at.label("frozen_since"), _F.why.label("frozen_why"))
    .select_from(schema.payouts.join(schema.freezes, and_(_F.shard == _P.shard, _F.payout_id == _P.id)))
    .where(_UNDER_REVIEW, _P.hold_code.is_(None), _F.number == _OLDEST_FREEZE.scalar_subquery())
    .order_by(_F.at, _P.id)
)
"""Frozen and not held: since the oldest freeze that was not lifted."""


class SqlReadTx(
    SqlPrincipalReads,
    SqlAllowanceReads,
    SqlCensusReads,
    SqlOverrideReads,
    SqlAuditReads,
    SqlParkedReads,
    SqlAppEventReads,
    SqlRetryReads,
    SqlBeneficiaryReads,
    SqlIdempotencyReads,
    SqlBatchReads,
    SqlEndpointReads,
    SqlArchiveReads,
):
    """Questions. Every one names its shard where the row is one payout's."""

    def __init__(self, connection: Connection, rows: Rows) -> None:
        self._connection: Runs = quick(connection)
        self._rows = rows

    def payout(self, payout_id: str) -> Payout | None:
        shard = shard_of_payout(payout_id)
        found = self._one(sql.PAYOUT, of_shard=shard, of_id=payout_id)
        return None if found is None else self._whole(found)

    def _whole(self, row: Row[Any]) -> Payout:
        return self._rows.payout(row, self._all(sql.ATTEMPTS, of_shard=row.shard, of_payout_id=row.id))

    def reference(self, app: str, reference: str) -> Reference | None:
        found = self._one(sql.REFERENCE, of_shard=shard_of(app, reference), of_app=app, of_reference=reference)
        return None if found is None else Reference(found.payout_id, found.fingerprint)

    def payouts(self, app: str, wanted: PayoutFilter, after: Position | None, limit: int) -> Sequence[Payout]:
        return [self._whole(row) for row in self._all(_listing(app, wanted, after).limit(limit))]

    def payouts_saying(
        self, app: str, wanted: PayoutFilter, after: Position | None, limit: int, look_at: int
    ) -> tuple[Sequence[Payout], Position | None]:
        found: list[Payout] = []
        rows = self._all(_listing(app, wanted, after).limit(look_at))
        for row in rows:
            if self._rows.says(row, wanted.metadata):
                found.append(self._whole(row))
            if len(found) == limit:
                return found, Position(row.created_at, row.id)
        return found, Position(rows[-1].created_at, rows[-1].id) if len(rows) == look_at else None

    def payouts_at(self, account_index: bytes, limit: int) -> Sequence[Payout]:
        query = select(schema.payouts).where(_P.account_index == account_index)
        rows = self._all(query.order_by(_P.created_at.desc(), _P.id.desc()).limit(limit))
        return [self._whole(row) for row in rows]

    def find_attempt(self, channel_reference: str) -> tuple[str, int] | None:
        shard = shard_of_channel_reference(channel_reference)
        found = self._one(sql.ATTEMPT_OF_REFERENCE, of_shard=shard, of_channel_reference=channel_reference)
        return None if found is None else (found.payout_id, found.number)

    def find_channel_payout(self, channel: str, channel_payout_id: str) -> tuple[str, int] | None:
        # The one question that knows no shard: a channel's notification that names only the channel's own id.
        found = self._one(
            select(_A.payout_id, _A.number).where(_A.channel == channel, _A.channel_payout_id == channel_payout_id)
        )
        return None if found is None else (found.payout_id, found.number)

    def events(self, payout_id: str, after: int = 0) -> Sequence[Event]:
        shard = shard_of_payout(payout_id)
        rows = self._all(sql.EVENTS_AFTER, of_shard=shard, of_payout_id=payout_id, after=after)
        return [Event(r.sequence, r.at, EventType(r.type), r.actor, r.attempt, json.loads(r.detail)) for r in rows]

    def evidence(self, payout_id: str) -> Sequence[Evidence]:
        found = []
        for row in self._history(schema.evidence, payout_id):
            sealed = self._rows.sealer.open(row.answer_sealed, evidence_place(payout_id, row.number))
            answer = codec.load_answer(sealed)
            found.append(Evidence(row.attempt, row.transmission_no, row.at, answer, row.judged))
        return found

    def incidents(self, payout_id: str) -> Sequence[Incident]:
        rows = self._history(schema.incidents, payout_id)
        return [Incident(row.at, row.kind, row.detail, row.attempt) for row in rows]

    def callbacks(self, payout_id: str) -> Sequence[Callback]:
        return [self._rows.callback(row) for row in self._history(schema.callbacks, payout_id)]

    def deliveries(self, callback: Callback) -> Sequence[Delivery]:
        columns = schema.deliveries.c
        query = select(schema.deliveries).where(
            columns.shard == callback.shard,
            columns.callback_id == callback.id,
            columns.endpoint == callback.endpoint,
        )
        rows = self._all(query.order_by(columns.number))
        return [Delivery(row.at, row.status, row.detail, row.duration_ms) for row in rows]

    def live_grounds(self) -> Sequence[LiveGround]:
        found: list[LiveGround] = []
        row: Sequence[str] = ("",) * len(_GROUND)
        while step := self._one(NEXT_GROUND, **_named("after", row)):
            row = [str(value) for value in step]
            count = self._one(COUNT_ON_GROUND, **_named("of", row))
            channel, adapter, address, account, mode, keys = row
            number = int(count[0]) if count else 0
            found.append(LiveGround(channel, adapter, address, account, mode, tuple(keys.split()), number))
        return found

    def next_due_at(self) -> datetime | None:
        found = self._one(sql.NEXT_DUE, one=1)
        return None if found is None else found.due_at

    def next_callback_due_at(self) -> datetime | None:
        found = self._one(sql.NEXT_CALLBACK_DUE, one=1)
        return None if found is None else found.due_at

    def under_review(self, limit: int) -> Sequence[UnderReview]:
        held = self._all(HELD.limit(limit))
        frozen = self._all(FROZEN.limit(limit))
        rows = [(row.hold_at, row.id, HOLDS[HoldCode(row.hold_code)].text, row) for row in held]
        rows += [(row.frozen_since, row.id, row.frozen_why, row) for row in frozen]
        rows.sort(key=lambda each: each[:2])
        return [UnderReview(self._whole(row), since, why) for since, _, why, row in rows[:limit]]

    def request(self, request_id: str) -> Request | None:
        columns = schema.requests.c
        shard = shard_of_request(request_id)
        found = self._one(select(schema.requests).where(columns.shard == shard, columns.id == request_id))
        return None if found is None else _request(found)

    def open_requests(self) -> Sequence[Request]:
        columns = schema.requests.c
        wanted = (columns.approved_at.is_(None), columns.withdrawn_at.is_(None))
        rows = self._all(select(schema.requests).where(*wanted).order_by(columns.made_at, columns.id))
        return [_request(row) for row in rows]

    def counts(self) -> Mapping[str, int]:
        rows = self._all(select(_P.status, func.count()).group_by(_P.status).order_by(_P.status))
        return {name: int(count) for name, count in (tuple(row) for row in rows)}

    def meta(self, name: str) -> str | None:
        found = self._one(sql.META, of_name=name)
        return None if found is None else str(found.value)

    def words(self, beginning: str) -> Mapping[str, str]:
        columns = schema.meta.c
        named = columns.name.startswith(beginning, autoescape=True)
        return {row.name: row.value for row in self._all(select(columns.name, columns.value).where(named))}

    def high_water(self) -> int:
        # Nothing is ever deleted from events, so SQLite's own row number only grows. Another database counts itself.
        return (
            self._connection.execute(select(func.max(literal_column("rowid"))).select_from(schema.events)).scalar() or 0
        )

    def neighbours(self) -> int:
        return 0  # a lock file keeps every other node away

    def unasked_since(self, since: datetime) -> int:
        columns = schema.evidence.c
        asked = exists().where(
            columns.shard == _A.shard,
            columns.payout_id == _A.payout_id,
            columns.attempt == _A.number,
            columns.heard == str(Heard.QUERY),
            columns.at > since,
        )
        query = (
            select(func.count())
            .select_from(schema.attempts.join(schema.payouts, and_(_P.shard == _A.shard, _P.id == _A.payout_id)))
            .where(OPEN_ATTEMPT, _A.first_sent_at < since, not_(asked), answerable_payout())
        )
        return int(self._connection.execute(query).scalar() or 0)

    def _history(self, table: Table, payout_id: str) -> Sequence[Row[Any]]:
        return self._all(sql.HISTORY[table], of_shard=shard_of_payout(payout_id), of_payout_id=payout_id)

    def _one(self, query: Any, **values: Any) -> Row[Any] | None:
        return self._connection.execute(query, values).first()

    def _all(self, query: Any, **values: Any) -> Sequence[Row[Any]]:
        return self._connection.execute(query, values).all()


def _named(prefix: str, ground: Sequence[str]) -> dict[str, str]:
    return {f"{prefix}_{column.name}": value for column, value in zip(_GROUND, ground, strict=True)}


def _request(row: Row[Any]) -> Request:
    return Request(
        id=row.id,
        kind=RequestKind(row.kind),
        payout_id=row.payout_id,
        reason=row.reason,
        evidence_sha256=row.evidence_sha256,
        made_by=row.made_by,
        made_at=row.made_at,
        state_hash=row.state_hash,
        expires_at=row.expires_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        withdrawn_at=row.withdrawn_at,
    )


def _listing(app: str, wanted: PayoutFilter, after: Position | None) -> Select[Any]:
    """Newest first, from `after` on."""
    query = select(schema.payouts).where(_P.app == app, *_conditions(wanted))
    if after is not None:
        older = _P.created_at < after.created_at
        query = query.where(or_(older, and_(_P.created_at == after.created_at, _P.id < after.payout_id)))
    return query.order_by(_P.created_at.desc(), _P.id.desc())


def _conditions(wanted: PayoutFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.statuses:
        conditions.append(_P.status.in_(sorted(wanted.statuses)))
    equal = (
        (_P.currency, wanted.currency),
        (_P.channel, wanted.channel),
        (_P.reference, wanted.reference),
        (_P.batch_id, wanted.batch_id),
    )
    conditions += [column == value for column, value in equal if value is not None]
    if wanted.created_gte is not None:
        conditions.append(_P.created_at >= wanted.created_gte)
    if wanted.created_lt is not None:
        conditions.append(_P.created_at < wanted.created_lt)
    return conditions


def evidence_place(payout_id: str, number: int) -> str:
    return f"evidence|answer|{payout_id}/{number}"
