"""The clock every other test trusts."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.support.clock import START, FakeClock, settle


async def _note(clock: FakeClock, seconds: float, name: str, seen: list[tuple[str, float]]) -> None:
    begun = clock.monotonic()
    await clock.sleep(seconds)
    seen.append((name, clock.monotonic() - begun))


async def test_sleepers_wake_in_the_order_of_their_due_times_at_exactly_those_times() -> None:
    """Whoever is due first runs first, whatever the order of going to sleep; ties keep that order."""
    clock, seen = FakeClock(), list[tuple[str, float]]()
    sleeps = [(3.0, "c"), (1.0, "a"), (3.0, "d"), (2.0, "b"), (9.0, "late")]
    async with asyncio.TaskGroup() as group:
        for seconds, name in sleeps:
            group.create_task(_note(clock, seconds, name, seen))
        await clock.advance(5.0)
        assert seen == [("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 3.0)]
        assert clock.sleepers == 1
        await clock.advance(4.0)
    assert seen[-1] == ("late", 9.0)


async def test_a_task_that_sleeps_again_within_the_span_is_woken_again_within_it() -> None:
    """One long advance is the same as many short ones."""
    clock, ticks = FakeClock(), list[float]()

    async def tick() -> None:
        while True:
            await clock.sleep(1.0)
            ticks.append(clock.monotonic())

    begun = clock.monotonic()
    task = asyncio.create_task(tick())
    await clock.advance(5.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ticks == [begun + n for n in (1, 2, 3, 4, 5)]
    assert clock.monotonic() == begun + 5.5
    assert clock.now() == START + timedelta(seconds=5.5)


async def test_a_cancelled_sleeper_is_gone() -> None:
    """It neither counts nor holds up the jump to the next one."""
    clock, seen = FakeClock(), list[tuple[str, float]]()
    gone = asyncio.create_task(_note(clock, 1.0, "gone", seen))
    stays = asyncio.create_task(_note(clock, 2.0, "stays", seen))
    await settle()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert clock.sleepers == 1
    assert await clock.advance_to_next()
    await stays
    assert seen == [("stays", 2.0)]
    assert not await clock.advance_to_next()


def test_the_wall_clock_steps_alone() -> None:
    """Stepping the wall clock leaves monotonic time; moving time backwards is refused."""
    clock = FakeClock()
    before = clock.monotonic()
    clock.step_wall(-3600)
    assert (clock.monotonic(), clock.now()) == (before, START - timedelta(hours=1))
    with pytest.raises(AssertionError):
        clock.move(-1)
