"""A clock that only moves when somebody moves it, and wakes sleepers one by one in the order they are due.

    clock = FakeClock()
    task = asyncio.create_task(worker(clock))
    await clock.advance(5.0)        # everything that sleeps less than five seconds has run, in order

`advance` first lets every runnable task run until nothing is left to do, then jumps to the next sleeper, and
so on: a task that sleeps again within the span is woken again in it. Threads and sockets are not waited for.
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

_ROUNDS_MAX = 100_000
"""A task that never stops yielding is a fault of the test: say so instead of spinning for ever."""


class FakeClock:
    """`gateway.clock.Clock` under the test's hand."""

    def __init__(self, start: datetime = START) -> None:
        self._wall = start
        self._us = 1_000_000_000
        """Monotonic microseconds: an integer, so that 0.299 and then 0.001 is 0.3."""
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._us / 1e6

    async def sleep(self, seconds: float) -> None:
        """Come back when the clock was moved by `seconds`; zero or less only lets others run."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # At least a microsecond: who sleeps "what is left" of a float would otherwise never see time pass.
        heapq.heappush(self._sleepers, (self._us + max(_us(seconds), 1), next(self._order), woken))
        await woken

    @property
    def sleepers(self) -> int:
        """How many are asleep; those that were cancelled do not count."""
        return sum(not woken.done() for _, _, woken in self._sleepers)

    @property
    def next_due_s(self) -> float | None:
        """Seconds until the next sleeper is due; None when nobody sleeps."""
        self._drop_cancelled()
        return (self._sleepers[0][0] - self._us) / 1e6 if self._sleepers else None

    def move(self, seconds: float) -> None:
        """Move both clocks, waking nobody: for pure code. Sleepers past due wake with the next `advance`."""
        assert seconds >= 0, "monotonic time does not go back; for the wall clock there is step_wall"
        self._move_us(_us(seconds))

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an operator or NTP does; monotonic time does not notice."""
        self._wall += timedelta(seconds=seconds)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: wake what is due on the way, in order, each running before the next wakes."""
        target = self._us + _us(seconds)
        await settle()
        while self._wake_next(target):
            await settle()
        self._move_us(max(target - self._us, 0))

    async def advance_to_next(self) -> bool:
        """Jump to the next sleeper and wake it; False when nobody sleeps."""
        await settle()
        due_s = self.next_due_s
        if due_s is None:
            return False
        await self.advance(max(due_s, 0.0))
        return True

    def _wake_next(self, target: int) -> bool:
        self._drop_cancelled()
        if not self._sleepers or self._sleepers[0][0] > target:
            return False
        due, _, woken = heapq.heappop(self._sleepers)
        self._move_us(max(due - self._us, 0))
        woken.set_result(None)
        return True

    def _move_us(self, passed: int) -> None:
        self._us += passed
        self._wall += timedelta(microseconds=passed)

    def _drop_cancelled(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)


def _us(seconds: float) -> int:
    return round(seconds * 1e6)


async def settle() -> None:
    """Let every other task run until none can go on without time, a thread or a socket."""
    # The loop's own queue of runnable callbacks is the only exact answer to "is anybody left?"; a fixed
    # number of sleep(0) would be a guess about how deep the awaits of the code under test are.
    loop: Any = asyncio.get_running_loop()  # its queue has no public name
    ready = loop._ready
    for _ in range(_ROUNDS_MAX):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("some task yields for ever without sleeping")
