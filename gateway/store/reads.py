"""What can be asked of the store, as SQLAlchemy Core statements. Runs in the writer, or on a reader's snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    and_,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from gateway.domain.event import Event, EventType
from gateway.domain.hold import HOLDS
from gateway.domain.identity import shard_of, shard_of_channel_reference, shard_of_payout
from gateway.domain.outcome import Heard
from gateway.domain.payout import OPEN, Payout
from gateway.store import codec, schema
from gateway.store import statements as sql
from gateway.store.allowances import SqlAllowanceReads
from gateway.store.app_events import SqlAppEventReads
from gateway.store.archived_rows import SqlArchiveReads
from gateway.store.auditing import SqlAuditReads
from gateway.store.batches import SqlBatchReads
from gateway.store.beneficiaries import SqlBeneficiaryReads
from gateway.store.census import SqlCensusReads
from gateway.store.endpoints import SqlEndpointReads
from gateway.store.grounds import SqlGroundReads
from gateway.store.idempotency import SqlIdempotencyReads
from gateway.store.listing import SqlListReads
from gateway.store.overrides import SqlOverrideReads
from gateway.store.parked import SqlParkedReads
from gateway.store.principals import SqlPrincipalReads
from gateway.store.records import (
    Callback,
    Delivery,
    Evidence,
    Incident,
    Reference,
)
from gateway.store.retries import SqlRetryReads
from gateway.store.reviewing import SqlReviewReads

_P, _A = schema.payouts.c, schema.attempts.c

OPEN_STATES = sorted(str(state) for state in OPEN)
OPEN_ATTEMPT: ColumnElement[Any] = literal_column(schema.OPEN_ATTEMPT)
"""As the partial index has it, in its very words."""
SILENT_HOLDS = sorted(str(code) for code, rule in HOLDS.items() if not rule.asks)


def answerable_payout() -> ColumnElement[bool]:
    """No hold forbids asking about it."""
    return or_(_P.hold_code.is_(None), _P.hold_code.not_in(SILENT_HOLDS))


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
    SqlListReads,
    SqlGroundReads,
    SqlReviewReads,
):
    """Questions. Every one names its shard where the row is one payout's."""

    def payout(self, payout_id: str) -> Payout | None:
        shard = shard_of_payout(payout_id)
        found = self._one(sql.PAYOUT, of_shard=shard, of_id=payout_id)
        return None if found is None else self._whole(found)

    def reference(self, app: str, reference: str) -> Reference | None:
        found = self._one(sql.REFERENCE, of_shard=shard_of(app, reference), of_app=app, of_reference=reference)
        return None if found is None else Reference(found.payout_id, found.fingerprint)

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

    def next_due_at(self) -> datetime | None:
        found = self._one(sql.NEXT_DUE, one=1)
        return None if found is None else found.due_at

    def next_callback_due_at(self) -> datetime | None:
        found = self._one(sql.NEXT_CALLBACK_DUE, one=1)
        return None if found is None else found.due_at

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


def evidence_place(payout_id: str, number: int) -> str:
    return f"evidence|answer|{payout_id}/{number}"
