"""The table of faults: every kind has its place, and a fault counts when it did something."""

from __future__ import annotations

import random

from gateway.simulation.faults import BROKEN, TABLE, Fault, Faults, Place
from gateway.simulation.trace import Trace, combined


def faults(*, wanted: frozenset[Fault] = frozenset(Fault), broken: bool = True) -> Faults:
    return Faults(random.Random(1), Trace(lambda: 0.0), wanted, broken_contract=broken)


def test_every_kind_can_be_drawn_and_no_place_is_over_full() -> None:
    """A kind without a row would never happen; chances of one place beyond 1 would hide the last ones."""
    assert {row.fault for row in TABLE} == set(Fault)
    for place in Place:
        chances = [row.chance for row in TABLE if row.place is place]
        assert chances
        assert 0 < sum(chances) <= 1


def test_draws_follow_the_chances() -> None:
    """Every kind of a place comes up about as often as the table says, and nothing else does."""
    world, draws = faults(), 40_000
    for place in (Place.REQUEST, Place.ORDER, Place.TICK):
        drawn = [world.draw(place) for _ in range(draws)]
        for row in (row for row in TABLE if row.place is place):
            assert abs(drawn.count(row.fault) / draws - row.chance) < 0.01 + row.chance / 10
        assert set(drawn) == {None, *(row.fault for row in TABLE if row.place is place)}


def test_banks_keep_their_word_where_the_world_says_so() -> None:
    """What breaks a contract is drawn in worlds that are marked so only."""
    drawn = {faults(broken=False).draw(place) for place in Place for _ in range(2000)}
    assert not drawn & BROKEN


def test_only_wanted_faults_strike_and_none_once_they_are_over() -> None:
    world = faults(wanted=frozenset({Fault.CRASH}))
    assert {world.draw(place) for place in Place for _ in range(5000)} == {None, Fault.CRASH}
    world.on = False
    assert {world.draw(place) for place in Place for _ in range(5000)} == {None}


def test_a_fault_counts_and_is_in_the_trace_when_it_took_effect() -> None:
    """Drawing changes nothing; taking effect changes count and hash."""
    trace = Trace(lambda: 1.5, keep=True)
    world = Faults(random.Random(1), trace, frozenset(Fault), broken_contract=False)
    before = trace.digest()
    for _ in range(100):
        world.draw(Place.REQUEST)
    assert (trace.digest(), sum(world.counts.values())) == (before, 0)
    world.took(Fault.CRASH, "ant", "before a send")
    assert trace.digest() != before
    assert world.counts == {Fault.CRASH: 1}
    assert trace.kept is not None
    assert trace.kept[0].what == "fault crash: before a send"


def test_a_story_does_not_change_the_hash() -> None:
    """Telling more of a world does not make it another one."""
    plain, told = Trace(lambda: 2.0), Trace(lambda: 2.0, keep=True)
    for trace in (plain, told):
        trace.add("ant", "starts")
        trace.tell("store", "only for the story", "shop-1")
    assert plain.digest() == told.digest()
    assert told.kept is not None
    assert [line.what for line in told.kept] == ["starts", "only for the story"]


def test_the_hash_of_several_worlds_depends_on_each_and_on_their_order() -> None:
    assert len({combined(["a", "b"]), combined(["b", "a"]), combined(["ab"]), combined(["a"])}) == 4
