"""As many payouts are at work as configured, and fewer while orders are slow beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.occupancy import Seen
from gateway.worker.at_work import BUSY_S, LEAST, LOOK_EVERY_S, QUICK, QUIET_S, TARGET_S, AtWork

SLOW_S, LATE_S = 2 * TARGET_S, 2 * BUSY_S


class House:
    """What the places go by: orders that stay for so long, and how late the loop is."""

    def __init__(self, most: int) -> None:
        self.late_s = LATE_S
        self.seen = Seen(0, 0, 0.0)
        self.at_work = AtWork(most, lambda: self.seen, lambda: self.late_s)
        self.now_s = 0.0

    def look(self, stay_s: float | None = None, times: int = 1) -> int:
        """Between two looks two orders leave that stayed for so long; None: nobody was there."""
        for _ in range(times):
            if stay_s is not None:
                self.seen = self.seen._replace(left=self.seen.left + 2, stayed_s=self.seen.stayed_s + 2 * stay_s)
            self.now_s += LOOK_EVERY_S
            places = self.at_work.places(self.now_s)
        return places if times else 0


@given(st.integers(1, 500))
def test_slow_orders_have_fewer_beside_them_and_then_all_again(most: int) -> None:
    """Down to the least and no further, and back to what is configured when orders are quick, or no more come."""
    for better_s in (None, QUICK * TARGET_S / 2):
        house = House(most)
        assert house.look() == most
        assert house.look(SLOW_S, 30) == min(LEAST, most)
        assert house.look(better_s, 60) == most


@given(st.integers(1, 500), st.lists(st.tuples(st.none() | st.floats(0, 10), st.floats(0, 10)), max_size=50))
def test_never_more_than_configured_nor_fewer_than_the_least(most: int, seen: list[tuple[float | None, float]]) -> None:
    """Whatever is seen of the orders and of the loop."""
    house = House(most)
    for stay_s, house.late_s in seen:
        assert min(LEAST, most) <= house.look(stay_s) <= most


def test_a_slow_disk_is_no_reason() -> None:
    """Orders are slow beside an idle loop: fewer payouts would only share the slow commits among fewer."""
    house = House(24)
    house.late_s = BUSY_S / 10
    assert house.look(SLOW_S, 30) == 24


def test_near_the_target_it_stays_as_it_is() -> None:
    """It does not swing between too many and too few."""
    house = House(24)
    places = house.look(SLOW_S, 3)
    assert LEAST < places == house.look((1 + QUICK) / 2 * TARGET_S, 30) < 24


@pytest.mark.parametrize("every_s", [0.02, 0.3, 1.0, 1.5, 1.9])
def test_it_settles_however_often_orders_come(every_s: float) -> None:
    """Where each order stays longer for each payout at work, the places come to rest near what meets the target: one
    order counts once, however long nobody comes after it."""
    house, places, seen = House(24), 24, list[int]()
    came_s = 0.0
    for _ in range(int(80 / LOOK_EVERY_S)):
        while came_s + every_s <= house.now_s:
            came_s += every_s
            stay_s = 0.01 + 0.003 * places
            house.seen = house.seen._replace(left=house.seen.left + 1, stayed_s=house.seen.stayed_s + stay_s)
        places = house.look()
        seen.append(places)
    assert set(seen[-80:]) <= set(range(9, 17)), sorted(set(seen[-80:]))


def test_orders_that_stand_still_are_slow() -> None:
    """Nobody leaves, for whatever holds them up: payouts do not take that for a quiet time."""
    house = House(24)
    for _ in range(30):
        house.seen = Seen(50, 0, house.seen.stayed_s + 50 * LOOK_EVERY_S)
        places = house.look()
    assert places == LEAST


def test_one_that_has_just_come_says_nothing() -> None:
    """It has been inside for a moment only: that is no quick order."""
    house = House(24)
    least = house.look(SLOW_S, 30)
    for _ in range(30):
        house.seen = house.seen._replace(inside=1, stayed_s=house.seen.stayed_s + 0.001)
        places = house.look()
    assert places == least


def test_after_a_quiet_while_there_are_all() -> None:
    """Not at once: the next order may be on its way."""
    house = House(24)
    least = house.look(SLOW_S, 30)
    assert house.look(times=int(QUIET_S / LOOK_EVERY_S) - 1) == least
    assert house.look(times=30) == 24


def test_it_is_looked_now_and_then_only() -> None:
    """A hundred payouts that begin in a moment shrink it once."""
    seen = Seen(0, 10, 10 * SLOW_S)
    at_work = AtWork(24, lambda: seen, lambda: LATE_S)
    assert {at_work.places(number * LOOK_EVERY_S / 200) for number in range(100)} == {18}
