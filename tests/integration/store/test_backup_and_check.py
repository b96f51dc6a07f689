"""A copy of a database at work, and what is found when such a copy is looked at."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.errors import StoreUnavailable
from gateway.domain.event import Event, EventType
from gateway.sealing import Sealer
from gateway.store import backup
from gateway.store.high_water import BACKUP
from gateway.store.port import Tx
from gateway.store.records import Reference
from gateway.store.sqlite import SqliteStore
from tests.support.builders import NOW, a_payout

LATER = NOW + timedelta(hours=1)


def a_sealer(key: int = 0) -> Sealer:
    return Sealer([bytes([key]) * 32], os.urandom)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open_file(folder / "paymux.db", a_sealer(), "sandbox")
    yield opened
    await opened.close()


async def put(store: SqliteStore, reference: str) -> None:
    """A payout with its first event."""
    payout = a_payout(reference)

    def unit(tx: Tx) -> None:
        tx.insert(payout, Reference(payout.id, b"mark"), None)
        tx.append_event(payout, Event(1, NOW, EventType.ACCEPTED, "app:acme"))

    await store.run(unit)


async def copied(store: SqliteStore, folder: Path, count: int = 2) -> Path:
    """A copy of a store with some payouts."""
    for number in range(count):
        await put(store, f"order-{number}")
    backup.backup(folder / "paymux.db", folder / "copy.db", LATER)
    return folder / "copy.db"


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(each.name for each in folder.glob(pattern))


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


# Copying -------------------------------------------------------------------------------------------------------------


async def test_a_copy_is_one_file_of_one_moment(store: SqliteStore, folder: Path) -> None:
    """Readable by us alone, nothing beside it, all in it that was acknowledged before, and it says what it is."""
    path = await copied(store, folder)
    await put(store, "later")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(folder, "copy*") == ["copy.db"]
    opened = SqliteStore.open_file(path, a_sealer(), "sandbox")
    assert await opened.read(lambda tx: tx.counts()) == {"accepted": 2}
    assert await opened.read(lambda tx: tx.meta(BACKUP)) == LATER.isoformat()
    await opened.close()
    assert await store.read(lambda tx: tx.meta(BACKUP)) is None


async def test_copies_made_while_payouts_come_in_are_whole(store: SqliteStore, folder: Path) -> None:
    """Nobody waits for anybody: all is stored, and each copy passes its check with what was stored before it began."""
    done = 0

    async def come_in() -> None:
        nonlocal done
        for number in range(200):
            await put(store, f"order-{number}")
            done = number + 1

    coming = asyncio.create_task(come_in())
    least = []
    for number in range(5):
        least.append(done)
        await asyncio.to_thread(backup.backup, folder / "paymux.db", folder / f"{number}.db", LATER)
    await coming
    for number, stored in enumerate(least):
        report = backup.check(folder / f"{number}.db", "sandbox", a_sealer())
        assert report.problems == ()
        assert report.events >= stored


async def test_an_existing_file_is_never_overwritten(store: SqliteStore, folder: Path) -> None:
    """Yesterday's copy is still there after a mistake."""
    (folder / "copy.db").write_bytes(b"yesterday")
    with pytest.raises(FileExistsError):
        await copied(store, folder)
    assert (folder / "copy.db").read_bytes() == b"yesterday"


async def test_a_copy_that_fails_leaves_nothing(store: SqliteStore, folder: Path) -> None:
    """No half a backup that somebody might rely on."""
    (folder / "other.db").write_bytes(b"this is no database at all, but it is long enough to be looked at" * 20)
    with pytest.raises(StoreUnavailable):
        backup.backup(folder / "other.db", folder / "copy.db", LATER)
    with pytest.raises(StoreUnavailable):
        backup.backup(folder / "none.db", folder / "copy.db", LATER)
    assert names(folder, "copy*") == []


async def test_a_closed_store_is_one_file(folder: Path) -> None:
    """After an orderly stop there is no log that a restored copy could be mixed with."""
    opened = SqliteStore.open_file(folder / "paymux.db", a_sealer(), "sandbox")
    await put(opened, "order-1")
    assert await opened.read(lambda tx: tx.counts()) == {"accepted": 1}
    await opened.close()
    assert names(folder, "paymux.db*") == ["paymux.db", "paymux.db.lock"]


async def test_a_copy_beside_a_foreign_log_is_refused(store: SqliteStore, folder: Path) -> None:
    """Put in the place of a database that crashed, with that one's log still there: SQLite would mix the two."""
    path = await copied(store, folder)
    await put(store, "later")
    place = folder / "place"
    place.mkdir()
    shutil.copy(path, place / "paymux.db")
    shutil.copy(folder / "paymux.db-wal", place / "paymux.db-wal")
    with pytest.raises(StoreUnavailable, match="belongs to another database"):
        SqliteStore.open_file(place / "paymux.db", a_sealer(), "sandbox")
    (place / "paymux.db-wal").unlink()
    opened = SqliteStore.open_file(place / "paymux.db", a_sealer(), "sandbox")
    assert await opened.read(lambda tx: tx.counts()) == {"accepted": 2}
    await opened.close()


# Checking ------------------------------------------------------------------------------------------------------------


async def test_a_good_copy_has_no_problem(store: SqliteStore, folder: Path) -> None:
    """What it holds, how new it is; and looking at it changes no byte."""
    path = await copied(store, folder)
    before = path.read_bytes()
    report = backup.check(path, "sandbox", a_sealer())
    assert report.problems == ()
    assert (report.mode, report.counts, report.events, report.newest_event_at) == ("sandbox", {"accepted": 2}, 2, NOW)
    assert report.history is not None
    assert (report.history.event, report.history.backup) == (2, LATER.isoformat())
    assert path.read_bytes() == before
    assert names(folder, "copy*") == ["copy.db"]


SPOILED = {
    "a gap in a history": ("UPDATE events SET sequence = 2", "its history has a gap"),
    "an event too few": ("UPDATE payouts SET last_event = 2", "its history has a gap"),
    "no history": ("DELETE FROM events", "its history has a gap"),
    "a reference lost": ('DELETE FROM "references"', "its reference is missing"),
    "a payout lost": ("DELETE FROM payouts", "belongs to nothing in payouts"),
    "another mode": ("UPDATE meta SET value = 'live' WHERE name = 'mode'", "it belongs to a live gateway"),
    "a newer schema": ("UPDATE alembic_version SET version_num = '9999'", "its schema is at revision 9999"),
    "no schema": ("DROP TABLE alembic_version", "its schema is at revision None"),
}


@pytest.mark.parametrize("spoiled", SPOILED)
async def test_what_is_wrong_is_found(store: SqliteStore, folder: Path, spoiled: str) -> None:
    """Each in words, none an exception."""
    path = await copied(store, folder)
    statement, problem = SPOILED[spoiled]
    change(path, statement)
    problems = backup.check(path, "sandbox", a_sealer()).problems
    assert problems
    assert all(problem in each for each in problems)


async def test_another_sealing_key_is_found(store: SqliteStore, folder: Path) -> None:
    """A copy whose key is lost is of no use, and it is better known before."""
    problems = backup.check(await copied(store, folder), "sandbox", a_sealer(1)).problems
    assert len(problems) == 2
    assert all("sealing key" in each for each in problems)


async def test_damage_is_found(store: SqliteStore, folder: Path) -> None:
    """Bytes that changed on the way, a file cut short, and one that never was a database."""
    path = await copied(store, folder, count=60)
    whole = path.read_bytes()
    for spoiled in (whole[: len(whole) // 2], b"hello", whole[:4096] + bytes(len(whole) - 4096)):
        path.write_bytes(spoiled)
        assert backup.check(path, "sandbox", a_sealer()).problems


async def test_only_so_many_of_a_kind_are_named(store: SqliteStore, folder: Path) -> None:
    """A page, not a flood."""
    path = await copied(store, folder, count=30)
    change(path, "DELETE FROM events")
    assert len(backup.check(path, "sandbox", a_sealer()).problems) == backup.SHOWN_MAX


def test_a_file_that_is_not_there_is_said_so(folder: Path) -> None:
    """Not a problem of the copy."""
    with pytest.raises(FileNotFoundError):
        backup.check(folder / "none.db", "sandbox", a_sealer())
