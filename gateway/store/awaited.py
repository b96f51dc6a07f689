"""The result of a unit, on its way from the writer's thread to the task that waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Awaited(Generic[T]):
    """Made inside the loop, set once from any thread, waited for by one task.

    Whoever waits may be cancelled; the unit may not, and what becomes of it then nobody is told. One hand-over to the
    loop, where a future of `concurrent.futures` that is wrapped and shielded takes three futures and as many callbacks.
    """

    __slots__ = ("_loop", "_waiting")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[T] = self._loop.create_future()

    async def result(self) -> T:
        return await self._waiting

    def set_result(self, value: T, /) -> None:
        self._hand_over(self._waiting.set_result, value)

    def set_exception(self, error: BaseException, /) -> None:
        self._hand_over(self._waiting.set_exception, error)

    def _hand_over(self, tell: Any, what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._tell, tell, what)

    def _tell(self, tell: Any, what: object) -> None:
        if not self._waiting.done():
            tell(what)
