"""Those who come and go, added up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.occupancy import NOBODY, Occupancy, Seen
from tests.support.clock import FakeClock


def test_how_long_they_stayed_is_the_sum_of_their_stays() -> None:
    """Two who were there together count twice; who is still inside counts up to now."""
    clock = FakeClock()
    people = Occupancy(clock.monotonic)
    assert people.seen() == NOBODY
    people.entered()
    clock.move(0.5)
    people.entered()
    clock.move(0.25)
    people.left()
    clock.move(1.0)
    assert people.seen() == Seen(inside=1, left=1, stayed_s=2.0)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_between_two_moments_the_mean_is_each_ones_own(stays: list[int]) -> None:
    """One after the other, whatever was before: the sum over those who left is their mean."""
    clock = FakeClock()
    people = Occupancy(clock.monotonic)
    people.entered()
    clock.move(7.0)
    people.left()
    before = people.seen()
    for quarters in stays:
        people.entered()
        clock.move(quarters / 4)
        people.left()
    seen = people.seen()
    assert (seen.stayed_s - before.stayed_s) / (seen.left - before.left) == sum(stays) / 4 / len(stays)
