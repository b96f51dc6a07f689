"""The statements of every payout's way, run on the driver itself.

SQLAlchemy writes a statement's text once and keeps it. What it does besides at each execution (a context, a result with
its metadata, a strategy to fetch it) takes several times as long as the database, and a payout is thirty statements. So
for the statements that are built once (`statements`) a plan is made at their first use: the text, how each value is
bound, how each column is read. From then on the driver is handed the text and the values, and nothing else happens.

The plan is SQLAlchemy's own compilation, types included, and a driver's error comes as the same `DBAPIError`. Whatever
is built where it is used, or needs more than a plan (an expanding IN), goes through SQLAlchemy as ever.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NoReturn, cast

from sqlalchemy import Connection, CursorResult, Dialect, LargeBinary, Select, UpdateBase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from gateway.domain.errors import StaleWrite

Values = Mapping[str, Any]
Reads = Callable[[Sequence[Any]], Any]
Process = Callable[[Any], Any]

_fixed: set[ClauseElement] = set()
_plans: dict[tuple[str, ClauseElement, tuple[str, ...]], Plan | None] = {}


def keep(statements: Mapping[str, object]) -> None:
    """Declare a module's statements, and those in its tables, to be built once and for ever."""
    for found in statements.values():
        inside: Iterable[object] = found.values() if isinstance(found, dict) else (found,)
        _fixed.update(each for each in inside if isinstance(each, Select | UpdateBase))


class Found:
    """What a statement came to, with the names that SQLAlchemy's results have."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        return self._rows

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def scalar_one(self) -> Any:
        ((only,),) = self._rows
        return only


@dataclass(frozen=True, slots=True)
class Plan:
    """One statement with one set of parameters, on one dialect."""

    text: str
    bind: Callable[[Values], Any]
    read: Reads | None
    """None: it returns no rows."""
    binary: frozenset[str]
    """Names of those values that are bytes."""


class Changes:
    """What runs statements, for those of which nobody asks anything."""

    __slots__ = ()

    def execute(self, statement: Any, values: Values | None = None) -> Any:
        """Raises `DBAPIError`."""
        raise NotImplementedError

    def change(self, statement: Any, values: Values | None = None, stale: str | None = None) -> None:
        """Of which nobody asks anything but whether it met its one row. A session may keep it until the next question
        (`gateway.store.pipeline`). Raises `DBAPIError`, and `StaleWrite` with the words of `stale`."""
        if self.execute(statement, values).rowcount != 1 and stale is not None:
            raise StaleWrite(stale)


class Quick(Changes):
    """A connection for one unit of work, or one question."""

    __slots__ = ("_connection", "_dialect", "_driver")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._driver: Any = connection.connection.driver_connection

    def execute(self, statement: Any, values: Values | None = None) -> Found | CursorResult[Any]:
        """Raises `DBAPIError`."""
        given = values if values is not None else {}
        plan = self._plan(statement, given)
        if plan is None:
            return self._connection.execute(statement, given)
        bound = plan.bind(given)
        try:
            cursor = self._driver.execute(plan.text, bound)
            rows = [] if plan.read is None else cursor.fetchall()
        except self._dialect.loaded_dbapi.Error as error:
            self._raise(plan.text, bound, error)
        read = plan.read
        return Found(rows if read is None else [read(row) for row in rows], cursor.rowcount)

    def exec_driver_sql(self, text: str) -> None:
        """A command without values: a savepoint. Raises `DBAPIError`."""
        try:
            self._driver.execute(text)
        except self._dialect.loaded_dbapi.Error as error:
            self._raise(text, (), error)

    def _plan(self, statement: Any, values: Values) -> Plan | None:
        key = (self._dialect.name, statement, tuple(values))
        try:
            return _plans[key]
        except KeyError:
            pass
        if statement not in _fixed:
            return None
        made = _plans[key] = _make(statement, self._dialect, values)
        return made

    def _raise(self, text: str, bound: Any, error: Exception) -> NoReturn:
        """As SQLAlchemy does: of its own class, and a connection that is lost is not used again."""
        lost = self._dialect.is_disconnect(cast(Any, error), self._driver, None)
        if lost:
            self._connection.invalidate(error)
        driver_error = self._dialect.loaded_dbapi.Error
        raised = DBAPIError.instance(
            text, bound, error, driver_error, hide_parameters=True, connection_invalidated=lost, dialect=self._dialect
        )
        raise raised from error


def quick(connection: Connection | Quick) -> Quick:
    """The quick way to run statements on it; a session that is a pipeline is one already."""
    return Quick(connection) if isinstance(connection, Connection) else connection


def _make(statement: ClauseElement, dialect: Dialect, values: Values) -> Plan | None:
    compiled = statement.compile(dialect=dialect, column_keys=list(values))
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - of a statement
    if compiled.post_compile_params or compiled.literal_execute_params:
        return None
    if compiled.effective_returning and not getattr(statement, "_returning", ()):
        return None  # a RETURNING that SQLAlchemy added, for a key that the database draws
    binary = frozenset(name for name, bound in compiled.binds.items() if isinstance(bound.type, LargeBinary))
    return Plan(compiled.string, _binding(compiled, values), _reading(compiled, dialect), binary)


def _binding(compiled: SQLCompiler, values: Values) -> Callable[[Values], Any]:
    """Values to what the driver takes. What stands in the statement itself is bound once, here."""
    processes = cast(Mapping[str, Process], compiled._bind_processors)
    whole = compiled.construct_params(dict(values), _check=False)
    own = {name: value for name, value in whole.items() if name not in values}
    own, steps = _bound(own, _steps(processes, own)), _steps(processes, values)
    if not compiled.positional:
        return lambda given: _bound({**own, **given}, steps)
    names = compiled.positiontup or ()
    at_once = itemgetter(*names) if len(names) > 1 else lambda bound: [bound[name] for name in names]
    return lambda given: at_once(_bound({**own, **given}, steps))


def _steps(processes: Mapping[str, Process], names: Iterable[str]) -> list[tuple[str, Process]]:
    return [(name, processes[name]) for name in names if name in processes]


def _bound(values: dict[str, Any], steps: Sequence[tuple[str, Process]]) -> dict[str, Any]:
    """Only what has to be made into something else is touched: most values go as they are, and None for every type."""
    for name, process in steps:
        value = values[name]
        if value is not None:
            values[name] = process(value)
    return values


def _reading(compiled: SQLCompiler, dialect: Dialect) -> Reads | None:
    """A row to a named tuple of what the types make of its columns."""
    columns = compiled._result_columns
    if not columns:
        return None
    row = namedtuple("Row", [column.keyname for column in columns], rename=True)  # type: ignore[misc]  # the columns are the statement's
    processes = [column.type._cached_result_processor(dialect, None) for column in columns]
    steps = [(at, process) for at, process in enumerate(processes) if process is not None]
    if not steps:
        return row._make

    def read(raw: Sequence[Any]) -> Any:
        found = list(raw)
        for at, process in steps:
            if found[at] is not None:
                found[at] = process(found[at])
        return row._make(found)

    return read
