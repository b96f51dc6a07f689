"""What is looked at after a death: the file the dead gateway left, and the books of those who moved the money."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@contextmanager
def left_behind(database: Path) -> Iterator[sqlite3.Connection]:
    """A copy of what the dead process left, log included. The original is not touched: recovering it is the
    gateway's own business at its next start."""
    with tempfile.TemporaryDirectory(prefix="paymux-left-") as folder:
        for suffix in ("", "-wal"):
            part = database.with_name(database.name + suffix)
            if part.exists():
                shutil.copy(part, Path(folder) / f"left.db{suffix}")
        connection = sqlite3.connect(Path(folder) / "left.db")
        try:
            yield connection
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Autopsy:
    """What the file says of itself, and in which states everything was."""

    integrity: str
    payouts: Mapping[str, int] = field(default_factory=dict)
    """By public status, those that had not ended."""
    attempts: Mapping[str, int] = field(default_factory=dict)
    """By state, those of payouts that had not ended."""


ENDED = ("paid", "failed", "canceled", "returned")


def autopsy(database: Path) -> Autopsy:
    """Check the file and count what was under way. A file without tables is a gateway that died at birth."""
    with left_behind(database) as connection:
        (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"payouts", "attempts"} <= tables:
            return Autopsy(integrity)
        marks = ",".join("?" * len(ENDED))
        open_payouts = f"FROM payouts WHERE status NOT IN ({marks})"
        payouts = connection.execute(f"SELECT status, count(*) {open_payouts} GROUP BY status", ENDED).fetchall()
        attempts = connection.execute(
            f"SELECT state, count(*) FROM attempts WHERE payout_id IN (SELECT id {open_payouts}) GROUP BY state", ENDED
        ).fetchall()
        return Autopsy(integrity, dict(payouts), dict(attempts))


def somebody_else_took(database: Path, reference: str) -> bool:
    """Move a payout's `fence` on by one, as a node that takes it over would. False: it is not stored yet."""
    connection = sqlite3.connect(database, timeout=10)
    try:
        with connection:
            moved = connection.execute(
                "UPDATE payouts SET fence = fence + 1 WHERE reference = ?", (reference,)
            ).rowcount
    finally:
        connection.close()
    return moved == 1


@contextmanager
def somebody_else_writes_at_once(database: Path, reference: str) -> Iterator[None]:
    """Meanwhile the payout of that reference has its `version` moved on by one as soon as it is stored."""
    connection = sqlite3.connect(database, timeout=10, isolation_level=None)
    try:
        connection.execute(
            "CREATE TRIGGER somebody_else AFTER INSERT ON payouts "
            f"WHEN NEW.reference = '{reference}' "
            "BEGIN UPDATE payouts SET version = version + 1 WHERE reference = NEW.reference; END"
        )
        yield
    finally:
        connection.execute("DROP TRIGGER IF EXISTS somebody_else")
        connection.close()


def paid_by_account(books: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How often each account was paid, over every book there is, whatever the gateway knows of it."""
    paid = Counter[str]()
    for entry in books:
        paid[str(entry["account"])] += int(entry["paid_times"])
    return paid
