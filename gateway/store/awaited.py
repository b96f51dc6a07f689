"""The result of a unit, on its way from the writer's thread to the task that waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Awaited(Generic[T]):
    """Made inside the loop, set once from any thread, waited for by one task.

    Whoever waits may be cancelled; the unit may not, and what becomes of it then nobody is told. One hand-over to the
    loop, where a future of `concurrent.futures` that is wrapped and shielded takes three futures and as many callbacks.
    """

    __slots__ = ("_waiting", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        """Where it is waited for."""
        self._waiting: asyncio.Future[T] = self.loop.create_future()

    async def result(self) -> T:
        return await self._waiting

    def set_result(self, value: T, /) -> None:
        _call(self.loop, self.settle, value, None)

    def set_exception(self, error: BaseException, /) -> None:
        _call(self.loop, self.settle, None, error)

    def settle(self, value: Any, error: BaseException | None) -> None:
        """On the loop: what became of it, unless nobody waits any more."""
        if self._waiting.done():
            return
        if isinstance(error, StopIteration):  # a future refuses it
            error = RuntimeError(f"a unit raised {error!r}")
        if error is not None:
            self._waiting.set_exception(error)
        else:
            self._waiting.set_result(value)


Fate = tuple[Awaited[Any], Any, BaseException | None]
"""Who waits, for which value, or why there is none."""


def settle(fates: Iterable[Fate]) -> None:
    """From any thread, many at once: a loop is woken once for all of those that it waits for."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Fate]] = {}
    for fate in fates:
        by_loop.setdefault(fate[0].loop, []).append(fate)
    for loop, its in by_loop.items():
        _call(loop, _settle, its)


def _settle(fates: Iterable[Fate]) -> None:
    for awaited, value, error in fates:
        awaited.settle(value, error)


def _call(loop: asyncio.AbstractEventLoop, tell: Callable[..., None], *what: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(tell, *what)
