"""The one writer: whole units of work, committed in groups, cancelled by nobody.

Theory
------
An acknowledgement may leave only after a commit that survives a power cut, and such a commit costs one fsync, 0.3 to
8 ms, whatever is in it. So units queue up, and each transaction takes what queued while the last one committed, as far
as its statements take no longer than a few commits would. There is no timer: an idle store commits a lone unit at once,
a busy one commits dozens together. Whose turn it is in a queue that is longer: `gateway.store.lanes`. How long a group
waits for company: `gateway.store.company`.

Where a group's statements run is another question than who waits for the disk: `gateway.store.on_loop`.

Within a group every unit runs inside its own SAVEPOINT (a lone one needs none):

* a unit that raises is rolled back to its savepoint and its caller gets the exception; its neighbours go on;
* a unit whose *statement* fails in the database (disk full) may have taken the transaction with it: the group is
  rolled back and redone one by one, so that only the culprit fails;
* a COMMIT that finds the disk full is the same: the log's last frame, which makes a transaction of the frames before
  it, was not written, so it did not happen;
* when COMMIT fails in any other way, nobody knows whether it happened. The connection is closed and reopened, and every
  unit of the group is told `CommitUnknown`. Its operation repeats the same versioned write, and key and version decide
  (R18).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.domain.errors import CommitUnknown, StoreUnavailable
from gateway.failpoints import Moment, committing
from gateway.store.awaited import Awaited, Fate, settle
from gateway.store.lanes import Outcome, Queued
from gateway.store.on_loop import here
from gateway.store.quick import Quick, quick
from gateway.store.rows import Rows
from gateway.store.tx import SqlTx

T = TypeVar("T")

GROUP_MAX = 256
"""The most units in one transaction: bounds how long the last of them waits for the first."""


Join = Callable[[list[Queued[Any]]], bool]
"""Adds to a group who has come since it was taken and may go along with it; whether more are worth a moment's wait."""


def _nothing() -> None:
    """Nobody wants to know."""


def nobody(_group: list[Queued[Any]]) -> bool:
    """The group stays as it was taken."""
    return False


class GroupCommitter:
    """Runs groups of units on one connection. Knows no threads: `WriterThread` and the inline store drive it."""

    def __init__(
        self, engine: Engine, rows: Rows, on_commit: Callable[[], None] = _nothing, place: Place = here
    ) -> None:
        """`on_commit` is told when a group's statements have run and its COMMIT is next; `place` is where they run."""
        self._engine = engine
        self._rows = rows
        self._on_commit = on_commit
        self._place = place
        self._connection: Connection | None = None

    def commit(self, taken: Sequence[Queued[Any]], join: Join = nobody) -> None:
        """Run the units, commit, then hand out the results; every future is done when this returns. `join` is asked
        before the statements begin who else comes along.
        """
        group = list(taken)
        try:
            results = self._run_group(group, join)
        except DBAPIError:
            self._reopen()
            self._one_by_one(group)
            return
        except CommitUnknown as error:
            _fail_all(group, error)
            return
        except Exception as error:  # noqa: BLE001 - the writer must outlive a connection that cannot be opened
            self._reopen()
            _fail_all(group, StoreUnavailable(f"{type(error).__name__}: {error}"))
            return
        self._hand_out(group, results)

    def _run_group(self, group: list[Queued[Any]], join: Join = nobody) -> list[Result]:
        """The results of `group`, which has grown by those who joined it.

        Raises `DBAPIError` when a statement failed or the disk is full (nothing happened), else `CommitUnknown`.
        """
        connection = self._connected()
        transaction = connection.begin()
        try:
            self._begun(connection)
            results = self._place(group, lambda: join(group), lambda: self._run_units(connection, group))
            kept = [queued.unit for queued, result in zip(group, results, strict=True) if result.error is None]
            if kept:
                self._ready(connection)
        except DBAPIError:
            _rollback_quietly(transaction)
            raise
        if not kept:
            transaction.rollback()
            return results
        self._on_commit()
        committing(kept, Moment.BEFORE_COMMIT)
        try:
            transaction.commit()
        except DBAPIError as error:
            if _is_full(error):
                raise  # SQLite found no room for the commit's record and has rolled back
            self._reopen()
            raise CommitUnknown(str(error.orig)) from error
        committing(kept, Moment.AFTER_COMMIT)
        return results

    def _run_units(self, connection: Connection, group: list[Queued[Any]]) -> list[Result]:
        alone = len(group) == 1
        return [self._run_unit(connection, queued, alone) for queued in group]

    def _run_unit(self, connection: Connection, queued: Queued[Any], alone: bool) -> Result:
        """One unit inside a savepoint of its own; one that is alone in its transaction needs none."""
        mark: Callable[[str], object] = _no_mark if alone else self._session(connection).exec_driver_sql
        mark("SAVEPOINT unit")
        try:
            value = queued.unit(self._new_tx(connection))
            self._keep(mark)
        except DBAPIError as error:
            if self._is_of_one_unit(error):
                self._undo(mark)
                return Result(error=error)
            raise
        except Exception as error:  # noqa: BLE001 - whatever the unit raised goes to its caller, not to its neighbours
            self._undo(mark)
            return Result(error=error)
        return Result(value=value)

    def _one_by_one(self, group: Sequence[Queued[Any]]) -> None:
        for queued in group:
            self._hand_out([queued], [self._alone(queued)])

    def _alone(self, queued: Queued[Any]) -> Result:
        """In a transaction of its own. Never raises."""
        try:
            (result,) = self._run_group([queued])
        except DBAPIError as error:
            self._reopen()
            return Result(error=StoreUnavailable(str(error.orig)))
        except CommitUnknown as error:
            return Result(error=error)
        except Exception as error:  # noqa: BLE001 - as above
            self._reopen()
            return Result(error=StoreUnavailable(f"{type(error).__name__}: {error}"))
        return result

    # What another database does otherwise ------------------------------------------------------------------------

    def _begun(self, connection: Connection) -> None:
        """A transaction has begun. Raises `DBAPIError`."""
        self._rows.endpoints.begun()

    def _session(self, connection: Connection) -> Quick:
        return quick(connection)

    def _new_tx(self, connection: Connection) -> SqlTx:
        return SqlTx(connection, self._rows)

    def _keep(self, mark: Callable[[str], object]) -> None:
        """A unit has ended well. Raises `DBAPIError`, and what the unit's changes come to."""
        mark("RELEASE SAVEPOINT unit")

    def _undo(self, mark: Callable[[str], object]) -> None:
        """Nothing stays of a unit that raised. Raises `DBAPIError`."""
        mark("ROLLBACK TO SAVEPOINT unit")
        mark("RELEASE SAVEPOINT unit")

    def _is_of_one_unit(self, error: DBAPIError) -> bool:
        """Whether the transaction can go on without the unit that met it."""
        return isinstance(error, IntegrityError)

    def _ready(self, connection: Connection) -> None:
        """The last words before COMMIT. Raises `DBAPIError`."""

    def _hand_out(self, group: Sequence[Queued[Any]], results: Sequence[Result]) -> None:
        hand_out(group, results)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _reopen(self) -> None:
        """After a database error nothing about the connection is trusted: the next group gets a fresh one."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()


class Place(Protocol):
    """Runs the statements of a group somewhere, and waits for them. Asks first who joins it, once or until nobody more
    is worth a wait."""

    def __call__(self, group: Sequence[Queued[Any]], join: Callable[[], bool], statements: Callable[[], T], /) -> T: ...


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a unit."""

    value: Any = None
    error: Exception | None = None

    def hand_to(self, future: Outcome[Any]) -> None:
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(self.value)


def hand_out(group: Sequence[Queued[Any]], results: Sequence[Result]) -> None:
    """To each its own, and all that wait on one loop at once."""
    waiting: list[Fate] = []
    for queued, result in zip(group, results, strict=True):
        if isinstance(queued.future, Awaited):
            waiting.append((queued.future, result.value, result.error))
        else:
            result.hand_to(queued.future)
    settle(waiting)


def _no_mark(_command: str) -> None:
    """A unit that is alone: the transaction itself is its savepoint."""


def _fail_all(group: Sequence[Queued[Any]], error: Exception) -> None:
    hand_out(group, [Result(error=error)] * len(group))


def _is_full(error: DBAPIError) -> bool:
    # SQLITE_FULL is said of a write that ran out of space, never of a sync or of a checkpoint.
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _rollback_quietly(transaction: Any) -> None:
    with contextlib.suppress(DBAPIError):  # after "disk full" SQLite has already rolled back
        transaction.rollback()
