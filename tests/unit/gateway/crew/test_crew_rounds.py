"""Workers take a file up together or not at all, whatever they say and in whatever order."""

from __future__ import annotations

import asyncio

import pytest

from gateway.crew import rounds
from gateway.crew.rounds import NOT_ASKED, Round


async def both_ready(held: Round, one: str = "a", two: str = "a") -> list[str | None]:
    return list(await asyncio.gather(held.ready(1, one), held.ready(2, two)))


async def test_all_that_could_may() -> None:
    """Nobody goes on before the last has said that it could."""
    held = Round([1, 2])
    first = asyncio.create_task(held.ready(1, "a"))
    await asyncio.sleep(0)
    assert not first.done()
    assert await held.ready(2, "a") is None
    assert await first is None
    held.ended(1, None)
    held.ended(2, None)
    await held.over(1.0)
    assert (held.split, held.refused) == (False, {})


async def test_one_that_refuses_keeps_it_from_all() -> None:
    """And the others hear whose word it was, and why."""
    held = Round([1, 2])
    first = asyncio.create_task(held.ready(1, "a"))
    await asyncio.sleep(0)
    held.ended(2, "config.toml:3: no")
    why = await first
    assert why is not None
    assert "worker 2" in why
    assert "config.toml:3: no" in why
    held.ended(1, why)
    assert not held.split


async def test_one_for_whom_nothing_changes_does_not_stand_in_the_way() -> None:
    """It came back with the file that the others are about to take up."""
    held = Round([1, 2])
    held.ended(2, None)
    assert await held.ready(1, "a") is None


async def test_two_that_read_different_files_take_up_neither() -> None:
    """The file was replaced between the two readings."""
    answers = await both_ready(Round([1, 2]), "a", "b")
    assert all(answers)


async def test_silence_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that hangs cannot hold the others for ever."""
    monkeypatch.setattr(rounds, "DECIDE_S", 0.01)
    why = await Round([1, 2]).ready(1, "a")
    assert why is not None
    assert "worker 2" in why


async def test_a_no_after_all_had_said_yes_is_a_split() -> None:
    """The database failed one of them after the word was given: that is seen."""
    held = Round([1, 2])
    assert await both_ready(held) == [None, None]
    held.ended(1, None)
    held.ended(2, "could not be written down")
    assert held.split
    assert held.refused == {2: "could not be written down"}


async def test_who_was_not_asked_has_no_vote() -> None:
    """A worker that is told by somebody else does not take a file up alone; one without voters is over."""
    assert await Round([1]).ready(2, "a") == NOT_ASKED
    await Round([]).over(1.0)
