"""Write over what is personal of a payout, in every table that has any: the store's part of an erasure.

SQLite overwrites what an update frees (`engine`), PostgreSQL with its next VACUUM; older pages stay in the log until it
is folded into the file, and copies of the database stay as they are (docs/security.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import ColumnElement, Row, Table, select, update

from gateway.domain.erasure import NOTHING, nobody
from gateway.domain.identity import shard_of_payout
from gateway.domain.payout import Payout
from gateway.store import codec, schema
from gateway.store.quick import Quick
from gateway.store.resealing import place_of

if TYPE_CHECKING:
    from gateway.store.rows import Rows

Left = Callable[[bytes], bytes]
"""What is left of an opened value."""


class EraseWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def erase(self, payout: Payout, body_left: Left) -> None:
        """Write `payout` over itself with what `save` does not write; evidence, callbacks (what `body_left` leaves of a
        body), notifications, and what people showed, likewise."""
        ...

    def erase_retry(self, payout_id: str) -> None:
        """The beneficiary that a failed payout was ordered again to, once that has ended."""
        ...


class SqlEraseWrites:
    """The changes. A mixin: the transaction has the connection."""

    _connection: Quick
    _rows: Rows

    def erase(self, payout: Payout, body_left: Left) -> None:
        self._leave(schema.payouts, payout.id, "id", self._rows.erased_payout(payout))
        self._each(schema.attempts, "request_sealed", payout.id, lambda _: codec.dump_prepared(NOTHING))
        self._each(schema.evidence, "answer_sealed", payout.id, _answer_left)
        self._each(schema.callbacks, "body_sealed", payout.id, body_left)
        self._each(schema.notifications, "raw_sealed", payout.id, lambda _: b"")
        self._leave(schema.requests, payout.id, "payout_id", {"evidence_sealed": None})
        self.erase_retry(payout.id)

    def erase_retry(self, payout_id: str) -> None:
        ended = schema.retries.c.ended_at.is_not(None)  # until then the new payout is still to be made of it
        self._each(schema.retries, "beneficiary_sealed", payout_id, _beneficiary_left, ended)

    def _leave(self, table: Table, payout_id: str, named: str, values: dict[str, Any]) -> None:
        change = update(table).where(table.c.shard == shard_of_payout(payout_id), table.c[named] == payout_id)
        self._connection.execute(change.values(values))

    def _each(self, table: Table, column: str, payout_id: str, left: Left, *when: ColumnElement[bool]) -> None:
        query = select(table).where(table.c.shard == shard_of_payout(payout_id), table.c.payout_id == payout_id, *when)
        for row in self._connection.execute(query).all():
            which = [each == row._mapping[each.name] for each in table.primary_key.columns]
            values = {column: self._left(row, table.name, column, left)}
            self._connection.execute(update(table).where(*which).values(values))

    def _left(self, row: Row[Any], table: str, column: str, left: Left) -> bytes:
        place, sealer = place_of(table, column, row), self._rows.sealer
        return sealer.seal(left(sealer.open(row._mapping[column], place)), place)


def _answer_left(opened: bytes) -> bytes:
    return codec.dump_answer(replace(codec.load_answer(opened), raw=b"", detail=""))


def _beneficiary_left(opened: bytes) -> bytes:
    return codec.dump_beneficiary(nobody(codec.load_beneficiary(opened)))
