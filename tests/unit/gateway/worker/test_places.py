"""Places at the worker: neither kind takes the other's last ones, and who waits outside takes none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from gateway.operations.outside import Errand, Outside
from gateway.worker.places import Kind, Places, Task


def somebody(number: int) -> Task:
    return cast(Task, f"task-{number}")


def fill(places: Places, kind: Kind, numbers: Iterable[int]) -> int:
    entered = 0
    for number in numbers:
        if places.room(kind) <= 0:
            break
        places.enter(somebody(number), kind)
        entered += 1
    return entered


def test_a_place_that_is_blocked_is_nobody_elses() -> None:
    """It is kept for what is about to come, like one that is taken."""
    places = Places(4)
    before = places.room(Kind.NEW)
    places.block(Kind.NEW)
    assert (places.room(Kind.NEW), places.taken) == (before - 1, 1)
    places.unblock(Kind.NEW)
    assert (places.room(Kind.NEW), places.taken) == (before, 0)


@given(st.integers(1, 200), st.sampled_from(Kind))
def test_a_flood_of_one_kind_leaves_a_quarter_to_the_other(count: int, flood: Kind) -> None:
    """However many want in: with more than one place, both kinds always have one."""
    places = Places(count)
    entered = fill(places, flood, range(1000))
    other = Kind.DUE if flood is Kind.NEW else Kind.NEW
    assert entered == count - (max(1, count // 4) if count > 1 else 0)
    assert places.room(other) == count - entered
    assert places.taken <= count


@given(st.integers(8, 200))
def test_two_floods_have_no_more_at_work_than_one(count: int) -> None:
    """The quarter is lent once; then neither kind begins anything until so many have ended."""
    places = Places(count)
    usual = fill(places, Kind.NEW, range(1000))
    lent = fill(places, Kind.DUE, range(1000, 2000))
    assert usual + lent == count
    for number in range(lent):
        places.leave(somebody(number))
    assert (places.taken, places.room(Kind.NEW) <= 0, places.room(Kind.DUE) <= 0) == (usual, True, True)


def test_fewer_places_take_none_away() -> None:
    """Whoever is at work goes on; nobody begins until so many have ended that there is room among the fewer."""
    places = Places(8)
    fill(places, Kind.NEW, range(6))
    places.resize(4)
    assert (places.taken, places.room(Kind.NEW) <= 0, places.room(Kind.DUE) <= 0) == (6, True, True)
    for number in range(4):
        places.leave(somebody(number))
    assert (places.room(Kind.NEW), places.room(Kind.DUE)) == (1, 1)
    places.resize(8)
    assert places.room(Kind.NEW) == 4


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["in", "out", "back", "end"])), max_size=80))
def test_the_books_are_right_whatever_happens(moves: list[tuple[int, str]]) -> None:
    """Places taken are those of tasks that are at work and not outside."""
    places, out = Places(8), dict[int, int]()
    for number, move in moves:
        task = somebody(number)
        if move == "in" and number not in out:
            places.enter(task, Kind(["new", "due"][number % 2]))
            out[number] = 0
        elif move == "out" and number in out:
            assert places.go_out(task) is (out[number] == 0)
            out[number] += 1
        elif move == "back" and out.get(number):
            places.come_back(task)
            out[number] -= 1
        elif move == "end" and number in out:
            places.leave(task)
            del out[number]
        assert places.taken == sum(times == 0 for times in out.values())


def test_whoever_is_nobodys_task_changes_nothing() -> None:
    """A request handler that asks a channel goes out and comes back, and no place is counted for it."""
    places = Places(4)
    assert places.go_out(somebody(1)) is False
    places.come_back(somebody(1))
    assert (places.taken, places.room(Kind.NEW), places.room(Kind.DUE)) == (0, 3, 3)


async def test_only_so_many_leave_their_places_for_one_channel() -> None:
    """Two places outside: the third that waits keeps its own. Orders and questions have places of their own."""
    outside, told = Outside(), list[str]()
    outside.went_out = lambda _task: told.append("out")
    outside.came_back = lambda _task: told.append("back")
    go_on = asyncio.Event()

    async def wait(errand: Errand) -> None:
        with outside.wait_for("alpha", errand, 2):
            await go_on.wait()

    orders = [asyncio.create_task(wait(Errand.ORDER)) for _ in range(3)]
    await asyncio.sleep(0)
    assert (told, outside.full, outside.waiting) == (["out"] * 2, frozenset(), 3)
    questions = [asyncio.create_task(wait(Errand.QUESTION)) for _ in range(2)]
    await asyncio.sleep(0)
    assert (told, outside.full, outside.waiting) == (["out"] * 4, {"alpha"}, 5)
    go_on.set()
    await asyncio.gather(*orders, *questions)
    assert (told, outside.full, outside.waiting) == (["out"] * 4 + ["back"] * 4, frozenset(), 0)
