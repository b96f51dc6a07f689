"""The bell: nothing that became due is slept through."""

from __future__ import annotations

import asyncio

from gateway.worker.bell import Bell
from tests.support.clock import FakeClock, settle


async def test_it_comes_back_after_the_longest_wait() -> None:
    """Without a ring the waiter comes back when its time is over, and not before."""
    clock, bell = FakeClock(), Bell()
    waiting = asyncio.ensure_future(bell.wait(clock, 10))
    await settle()
    await clock.advance(9.9)
    assert not waiting.done()
    await clock.advance(0.1)
    await waiting
    assert clock.sleepers == 0


async def test_a_ring_wakes_at_once() -> None:
    """A ring ends the wait without any time passing, and leaves no sleeper behind."""
    clock, bell = FakeClock(), Bell()
    waiting = asyncio.ensure_future(bell.wait(clock, 10))
    await settle()
    bell.ring()
    await waiting
    await settle()
    assert clock.sleepers == 0


async def test_a_ring_while_nobody_waited_is_not_lost() -> None:
    """Work that became due between two waits is seen by the next one; one ring wakes once."""
    clock, bell = FakeClock(), Bell()
    bell.ring()
    await bell.wait(clock, 10)
    waiting = asyncio.ensure_future(bell.wait(clock, 10))
    await settle()
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
