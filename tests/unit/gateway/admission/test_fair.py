"""Turns and places are shared by weight; what nobody else wants is anybody's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.admission.fair import WANTED_S, FairPlaces, FairQueue, FairTurns, WeightOf, equal
from tests.support.clock import FakeClock

NAMES = ("acme", "bolt", "corn", "dune")
WEIGHTS = st.fixed_dictionaries({name: st.integers(1, 10) for name in NAMES})


@settings(max_examples=30)
@given(WEIGHTS, st.integers(1, 400), st.integers(1, 4))
def test_while_all_want_turns_each_has_its_share(weights: dict[str, int], turns: int, wanting: int) -> None:
    """After any number of turns nobody is more than one turn ahead of, or a round behind, what its weight gives it."""
    names = NAMES[:wanting]
    fair = FairTurns(weights.__getitem__)
    given_to = [fair.next(names) for _ in range(turns)]
    total = sum(weights[name] for name in names)
    for name in names:
        assert abs(given_to.count(name) - turns * weights[name] / total) <= wanting


@settings(max_examples=30)
@given(WEIGHTS, st.integers(0, 500))
def test_nobody_saves_up_turns(weights: dict[str, int], alone: int) -> None:
    """Who was away while another had all the turns does not then have them all."""
    fair = FairTurns(weights.__getitem__)
    for _ in range(alone):
        fair.next(["acme"])
    both = [fair.next(["acme", "bolt"]) for _ in range(110)]
    share = 110 * weights["acme"] / (weights["acme"] + weights["bolt"])
    assert abs(both.count("acme") - share) <= 2


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers()), max_size=60))
def test_a_queue_loses_nothing_and_keeps_each_ones_order(items: list[tuple[str, int]]) -> None:
    """Everything comes out once; of one owner the oldest first."""
    queue: FairQueue[tuple[str, int]] = FairQueue(FairTurns())
    for owner, item in items:
        queue.put(owner, (owner, item))
    assert len(queue) == sum(queue.held().values()) == len(items)
    taken = [queue.take() for _ in items]
    for name in NAMES:
        assert [each for each in taken if each[0] == name] == [each for each in items if each[0] == name]
    assert len(queue) == 0
    with pytest.raises(ValueError):
        queue.take()


def test_a_flood_is_no_drought() -> None:
    """A thousand of one app's, then one of another's: it is the second to be taken."""
    queue: FairQueue[str] = FairQueue(FairTurns())
    for number in range(1000):
        queue.put("flood", f"flood-{number}")
    queue.put("small", "small-1")
    assert "small-1" in {queue.take(), queue.take()}


def test_what_is_left_is_handed_back() -> None:
    """Draining gives all of it, and the queue is empty."""
    queue: FairQueue[int] = FairQueue(FairTurns())
    for number in range(10):
        queue.put(NAMES[number % 3], number)
    assert sorted(queue.drain()) == list(range(10))
    assert (len(queue), dict(queue.held())) == (0, {})


def fill(inside: FairPlaces, name: str, places: int, weight_of: WeightOf = equal) -> None:
    while inside.fits(name, places, weight_of):
        inside.enter(name)


@given(WEIGHTS, st.integers(1, 100), st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=100))
def test_there_are_never_more_inside_than_places(
    weights: dict[str, int], places: int, moves: list[tuple[str, bool]]
) -> None:
    """Whoever comes and goes, and in whatever order."""
    inside = FairPlaces(FakeClock().monotonic)
    for name, comes in moves:
        if comes and inside.fits(name, places, weights.__getitem__):
            inside.enter(name)
        elif not comes and inside.held.get(name):
            inside.leave(name)
        assert inside.total == sum(inside.held.values()) <= places


@given(WEIGHTS, st.integers(1, 100))
def test_one_that_is_alone_may_have_every_place(weights: dict[str, int], places: int) -> None:
    """Places are not kept for apps that are not there."""
    inside = FairPlaces(FakeClock().monotonic)
    fill(inside, "acme", places, weights.__getitem__)
    assert inside.held["acme"] == places


@settings(max_examples=30)
@given(WEIGHTS, st.integers(8, 60), st.booleans())
def test_two_that_want_everything_share_it(weights: dict[str, int], places: int, greedy_first: bool) -> None:
    """One has flooded the house, then another comes, and both take whatever they are given whenever anybody leaves."""
    clock = FakeClock()
    inside, weight_of = FairPlaces(clock.monotonic), weights.__getitem__
    fill(inside, "acme", places, weight_of)
    assert not inside.fits("bolt", places, weight_of)
    for number in range(6 * places):
        names = sorted(inside.held)
        inside.leave(names[number % len(names)])
        clock.move(0.001)
        for name in ("acme", "bolt") if greedy_first else ("bolt", "acme"):
            fill(inside, name, places, weight_of)
    share = places * weights["bolt"] / (weights["acme"] + weights["bolt"])
    assert inside.held["bolt"] >= min(share, places / 4) - 1


@given(st.integers(8, 100), st.integers(2, 4))
def test_who_is_gone_leaves_its_share_to_the_others(places: int, apps: int) -> None:
    """A second after the last of them asked, one that is alone may have every place again."""
    clock = FakeClock()
    inside = FairPlaces(clock.monotonic)
    for name in NAMES[1:apps]:
        inside.fits(name, places)
    fill(inside, "acme", places)
    assert inside.total < places
    clock.move(WANTED_S + 0.001)
    fill(inside, "acme", places)
    assert inside.total == places
