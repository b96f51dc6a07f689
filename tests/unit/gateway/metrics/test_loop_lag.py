"""The event loop's lag is the worst of a short while."""

from __future__ import annotations

import asyncio

from gateway.metrics.lag import EVERY_S, WINDOW_S, LoopLag
from tests.support.clock import FakeClock


def test_the_worst_of_the_window_is_shown_and_then_forgotten() -> None:
    """A stall between two scrapes is seen, and does not page for ever."""
    lag = LoopLag()
    assert lag.worst_s(0.0) == 0.0
    lag.saw(1.0, 0.2)
    lag.saw(2.0, 0.7)
    lag.saw(3.0, 0.1)
    assert lag.worst_s(3.0) == 0.7
    assert lag.worst_s(2.0 + WINDOW_S) == 0.1
    assert lag.worst_s(100.0) == 0.0


def test_lately_is_the_mean_of_a_second() -> None:
    """One stall is not the rule; what is over is forgotten."""
    lag = LoopLag()
    assert lag.lately_s(0.0) == 0.0
    for number, late_s in enumerate((0.9, 0.1, 0.1, 0.1, 0.1)):
        lag.saw(number / 4, late_s)
    assert abs(lag.lately_s(1.0) - 0.1) < 1e-9
    assert lag.lately_s(0.9) > 0.2
    assert lag.lately_s(9.0) == 0.0


class _LateClock(FakeClock):
    """Every sleep takes half a second longer than asked for; the third never ends."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []
        self.done = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == 3:
            self.done.set()
            await asyncio.Event().wait()
        self.move(seconds + 0.5)


async def test_how_much_too_late_it_woke_is_measured() -> None:
    """What the sleep took beyond what it was to take."""
    clock, lag = _LateClock(), LoopLag()
    watching = asyncio.create_task(lag.watch(clock))
    await clock.done.wait()
    watching.cancel()
    assert clock.slept == [EVERY_S] * 3
    assert abs(lag.worst_s(clock.monotonic()) - 0.5) < 1e-6
