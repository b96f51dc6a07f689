"""Bring everything that is sealed under the first sealing key, a page at a time: the store's part of `keys rotate`.

Most of it is done by wrapping data keys anew. Values of the first layout, which are under a sealing key itself, are
opened and sealed again; looked for are they by their first byte, so that where there are none nothing else is read.
A page is one short transaction and changes only what is still as it was read, so a gateway works on meanwhile, and
whoever is stopped begins again where they like.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Column, LargeBinary, Row, Select, Table, func, select, tuple_, update

from gateway.sealing import DataKey, Sealer, is_first_layout
from gateway.store import schema
from gateway.store.quick import Quick

if TYPE_CHECKING:
    from gateway.store.rows import Rows

SEALED_ROWS: dict[str, tuple[str, ...]] = {
    "payouts": ("id",),
    "attempts": ("payout_id", "number"),
    "evidence": ("payout_id", "number"),
    "callbacks": ("id", "endpoint"),
    "callback_endpoints": ("id",),
    "retries": ("payout_id",),
    "notifications": ("channel", "event_id"),
    "requests": ("id",),
    "beneficiaries": ("id",),
    "batch_pages": ("batch_id", "number"),
}
"""Tables with sealed columns, and what names a row in the place that a value is bound to: `table|column|row`."""

_SEALED = "_sealed"


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far it has come: the last row that was looked at."""

    table: str
    key: tuple[str | int, ...]
    """Its primary key; empty: the table is still to be begun."""

    def text(self) -> str:
        return json.dumps([self.table, *self.key], ensure_ascii=False)

    @classmethod
    def of(cls, text: str) -> Bookmark:
        """Raises `ValueError`."""
        found = json.loads(text)
        if not isinstance(found, list) or found[:1] not in [[name] for name in SEALED_ROWS]:
            raise ValueError("not where a rotation can go on")
        table, key = schema.metadata.tables[found[0]], tuple(found[1:])
        kinds = [column.type.python_type for column in _key_of(table)] if key else []
        if [type(part) for part in key] != kinds:
            raise ValueError("not a key of that table")
        return cls(table.name, key)


@dataclass(frozen=True, slots=True)
class Resealed:
    """What one page came to."""

    data_keys: int
    """So many were wrapped anew."""
    values: int
    """So many were sealed anew."""
    after: Bookmark | None
    """Where to go on; None: nothing is under another sealing key than the first."""


class ResealWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def reseal(self, after: Bookmark | None, rows_max: int) -> Resealed:
        """One page: first all data keys, then up to `rows_max` rows of one table. Raises `SealBroken`."""
        ...


class SqlResealWrites:
    """The change. A mixin: the transaction has the connection."""

    _connection: Quick
    _rows: Rows

    def reseal(self, after: Bookmark | None, rows_max: int) -> Resealed:
        if after is None:
            return Resealed(self._rewrap(), 0, Bookmark(next(iter(SEALED_ROWS)), ()))
        table = schema.metadata.tables[after.table]
        rows = self._connection.execute(_page(table, after.key, rows_max)).all()
        values = sum(self._reseal_row(table, row) for row in rows if any(map(is_first_layout, _firsts(table, row))))
        if len(rows) == rows_max:
            return Resealed(0, values, Bookmark(after.table, tuple(rows[-1][: len(_key_of(table))])))
        following = _following(after.table)
        return Resealed(0, values, None if following is None else Bookmark(following, ()))

    def _rewrap(self) -> int:
        keys = schema.data_keys.c
        done = 0
        for row in self._connection.execute(select(schema.data_keys)).all():
            again = self._rows.sealer.rewrapped(DataKey(row.id, row.wrapped))
            if again is not None:
                change = update(schema.data_keys).where(keys.id == row.id, keys.wrapped == row.wrapped)
                done += self._connection.execute(change.values(wrapped=again.wrapped)).rowcount
        return done

    def _reseal_row(self, table: Table, found: Row[Any]) -> int:
        which = [column == found._mapping[column.name] for column in _key_of(table)]
        row = self._connection.execute(select(table).where(*which)).first()
        if row is None:  # gone since the page was read
            return 0
        again = dict(_again(table, row, self._rows.sealer))
        as_read = [table.c[name] == row._mapping[name] for name in again]
        return len(again) * self._connection.execute(update(table).where(*which, *as_read).values(again)).rowcount


def place_of(table: str, column: str, row: Row[Any]) -> str:
    """What a sealed value of the row is bound to."""
    named = "/".join(str(row._mapping[name]) for name in SEALED_ROWS[table])
    return f"{table}|{column.removesuffix(_SEALED)}|{named}"


def sealed_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if column.name.endswith(_SEALED)]


def _again(table: Table, row: Row[Any], sealer: Sealer) -> Iterator[tuple[str, bytes]]:
    """The values of the first layout, sealed anew."""
    for column in sealed_columns(table):
        sealed = row._mapping[column.name]
        if sealed is not None and is_first_layout(sealed):
            place = place_of(table.name, column.name, row)
            yield column.name, sealer.seal(sealer.open(sealed, place), place)


def _page(table: Table, after: Sequence[Any], rows_max: int) -> Select[Any]:
    """Keys and first bytes: what is large is not read."""
    key = _key_of(table)
    firsts = [func.substr(column, 1, 1, type_=LargeBinary()).label(column.name) for column in sealed_columns(table)]
    query = select(*key, *firsts).order_by(*key).limit(rows_max)
    return query.where(tuple_(*key) > tuple_(*after)) if after else query


def _firsts(table: Table, row: Row[Any]) -> Iterator[bytes]:
    found = (row._mapping[column.name] for column in sealed_columns(table))
    return (first for first in found if first is not None)


def _key_of(table: Table) -> list[Column[Any]]:
    return list(table.primary_key.columns)


def _following(table: str) -> str | None:
    names = list(SEALED_ROWS)
    at = names.index(table) + 1
    return names[at] if at < len(names) else None
