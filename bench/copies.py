"""Finished payouts by the million: copies of some that a gateway really worked off, under names and times of their own.

Every row of theirs is copied as it stands (attempts, events, evidence, notifications, callbacks and their tries), so a
copy takes the room that a payout takes. Sealed fields stay as they are: nobody opens those of a finished payout here.
Names keep their length, ids of payouts and events their order in time; the copies lie in the half year before.

How it is fast: SQLite itself copies, one INSERT … SELECT for each row of a payout and some ten thousand copies; only
names are made here. The copies come in the order of their times, so that every key is put at the end of its index, and
what is indexed in another order is indexed once, when all rows are there.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.letters import APP
from gateway.domain.identity import attempt_ids, payout_id, shard_of
from gateway.store import schema

CHUNK = 20_000
SPREAD_US = 180 * 24 * 3600 * 1_000_000
"""Over so much time before now the copies lie."""

TABLES = [
    table.name
    for table in schema.metadata.sorted_tables
    if ("payout_id" in table.columns or table.name in ("payouts", "deliveries"))
    and not table.name.startswith("archived")
]
_NAMED = (
    ("payouts", "id"),
    ("payouts", "reference"),
    ("attempts", "channel_reference"),
    ("attempts", "uetr"),
    ("attempts", "channel_payout_id"),
    ("callbacks", "id"),
    ("notifications", "event_id"),
)
"""What has a name of its own in a payout's rows: a copy has others."""
_TIME = re.compile(r"(.*_)?at|send_by")
_SEQUENTIAL = frozenset({"payout_id", "callback_id"})
"""An index that begins with one of them grows at its end."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a template, and where it stands."""

    table: str
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """One payout as it stands in the store."""

    created_at: int
    rows: dict[str, list[Row]]
    """By table, each in the order of its key."""
    names: tuple[Name, ...]

    @property
    def form(self) -> tuple[Any, ...]:
        """How many rows of what, and what has names: copies of one form are made by the same statements."""
        counts = tuple((table, len(rows)) for table, rows in self.rows.items())
        return counts, tuple((name.table, name.column, len(name.text)) for name in self.names)


@dataclass(slots=True)
class Templates:
    """Those of the commonest form, and the columns of their tables."""

    payouts: list[Template]
    columns: dict[str, list[str]]

    @classmethod
    def of(cls, path: Path) -> Templates:
        """Payouts in the store that were paid and are told."""
        with closing(sqlite3.connect(path)) as db:
            columns = {name: [row[1] for row in db.execute(f'PRAGMA table_info("{name}")')] for name in TABLES}
            paid = db.execute("SELECT id, created_at FROM payouts WHERE status = 'paid'").fetchall()
            found = [_read(db, columns, *each) for each in paid]
        (form, _), *_others = Counter(each.form for each in found).most_common(1)
        return cls([each for each in found if each.form == form], columns)

    def copy(self, path: Path, number: int) -> None:
        """Put so many copies into the store."""
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for setting in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-400000"):
                db.execute(f"PRAGMA {setting}")
            db.execute("PRAGMA temp_store=MEMORY")
            with _later_indexed(db):
                statements = self._prepare(db)
                for chunk in self._chunks(number):
                    db.execute("BEGIN")
                    db.execute("DELETE FROM temp.copies")
                    places = ", ".join("?" * (4 + len(self.payouts[0].names)))
                    db.executemany(f"INSERT INTO temp.copies VALUES ({places})", chunk)  # noqa: S608 - ours
                    for statement in statements:
                        db.execute(statement)
                    db.execute("COMMIT")

    # Names of copies -----------------------------------------------------------------------------------------------

    def _chunks(self, number: int) -> Iterator[list[Row]]:
        """Their names, in the order of their times."""
        for first in range(0, number, CHUNK):
            yield [self._named(index, number) for index in range(first, min(first + CHUNK, number))]

    def _template(self, index: int) -> Template:
        return self.payouts[index % len(self.payouts)]

    def _reference(self, index: int) -> str:
        old = self._template(index).names[1].text
        return f"{old[:4]}{index:0{len(old) - 4}d}"

    def _named(self, index: int, number: int) -> Row:
        """place, template, shard, how long before it, and each of its names."""
        template, reference = self._template(index), self._reference(index)
        shard = shard_of(APP, reference)
        back_us = SPREAD_US * (number - index) // number
        milliseconds = (template.created_at - back_us) // 1000
        drawn = hashlib.sha512(index.to_bytes(8, "big")).digest()
        base = milliseconds << 80 | 7 << 76 | 2 << 62 | index << 8
        made = payout_id(shard, UUID(int=base))
        names = [made, reference]
        for ordinal, name in enumerate(template.names[2:]):
            names.append(
                _another(name, reference, base | ordinal, hashlib.blake2b(drawn, salt=bytes([ordinal])).hexdigest())
            )
        return (index, index % len(self.payouts), shard, back_us, *names)

    # Statements ----------------------------------------------------------------------------------------------------

    def _prepare(self, db: sqlite3.Connection) -> list[str]:
        """Lay the templates out, row by row, beside their names; the statements that copy each row."""
        named = [f"n{number}" for number in range(len(self.payouts[0].names))]
        db.execute(f"CREATE TEMP TABLE copies (place INTEGER PRIMARY KEY, t, shard, back, {', '.join(named)})")
        db.execute(f"CREATE TEMP TABLE olds (t INTEGER PRIMARY KEY, {', '.join(named)})")
        places = ", ".join("?" * (1 + len(named)))
        olds = [(t, *(name.text for name in each.names)) for t, each in enumerate(self.payouts)]
        db.executemany(f"INSERT INTO temp.olds VALUES ({places})", olds)  # noqa: S608 - ours
        return [
            self._statement(db, table, slot) for table in TABLES for slot in range(len(self.payouts[0].rows[table]))
        ]

    def _statement(self, db: sqlite3.Connection, table: str, slot: int) -> str:
        columns, rows = self.columns[table], [each.rows[table][slot] for each in self.payouts]
        laid = f"{table}_{slot}"
        quoted = ", ".join(f'"{column}"' for column in columns)
        db.execute(f'CREATE TEMP TABLE "{laid}" (t INTEGER PRIMARY KEY, {quoted})')
        places = ", ".join("?" * (1 + len(columns)))
        db.executemany(f'INSERT INTO temp."{laid}" VALUES ({places})', ((t, *row) for t, row in enumerate(rows)))  # noqa: S608 - ours
        values = ", ".join(self._value(column, [row[at] for row in rows]) for at, column in enumerate(columns))
        return (
            f'INSERT INTO main."{table}" ({quoted}) SELECT {values} FROM temp.copies AS c'  # noqa: S608 - ours
            f' CROSS JOIN temp."{laid}" AS r ON r.t = c.t CROSS JOIN temp.olds AS o ON o.t = c.t ORDER BY c.place'
        )

    def _value(self, column: str, cells: Sequence[Any]) -> str:
        """What a copy has in a column, in which the templates have these."""
        if column == "shard":
            return "c.shard"
        if _TIME.fullmatch(column) and all(each is None or isinstance(each, int) for each in cells):
            return f'r."{column}" - c.back'
        value = f'r."{column}"'
        for number in range(len(self.payouts[0].names)):
            olds = [each.names[number].text for each in self.payouts]
            if list(cells) == olds:
                return f"c.n{number}"
            if any(isinstance(cell, str) and old in cell for cell, old in zip(cells, olds, strict=True)):
                value = f"replace({value}, o.n{number}, c.n{number})"
        return value


def _read(db: sqlite3.Connection, columns: dict[str, list[str]], own_id: str, created_at: int) -> Template:
    rows: dict[str, list[Row]] = {}
    for name in TABLES:
        if name == "deliveries":
            its = "callback_id IN (SELECT id FROM callbacks WHERE payout_id = ?)"
        else:
            its = f"{'id' if name == 'payouts' else 'payout_id'} = ?"
        key = ", ".join(f'"{column.name}"' for column in schema.metadata.tables[name].primary_key.columns)
        rows[name] = db.execute(f'SELECT * FROM "{name}" WHERE {its} ORDER BY {key}', (own_id,)).fetchall()  # noqa: S608 - ours
    names = []
    for table, column in _NAMED:
        texts = [row[columns[table].index(column)] for row in rows[table]]
        names += [Name(table, column, text) for text in dict.fromkeys(texts) if text]
    return Template(created_at, rows, tuple(names))


def _another(name: Name, reference: str, ordered: int, digest: str) -> str:
    """A copy's name, of the same form and length."""
    match name.column:
        case "channel_reference":  # begins with the shard
            return attempt_ids(digest.encode(), APP, reference, "", 1).channel_reference
        case "uetr":
            return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
        case "id":  # of an event: in the order of time
            return f"evt_{ordered:032x}"
        case _:
            return name.text[:4] + digest[: len(name.text) - 4]


@contextmanager
def _later_indexed(db: sqlite3.Connection) -> Iterator[None]:
    """What is indexed in another order than that of time, and not empty, is indexed again at the end."""
    made = db.execute(
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    later = [(name, sql) for name, table, sql in made if _is_scattered(db, table, sql)]
    for name, _ in later:
        db.execute(f'DROP INDEX "{name}"')
    yield
    for _, sql in later:
        db.execute(sql)


def _is_scattered(db: sqlite3.Connection, table: str, sql: str) -> bool:
    first = re.search(r"\(\s*\"?(\w+)", sql)
    condition = re.split(r"\bWHERE\b", sql)[1:] or ["1"]
    if table not in TABLES or first is None or first[1] in _SEQUENTIAL:
        return False
    return db.execute(f'SELECT 1 FROM "{table}" WHERE {condition[0]} LIMIT 1').fetchone() is not None  # noqa: S608 - ours
