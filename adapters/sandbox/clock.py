"""A clock that the control surface can move forward, sleepers included."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from gateway.clock import Clock


class SandboxClock:
    """`inner` plus an offset. Moving it forward wakes every sleeper whose time has come by it."""

    def __init__(self, inner: Clock) -> None:
        self._inner = inner
        self._offset_s = 0.0
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self._inner.now() + timedelta(seconds=self._offset_s)

    def monotonic(self) -> float:
        return self._inner.monotonic() + self._offset_s

    def forward(self, seconds: float) -> None:
        """Move by `seconds`, which must not be negative: time only goes on.

        Raises:
            ValueError: for a negative number.
        """
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        self._offset_s += seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        due = self.monotonic() + seconds
        while (left_s := due - self.monotonic()) > 0:
            await self._sleep_or_move(left_s)

    async def _sleep_or_move(self, seconds: float) -> None:
        waits = {
            asyncio.ensure_future(self._inner.sleep(seconds)),
            asyncio.ensure_future(self._moved.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
