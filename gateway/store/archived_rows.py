"""Moving a payout out of the store: the statements, and the rows that stay (`gateway.store.archiving` is the port)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
)

from gateway.domain.archived import ArchivedPayout
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.identity import shard_of_channel_reference, shard_of_payout
from gateway.domain.money import Money
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import StatusCode
from gateway.domain.status import Status
from gateway.sealing import SealBroken
from gateway.store import codec, quick, schema
from gateway.store.archiving import MOVED, Dossier, Mark
from gateway.store.quick import Quick
from gateway.store.records import Incident

if TYPE_CHECKING:
    from gateway.store.rows import Rows

_P, _C, _D = schema.payouts.c, schema.callbacks.c, schema.deliveries.c
_K, _A, _I = schema.archived_payouts.c, schema.archived_attempts.c, schema.archived_incidents.c


def _rows(table: Table) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Which rows of a table are the payout's."""
    its = table.c.shard == bindparam("of_shard")
    if table is schema.deliveries:
        return its, _D.callback_id.in_(select(_C.id).where(*_rows(schema.callbacks)))
    return its, table.c["id" if table is schema.payouts else "payout_id"] == bindparam("of_id")


ROWS: dict[str, Select[Any]] = {
    table.name: select(table).where(*_rows(table)).order_by(*table.primary_key.columns) for table in MOVED
}
DROP = {table.name: delete(table).where(*_rows(table)) for table in MOVED}
KEEP = insert(schema.archived_payouts)
KEEP_ATTEMPT = insert(schema.archived_attempts)
ARCHIVED = select(schema.archived_payouts).where(_K.shard == bindparam("of_shard"), _K.payout_id == bindparam("of_id"))
ARCHIVED_ATTEMPT = select(_A.payout_id, _A.number).where(
    _A.shard == bindparam("of_shard"),
    _A.channel_reference == bindparam("of_channel_reference"),
    _A.channel == bindparam("of_channel"),
)
ARCHIVED_CHANNEL_PAYOUT = select(_A.payout_id, _A.number).where(
    _A.channel == bindparam("of_channel"), _A.channel_payout_id == bindparam("of_channel_payout_id")
)
NEXT_APP = select(_P.app).where(_P.app > bindparam("after")).order_by(_P.app).limit(bindparam("at_most"))
_QUIET: tuple[ColumnElement[bool], ...] = (_P.due_at.is_(None), literal_column(f"NOT ({schema.UNFINISHED})"))
FINISHED = (
    select(_P.app, _P.created_at, _P.id)
    .where(_P.app == bindparam("of_app"), _P.created_at < bindparam("until"), *_QUIET)
    .order_by(_P.created_at, _P.id)
    .limit(bindparam("at_most"))
)
FINISHED_AFTER = FINISHED.where(
    tuple_(_P.created_at, _P.id) > tuple_(bindparam("after_at", type_=schema.Moment), bindparam("after_id"))
)
NEWEST_EVENT = select(schema.events.c.payout_id).order_by(literal_column("rowid").desc()).limit(1)

quick.keep(globals())


class SqlArchiveReads:
    """The questions. A mixin: the transaction has the connection."""

    _connection: Quick
    _rows: Rows

    def finished(self, until: datetime, after: Mark | None, limit: int) -> Sequence[Mark]:
        app = self._next_app("") if after is None else after.app
        while app is not None:
            if found := self._finished_of(app, until, after, limit):
                return found
            app, after = self._next_app(app), None
        return []

    def _next_app(self, after: str) -> str | None:
        found = self._connection.execute(NEXT_APP, {"after": after, "at_most": 1}).first()
        return None if found is None else str(found.app)

    def _finished_of(self, app: str, until: datetime, after: Mark | None, limit: int) -> list[Mark]:
        values: dict[str, Any] = {"of_app": app, "until": until, "at_most": limit}
        if after is None:
            rows = self._connection.execute(FINISHED, values).all()
        else:
            begin = {"after_at": after.created_at, "after_id": after.payout_id}
            rows = self._connection.execute(FINISHED_AFTER, values | begin).all()
        return [Mark(row.app, row.created_at, row.id) for row in rows]

    def dossier(self, payout_id: str) -> Dossier | None:
        which = _which(payout_id)
        rows = {name: self._connection.execute(query, which).all() for name, query in ROWS.items()}
        if not rows["payouts"]:
            return None
        return Dossier(payout_id, rows, self._kind_of(rows["payouts"][0]))

    def _kind_of(self, it: Row[Any]) -> BeneficiaryKind | None:
        try:
            opened = self._rows.sealer.open(it.beneficiary_sealed, f"payouts|beneficiary|{it.id}")
        except SealBroken:
            return None
        return codec.load_beneficiary(opened).kind

    def has_newest_event(self, payout_id: str) -> bool:
        return bool(self._connection.execute(NEWEST_EVENT).scalar() == payout_id)

    def archived(self, payout_id: str) -> ArchivedPayout | None:
        found = self._connection.execute(ARCHIVED, _which(payout_id)).first()
        return None if found is None else _archived(found)

    def archived_attempt(self, channel: str, channel_reference: str) -> tuple[str, int] | None:
        shard = shard_of_channel_reference(channel_reference)
        which = {"of_shard": shard, "of_channel_reference": channel_reference, "of_channel": channel}
        found = self._connection.execute(ARCHIVED_ATTEMPT, which).first()
        return None if found is None else (found.payout_id, found.number)

    def archived_channel_payout(self, channel: str, channel_payout_id: str) -> tuple[str, int] | None:
        which = {"of_channel": channel, "of_channel_payout_id": channel_payout_id}
        found = self._connection.execute(ARCHIVED_CHANNEL_PAYOUT, which).first()
        return None if found is None else (found.payout_id, found.number)

    def archived_incidents(self, payout_id: str) -> Sequence[Incident]:
        its = (_I.shard == shard_of_payout(payout_id), _I.payout_id == payout_id)
        query = select(schema.archived_incidents).where(*its).order_by(_I.number)
        rows = self._connection.execute(query).all()
        return [Incident(row.at, row.kind, row.detail, row.attempt) for row in rows]


class SqlArchiveWrites(SqlArchiveReads):
    """The changes. A mixin, likewise."""

    def archive(self, dossier: Dossier, archive: str, at: datetime) -> None:
        self._connection.execute(KEEP, _identity(dossier) | {"archived_at": at, "archive": archive})
        for attempt in dossier.rows["attempts"]:
            named = ("shard", "channel_reference", "payout_id", "number", "channel", "channel_payout_id")
            self._connection.execute(KEEP_ATTEMPT, {name: getattr(attempt, name) for name in named})
        for table in reversed(MOVED):
            if dossier.rows[table.name]:
                self._connection.execute(DROP[table.name], _which(dossier.payout_id))

    def append_archived_incident(self, payout_id: str, incident: Incident) -> None:
        self._hold_archived(payout_id)
        shard = shard_of_payout(payout_id)
        newest = select(func.max(_I.number)).where(_I.shard == shard, _I.payout_id == payout_id)
        values = {
            "shard": shard,
            "payout_id": payout_id,
            "number": (self._connection.execute(newest).scalar() or 0) + 1,
            "at": incident.at,
            "kind": incident.kind,
            "attempt": incident.attempt,
            "detail": incident.detail,
        }
        self._connection.execute(insert(schema.archived_incidents), values)

    def _hold_archived(self, payout_id: str) -> None:
        """There is one writer."""


_SAME = (
    "shard",
    "app",
    "reference",
    "status",
    "amount_minor",
    "currency",
    "channel",
    "batch_id",
    "retry_of",
    "retried_as",
    "created_at",
)
"""What is kept of a payout under its own name."""


def _identity(dossier: Dossier) -> dict[str, Any]:
    it, paying = dossier.payout, _paying(dossier.rows["attempts"])
    return {name: getattr(it, name) for name in _SAME} | {
        "payout_id": it.id,
        "reason": it.closed_code,
        "returned_minor": None if paying is None else paying.returned_minor,
        "beneficiary_kind": str(dossier.beneficiary_kind),
        "settled_at": None if paying is None else paying.settled_at,
    }


def _paying(attempts: Sequence[Row[Any]]) -> Row[Any] | None:
    paid = (AttemptState.SUCCEEDED, AttemptState.RETURNED)
    return next((each for each in reversed(attempts) if each.state in paid), None)


def _which(payout_id: str) -> dict[str, Any]:
    return {"of_shard": shard_of_payout(payout_id), "of_id": payout_id}


def _archived(row: Row[Any]) -> ArchivedPayout:
    returned = row.returned_minor
    return ArchivedPayout(
        id=row.payout_id,
        shard=row.shard,
        app=row.app,
        reference=row.reference,
        status=Status(row.status),
        reason=None if row.reason is None else StatusCode(row.reason),
        amount=Money(row.amount_minor, row.currency),
        returned=None if returned is None else Money(returned, row.currency),
        beneficiary_kind=BeneficiaryKind(row.beneficiary_kind),
        channel=row.channel,
        batch_id=row.batch_id,
        retry_of=row.retry_of,
        retried_as=row.retried_as,
        created_at=row.created_at,
        settled_at=row.settled_at,
        archived_at=row.archived_at,
        archive=row.archive,
    )
