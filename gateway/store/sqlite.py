"""The embedded store: one SQLite file, one writer thread, read-only snapshots beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import TypeVar

from sqlalchemy import Engine, update
from sqlalchemy.exc import DBAPIError

from gateway.admission.commit_wait import CommitWait, Pressure
from gateway.domain.errors import StoreUnavailable
from gateway.sealing import Sealer
from gateway.store.awaited import Awaited
from gateway.store.data_keys import unlock
from gateway.store.engine import log_version, reader_engine, refuse_foreign_log, writer_engine
from gateway.store.lanes import Queued
from gateway.store.lock import FileLock
from gateway.store.migrate import current, head, stamp_mode, upgrade
from gateway.store.on_loop import on_loop
from gateway.store.port import ReadTx, Tx
from gateway.store.reads import SqlReadTx
from gateway.store.rows import Rows
from gateway.store.schema import batches, payouts
from gateway.store.writer import GROUP_MAX, GroupCommitter
from gateway.store.writer_thread import WriterThread

T = TypeVar("T")


class SqliteStore:
    """`gateway.store.port.Store` on a file. Made by `open_file`."""

    def __init__(self, lock: FileLock, writer: WriterThread, readers: Engine, rows: Rows) -> None:
        self._lock = lock
        self._writer = writer
        self._readers = readers
        self._rows = rows
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="paymux-reader")
        self._closed = False

    @classmethod
    def open_file(cls, path: Path, sealer: Sealer, mode: str, clock: Callable[[], float] = monotonic) -> SqliteStore:
        """Lock, migrate, check, start. Blocks for a moment; call it before the loop is busy. `clock` (monotonic) times
        the commits.

        Raises:
            StoreUnavailable: another gateway has it, it belongs to the other mode or keys, or it is not durable.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"))
        lock.acquire()
        log_version()
        engine = writer_engine(path)
        try:
            refuse_foreign_log(path)
            upgrade(engine)
            stamp_mode(engine, mode)
            unlock(engine, sealer)
            _break_leases(engine)
        except BaseException:
            engine.dispose()
            lock.release()
            raise
        rows = Rows(sealer)
        wait = CommitWait(clock, GROUP_MAX)
        writer = WriterThread(GroupCommitter(engine, rows, wait.committing, on_loop), wait, clock)
        return cls(lock, writer, reader_engine(path), rows)

    @property
    def pressure(self) -> Pressure:
        """How the writer stands."""
        return self._writer.pressure

    async def run(self, unit: Callable[[Tx], T]) -> T:
        awaited: Awaited[T] = Awaited()
        self._writer.put(Queued(unit, awaited))
        return await awaited.result()

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reading, self._read, query)

    def _read(self, query: Callable[[ReadTx], T]) -> T:
        try:
            with self._readers.connect() as connection, connection.begin():
                return query(SqlReadTx(connection, self._rows))
        except DBAPIError as error:
            raise StoreUnavailable(str(error.orig)) from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        # The writer goes last: the last connection to close folds the log into the file, and a reader cannot.
        await asyncio.to_thread(self._reading.shutdown, wait=True)
        self._readers.dispose()
        await asyncio.to_thread(self._writer.stop)
        self._lock.release()


def upgrade_file(path: Path, mode: str) -> tuple[str | None, str | None]:
    """Bring the file to the newest schema, and nothing else: its revision before and after.

    Raises:
        StoreUnavailable: a gateway works on it, or it belongs to the other mode.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"))
    lock.acquire()
    engine = writer_engine(path)
    try:
        with engine.connect() as connection:
            before = current(connection)
        refuse_foreign_log(path)
        upgrade(engine)
        stamp_mode(engine, mode)
    finally:
        engine.dispose()
        lock.release()
    return before, head()


def _break_leases(engine: Engine) -> None:
    """An earlier run's leases hold nobody: the lock file proves that its process is gone. Fences move on anyway.

    Whoever held them died with them (row 64).
    """
    columns = payouts.c
    with engine.connect() as connection, connection.begin():
        connection.execute(
            update(payouts)
            .where(columns.lease_until.is_not(None))
            .values(lease_until=None, lease_owner=None, fence=columns.fence + 1, crashes=columns.crashes + 1)
        )
        # A claim of a batch is no more than a later due time.
        due = batches.c.due_at.is_not(None)
        connection.execute(update(batches).where(due).values(due_at=batches.c.created_at))


class MemoryStore:
    """The same code on a database in memory, its writer run inline: for tests and virtual time."""

    def __init__(self, sealer: Sealer, mode: str = "sandbox") -> None:
        engine = writer_engine(None)
        upgrade(engine)
        stamp_mode(engine, mode)
        unlock(engine, sealer)
        self._committer = GroupCommitter(engine, Rows(sealer))

    async def run(self, unit: Callable[[Tx], T]) -> T:
        future: Future[T] = Future()
        self._committer.commit([Queued(unit, future)])
        return future.result()

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        return await self.run(query)

    async def close(self) -> None:
        self._committer.close()
