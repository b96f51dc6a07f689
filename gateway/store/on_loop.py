"""Where the statements of a group run: on the event loop, which then has not to be fought for the interpreter.

Python runs one thread at a time. `sqlite3` lets the interpreter go for every statement and waits until it has it again,
and a loop that is busy gives it back only when it must: in a flood a group whose statements take 14 ms was 35 ms about
it, with a transaction open and everybody waiting for its end (docs/performance.md). On the loop the same statements
take their 14 ms and nothing waits. The thread keeps what really waits, for a lock or for the disk: BEGIN and COMMIT.

Short units only. A page of a batch, or whatever has no name, stays on the thread: nothing else moves while the loop is
in a group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from gateway.domain.errors import StoreUnavailable
from gateway.failpoints import Commit, Unit
from gateway.store.awaited import Awaited
from gateway.store.lanes import Queued

T = TypeVar("T")

LONG: frozenset[str] = frozenset(
    {
        Commit.BATCH,
        Commit.BATCH_READY,
        Commit.BATCH_WORKED,
        Commit.CONFIG,
        Commit.PEOPLE,
        Commit.REQUEST,
        Commit.STARTED,
    }
)
"""Units whose statements are many, or that look at many rows."""
LOOK_EVERY_S = 1.0
"""A loop that ended over a group never runs it."""


def here(_group: Sequence[Queued[Any]], statements: Callable[[], T]) -> T:
    """On the thread that asks."""
    return statements()


def on_loop(group: Sequence[Queued[Any]], statements: Callable[[], T]) -> T:
    """From the writer's thread: on the loop that waits for the group, and on this thread where there is none or one of
    the units is long. Raises what the statements raise."""
    loop = _loop_of(group)
    if loop is None or not loop.is_running():
        return statements()
    done: Future[T] = Future()
    try:
        loop.call_soon_threadsafe(_run, done, statements)
    except RuntimeError:  # closed in this very moment
        return statements()
    while not _is_over(done):
        if not loop.is_running() and done.cancel():  # never both: what was begun cannot be cancelled
            return statements()
    return done.result()


def _is_over(done: Future[Any]) -> bool:
    """After a moment's wait."""
    try:
        done.exception(LOOK_EVERY_S)
    except TimeoutError:  # of the wait: what the statements raised is returned
        return False
    return True


def _run(done: Future[T], statements: Callable[[], T]) -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        done.set_result(statements())
    except Exception as error:  # noqa: BLE001 - it is the thread's, that waits for it
        done.set_exception(error)
    except BaseException:  # a signal came in the middle: it is the process's, and the group is nobody's
        done.set_exception(StoreUnavailable("interrupted"))
        raise


def _loop_of(group: Sequence[Queued[Any]]) -> asyncio.AbstractEventLoop | None:
    first = group[0].future
    if not isinstance(first, Awaited) or not all(map(is_short, group)):
        return None
    return first.loop


def is_short(queued: Queued[Any]) -> bool:
    """Whether a loop may run it."""
    return isinstance(queued.unit, Unit) and queued.unit.name not in LONG
