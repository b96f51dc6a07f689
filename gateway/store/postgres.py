"""The shared store: one PostgreSQL, any number of nodes, each with one writer and a few readers.

A node that is gone is not waited for: its leases run out by the database's clock (`lease_time`), what it held is let go
of when its session ends. Units, statements and operations are the same as on SQLite; what differs is in `postgres_tx`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError

from gateway.admission.commit_wait import CommitWait, Pressure
from gateway.domain.errors import StoreUnavailable
from gateway.sealing import Sealer
from gateway.store import postgres_statements as pg
from gateway.store.awaited import Awaited
from gateway.store.data_keys import finder, unlock
from gateway.store.lanes import Queued
from gateway.store.lease_time import Measure
from gateway.store.migrate import comes_alone, current, head, stamp_mode, upgrade
from gateway.store.port import ReadTx, Tx
from gateway.store.postgres_engine import READERS, UNHURRIED, check_durability, reader_engine, writer_engine
from gateway.store.postgres_tx import PostgresReadTx
from gateway.store.postgres_writer import GROUP_MAX, PostgresCommitter
from gateway.store.rows import Rows
from gateway.store.writer_thread import WriterThread

T = TypeVar("T")

NOT_ALONE = (
    "gateways of an earlier version are at work on this database, and would not find what this one writes: stop them"
)
READ_TRIES = 2
"""A read whose session was lost is asked once more, on a fresh one."""


class PostgresStore:
    """`gateway.store.port.Store` on a PostgreSQL that other nodes may share. Made by `open_url`."""

    def __init__(self, writer: WriterThread, readers: Engine, rows: Rows) -> None:
        self._writer = writer
        self._readers = readers
        self._rows = rows
        self._reading = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="paymux-reader")
        self._closed = False

    @classmethod
    def open_url(
        cls, url: URL, sealer: Sealer, mode: str, measure: Measure, clock: Callable[[], float] = monotonic
    ) -> PostgresStore:
        """Check, migrate, start. Blocks for a moment; call it before the loop is busy. `measure` tells leases' time
        (`lease_time.by_database`), `clock` (monotonic) times the commits.

        Raises:
            StoreUnavailable: it cannot be reached, belongs to the other mode or keys, or is not durable.
        """
        upgrade_database(url, mode)
        _unlock(url, sealer)
        rows = Rows(sealer)
        wait = CommitWait(clock, GROUP_MAX)
        committer = PostgresCommitter(writer_engine(url), rows, measure, clock, wait.committing)
        return cls(WriterThread(committer, wait, clock), reader_engine(url), rows)

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
        for tries_left in reversed(range(READ_TRIES)):
            try:
                with self._readers.connect() as connection, connection.begin():
                    return query(PostgresReadTx(connection, self._rows))
            except DBAPIError as error:
                if tries_left == 0 or not error.connection_invalidated:
                    raise StoreUnavailable(str(error.orig)) from error
        raise AssertionError("unreachable: the last try returns or raises")

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._reading.shutdown, wait=True)
        self._readers.dispose()
        await asyncio.to_thread(self._writer.stop)


def _unlock(url: URL, sealer: Sealer) -> None:
    """A data key of this node's own, and a way to those of others. Raises `StoreUnavailable`."""
    engine = writer_engine(url)
    try:
        unlock(engine, sealer)
    except DBAPIError as error:
        raise StoreUnavailable(f"PostgreSQL: {error.orig}") from error
    sealer.find = finder(engine)


def upgrade_database(url: URL, mode: str) -> tuple[str | None, str | None]:
    """Bring the database to the newest schema, and nothing else: its revision before and after. One node at a time.

    Raises:
        StoreUnavailable: it cannot be reached, belongs to the other mode, is not durable, or others work on it that
            must have stopped before.
    """
    engine = writer_engine(url, UNHURRIED)
    try:
        with engine.connect() as connection, connection.begin():
            check_durability(connection)
            connection.execute(pg.TAKE, {"space": pg.SPACE, "which": int(pg.Lock.MIGRATION)})
            before = current(connection)
            if before != head():
                if comes_alone(before) and connection.execute(pg.NEIGHBOURS).scalar_one():
                    raise StoreUnavailable(NOT_ALONE)
                upgrade(engine)
            stamp_mode(engine, mode)
    except DBAPIError as error:
        raise StoreUnavailable(f"PostgreSQL: {error.orig}") from error
    finally:
        engine.dispose()
    return before, head()
