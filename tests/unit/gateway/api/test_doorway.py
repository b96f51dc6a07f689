"""Who waits in the doorway: not for ever, and those who came together are not sent away in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import closing
from typing import Any, TypeVar
from unittest.mock import create_autospec

from gateway.api.connections import ConnectionCap, ConnectionLimits
from gateway.api.doorway import HEAD_DEADLINE_S, LOOK_EVERY_S, SENT_AWAY_AT_ONCE, Doorway, Porch
from gateway.simulation.loop import VirtualLoop

T = TypeVar("T")
HALF_A_LOOK_S = LOOK_EVERY_S / 2


def lived(world: Coroutine[Any, Any, T]) -> T:
    with closing(VirtualLoop()) as loop:
        return loop.run_until_complete(world)


def a_porch() -> Porch:
    served = create_autospec(asyncio.Protocol, instance=True)
    return Porch(ConnectionCap(ConnectionLimits()), lambda _peer, _cap: served)


def arrive(porch: Porch, sent_away: list[int], number: int) -> Doorway:
    """A connection, whose number is noted when it is closed."""
    transport = create_autospec(asyncio.Transport, instance=True)
    transport.get_extra_info.return_value = ("192.0.2.1", 4711)
    transport.close.side_effect = lambda: sent_away.append(number)
    doorway = porch()
    doorway.connection_made(transport)
    return doorway


def test_who_came_together_is_sent_away_a_few_at_a_time() -> None:
    """The first to come first, so many in each look, until all are gone: then nothing looks any more."""

    async def world() -> tuple[list[int], list[int]]:
        porch, sent_away = a_porch(), list[int]()
        for number in range(2 * SENT_AWAY_AT_ONCE + 5):
            arrive(porch, sent_away, number)
        await asyncio.sleep(HEAD_DEADLINE_S - HALF_A_LOOK_S)
        counts = [len(sent_away)]
        for _ in range(4):
            await asyncio.sleep(LOOK_EVERY_S)
            counts.append(len(sent_away))
        return counts, sent_away

    counts, sent_away = lived(world())
    assert counts == [0, SENT_AWAY_AT_ONCE, 2 * SENT_AWAY_AT_ONCE, 2 * SENT_AWAY_AT_ONCE + 5, len(sent_away)]
    assert sent_away == sorted(sent_away)


def test_each_has_its_own_time() -> None:
    """Who comes later goes later, also when everybody was gone in between; who has asked for something stays."""

    async def world() -> list[list[int]]:
        porch, sent_away = a_porch(), list[int]()
        arrive(porch, sent_away, 1)
        await asyncio.sleep(1.0)
        arrive(porch, sent_away, 2)
        arrive(porch, sent_away, 3).data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        seen = []
        for wait_s in (HEAD_DEADLINE_S - 0.5, 1.0, 60.0):
            await asyncio.sleep(wait_s)
            seen.append(sent_away.copy())
        arrive(porch, sent_away, 4)
        await asyncio.sleep(HEAD_DEADLINE_S + HALF_A_LOOK_S)
        return [*seen, sent_away]

    assert lived(world()) == [[1], [1, 2], [1, 2], [1, 2, 4]]
