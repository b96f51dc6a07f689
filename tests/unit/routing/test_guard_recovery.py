"""A channel that recovers is given its load back bit by bit, and a last resort goes through the same door."""

from __future__ import annotations

import pytest

from routing.eligibility import RefusalCode
from routing.guard import Guard, Limits, RefusedBeforeSend, Verdict
from routing.window import RateLimits
from tests.support.clock import FakeClock

LIMITS = Limits(in_flight=50, rps=100.0, failures=1, open_s=20.0, ramp_s=10.0)


def recovered(clock: FakeClock) -> Guard:
    """Tripped, waited for, tried, closed again at this very moment."""
    guard = Guard("alpha", LIMITS, clock.monotonic)
    guard.admit().release(Verdict.CHANNEL_FAULT)
    clock.move(20.0)
    guard.admit().release(Verdict.OK)
    return guard


def admitted(guard: Guard) -> tuple[int, RefusalCode]:
    """How many at once, and what stopped the next."""
    for number in range(1_000):
        try:
            guard.admit()
        except RefusedBeforeSend as refused:
            return number, refused.code
    raise AssertionError("no limit at all")


@pytest.mark.parametrize(("passed_s", "places"), [(0.0, 5), (1.0, 5), (5.0, 25), (9.9, 49), (10.0, 50)])
def test_places_come_back_in_step_with_the_time_since_it_closed(passed_s: float, places: int) -> None:
    """A tenth at first, all after the ramp."""
    clock = FakeClock()
    guard = recovered(clock)
    clock.move(passed_s)
    assert admitted(guard) == (places, RefusalCode.IN_FLIGHT_FULL)
    assert guard.live().ramp == pytest.approx(max(passed_s / 10.0, 0.1) if passed_s < 10.0 else 1.0)


def test_the_rate_comes_back_too() -> None:
    """Ten a second at first instead of a hundred."""
    clock = FakeClock()
    guard = recovered(clock)
    guard.change(Limits(in_flight=10_000, rps=100.0, failures=1, open_s=20.0, ramp_s=10.0))
    assert admitted(guard) == (10, RefusalCode.RATE_LIMITED)


def test_a_channel_that_never_tripped_has_no_ramp() -> None:
    """From the first moment it has its full load."""
    assert admitted(Guard("alpha", LIMITS, FakeClock().monotonic)) == (50, RefusalCode.IN_FLIGHT_FULL)


def test_a_last_resort_is_still_held_to_places_and_rate() -> None:
    """It passes a breaker that a rate opened, and nothing else."""
    clock = FakeClock()
    guard = Guard("alpha", Limits(in_flight=2, rps=1_000.0, failures=50), clock.monotonic)
    for number in range(20):
        guard.admit().release(Verdict.CHANNEL_FAULT if number % 2 else Verdict.OK)
    live = guard.live()
    assert live.breaker_open
    assert live.soft_trip
    with pytest.raises(RefusedBeforeSend):
        guard.admit()
    held = [guard.admit(last_resort=True), guard.admit(last_resort=True)]
    with pytest.raises(RefusedBeforeSend) as full:
        guard.admit(last_resort=True)
    assert full.value.code is RefusalCode.IN_FLIGHT_FULL
    for permit in held:
        permit.release(Verdict.OK)
    assert guard.live().in_flight == 0


def test_how_long_a_call_took_is_measured_by_the_guard() -> None:
    """From the admission to the release, on the clock that is handed in."""
    clock = FakeClock()
    guard = Guard("alpha", Limits(rates=RateLimits(slow_s=2.0, window_s=600.0)), clock.monotonic)
    for _ in range(20):
        permit = guard.admit()
        clock.move(3.0)
        permit.release(Verdict.OK)
    assert guard.live().soft_trip
