"""One transaction of the writer: the port's changes as SQLAlchemy Core statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, and_, delete, exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import StaleWrite
from gateway.domain.identity import shard_of_payout
from gateway.domain.payout import Attempt, Payout
from gateway.domain.status import FINAL, status
from gateway.domain.steps import next_due
from gateway.sealing import SealBroken
from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.allowances import SqlAllowanceWrites
from gateway.store.appending import SqlHistoryWrites
from gateway.store.archived_rows import SqlArchiveWrites
from gateway.store.auditing import SqlAuditWrites
from gateway.store.batches import SqlBatchWrites
from gateway.store.beneficiaries import SqlBeneficiaryWrites
from gateway.store.data_keys import SqlDataKeyWrites
from gateway.store.delivering import SqlCallbackWrites
from gateway.store.endpoints import SqlEndpointWrites
from gateway.store.erasing import SqlEraseWrites
from gateway.store.idempotency import SqlIdempotencyWrites
from gateway.store.overrides import SqlOverrideWrites
from gateway.store.picking import Pick
from gateway.store.principals import SqlPrincipalWrites
from gateway.store.quick import Quick
from gateway.store.reads import OPEN_ATTEMPT, answerable_payout
from gateway.store.records import Duty, Lease, Reference
from gateway.store.requesting import SqlRequestWrites
from gateway.store.resealing import SqlResealWrites
from gateway.store.retries import SqlRetryWrites
from gateway.store.rows import Rows
from gateway.store.seen import SqlSeenWrites
from gateway.store.turns import due_payouts
from gateway.store.writing import Values

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_P, _A = schema.payouts.c, schema.attempts.c


class SqlTx(
    SqlHistoryWrites,
    SqlCallbackWrites,
    SqlSeenWrites,
    SqlRequestWrites,
    SqlPrincipalWrites,
    SqlAllowanceWrites,
    SqlOverrideWrites,
    SqlAuditWrites,
    SqlRetryWrites,
    SqlBeneficiaryWrites,
    SqlIdempotencyWrites,
    SqlBatchWrites,
    SqlEndpointWrites,
    SqlDataKeyWrites,
    SqlResealWrites,
    SqlEraseWrites,
    SqlArchiveWrites,
):
    """Changes. Each carries its guard: the version it was decided on, the fence it was leased under."""

    def __init__(self, connection: Connection | Quick, rows: Rows) -> None:
        super().__init__(connection, rows)
        self._loaded: dict[str, Payout] = {}
        """What this unit has read and not saved since: a notification looks at its payout twice."""

    def payout(self, payout_id: str) -> Payout | None:
        known = self._loaded.get(payout_id)
        if known is None and (known := super().payout(payout_id)) is not None:
            self._loaded[payout_id] = known
        return known

    def insert(
        self, payout: Payout, reference: Reference, lease: Lease | None, account_index: bytes | None = None
    ) -> None:
        row = {
            "shard": payout.shard,
            "app": payout.app,
            "reference": payout.reference,
            "payout_id": payout.id,
            "fingerprint": reference.fingerprint,
        }
        values = self._rows.new_payout(payout) | {"due_at": _first_due(payout), "account_index": account_index}
        if lease is not None:
            values |= {"lease_owner": lease.owner, "lease_until": self._held_until(lease), "fence": lease.fence}
        self._insert_reference(row)
        self._insert(schema.payouts, values)

    def _insert_reference(self, values: Values) -> None:
        try:
            self._insert(schema.references, values)
        except IntegrityError as error:
            raise StaleWrite(f"reference {values['reference']} was taken meanwhile") from error

    def save(self, before: Payout, after: Payout, due_at: datetime | None, lease: Lease | None = None) -> Payout:
        saved = replace(after, version=before.version + 1)
        values = self._rows.changing(saved) | {"due_at": due_at}
        if after.crashes != before.crashes:
            values["crashes"] = after.crashes
        which = {"of_shard": before.shard, "of_id": before.id, "of_version": before.version}
        if lease is not None:
            values |= {
                "lease_until": self._held_until(lease),
                "crashes": 0,
            }  # its owner came on: no crash in a row (row 64)
            which["of_fence"] = lease.fence
        statement = sql.SAVE if lease is None else sql.SAVE_LEASED
        stale = f"{before.id}: version {before.version} is not the stored one, or the lease is lost"
        self._connection.change(statement, which | values, stale)
        self._save_attempts(before, saved)
        if status(saved) in FINAL and status(saved) is not status(before):
            self._note_final(saved)
        self._loaded.pop(saved.id, None)
        return saved

    def _save_attempts(self, before: Payout, after: Payout) -> None:
        known = {attempt.number: attempt for attempt in before.attempts}
        # Changes before insertions: the index allows a new attempt only once the old one is rejected.
        for attempt in after.attempts:
            if attempt.number in known and attempt != known[attempt.number]:
                self._update_attempt(after, attempt)
        for attempt in after.attempts:
            if attempt.number not in known:
                self._insert(schema.attempts, self._rows.new_attempt(after, attempt))

    def _update_attempt(self, payout: Payout, attempt: Attempt) -> None:
        which = {"of_shard": payout.shard, "of_payout_id": payout.id, "of_number": attempt.number}
        self._connection.change(sql.SAVE_ATTEMPT, which | self._rows.changing_attempt(payout, attempt))

    def _note_final(self, payout: Payout) -> None:
        which = {"of_shard": payout.shard, "of_app": payout.app, "of_reference": payout.reference}
        self._connection.change(sql.NOTE_FINAL, which | {"final_status": str(status(payout))})

    def claim(
        self, owner: str, now: datetime, lease_s: float, limit: int, pick: Pick | None = None
    ) -> Sequence[tuple[Payout, Lease]]:
        until = now + timedelta(seconds=lease_s)
        lease = {"now": now, "new_owner": owner, "new_until": until}
        claimed = []
        for found in due_payouts(self._all, now, limit, pick or Pick()):
            changed = self._one(sql.CLAIM, of_shard=found.shard, of_id=found.id, **lease)
            payout = None if changed is None else self._readable(changed)
            if changed is not None and payout is not None:
                claimed.append((payout, Lease(owner, changed.fence, until)))
        return claimed

    def _readable(self, row: Row[Any], attempts: Sequence[Row[Any]] | None = None) -> Payout | None:
        """The payout, or None: one row that cannot be read (its lease keeps it away a while) must not stop the rest."""
        try:
            return self._whole(row) if attempts is None else self._rows.payout(row, attempts)
        except (SealBroken, ValueError, LookupError, TypeError) as error:
            log.error("store.unreadable_payout", payout=row.id, error=type(error).__name__)
            return None

    def renew(self, payout_id: str, lease: Lease, until: datetime) -> Lease:
        renewed = replace(lease, until=until)
        self._change_lease(payout_id, lease, f"{payout_id}: the lease is lost", lease_until=self._held_until(renewed))
        return renewed

    def release(self, payout_id: str, lease: Lease) -> None:
        self._change_lease(payout_id, lease, lease_until=None, lease_owner=None, crashes=0)

    def _held_until(self, lease: Lease) -> datetime:
        """The end of a lease as it is stored: by the clock that leases run out by."""
        return lease.until

    def _change_lease(self, payout_id: str, lease: Lease, stale: str | None = None, **values: Any) -> None:
        which = {"of_shard": shard_of_payout(payout_id), "of_id": payout_id, "of_fence": lease.fence}
        self._connection.change(sql.CHANGE_LEASE, which | values, stale)

    def set_meta(self, name: str, value: str | None) -> None:
        self._connection.execute(delete(schema.meta).where(schema.meta.c.name == name))
        if value is not None:
            self._insert(schema.meta, {"name": name, "value": value})

    def join(self) -> None:
        """There is nobody to notice."""

    def lead(self, duty: Duty) -> bool:
        return True  # nobody else is there

    def ask_live_at(self, at: datetime) -> int:
        answerable, its = answerable_payout(), and_(_P.shard == _A.shard, _P.id == _A.payout_id)
        # Each may have been sent once more in the time that was lost: no verdict on a first of one is one (R13).
        self._connection.execute(update(schema.attempts).where(OPEN_ATTEMPT).values(transmissions=_A.transmissions + 1))
        ours = exists().where(its, answerable)
        self._connection.execute(update(schema.attempts).where(OPEN_ATTEMPT, ours, _A.due_at > at).values(due_at=at))
        later = or_(_P.due_at.is_(None), _P.due_at > at)
        self._connection.execute(update(schema.payouts).where(its, OPEN_ATTEMPT, answerable, later).values(due_at=at))
        asked = select(func.count()).select_from(schema.attempts.join(schema.payouts, its))
        return int(self._connection.execute(asked.where(OPEN_ATTEMPT, answerable)).scalar() or 0)


def _first_due(payout: Payout) -> datetime:
    """At once, but for what is to be sent later."""
    if payout.terms.send_at is None:
        return payout.created_at
    return max(next_due(payout) or payout.created_at, payout.created_at)
