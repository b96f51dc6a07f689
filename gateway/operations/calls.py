"""The calls under way on one channel, so that a channel that was replaced is closed after the last of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Calls:
    """Counts them. Late ones too: those whose deadline has passed and that may still bring an answer (R10)."""

    def __init__(self) -> None:
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def through(self, call: Callable[P, Awaitable[T]], *args: P.args, **named: P.kwargs) -> T:
        """Make the call; it counts from its first step to its last."""
        self._under_way += 1
        self._idle.clear()
        try:
            return await call(*args, **named)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def over(self) -> None:
        """Wait until none is under way."""
        await self._idle.wait()
