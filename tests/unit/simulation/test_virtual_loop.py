"""Time that only passes when everybody waits, and chance that comes from the seed alone."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
import uuid
from datetime import timedelta

import pytest

from gateway.simulation.clock import START, NodeClock, TrueClock
from gateway.simulation.dice import Dice, seeded_entropy, uuid7
from gateway.simulation.loop import NothingLeft, VirtualLoop


def test_a_day_passes_at_once() -> None:
    """Sleeping costs no time, and sleepers wake in the order they are due, each at its own moment."""
    loop = VirtualLoop()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((name, loop.time()))

    async def main() -> None:
        await asyncio.gather(sleeper("day", 86_400.0), sleeper("second", 1.0), sleeper("hour", 3600.0))

    began = time.monotonic()
    loop.run_until_complete(main())
    loop.end()
    loop.close()
    assert woken == [("second", 1.0), ("hour", 3600.0), ("day", 86_400.0)]
    assert time.monotonic() - began < 30


def test_a_world_that_has_come_to_a_halt_says_so() -> None:
    """Waiting for what nobody will do is an error, not a hang."""
    loop = VirtualLoop()
    with pytest.raises(NothingLeft):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_what_is_left_running_is_ended() -> None:
    """The end of a world leaves no task behind, and no warning."""
    loop = VirtualLoop()
    ended: list[bool] = []

    async def for_ever() -> None:
        try:
            await asyncio.sleep(10**9)
        finally:
            ended.append(True)

    async def main() -> None:
        ended_task = asyncio.ensure_future(for_ever())
        await asyncio.sleep(1)
        assert not ended_task.done()

    loop.run_until_complete(main())
    loop.end()
    loop.close()
    assert ended == [True]


def test_a_nodes_clock_is_wrong_in_every_way_and_can_be_put_right() -> None:
    """Skew, steps and standing still move its wall clock; its monotonic time goes on as it should."""
    loop = VirtualLoop()

    async def awake() -> None:
        return None

    async def main() -> None:
        true, clock = TrueClock(loop), NodeClock(loop, awake)
        clock.skew_s, clock.steps_s[1] = 10.0, -3600.0
        await clock.sleep(60.0)
        assert true.now() == START + timedelta(seconds=60)
        assert clock.now() == START + timedelta(seconds=60 + 10 - 3600)
        clock.freeze()
        stood = clock.now()
        await clock.sleep(5.0)
        assert clock.now() == stood
        assert clock.monotonic() == true.monotonic() == 65.0
        clock.correct()
        assert clock.now() == true.now()

    loop.run_until_complete(main())
    loop.close()


def test_all_chance_comes_from_the_seed_while_a_world_lives_and_from_the_machine_again_after_it() -> None:
    """Ids, tokens and retries of foreign code too."""

    def draw() -> tuple[object, ...]:
        return uuid.uuid4(), secrets.token_hex(8), os.urandom(4), random.random(), secrets.randbelow(10**9)

    with seeded_entropy(Dice(7)):
        first = draw()
    with seeded_entropy(Dice(7)):
        again = draw()
    with seeded_entropy(Dice(8)):
        other = draw()
    assert first == again
    assert not set(first) & set(other)
    assert not set(draw()) & set(draw())


def test_streams_do_not_move_each_other() -> None:
    """A new draw in one place changes nothing in another."""
    dice, greedy = Dice(1), Dice(1)
    greedy.of("a").random()
    assert dice.of("b").random() == greedy.of("b").random()
    assert dice.of("a").random() != greedy.of("a").random()


def test_ids_are_version_7_and_sort_by_time() -> None:
    dice = random.Random(3)
    early, late = uuid7(dice, 1_700_000_000.0), uuid7(dice, 1_700_000_001.0)
    assert early < late
    assert (early.version, early.variant) == (7, uuid.RFC_4122)
