"""Clocks of the simulated world: the true one, and each node's own, which may be wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
"""When every world begins: a Monday morning in Beijing."""


class TrueClock:
    """`gateway.clock.Clock` of banks and apps: never wrong."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class NodeClock:
    """A node's clock: skewed, stepped or frozen as the world likes. Its monotonic time is right, as kernels promise."""

    def __init__(self, loop: asyncio.AbstractEventLoop, awake: Callable[[], Awaitable[None]]) -> None:
        """`awake` returns when the node may go on: at once, or after its pause."""
        self._loop = loop
        self._awake = awake
        self.skew_s = 0.0
        self.steps_s: dict[int, float] = {}
        """Steps that are not taken back yet, each under a number of its own."""
        self.frozen_at: datetime | None = None

    def now(self) -> datetime:
        if self.frozen_at is not None:
            return self.frozen_at
        return START + timedelta(seconds=self._loop.time() + self.skew_s + sum(self.steps_s.values()))

    def monotonic(self) -> float:
        return self._loop.time()

    def freeze(self) -> None:
        """Its wall clock stands still until `thaw`."""
        self.frozen_at = self.now()

    def thaw(self) -> None:
        self.frozen_at = None

    def correct(self) -> None:
        """It is right again."""
        self.skew_s, self.frozen_at = 0.0, None
        self.steps_s.clear()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._awake()
