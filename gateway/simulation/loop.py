"""An event loop without time of its own: when nobody can go on, it jumps to the next timer.

No thread, no socket, no waiting. Two runs that make the same calls take the same steps: what is ready runs in the
order in which it became ready, and timers of one moment in the order the heap gives them, which follows from the
order in which they were set.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any


class NothingLeft(RuntimeError):
    """Everybody waits for somebody, and no timer is set: the simulated world has come to a halt."""


class _Jump:
    """Stands where a real loop asks the kernel: whoever asks to wait gets the time instead."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise NothingLeft("nobody is ready and no timer is set")
        if timeout > 0:
            self._loop.jump()
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Virtual seconds since the start of the world, as its monotonic time."""

    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self._time_s = 0.0
        self._numbers = count(1)
        self._selector = _Jump(self)

    def time(self) -> float:
        return self._time_s

    def next_number(self) -> int:
        """1, 2, 3: for whatever needs a place in an order."""
        return next(self._numbers)

    def jump(self) -> None:
        """Make it the moment of the next timer."""
        self._time_s = max(self._time_s, self._scheduled[0].when())

    def _process_events(self, _events: list[Any]) -> None:
        """There is nothing outside that could have happened."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in the kernel who would have to be woken."""

    def end(self) -> None:
        """Cancel whatever is left, and let it come to its end."""
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
