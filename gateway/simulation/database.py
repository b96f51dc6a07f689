"""The one database of a world: the real store code on SQLite in memory, its writer driven by virtual time.

Units queue up while a commit is under way and go into the next one together, as with the writer's thread. Faults are
put where a disk would put them: a statement fails, COMMIT fails and happened, COMMIT fails and did not, the disk is
full.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any, NoReturn, TypeVar, cast

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from gateway.domain.errors import StoreUnavailable
from gateway.failpoints import Unit
from gateway.operations.standing import read_safety
from gateway.sealing import Sealer
from gateway.simulation.faults import Fault, Faults, Place
from gateway.simulation.lean_sql import LeanConnection, known_statements
from gateway.simulation.stage import raw
from gateway.simulation.trace import Trace
from gateway.store import statements
from gateway.store.data_keys import unlock
from gateway.store.engine import writer_engine
from gateway.store.lanes import Queued
from gateway.store.port import ReadTx, Tx
from gateway.store.reads import SqlReadTx
from gateway.store.rows import Rows
from gateway.store.writer import GROUP_MAX, GroupCommitter

T = TypeVar("T")

_KNOWN = known_statements(statements)

COMMIT_S = (0.0005, 0.006)
"""How long a commit takes."""


class _Committer(GroupCommitter):
    """The real one; but a fresh connection leads to the same memory, which would be gone with the last one."""

    def __init__(self, engine: Engine, rows: Rows, lean: LeanConnection | None) -> None:
        super().__init__(engine, rows)
        self._lean = lean

    def _connected(self) -> Connection:
        return super()._connected() if self._lean is None else cast(Connection, self._lean)

    def _reopen(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Waiting(asyncio.Future[T]):
    """What a unit's caller waits for. Whoever waits may be cancelled; the unit is not."""

    def cancel(self, msg: object = None) -> bool:
        return False


class Database:
    """`gateway.store.port.Store`, shared by all nodes of a world."""

    def __init__(
        self, image: bytes, sealer: Sealer, dice: random.Random, faults: Faults, trace: Trace, *, lean: bool
    ) -> None:
        """`lean` leaves SQLAlchemy's execution out (`lean_sql`)."""
        self._engine = writer_engine(None)
        self._driver: sqlite3.Connection = raw(self._engine)
        self._driver.deserialize(image)
        unlock(self._engine, sealer)
        self._lean = LeanConnection(self._driver, _KNOWN, self._before_commit) if lean else None
        self._committer = _Committer(self._engine, Rows(sealer), self._lean)
        self._rows = Rows(sealer)
        self._dice = dice
        self._faults = faults
        self._trace = trace
        self._queue: list[Queued[Any]] = []
        self._busy = False
        self._strike: Fault | None = None
        self._told = 0
        """The newest event of a story."""
        self.slow = 1.0
        """How many times slower than usual commits are."""
        self.full = False
        """The disk takes nothing more."""
        self.after_commit: Callable[[], None] | None = None
        if not lean:
            event.listen(self._engine, "commit", lambda _: self._before_commit(self._driver))

    async def run(self, unit: Callable[[Tx], T]) -> T:
        waiting: Waiting[T] = Waiting()
        # The committer only sets the result or the error, which both kinds of future take in the same way.
        self._queue.append(Queued(unit, cast("Future[T]", waiting)))
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_later(self._dice.uniform(*COMMIT_S) * self.slow, self._commit)
        return await waiting

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        """At once, and without a fault: readers have a connection of their own."""
        return self.look(query)

    def look(self, query: Callable[[ReadTx], T]) -> T:
        """`read` for whoever is not on a node."""
        if self._lean is not None:
            return query(SqlReadTx(cast(Connection, self._lean), self._rows))
        with self._engine.connect() as connection, connection.begin():
            return query(SqlReadTx(connection, self._rows))

    async def close(self) -> None:
        """It outlives its nodes; `shut` ends it."""

    def shut(self) -> None:
        self._committer.close()

    def due_count(self) -> int:
        """How many payouts and callbacks are due at some time."""
        due = "SELECT count(*) FROM {0} WHERE due_at IS NOT NULL"
        counts = (self._driver.execute(due.format(table)).fetchone()[0] for table in ("payouts", "callbacks"))
        return sum(map(int, counts))

    def leased_count(self, now: datetime) -> int:
        """How many payouts that are due at some time somebody holds, or has left without letting go of them."""
        held = "SELECT count(*) FROM payouts WHERE due_at IS NOT NULL AND lease_until > ?"
        return int(self._driver.execute(held, (int(now.timestamp() * 1_000_000),)).fetchone()[0])

    def finished(self) -> tuple[int, int]:
        """How many payouts there are, and how many of them are final or held."""
        final = "status IN ('paid', 'failed', 'canceled', 'returned')"
        done = f"SELECT count(*), sum(hold_code IS NOT NULL OR {final}) FROM payouts"  # noqa: S608 - words of ours
        accepted, finished = self._driver.execute(done).fetchone()
        return int(accepted), int(finished or 0)

    def copy(self) -> bytes:
        """A backup."""
        return bytes(self._driver.serialize())

    def replace_by(self, image: bytes) -> None:
        """A backup is put in its place. What is queued was never committed, and its callers are gone."""
        gone, self._queue = self._queue, []
        self._driver.deserialize(image)
        for queued in gone:
            queued.future.set_exception(StoreUnavailable("the database was replaced"))

    def versions(self) -> dict[str, int]:
        """Payout id -> version."""
        return dict(self._driver.execute("SELECT id, version FROM payouts").fetchall())

    def under_review(self) -> int:
        """How many payouts are held or frozen."""
        return int(
            self._driver.execute("SELECT count(*) FROM payouts WHERE hold_code IS NOT NULL OR frozen").fetchone()[0]
        )

    def quarantined(self) -> bool:
        return self.look(read_safety).quarantined

    # Committing ------------------------------------------------------------------------------------------------------

    def _commit(self) -> None:
        group, self._queue = self._queue[:GROUP_MAX], self._queue[GROUP_MAX:]
        if not group:
            self._busy = False
            return
        self._busy = bool(self._queue)
        if self._busy:
            asyncio.get_running_loop().call_later(self._dice.uniform(*COMMIT_S) * self.slow, self._commit)
        names = " ".join(queued.unit.name if isinstance(queued.unit, Unit) else "-" for queued in group)
        self._strike = self._drawn(len(group))
        if self._strike is Fault.COMMIT_TORN:
            self._tear(group)
        else:
            self._committer.commit(self._spoilt(group))
        self._trace.add("db", f"commit {names}")
        if self._trace.kept is not None:
            self._tell_events()
        self._strike = None
        if self.after_commit is not None:
            self.after_commit()

    def _tell_events(self) -> None:
        """For a story: what the commit changed, in the payouts' own events."""
        query = (
            "SELECT e.rowid, p.reference, e.type, e.actor, e.attempt, e.detail FROM events e"
            " JOIN payouts p ON p.shard = e.shard AND p.id = e.payout_id WHERE e.rowid > ? ORDER BY e.rowid"
        )
        for rowid, reference, kind, actor, attempt, detail in self._driver.execute(query, (self._told,)).fetchall():
            self._told = rowid
            number = f" {attempt}" if attempt is not None else ""
            self._trace.tell(
                "store", f"{kind}{number} by {actor} {detail if detail != '{}' else ''}".rstrip(), reference
            )

    def _drawn(self, units: int) -> Fault | None:
        if self.full:
            self._faults.took(Fault.DISK_FULL, "db", f"{units} units refused")
            return Fault.DISK_FULL
        strike = self._faults.draw(Place.COMMIT)
        if strike is not None:
            self._faults.took(strike, "db", f"{units} units")
        return strike

    def _spoilt(self, group: list[Queued[Any]]) -> list[Queued[Any]]:
        """The group with those units made to fail that a full disk, or one bad statement, fails."""
        match self._strike:
            case Fault.DISK_FULL:
                return [Queued(_failing(queued.unit, "database or disk is full"), queued.future) for queued in group]
            case Fault.DB_ERROR:
                spoilt = self._dice.randrange(len(group))
                failing = Queued(_failing(group[spoilt].unit, "disk I/O error"), group[spoilt].future)
                return [*group[:spoilt], failing, *group[spoilt + 1 :]]
            case _:
                return group

    def _tear(self, group: list[Queued[Any]]) -> None:
        """The first ones are committed, the machine stumbles, the rest is not; nobody is told which is which."""
        kept = self._dice.randrange(len(group) + 1)
        for first, part in ((Fault.COMMIT_KEPT, group[:kept]), (Fault.COMMIT_GONE, group[kept:])):
            self._strike = first
            if part:
                self._committer.commit(part)

    def _before_commit(self, driver: sqlite3.Connection) -> None:
        """Where COMMIT is about to be said."""
        match self._strike:
            case Fault.COMMIT_KEPT:
                driver.commit()
                _fail("the connection broke after COMMIT")
            case Fault.COMMIT_GONE:
                driver.rollback()
                _fail("the connection broke before COMMIT")


def _failing(unit: Callable[[Tx], Any], text: str) -> Callable[[Tx], Any]:
    """It does all its work, and its last statement fails."""

    def failing(tx: Tx) -> NoReturn:
        unit(tx)
        _fail(text)

    return failing


def _fail(text: str) -> NoReturn:
    raise OperationalError("simulated", None, sqlite3.OperationalError(text))
