"""Statements run on the loop that waits for them, and on the writer's thread where that cannot be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any
from unittest.mock import create_autospec

import pytest

from gateway.domain.errors import StoreUnavailable
from gateway.failpoints import Commit, Unit
from gateway.store import on_loop as module
from gateway.store.awaited import Awaited
from gateway.store.lanes import Outcome, Queued
from gateway.store.on_loop import LONG, on_loop
from gateway.store.port import Tx


def _unit(_tx: Tx) -> None:
    """Its statements are the test's."""


def _nobody() -> bool:
    """Comes along, and nobody is waited for."""
    return False


def _group(*futures: Outcome[None], name: str = Commit.ACCEPT) -> list[Queued[None]]:
    return [Queued(Unit(name, _unit), future) for future in futures]


def _stand_in(group: list[Queued[None]]) -> Any:
    """Instead of the loop that the group is waited for on."""
    first = group[0].future
    assert isinstance(first, Awaited)
    loop = create_autospec(asyncio.AbstractEventLoop, instance=True)
    first.loop = loop
    return loop


async def _thread_of(group: list[Queued[None]]) -> int:
    return await asyncio.to_thread(on_loop, group, _nobody, threading.get_ident)


async def test_a_group_runs_on_the_loop_that_waits_for_it() -> None:
    """Asked from a thread, done by the loop's own."""
    assert await _thread_of(_group(Awaited(), Awaited())) == threading.get_ident()


async def test_turn_after_turn_while_company_is_worth_a_wait() -> None:
    """Others of the loop have their turns between; the statements run once, after the last."""
    said: list[str] = []
    loop = asyncio.get_running_loop()

    def join() -> bool:
        said.append("join")
        loop.call_soon(said.append, "another's turn")
        return len(said) < 5

    await asyncio.to_thread(on_loop, _group(Awaited()), join, lambda: said.append("statements"))
    assert said[:6] == ["join", "another's turn", "join", "another's turn", "join", "statements"]


async def test_what_goes_wrong_about_company_comes_back_too() -> None:
    """The thread would wait for ever else."""
    ran: list[bool] = []

    def join() -> bool:
        raise TimeoutError("of company")

    with pytest.raises(TimeoutError, match="of company"):
        await asyncio.to_thread(on_loop, _group(Awaited()), join, lambda: ran.append(True))
    assert not ran


@pytest.mark.parametrize("name", sorted(LONG))
async def test_a_long_unit_keeps_its_whole_group_off_the_loop(name: str) -> None:
    """Nothing else would move meanwhile."""
    group = [*_group(Awaited()), *_group(Awaited(), name=name)]
    assert await _thread_of(group) != threading.get_ident()


async def test_a_unit_without_a_name_stays_on_the_thread() -> None:
    """Nobody knows how long it is."""
    assert await _thread_of([Queued(_unit, Awaited())]) != threading.get_ident()


async def test_what_no_loop_waits_for_stays_on_the_thread() -> None:
    """A future of a thread's own has no loop."""
    assert await _thread_of(_group(Future())) != threading.get_ident()


async def test_what_the_statements_raise_comes_back() -> None:
    """To the thread that asked, as if it had run them, and whatever it is."""

    def statements() -> None:
        raise TimeoutError("of their own")

    with pytest.raises(TimeoutError, match="of their own"):
        await asyncio.to_thread(on_loop, _group(Awaited()), _nobody, statements)


async def test_a_signal_in_the_middle_is_the_process_s() -> None:
    """Who presses Ctrl-C ends the loop; the writer is told that its group came to nothing, and lives."""
    interrupted: list[bool] = []

    def call(run: Callable[..., None], *arguments: object) -> None:
        try:
            run(*arguments)
        except KeyboardInterrupt:
            interrupted.append(True)

    def statements() -> None:
        raise KeyboardInterrupt

    group = _group(Awaited())
    _stand_in(group).call_soon_threadsafe.side_effect = call
    with pytest.raises(StoreUnavailable):
        on_loop(group, _nobody, statements)
    assert interrupted == [True]


async def test_a_signal_between_two_turns() -> None:
    """The writer is told that its group came to nothing, and the turn that was to come finds nothing to do."""
    loop, turns, ran = asyncio.get_running_loop(), list[str](), list[bool]()

    def call_soon(take: Callable[[], None]) -> None:
        loop.call_soon(take)
        raise KeyboardInterrupt

    def call(take: Callable[[], None]) -> None:
        with suppress(KeyboardInterrupt):
            take()

    def join() -> bool:
        turns.append("join")
        return True

    group = _group(Awaited())
    stand_in = _stand_in(group)
    stand_in.call_soon_threadsafe.side_effect = call
    stand_in.call_soon.side_effect = call_soon
    with pytest.raises(StoreUnavailable):
        on_loop(group, join, lambda: ran.append(True))
    await asyncio.sleep(0)
    assert (turns, ran) == (["join"], [])


def test_a_loop_that_ended_over_a_group_does_not_run_it() -> None:
    """It was handed over to a loop that stops and is closed: the thread sees to it then, and once."""
    runs: list[int] = []
    handed_over, group = threading.Event(), list[Queued[None]]()

    async def wait_for_it() -> None:
        group.extend(_group(Awaited()))
        asyncio.get_running_loop().call_soon_threadsafe(handed_over.set)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(wait_for_it())
    thread = threading.Thread(target=lambda: module.on_loop(group, _nobody, lambda: runs.append(threading.get_ident())))
    thread.start()
    thread.join()
    loop.close()
    assert runs == [thread.ident]


def test_a_loop_that_stops_between_two_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread runs the statements, and a loop that goes on afterwards finds nothing left to do."""
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    loop, group, runs = asyncio.new_event_loop(), list[Queued[None]](), list[int]()
    turns = 0

    def join() -> bool:
        nonlocal turns
        turns += 1
        loop.stop()
        return True

    async def make() -> None:
        group.extend(_group(Awaited()))
        loop.call_soon(thread.start)

    thread = threading.Thread(target=lambda: module.on_loop(group, join, lambda: runs.append(threading.get_ident())))
    loop.run_until_complete(make())
    loop.run_forever()
    thread.join()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert (turns, runs) == (1, [thread.ident])


def test_a_loop_that_is_closed_while_the_thread_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hand-over was too late to be run: the thread notices that the loop is closed and runs it, once."""
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    runs: list[int] = []
    group, put, loop = list[Queued[None]](), threading.Event(), asyncio.new_event_loop()

    async def make() -> None:
        group.extend(_group(Awaited()))

    loop.run_until_complete(make())
    loop.close()
    late = _stand_in(group)
    late.is_running.side_effect = lambda: not put.is_set()
    late.call_soon_threadsafe.side_effect = lambda *_: put.set()
    thread = threading.Thread(target=lambda: module.on_loop(group, _nobody, lambda: runs.append(threading.get_ident())))
    thread.start()
    thread.join()
    assert runs == [thread.ident]
