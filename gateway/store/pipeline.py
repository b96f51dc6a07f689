"""A writer's session on PostgreSQL: changes wait until something is asked, and go along with the question.

Theory
------
A payout is some fifty statements. One after the other, each costs a round trip and a tenth of a millisecond of our own
processor, most of it spent in waiting properly: a thread lets the interpreter go, and wins it back. In PostgreSQL's
pipeline mode any number of statements travel together and are answered together, for a tenth of that.

Most of what a unit says are changes of which nobody asks anything, except that some must meet their one row: the
version, the fence. These are queued (`change`). Whatever is asked (`execute`, `ask`) takes all that is queued before it
along, so the server hears every statement in the order in which it was said, and the answers are what they would have
been. The end of it all is `flush`, and nothing is committed before it.

So an error may be told later than its cause: by the next question, or by `flush`. Who shares a session between several
units must therefore not believe that it is the unit's own (`failed`): see `PostgresCommitter`.

The statements are `quick`'s plans, prepared once in a session under a name. Text goes as text, bytes as they are,
answers come in PostgreSQL's binary form and are read by psycopg's own loaders. Source: libpq's chapters "Pipeline Mode"
and "Asynchronous Command Processing"; `psycopg.pq` is its thin wrapper.
"""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, NoReturn

import psycopg
from psycopg import Binary, pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from sqlalchemy import Connection, CursorResult, Select

from gateway.domain.errors import StaleWrite
from gateway.store.postgres_engine import driver_of
from gateway.store.quick import Found, Plan, Quick, Values

_NAMED = re.compile(r"%\((\w+)\)s|%%")
_numbers = count(1)
_known: dict[str, Prepared] = {}
"""By the text as `quick` has it."""
_BAD = frozenset({pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as the server knows it."""

    name: bytes
    text: bytes
    order: tuple[str, ...] = ()
    """Names of its values, `$1` first."""
    formats: tuple[pq.Format, ...] = ()
    """Of the values: bytes in the binary form, which for them is themselves; all else as text."""


@dataclass(frozen=True, slots=True)
class Said:
    """A statement with its values, ready to be sent."""

    statement: Prepared
    values: list[bytes | None]
    stale: str | None = None
    """What it means that no row was met; None: nothing."""
    reads: bool = False
    """It changes nothing, whatever it finds."""


class Pipeline(Quick):
    """For one session, used by one thread. Errors are `DBAPIError`, and `StaleWrite` of a change that met no row."""

    __slots__ = ("_mark", "_own_sent", "_pg", "_ready", "_room", "_waiting", "_words", "failed", "round_trips")

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._pg: Any = driver_of(connection).pgconn
        self._words, self._room = select.poll(), select.poll()
        self._words.register(self._pg.socket, select.POLLIN)
        self._room.register(self._pg.socket, select.POLLIN | select.POLLOUT)
        self._ready: set[bytes] = set()
        self._waiting: list[Said] = []
        self._mark = 0
        self._own_sent = False
        self.failed: Exception | None = None
        """A statement failed, or a change met no row, since `forget` was called: who heard of it may have kept it to
        itself."""
        self.round_trips = 0

    # What is said ------------------------------------------------------------------------------------------------

    def change(self, statement: Any, values: Values | None = None, stale: str | None = None) -> None:
        """Queue it. Raises `ValueError` for what no statement of it could carry, `DBAPIError` for a NUL in a text."""
        given = values if values is not None else {}
        plan = self._plan(statement, given)
        if plan is None:
            super().change(statement, given, stale)
        else:
            self._waiting.append(self._said(plan, given, stale))

    def exec_driver_sql(self, text: str) -> None:
        """Queue a command without values."""
        self._waiting.append(Said(_prepare(text, frozenset()), []))

    def execute(self, statement: Any, values: Values | None = None) -> Found | CursorResult[Any]:
        given = values if values is not None else {}
        plan = self._plan(statement, given)
        if plan is None:
            self.flush()
            self._own_sent = True
            return super().execute(statement, given)
        (found,) = self._ask([(plan, self._said(plan, given, reads=isinstance(statement, Select)))])
        return found

    def ask(self, *questions: tuple[Any, Values]) -> list[Found]:
        """Several planned questions in one round trip."""
        planned: list[tuple[Plan, Said]] = []
        for statement, values in questions:
            plan = self._plan(statement, values)
            assert plan is not None  # noqa: S101 - of the statements that are kept
            planned.append((plan, self._said(plan, values, reads=isinstance(statement, Select))))
        return self._ask(planned)

    def flush(self) -> None:
        """Send what is queued, and hear that it went well."""
        if self._waiting:
            self._ask([])

    # Units that share it -------------------------------------------------------------------------------------------

    def begin_unit(self) -> None:
        """What is said from here on is the next unit's."""
        self._mark, self._own_sent = len(self._waiting), False

    def take_back(self) -> bool:
        """Forget what the unit changed; whether that is possible: the server has changed nothing yet. A lock need not
        be given back."""
        if self._own_sent:
            return False
        del self._waiting[self._mark :]
        return True

    def forget(self) -> None:
        """All that is queued, and that anything failed: the caller undoes what was sent."""
        self._waiting.clear()
        self.failed = None
        self.begin_unit()

    # On the wire -----------------------------------------------------------------------------------------------------

    def _said(self, plan: Plan, given: Values, stale: str | None = None, *, reads: bool = False) -> Said:
        statement = _prepare(plan.text, plan.binary)
        bound = plan.bind(given)
        try:
            return Said(statement, [_encoded(bound[name]) for name in statement.order], stale, reads)
        except psycopg.Error as error:
            self._raise(plan.text, bound, error)

    def _ask(self, asked: Sequence[tuple[Plan, Said]]) -> list[Found]:
        """What is queued, and then this."""
        mark, saying = self._mark, [*self._waiting, *(said for _, said in asked)]
        self._waiting, self._mark = [], 0
        try:
            results = self._exchange(saying)
            self._own_sent |= any(map(_changed, saying[mark:], results[mark:]))
            answers = results[len(results) - len(asked) :]
            return [self._found(plan, result) for (plan, _), result in zip(asked, answers, strict=True)]
        except Exception as error:
            self.failed, self._own_sent = error, True
            raise

    def _found(self, plan: Plan, result: Any) -> Found:
        if plan.read is None:
            return Found([], result.command_tuples or 0)
        reading = Transformer(self._driver)
        reading.set_pgresult(result)
        rows = reading.load_rows(0, result.ntuples, tuple)
        return Found([plan.read(row) for row in rows], result.ntuples)

    def _exchange(self, saying: Sequence[Said]) -> list[Any]:
        """The server's answers, one for each. Raises `DBAPIError` of the first that failed."""
        pg, sent = self._pg, list[Said | Prepared]()
        self.round_trips += 1
        try:
            pg.enter_pipeline_mode()
            for said in saying:
                statement = said.statement
                if statement.name not in self._ready:
                    pg.send_prepare(statement.name, statement.text)
                    self._ready.add(statement.name)
                    sent.append(statement)
                pg.send_query_prepared(statement.name, said.values, statement.formats, pq.Format.BINARY)
                sent.append(said)
            pg.pipeline_sync()
            results = self._answers()
            pg.exit_pipeline_mode()
        except psycopg.Error as error:
            self._raise(_SEVERAL, (), error)
        return self._checked(sent, results)

    def _answers(self) -> list[Any]:
        """All results up to the end of the pipeline. Raises `psycopg.Error` when the server is gone."""
        pg, found = self._pg, list[Any]()
        while pg.flush():  # there is no room for all of it: the server may be waiting for us to listen
            self._room.poll()
            pg.consume_input()
        while True:
            while not pg.is_busy():
                result = pg.get_result()
                if result is None:  # between the answers of two statements
                    if pg.status == pq.ConnStatus.BAD:
                        raise self._gone(found)
                elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                    return found
                else:
                    found.append(result)
            self._words.poll()
            pg.consume_input()

    def _gone(self, found: Sequence[Any]) -> psycopg.Error:
        """What the server said last, or that it said nothing."""
        said = [result for result in found if result.status == pq.ExecStatus.FATAL_ERROR]
        return error_from_result(said[-1]) if said else psycopg.OperationalError("the connection is lost")

    def _checked(self, sent: Sequence[Said | Prepared], results: Sequence[Any]) -> list[Any]:
        """Without the answers to what was prepared. What happened first is what is told."""
        answers: list[Any] = []
        wrong: Callable[[], NoReturn] | None = None
        for each, result in zip(sent, results, strict=True):
            statement = each if isinstance(each, Prepared) else each.statement
            bad = result.status in _BAD
            if bad and wrong is None:
                wrong = partial(self._raise, statement.text.decode(), (), error_from_result(result))
            if isinstance(each, Said):
                answers.append(result)
                if wrong is None and each.stale is not None and result.command_tuples != 1:
                    wrong = partial(_raise_stale, each.stale)
            elif bad:
                self._ready.discard(statement.name)
        if wrong is not None:
            wrong()
        return answers


_SEVERAL = "(several statements)"


def _prepare(text: str, binary: frozenset[str]) -> Prepared:
    known = _known.get(text)
    if known is None:
        order: dict[str, int] = {}

        def numbered(found: re.Match[str]) -> str:
            name = found[1]
            return "%" if name is None else f"${order.setdefault(name, len(order) + 1)}"

        written = _NAMED.sub(numbered, text).encode()
        formats = tuple(pq.Format.BINARY if name in binary else pq.Format.TEXT for name in order)
        known = _known[text] = Prepared(f"paymux_{next(_numbers)}".encode(), written, tuple(order), formats)
    return known


def _encoded(value: Any) -> bytes | None:
    """Raises `psycopg.DataError` for a text that PostgreSQL cannot keep."""
    if value is None:
        return None
    if isinstance(value, str):
        if "\0" in value:  # libpq would take it for the end
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return value.encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, Binary):
        return bytes(value.obj)
    raise TypeError(f"no statement of a payout's way carries a {type(value).__name__}")


def _raise_stale(why: str) -> NoReturn:
    raise StaleWrite(why)


def _changed(said: Said, result: Any) -> bool:
    return not said.reads and bool(result.command_tuples)
