"""As many payouts are at work as configured, and fewer while orders are slow beside them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.worker.at_work import BUSY_S, LEAST, LOOK_EVERY_S, QUICK, TARGET_S, AtWork

SLOW_S, LATE_S = 2 * TARGET_S, 2 * BUSY_S


class House:
    """What the places go by."""

    def __init__(self, most: int) -> None:
        self.stay_s: float | None = None
        self.late_s = LATE_S
        self.at_work = AtWork(most, lambda: self.stay_s, lambda: self.late_s)
        self._now_s = 0.0

    def look(self, times: int = 1) -> int:
        for _ in range(times):
            self._now_s += LOOK_EVERY_S
            self.at_work.places(self._now_s)
        return self.at_work.places(self._now_s)


@given(st.integers(1, 500))
def test_slow_orders_have_fewer_beside_them_and_then_all_again(most: int) -> None:
    """Down to the least and no further, and back to what is configured when orders are quick, or none come."""
    for better in (None, QUICK * TARGET_S / 2):
        house = House(most)
        assert house.look() == most
        house.stay_s = SLOW_S
        assert house.look(30) == min(LEAST, most)
        house.stay_s = better
        assert house.look(30) == most


@given(st.integers(1, 500), st.lists(st.tuples(st.none() | st.floats(0, 10), st.floats(0, 10)), max_size=50))
def test_never_more_than_configured_nor_fewer_than_the_least(most: int, seen: list[tuple[float | None, float]]) -> None:
    """Whatever is seen of the orders and of the loop."""
    house = House(most)
    for house.stay_s, house.late_s in seen:
        assert min(LEAST, most) <= house.look() <= most


def test_a_slow_disk_is_no_reason() -> None:
    """Orders are slow beside an idle loop: fewer payouts would only share the slow commits among fewer."""
    house = House(24)
    house.stay_s, house.late_s = SLOW_S, BUSY_S / 10
    assert house.look(30) == 24


def test_near_the_target_it_stays_as_it_is() -> None:
    """It does not swing between too many and too few."""
    house = House(24)
    house.stay_s = SLOW_S
    places = house.look(3)
    house.stay_s = (1 + QUICK) / 2 * TARGET_S
    assert LEAST < places == house.look(30) < 24


def test_it_is_looked_now_and_then_only() -> None:
    """A hundred payouts that begin in a moment shrink it once."""
    seen = [SLOW_S]
    at_work = AtWork(24, lambda: seen[0], lambda: LATE_S)
    assert {at_work.places(number * LOOK_EVERY_S / 200) for number in range(100)} == {18}
