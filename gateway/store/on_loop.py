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
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

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


def here(_group: Sequence[Queued[Any]], join: Callable[[], bool], statements: Callable[[], T]) -> T:
    """On the thread that asks, with whoever is there by now."""
    join()
    return statements()


def on_loop(group: Sequence[Queued[Any]], join: Callable[[], bool], statements: Callable[[], T]) -> T:
    """From the writer's thread: on the loop that waits for the group, and on this thread where there is none or one of
    the units is long. On the loop, once a turn brings nobody worth waiting for. Raises what the statements raise."""
    loop = _loop_of(group)
    if loop is None or not loop.is_running():
        return here(group, join, statements)
    turns = _Turns(loop, join, statements)
    try:
        loop.call_soon_threadsafe(turns.take)
    except RuntimeError:  # closed in this very moment
        return here(group, join, statements)
    while not _is_over(turns.done):
        if not loop.is_running() and turns.hold.acquire(blocking=False):  # between two turns, and there is no next
            return statements()
    return turns.done.result()


class _Turns(Generic[T]):
    """A group that waits on the loop for company, and is run there.

    `hold` is taken for each turn and kept by whoever runs the group: it is run once, on the loop or, when that has
    ended between two turns, on the thread.
    """

    __slots__ = ("_join", "_loop", "_statements", "done", "hold")

    def __init__(self, loop: asyncio.AbstractEventLoop, join: Callable[[], bool], statements: Callable[[], T]) -> None:
        self._loop, self._join, self._statements = loop, join, statements
        self.done: Future[T] = Future()
        self.hold = threading.Lock()

    def take(self) -> None:
        """One turn of the loop."""
        try:
            if self.done.done() or not self.hold.acquire(blocking=False):
                return
            if self._join():
                self._loop.call_soon(self.take)
                self.hold.release()
            else:
                self.done.set_result(self._statements())
        except Exception as error:  # noqa: BLE001 - it is the thread's, that waits for it
            self.done.set_exception(error)
        except BaseException:  # a signal came in the middle: it is the process's, and the group is nobody's
            self.done.set_exception(StoreUnavailable("interrupted"))
            raise


def _is_over(done: Future[Any]) -> bool:
    """After a moment's wait."""
    try:
        done.exception(LOOK_EVERY_S)
    except TimeoutError:  # of the wait: what the statements raised is returned
        return False
    return True


def _loop_of(group: Sequence[Queued[Any]]) -> asyncio.AbstractEventLoop | None:
    first = group[0].future
    if not isinstance(first, Awaited) or not all(map(is_short, group)):
        return None
    return first.loop


def is_short(queued: Queued[Any]) -> bool:
    """Whether a loop may run it."""
    return isinstance(queued.unit, Unit) and queued.unit.name not in LONG
