"""Many who connect at once are let in at once, also by uvloop, which takes one connection of a socket in a turn."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvloop
from aiohttp import web

from gateway.api.listener import ACCEPTS, Listener, start_listener

MANY = 4 * ACCEPTS


async def _arrive(listener: Listener) -> list[socket.socket]:
    """Whole connections for the kernel, before the loop has had a turn."""
    return [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(MANY)]


async def _turns(listener: Listener) -> int:
    """How many turns of the loop it took until all of them were inside."""
    arrived, turns = await _arrive(listener), 0
    while len(listener.porch.waiting) < MANY:
        turns += 1
        await asyncio.sleep(0)
    for each in arrived:
        each.close()
    return turns


async def _measured() -> int:
    listener = await start_listener(web.Application(), "127.0.0.1", 0)
    try:
        return await asyncio.wait_for(_turns(listener), 60)
    finally:
        await listener.stop()


@pytest.mark.parametrize("make", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_a_turn_of_the_loop_lets_many_in(make: object) -> None:
    """A busy loop has thirty turns a second: with one connection in each, whoever connects would wait for minutes."""
    with asyncio.Runner(loop_factory=make) as runner:  # type: ignore[arg-type]  # either kind of loop
        assert runner.run(_measured()) <= MANY / ACCEPTS + 4
