"""While orders are turned away, payouts begin at a share of what comes in, and never at none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.worker.giving_way import LEAST_PER_S, SAVED_MAX, SHARE, GivingWay


@given(st.integers(0, 10_000), st.floats(0, 1e6))
def test_in_quiet_times_nobody_waits(room: int, now_s: float) -> None:
    """All the room there is, whatever has begun."""
    giving_way = GivingWay()
    giving_way.began(100)
    assert giving_way.room(room, now_s) == room


@given(st.lists(st.integers(0, 50), min_size=1, max_size=100))
def test_in_a_flood_a_share_begins(seconds: list[int]) -> None:
    """So many are accepted in each second: what begins is at most the share, the least, and what was saved."""
    giving_way = GivingWay(lambda: True)
    began = 0
    for now_s, accepted in enumerate(seconds):
        for _ in range(accepted):
            giving_way.accepted()
        room = giving_way.room(1000, float(now_s))
        giving_way.began(room)
        began += room
    assert began <= SHARE * sum(seconds) + LEAST_PER_S * (len(seconds) - 1) + 1
    assert giving_way.room(1000, float(len(seconds))) <= SAVED_MAX


def test_it_never_stands_still() -> None:
    """Nothing is accepted, and people are turned away all the time: money goes on moving, at the least rate."""
    giving_way = GivingWay(lambda: True)
    began = 0
    for eighth in range(81):
        room = giving_way.room(1000, eighth / 8)
        giving_way.began(room)
        began += room
    assert began == int(LEAST_PER_S) * 10


def test_it_ends_with_the_flood() -> None:
    """As soon as nobody is turned away, all the room is there again."""
    crowded = True
    giving_way = GivingWay(lambda: crowded)
    assert giving_way.room(64, 0.0) == 0
    crowded = False
    assert giving_way.room(64, 0.0) == 64
