"""What is true of SQLite in particular: durability, one gateway a file, commits that fail, a disk that is full."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from gateway.domain.errors import CommitUnknown, StoreUnavailable
from gateway.sealing import Sealer
from gateway.store.data_keys import unlock
from gateway.store.engine import check_durability, writer_engine
from gateway.store.migrate import upgrade
from gateway.store.port import Tx
from gateway.store.records import Lease, Reference
from gateway.store.rows import Rows
from gateway.store.sqlite import SqliteStore
from gateway.store.writer import GroupCommitter
from gateway.store.writer_thread import WriterThread
from tests.support.builders import BENEFICIARY, NOW, a_payout

MARK = b"\x01mark"


def a_sealer() -> Sealer:
    return Sealer([bytes(32)], bytes)


def rows_on(engine: Engine) -> Rows:
    """For a committer of the test's own on a database that no store has opened."""
    upgrade(engine)
    sealer = a_sealer()
    unlock(engine, sealer)
    return Rows(sealer)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open_file(tmp_path / "paymux.db", a_sealer(), "sandbox")
    yield opened
    await opened.close()


def put(reference: str) -> object:
    payout = a_payout(reference)
    return lambda tx: tx.insert(payout, Reference(payout.id, MARK), None)


async def test_a_second_gateway_on_one_file_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    """Safety on SQLite comes from one writer; a second one is turned away by name of the first."""
    with pytest.raises(StoreUnavailable, match=r"another gateway \(process \d+\)"):
        SqliteStore.open_file(tmp_path / "paymux.db", a_sealer(), "sandbox")


async def test_closing_lets_the_next_one_in(tmp_path: Path) -> None:
    """The lock is let go with the store, and what was stored is there."""
    path = tmp_path / "paymux.db"
    first = SqliteStore.open_file(path, a_sealer(), "sandbox")
    await first.run(put("kept"))  # type: ignore[arg-type]
    await first.close()
    second = SqliteStore.open_file(path, a_sealer(), "sandbox")
    assert await second.read(lambda tx: tx.payout(a_payout("kept").id)) == a_payout("kept")
    await second.close()


async def test_the_mode_is_stamped_at_creation(tmp_path: Path) -> None:
    """A sandbox's database is never opened by a live gateway (R21)."""
    path = tmp_path / "paymux.db"
    await SqliteStore.open_file(path, a_sealer(), "sandbox").close()
    with pytest.raises(StoreUnavailable, match="belongs to a sandbox gateway"):
        SqliteStore.open_file(path, a_sealer(), "live")
    await SqliteStore.open_file(path, a_sealer(), "sandbox").close()


async def test_leases_of_a_dead_process_hold_nobody(tmp_path: Path) -> None:
    """After a restart what was in work is due at once, under a new fence (I31)."""
    path = tmp_path / "paymux.db"
    first = SqliteStore.open_file(path, a_sealer(), "sandbox")
    payout = a_payout()
    lease = Lease("dead", 1, NOW.replace(year=2099))
    await first.run(lambda tx: tx.insert(payout, Reference(payout.id, MARK), lease))
    await first.close()
    second = SqliteStore.open_file(path, a_sealer(), "sandbox")
    ((claimed, fresh),) = await second.run(lambda tx: tx.claim("new", NOW, 60, 10))
    assert claimed.id == payout.id
    assert fresh.fence > lease.fence
    await second.close()


def test_durability_is_read_back(tmp_path: Path) -> None:
    """A database that does not run in WAL with synchronous=FULL is refused (I36)."""
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    check_durability(connection, in_memory=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    with pytest.raises(StoreUnavailable, match="synchronous=1"):
        check_durability(connection, in_memory=False)
    connection.close()


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock")


async def test_nothing_personal_is_readable_in_the_file(store: SqliteStore, tmp_path: Path) -> None:
    """Account number and name are in neither the database file nor its WAL."""
    await store.run(put("secret"))  # type: ignore[arg-type]
    stored = everything_in(tmp_path)
    assert b"secret" in stored  # the reference is there: we did look at the right bytes
    assert BENEFICIARY.account_number.encode() not in stored
    assert BENEFICIARY.name.encode() not in stored


async def test_readers_cannot_write(store: SqliteStore) -> None:
    """A read has no way to change anything, however it is written."""
    with pytest.raises((StoreUnavailable, AttributeError)):
        await store.read(put("sneaky"))  # type: ignore[arg-type]
    assert await store.read(lambda tx: tx.counts()) == {}


class Broken:
    """A committer on a real file whose COMMITs fail on demand, before or after they happened."""

    def __init__(self, path: Path) -> None:
        self.fail: list[str] = []
        engine = writer_engine(path)
        rows = rows_on(engine)
        event.listen(engine, "commit", self._on_commit)
        self.thread = WriterThread(GroupCommitter(engine, rows))

    def _on_commit(self, connection: Connection) -> None:
        how = self.fail.pop() if self.fail else None
        if how == "after":
            connection.connection.driver_connection.execute("COMMIT")  # type: ignore[union-attr]
        if how is not None:
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    async def run(self, unit: object) -> object:
        store = SqliteStore.__new__(SqliteStore)
        store._writer = self.thread
        return await store.run(unit)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_failed_commit_is_unknown_and_settled_by_repeating(tmp_path: Path, how: str) -> None:
    """R18: every unit of the group hears `CommitUnknown`; a repeat on the fresh connection lets the key decide."""
    broken = Broken(tmp_path / "paymux.db")
    broken.fail = [how]
    with pytest.raises(CommitUnknown):
        await broken.run(put("one"))

    def again(tx: Tx) -> str:
        known = tx.reference("acme", "one")
        if known is not None:
            return "it had happened"
        tx.insert(a_payout("one"), Reference(a_payout("one").id, MARK), None)
        return "it had not"

    assert await broken.run(again) == ("it had happened" if how == "after" else "it had not")
    assert await broken.run(lambda tx: tx.counts()) == {"accepted": 1}
    await asyncio.to_thread(broken.thread.stop)


async def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """T10: when the disk is full units fail whole, nothing half is stored, and work goes on once there is room."""
    engine = writer_engine(tmp_path / "paymux.db")
    rows = rows_on(engine)
    limit = {"pages": 60}

    @event.listens_for(engine, "begin")
    def _limit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit['pages']}")

    thread = WriterThread(GroupCommitter(engine, rows))
    store = SqliteStore.__new__(SqliteStore)
    store._writer = thread
    units = [put(f"order-{number}") for number in range(400)]
    results = await asyncio.gather(*(store.run(unit) for unit in units), return_exceptions=True)  # type: ignore[arg-type]
    refused = [result for result in results if isinstance(result, StoreUnavailable)]
    done = [result for result in results if result is None]
    assert refused
    assert len(done) + len(refused) == 400
    limit["pages"] = 100_000
    assert await store.run(lambda tx: tx.counts()) == {"accepted": len(done)}  # type: ignore[arg-type]
    await store.run(put("order-after"))  # type: ignore[arg-type]
    assert await store.run(lambda tx: tx.reference("acme", "order-after")) is not None
    await asyncio.to_thread(thread.stop)


async def test_a_closed_store_refuses(tmp_path: Path) -> None:
    """After close nothing hangs: units and reads are refused."""
    store = SqliteStore.open_file(tmp_path / "paymux.db", a_sealer(), "sandbox")
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.run(lambda tx: None)
    with pytest.raises(StoreUnavailable):
        await store.read(lambda tx: tx.counts())
