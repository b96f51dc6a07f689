"""While orders are turned away, payouts begin at a share of what comes in, and never at none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.worker.giving_way import LEAST_PER_S, SAVED_MAX, SHARE, GivingWay
from gateway.worker.places import Kind


@given(st.integers(0, 10_000), st.floats(0, 1e6))
def test_in_quiet_times_nobody_waits(room: int, now_s: float) -> None:
    """All the room there is, whatever has begun."""
    giving_way = GivingWay()
    giving_way.began(Kind.NEW, 100)
    assert giving_way.room(Kind.DUE, room, now_s) == room


@given(st.lists(st.integers(0, 50), min_size=1, max_size=100))
def test_in_a_flood_a_share_begins(seconds: list[int]) -> None:
    """So many are accepted in each second: what begins is at most the share, the least, and what was saved."""
    giving_way = GivingWay(lambda: True)
    began = 0
    for now_s, accepted in enumerate(seconds):
        for _ in range(accepted):
            giving_way.accepted()
        room = giving_way.room(Kind.NEW, 1000, float(now_s))
        giving_way.began(Kind.NEW, room)
        began += room
    assert began <= SHARE * sum(seconds) + LEAST_PER_S * (len(seconds) - 1) + 1
    assert giving_way.room(Kind.NEW, 1000, float(len(seconds))) <= SAVED_MAX


def test_it_never_stands_still() -> None:
    """Nothing is accepted, and people are turned away all the time: money goes on moving, at the least rate."""
    giving_way = GivingWay(lambda: True)
    began = 0
    for eighth in range(81):
        room = giving_way.room(Kind.NEW, 1000, eighth / 8)
        giving_way.began(Kind.NEW, room)
        began += room
    assert began == int(LEAST_PER_S) * 10


def _begun(giving_way: GivingWay, seconds: range, accepted: int) -> list[int]:
    """How many begin in each of these seconds, with so many accepted and as many waiting as one likes."""
    begun = []
    for second in seconds:
        count = 0
        for eighth in range(8):
            for _ in range(accepted // 8):
                giving_way.accepted()
            room = giving_way.room(Kind.NEW, 1000, second + eighth / 8)
            giving_way.began(Kind.NEW, room)
            count += room
        begun.append(count)
    return begun


def test_what_is_due_has_its_own_rate() -> None:
    """However many new ones take their turn at every look: questions and rescues begin at the least rate."""
    giving_way = GivingWay(lambda: True)
    due = 0
    for hundredth in range(1001):
        for _ in range(8):
            giving_way.accepted()
        giving_way.began(Kind.NEW, giving_way.room(Kind.NEW, 1000, hundredth / 100))
        if hundredth % 10 == 0:
            room = giving_way.room(Kind.DUE, 1000, hundredth / 100)
            giving_way.began(Kind.DUE, room)
            due += room
    assert due >= 10 * LEAST_PER_S - 1


def test_after_the_flood_nobody_is_held_back() -> None:
    """What was held back begins as fast as there is room for it."""
    crowded = True
    giving_way = GivingWay(lambda: crowded)
    during = _begun(giving_way, range(10), accepted=80)
    assert max(during[1:]) <= 80 * SHARE + LEAST_PER_S + 1
    assert giving_way.holds_back
    crowded = False
    after = _begun(giving_way, range(10, 12), accepted=80)
    assert after == [8 * 1000] * 2
    assert not giving_way.holds_back


def test_another_flood_holds_back_anew() -> None:
    """Nothing was saved up in the time between."""
    crowded = True
    giving_way = GivingWay(lambda: crowded)
    _begun(giving_way, range(5), accepted=0)
    crowded = False
    _begun(giving_way, range(5, 15), accepted=0)
    crowded = True
    again = _begun(giving_way, range(15, 20), accepted=0)
    assert again[-1] == LEAST_PER_S
