"""Finished payouts by the million: copies of some that a gateway really worked off, under names and times of their own.

Every row of theirs is copied as it stands (attempts, events, evidence, notifications, callbacks and their tries), so a
copy takes the room that a payout takes. Sealed fields stay as they are: nobody opens those of a finished payout here.
Names keep their form, payout ids their order in time; the copies lie in the half year before.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.letters import APP
from gateway.domain.identity import payout_id, shard_of
from gateway.store import schema

CHUNK = 2_000
SPREAD_US = 180 * 24 * 3600 * 1_000_000
"""Over so much time before now the copies lie."""

TABLES = [
    table.name
    for table in schema.metadata.sorted_tables
    if "payout_id" in table.columns or table.name in ("payouts", "deliveries")
]
_NAMES = {
    "references": ("reference",),
    "attempts": ("channel_reference", "uetr", "channel_payout_id"),
    "callbacks": ("id",),
    "notifications": ("event_id",),
}
_TIME = re.compile(r"(.*_)?at|send_by")

Row = tuple[Any, ...]


@dataclass(slots=True)
class Template:
    """One payout as it stands in the store."""

    id: str
    reference: str
    created_at: int
    rows: dict[str, list[Row]] = field(default_factory=dict)
    """By table."""
    names: list[str] = field(default_factory=list)
    """Of its own: a copy has others."""
    named: re.Pattern[str] = field(default_factory=lambda: re.compile("(?!)"))
    """Finds any of them."""


@dataclass(slots=True)
class Templates:
    """All of them, and the columns of their tables."""

    payouts: list[Template]
    columns: dict[str, list[str]]

    @classmethod
    def of(cls, path: Path) -> Templates:
        """Every payout in the store that has ended and is told."""
        with closing(sqlite3.connect(path)) as db:
            columns = {name: [row[1] for row in db.execute(f'PRAGMA table_info("{name}")')] for name in TABLES}
            ended = db.execute("SELECT id, reference, created_at FROM payouts WHERE status = 'paid'").fetchall()
            return cls([_read(db, columns, Template(*row)) for row in ended], columns)

    def copy(self, path: Path, number: int) -> None:
        """Put so many copies into the store, the oldest first."""
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA synchronous=OFF")
            db.execute("PRAGMA cache_size=-200000")
            for first in range(0, number, CHUNK):
                self._copy_some(db, range(first, min(first + CHUNK, number)), number)
                db.commit()

    def _copy_some(self, db: sqlite3.Connection, which: range, number: int) -> None:
        made: dict[str, list[list[Any]]] = {name: [] for name in TABLES}
        for index in which:
            template = self.payouts[index % len(self.payouts)]
            for name, rows in self._copied(template, index, SPREAD_US * (number - index) // number):
                made[name] += rows
        for name, rows in made.items():
            places = ", ".join("?" * len(self.columns[name]))
            db.executemany(f'INSERT INTO "{name}" VALUES ({places})', rows)  # noqa: S608 - ours

    def _copied(self, template: Template, index: int, back_us: int) -> Iterator[tuple[str, list[list[Any]]]]:
        reference = _renamed(template.reference, index)
        shard = shard_of(APP, reference)
        milliseconds = (template.created_at - back_us) // 1000
        others = {name: _renamed(name, index) for name in template.names}
        for ordinal, event in enumerate(name for name in template.names if name.startswith("evt_")):
            drawn = UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | index << 8 | ordinal)
            others[event] = f"evt_{drawn.hex}"
        others[template.reference] = reference
        others[template.id] = payout_id(shard, UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | index))
        for name, rows in template.rows.items():
            columns = self.columns[name]
            yield name, [_changed(columns, row, template.named, others, shard, back_us) for row in rows]


def _read(db: sqlite3.Connection, columns: dict[str, list[str]], template: Template) -> Template:
    for name in TABLES:
        if name == "deliveries":
            told = "callback_id IN (SELECT id FROM callbacks WHERE payout_id = ?)"
        else:
            told = f"{'id' if name == 'payouts' else 'payout_id'} = ?"
        rows = db.execute(f'SELECT * FROM "{name}" WHERE {told}', (template.id,)).fetchall()  # noqa: S608 - ours
        template.rows[name] = rows
        for column in _NAMES.get(name, ()):
            template.names += [row[columns[name].index(column)] for row in rows if row[columns[name].index(column)]]
    template.named = re.compile("|".join(map(re.escape, [template.id, template.reference, *template.names])))
    return template


def _changed(
    columns: Sequence[str], row: Row, named: re.Pattern[str], others: dict[str, str], shard: int, back_us: int
) -> list[Any]:
    changed: list[Any] = []
    for column, value in zip(columns, row, strict=True):
        if column == "shard":
            changed.append(shard)
        elif isinstance(value, int) and _TIME.fullmatch(column):
            changed.append(value - back_us)
        elif isinstance(value, str):
            changed.append(named.sub(lambda found: others[found[0]], value))
        else:
            changed.append(value)
    return changed


def _renamed(name: str, index: int) -> str:
    """Another name of the same form and length: four signs are kept, and what is no letter or digit."""
    digits = iter(hashlib.sha512(f"{name}/{index}".encode()).hexdigest())
    upper = name[4:].isupper()
    fresh = (next(digits) if sign.isalnum() else sign for sign in name[4:])
    made = name[:4] + "".join(fresh)
    return made.upper().translate(str.maketrans("0189", "WXYZ")) if upper else made
