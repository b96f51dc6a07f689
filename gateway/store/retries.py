"""Failed payouts that are ordered again: the part of the store's port, and its SQL. A row lies with the failed one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Row, delete, select, update

from gateway.domain.identity import shard_of_payout
from gateway.domain.payout import Payout
from gateway.domain.retry import Retry
from gateway.domain.terms import OnExpiry
from gateway.store import codec, schema
from gateway.store.quick import Quick

if TYPE_CHECKING:
    from gateway.store.rows import Rows

_R = schema.retries.c


class RetryReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def retry(self, payout_id: str) -> Retry | None:
        """What the payout was ordered again as; None: it was not."""
        ...

    def open_retries(self, until: datetime, limit: int) -> Sequence[str]:
        """Payouts of which it is not known that the new one is there, begun before `until`, the oldest first."""
        ...


class RetryWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def add_retry(self, payout: Payout, retry: Retry) -> None:
        """At most one for a payout: the database holds it, too."""
        ...

    def end_retry(self, payout: Payout, at: datetime) -> None:
        """The new payout is there."""
        ...

    def drop_retry(self, payout: Payout) -> None:
        """There will be no new payout."""
        ...


class SqlRetryReads:
    """The questions. A mixin: the transaction has the connection."""

    _connection: Quick
    _rows: Rows

    def retry(self, payout_id: str) -> Retry | None:
        query = select(schema.retries).where(_R.shard == shard_of_payout(payout_id), _R.payout_id == payout_id)
        found = self._connection.execute(query).first()
        return None if found is None else self._retry(found)

    def open_retries(self, until: datetime, limit: int) -> Sequence[str]:
        open_ones = (_R.ended_at.is_(None), _R.made_at < until)
        query = select(_R.payout_id).where(*open_ones).order_by(_R.made_at, _R.payout_id).limit(limit)
        return [row.payout_id for row in self._connection.execute(query)]

    def _retry(self, row: Row[Any]) -> Retry:
        opened = self._rows.sealer.open(row.beneficiary_sealed, _place(row.payout_id))
        return Retry(
            payout_id=row.retried_as,
            reference=row.reference,
            beneficiary=codec.load_beneficiary(opened),
            send_by=row.send_by,
            on_expiry=OnExpiry(row.on_expiry),
            made_at=row.made_at,
            ended_at=row.ended_at,
        )


class SqlRetryWrites:
    """The changes. A mixin, likewise."""

    _connection: Quick
    _rows: Rows

    def add_retry(self, payout: Payout, retry: Retry) -> None:
        values = {
            "shard": payout.shard,
            "payout_id": payout.id,
            "retried_as": retry.payout_id,
            "reference": retry.reference,
            "beneficiary_sealed": self._rows.sealer.seal(codec.dump_beneficiary(retry.beneficiary), _place(payout.id)),
            "send_by": retry.send_by,
            "on_expiry": str(retry.on_expiry),
            "made_at": retry.made_at,
            "ended_at": retry.ended_at,
        }
        self._connection.execute(schema.retries.insert(), values)

    def end_retry(self, payout: Payout, at: datetime) -> None:
        self._connection.execute(update(schema.retries).where(*_of(payout), _R.ended_at.is_(None)).values(ended_at=at))

    def drop_retry(self, payout: Payout) -> None:
        self._connection.execute(delete(schema.retries).where(*_of(payout)))


def _of(payout: Payout) -> tuple[Any, ...]:
    return _R.shard == payout.shard, _R.payout_id == payout.id


def _place(payout_id: str) -> str:
    return f"retries|beneficiary|{payout_id}"
