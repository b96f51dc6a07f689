"""The writer of one node on PostgreSQL: groups as on SQLite, beside the groups of other nodes.

A group holds what its units locked until it is committed, so two nodes' groups could wait for each other. They do not
for long: inside a group a lock is waited for 50 ms. Whoever does not get it is rolled back to its savepoint, the group
is committed without it, and then it is run alone, several times if need be, each time more patiently. Alone it holds
nothing while it waits for its first lock; where two lone units wait for each other all the same, PostgreSQL ends one of
them (deadlock), and it is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from psycopg import errors
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InternalError

from gateway.domain.errors import StaleWrite, StoreUnavailable
from gateway.store import postgres_statements as pg
from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.high_water import SAFETY
from gateway.store.lanes import Queued
from gateway.store.lease_time import Measure
from gateway.store.pipeline import Pipeline
from gateway.store.postgres_engine import check_durability, driver_of, is_begun, is_whole
from gateway.store.postgres_tx import Begun, PostgresTx
from gateway.store.rows import Rows
from gateway.store.writer import GroupCommitter, Result, hand_out

log: structlog.stdlib.BoundLogger = structlog.get_logger()

GROUP_MAX = 60
"""A transaction with more than 64 savepoints makes every snapshot on the server dearer."""
PATIENCE_MS = (50, 100, 200, 400, 800, 1600)
"""How long a unit waits for a lock, alone, before it lets go of what it holds and begins again."""
CONTENDED = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available: nothing is wrong with the unit, others were in its way."""
CHECK_EVERY_S = 3600.0
"""How often the server is asked whether it is still durable."""
SWEEP_EVERY_S = 60.0
RECONNECT_AFTER_S = 0.25
"""As long as this after a connect that failed, units are refused without another one."""


BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"


class Entangled(Exception):
    """A unit failed, and something of it, or of another, has been sent that must not stay."""


class PostgresCommitter(GroupCommitter):
    """Runs groups of units on one connection, which it opens again when it is lost."""

    def __init__(
        self,
        engine: Engine,
        rows: Rows,
        measure: Measure,
        monotonic: Callable[[], float],
        on_commit: Callable[[], None],
    ) -> None:
        """`measure` tells the time of each transaction; `monotonic` when to look after the server again."""
        super().__init__(engine, rows, on_commit)
        self._measure = measure
        self._monotonic = monotonic
        self._lock_timeout_ms = PATIENCE_MS[0]
        self._pipeline: Pipeline | None = None
        self._tx: PostgresTx | None = None
        self._first: Begun | None = None
        self._events = 0
        self._counting = ""
        """The row of `meta` that this session counts events in."""
        self._counted: int | None = None
        """What that row will say once the present transaction is committed."""
        self._known: tuple[str, int] | None = None
        """A row that counts events, and what it said at a moment that was committed: it never says less."""
        self._joined = False
        self._check_at_s = 0.0
        self._sweep_at_s = 0.0
        self._connect_at_s = 0.0

    # The connection ------------------------------------------------------------------------------------------------

    def _connected(self) -> Connection:
        if self._connection is None:
            now_s = self._monotonic()
            if now_s < self._connect_at_s:
                raise StoreUnavailable("PostgreSQL cannot be reached")
            self._connect_at_s = now_s + RECONNECT_AFTER_S
            self._connection = self._open()
            self._connect_at_s = 0.0
        return self._connection

    def _open(self) -> Connection:
        connection = self._engine.connect()
        try:
            with connection.begin():
                check_durability(connection)
                self._refuse_an_older_copy(connection)
                if self._joined:
                    connection.execute(pg.JOIN)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        self._pipeline = Pipeline(connection)
        self._counting = f"{pg.EVENTS}{driver_of(connection).info.backend_pid % pg.COUNTS}"
        self._counted = None
        self._check_at_s = self._monotonic() + CHECK_EVERY_S
        return connection

    def _refuse_an_older_copy(self, connection: Connection) -> None:
        """A server that was restored, or replaced by a standby that had not heard everything, while we live (R15)."""
        if self._known is None:
            return
        name, least = self._known
        found = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == name)).scalar()
        if found is None or int(found) < least:
            raise StoreUnavailable("this PostgreSQL has lost events that were committed: restart to begin a quarantine")

    def _reopen(self) -> None:
        super()._reopen()
        self._pipeline = None
        self._counted = None

    # A transaction -------------------------------------------------------------------------------------------------

    def _begun(self, connection: Connection) -> None:
        if self._counted is not None:  # the transaction before was committed
            self._known = (self._counting, self._counted)
            self._counted = None
        now_s = self._monotonic()
        if now_s >= self._check_at_s:
            check_durability(connection)
            self._check_at_s = now_s + CHECK_EVERY_S
        pipeline = self._session(connection)
        pipeline.forget()
        if not is_begun(connection):
            pipeline.exec_driver_sql(BEGIN)
        first, safety = pipeline.ask(
            (pg.BEGUN, {"lock_timeout": f"{self._lock_timeout_ms}ms"}), (sql.META, {"of_name": SAFETY})
        )
        (row,) = first.all()
        self._first = Begun(self._measure(row.at), safety.scalar())
        self._rows.endpoints.begun(row.endpoints)
        self._events = 0

    def _session(self, connection: Connection) -> Pipeline:
        assert self._pipeline is not None  # noqa: S101 - there is a connection
        return self._pipeline

    def _new_tx(self, connection: Connection) -> PostgresTx:
        assert self._first is not None  # noqa: S101 - a transaction has begun
        now_s = self._monotonic()
        sweep = now_s >= self._sweep_at_s
        self._tx = PostgresTx(self._session(connection), self._rows, self._first, sweep=sweep)
        return self._tx

    def _run_units(self, connection: Connection, group: list[Queued[Any]]) -> list[Result]:
        """All of them without savepoints of their own; where anything goes wrong that cannot be taken back by not
        saying it, again, and each in its own."""
        if len(group) > 1:
            pipeline, sweep_at_s = self._session(connection), self._sweep_at_s
            heard = pipeline.round_trips
            pipeline.exec_driver_sql("SAVEPOINT together")
            try:
                return self._together(connection, group)
            except (DBAPIError, StaleWrite, Entangled) as error:
                if isinstance(error, DBAPIError) and error.connection_invalidated:
                    raise
            pipeline.forget()
            if pipeline.round_trips > heard:
                pipeline.exec_driver_sql("ROLLBACK TO SAVEPOINT together")
            self._events, self._sweep_at_s = 0, sweep_at_s
        return super()._run_units(connection, group)

    def _together(self, connection: Connection, group: list[Queued[Any]]) -> list[Result]:
        """Raises `Entangled` or what a statement raised: then nothing of the group may be kept."""
        pipeline, results = self._session(connection), list[Result]()
        for queued in group:
            pipeline.begin_unit()
            try:
                result = Result(value=queued.unit(self._new_tx(connection)))
            except DBAPIError:
                raise
            except Exception as error:
                if not pipeline.take_back():
                    raise Entangled from error
                result = Result(error=error)
            if pipeline.failed is not None:
                raise Entangled  # whatever the unit made of it: it may have been another one's
            results.append(result)
            self._note(result)
        self._count_events(connection)
        return results

    def _run_unit(self, connection: Connection, queued: Queued[Any], alone: bool) -> Result:
        self._session(connection).begin_unit()
        result = super()._run_unit(connection, queued, alone)
        self._note(result)
        return result

    def _note(self, result: Result) -> None:
        """What the unit did that concerns the session."""
        if result.error is None and self._tx is not None:
            self._events += self._tx.appended
            self._joined |= self._tx.joined
            if self._tx.swept:
                self._sweep_at_s = self._monotonic() + SWEEP_EVERY_S

    def _keep(self, mark: Callable[[str], object]) -> None:
        """Its savepoint need not be released: the next one may lie in it, and COMMIT releases them all in one go."""
        assert self._pipeline is not None  # noqa: S101 - a transaction has begun
        self._pipeline.flush()
        if self._pipeline.failed is not None:
            raise self._pipeline.failed  # the unit was told, and made nothing of it

    def _undo(self, mark: Callable[[str], object]) -> None:
        assert self._pipeline is not None  # noqa: S101 - likewise
        if self._pipeline.take_back():  # not even its savepoint was sent
            return
        self._pipeline.forget()
        super()._undo(mark)

    def _ready(self, connection: Connection) -> None:
        self._count_events(connection)
        if not is_whole(connection):
            failed = errors.InFailedSqlTransaction("a unit went on after a statement of it had failed")
            raise InternalError("COMMIT", {}, failed)

    def _count_events(self, connection: Connection) -> None:
        """All that is queued is sent with it."""
        if self._events:
            values = {"name": self._counting, "value": str(self._events)}
            self._counted = int(self._session(connection).execute(pg.COUNT_EVENTS, values).scalar_one())
            self._events = 0
        else:
            self._session(connection).flush()

    def _is_of_one_unit(self, error: DBAPIError) -> bool:
        if error.connection_invalidated:
            return False
        return isinstance(error, IntegrityError | DataError) or is_contention(error)

    # Who met a lock --------------------------------------------------------------------------------------------------

    def _hand_out(self, group: Sequence[Queued[Any]], results: Sequence[Result]) -> None:
        pairs = list(zip(group, results, strict=True))
        settled = [(queued, result) for queued, result in pairs if not is_contention(result.error)]
        hand_out([queued for queued, _ in settled], [result for _, result in settled])
        for queued, result in pairs:
            if is_contention(result.error):
                self._patiently(queued).hand_to(queued.future)

    def _patiently(self, queued: Queued[Any]) -> Result:
        try:
            for self._lock_timeout_ms in PATIENCE_MS:
                result = self._alone(queued)
                if not is_contention(result.error):
                    return result
        finally:
            self._lock_timeout_ms = PATIENCE_MS[0]
        log.error("store.contended", tries=len(PATIENCE_MS))
        return Result(error=StoreUnavailable("others held what it needed for too long"))


def is_contention(error: BaseException | None) -> bool:
    """Whether it failed only because of somebody else, and may be tried again."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in CONTENDED
