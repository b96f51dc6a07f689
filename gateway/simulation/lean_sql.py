"""SQLAlchemy's `Connection` as far as the store uses it, without the machinery between a compiled statement and SQLite.

The statements are the store's own, compiled by SQLAlchemy with its types; only what happens at each execution is
shortened, by a factor of five. Seeds that run with the real signatures use the real `Connection`.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from gateway.store.quick import Changes
from gateway.store.schema import EPOCH, Moment

_DIALECT = sqlite.dialect(paramstyle="qmark")
_NOTHING: Mapping[str, Any] = {}


_MICROSECOND = timedelta(microseconds=1)


def _from_moment(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + timedelta(microseconds=value)


def _to_moment(value: datetime | None) -> int | None:
    return None if value is None else (value - EPOCH) // _MICROSECOND


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    """How a column's value comes out; that of a moment, the most frequent, by the shortest way."""
    if isinstance(kind, Moment):
        return _from_moment
    found: Callable[[Any], Any] | None = kind._cached_result_processor(_DIALECT, None)
    return found


class Compiled:
    """One statement for one set of parameters: its text, and how values go in and come out."""

    def __init__(self, statement: Any, keys: Sequence[str], shape: Any = None) -> None:
        """`shape` is SQLAlchemy's cache key of a statement that holds values of its own."""
        self.statement = statement
        """Kept, so that nothing else gets its identity."""
        self._made = made = statement._compiler(_DIALECT, cache_key=shape, column_keys=list(keys))
        self._expanding = bool(made.post_compile_params or made.literal_execute_params)
        self.text = str(made)
        self._binders: dict[str, Callable[[Any], Any]] = {
            name: _to_moment if isinstance(made.binds[name].type, Moment) else binder
            for name, binder in made._bind_processors.items()
        }
        names: list[str] = list(made.positiontup or ())
        self._places = [(name, self._binders.get(name), made.params.get(name)) for name in names]
        columns = made._result_columns
        names = [column.keyname for column in columns]
        made_row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
        self._row = made_row._make
        readers = [_reader(column.type) for column in columns]
        self._readers = [(place, reader) for place, reader in enumerate(readers) if reader is not None]

    def held_by(self, shape: Any) -> Mapping[str, Any]:
        """The values that another statement of the same shape holds; those it asks for are handed in beside them."""
        held: Mapping[str, Any] = self._made.construct_params(extracted_parameters=shape.bindparams, _check=False)
        return held

    def bind(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """The text to execute and its parameters, in order."""
        if self._expanding:
            return self._expanded(values)
        return self.text, [
            values.get(name, default) if binder is None else binder(values.get(name, default))
            for name, binder, default in self._places
        ]

    def _expanded(self, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """A list of values takes as many places as it has members."""
        state = self._made._process_parameters_for_postcompile(self._made.construct_params(dict(values)))
        binders = {**self._binders, **state.processors}
        given = {**self._made.construct_params(dict(values)), **state.additional_parameters}
        names = state.positiontup or ()
        return state.statement, [binders[name](given[name]) if name in binders else given[name] for name in names]

    def read(self, found: list[tuple[Any, ...]]) -> list[Any]:
        """Rows as the store knows them: values by name, in their own types."""
        return [self._row(self._converted(each)) for each in found]

    def _converted(self, values: tuple[Any, ...]) -> Sequence[Any]:
        row = list(values)
        for place, reader in self._readers:
            row[place] = reader(row[place])
        return row


class LeanResult:
    """What an execution gave."""

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def first(self) -> Any:
        return self._rows[0] if self._rows else None

    def all(self) -> list[Any]:
        return self._rows

    def scalar(self) -> Any:
        return self._rows[0][0] if self._rows else None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)


class LeanTransaction:
    """From BEGIN to COMMIT or ROLLBACK."""

    def __init__(self, driver: sqlite3.Connection, before_commit: Callable[[sqlite3.Connection], None]) -> None:
        self._driver = driver
        self._before_commit = before_commit

    def __enter__(self) -> LeanTransaction:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def commit(self) -> None:
        self._before_commit(self._driver)
        self._driver.commit()

    def rollback(self) -> None:
        self._driver.rollback()


_compiled: dict[tuple[int, tuple[str, ...]], Compiled] = {}
_by_shape: dict[Any, Compiled] = {}
"""Statements that were built for one use, by what SQLAlchemy itself caches them by."""


class LeanConnection(Changes):
    """One connection to the database in memory. `known` are the statements that are built once."""

    def __init__(
        self,
        driver: sqlite3.Connection,
        known: frozenset[int],
        before_commit: Callable[[sqlite3.Connection], None],
    ) -> None:
        self._driver = driver
        self._known = known
        self._before_commit = before_commit

    def begin(self) -> LeanTransaction:
        self._driver.execute("BEGIN IMMEDIATE")
        return LeanTransaction(self._driver, self._before_commit)

    def exec_driver_sql(self, text: str) -> None:
        self._driver.execute(text)

    def execute(self, statement: Any, parameters: Mapping[str, Any] | None = None) -> LeanResult:
        values = parameters or _NOTHING
        compiled, more = self._find(statement, tuple(values))
        text, bound = compiled.bind({**more, **values} if more else values)
        try:
            cursor = self._driver.execute(text, bound)
            found = cursor.fetchall() if cursor.description is not None else []
        except sqlite3.Error as error:
            raise DBAPIError.instance(text, None, error, sqlite3.Error, dialect=_DIALECT) from error
        return LeanResult(compiled.read(found), cursor.rowcount)

    def _find(self, statement: Any, keys: tuple[str, ...]) -> tuple[Compiled, Mapping[str, Any]]:
        """The compiled statement, and the values that were written into it where it was built."""
        if id(statement) in self._known:
            place = (id(statement), keys)
            if place not in _compiled:
                _compiled[place] = Compiled(statement, keys)
            return _compiled[place], _NOTHING
        shape = statement._generate_cache_key()
        found = _by_shape.get((shape.key, keys))
        if found is None:
            found = _by_shape[shape.key, keys] = Compiled(statement, keys, shape)
            return found, _NOTHING
        return found, found.held_by(shape)

    def close(self) -> None:
        """The memory stays."""

    def __enter__(self) -> LeanConnection:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def known_statements(module: Any) -> frozenset[int]:
    """The identities of all statements that a module holds, by themselves or in a dictionary."""
    held: list[Any] = []
    for value in vars(module).values():
        held += list(value.values()) if isinstance(value, dict) else [value]
    return frozenset(id(each) for each in held if hasattr(each, "_generate_cache_key"))
