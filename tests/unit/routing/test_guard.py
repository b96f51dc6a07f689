"""The guard: admission is all or nothing, a place is given back once, and only submits pass."""

from __future__ import annotations

import inspect

import pytest

from gateway.domain.outcome import Answer, Heard, OutcomeKind
from routing.breaker import BreakerState
from routing.eligibility import LiveFacts, RefusalCode
from routing.guard import Guard, Limits, Permit, RefusedBeforeSend, Verdict, verdict
from tests.support.clock import FakeClock


def make(clock: FakeClock, in_flight: int = 100, rps: float = 100.0, failures: int = 3) -> Guard:
    return Guard("alpha", Limits(in_flight, rps, failures, open_s=20.0), clock.monotonic)


def refused(guard: Guard) -> RefusalCode:
    with pytest.raises(RefusedBeforeSend) as error:
        guard.admit()
    assert error.value.channel == "alpha"
    return error.value.code


def test_no_more_than_in_flight_are_under_way_and_a_release_makes_room() -> None:
    """A hanging channel holds up so many submits and no more."""
    guard = make(FakeClock(), in_flight=2)
    first, _second = guard.admit(), guard.admit()
    assert guard.live() == LiveFacts(in_flight=2)
    assert refused(guard) is RefusalCode.IN_FLIGHT_FULL
    first.release(Verdict.OK)
    guard.admit()
    assert guard.live().in_flight == 2


def test_a_permit_that_is_given_back_unused_costs_no_rate() -> None:
    """Nothing left: its place and its share of the rate are the next one's, and the breaker has heard nothing. Once."""
    guard = make(FakeClock(), rps=1.0, failures=1)
    permit = guard.admit()
    assert refused(guard) is RefusalCode.RATE_LIMITED
    permit.cancel()
    permit.cancel()
    assert (guard.in_flight, guard.breaker_state) == (0, BreakerState.CLOSED)
    sent = guard.admit()
    sent.release(Verdict.OK)
    sent.cancel()
    assert refused(guard) is RefusalCode.RATE_LIMITED


def test_a_permit_is_released_once() -> None:
    """The second release, with whatever verdict, changes neither the count nor the breaker."""
    guard = make(FakeClock(), in_flight=2, failures=1)
    held, once = guard.admit(), guard.admit()
    once.release(Verdict.OK)
    once.release(Verdict.CHANNEL_FAULT)
    assert guard.live() == LiveFacts(in_flight=1)
    assert guard.breaker_state is BreakerState.CLOSED
    held.release(Verdict.OK)
    assert guard.live().in_flight == 0


def test_the_rate_is_kept_over_any_second_and_refills_with_time_only() -> None:
    """rps at once after a quiet second, then one per 1/rps; the wall clock has no say."""
    clock = FakeClock()
    guard = make(clock, rps=4.0)
    for _ in range(4):
        guard.admit().release(Verdict.OK)
    assert refused(guard) is RefusalCode.RATE_LIMITED
    assert not guard.live().rate_available
    clock.step_wall(3600)
    assert refused(guard) is RefusalCode.RATE_LIMITED
    clock.move(0.25)
    assert guard.live().rate_available
    guard.admit()
    assert refused(guard) is RefusalCode.RATE_LIMITED
    clock.move(3600)
    for _ in range(4):
        guard.admit()
    assert refused(guard) is RefusalCode.RATE_LIMITED


def test_a_rate_below_one_still_lets_one_through() -> None:
    """One every two seconds is one every two seconds, not never."""
    clock = FakeClock()
    guard = make(clock, rps=0.5)
    guard.admit()
    clock.move(1.5)
    assert refused(guard) is RefusalCode.RATE_LIMITED
    clock.move(0.5)
    guard.admit()


def test_channel_faults_open_the_breaker_and_the_router_can_see_it() -> None:
    """After the faults a submit is refused; after the open time one trial passes and the next does not."""
    clock = FakeClock()
    changes: list[tuple[str, BreakerState, BreakerState]] = []
    guard = Guard("alpha", Limits(failures=3, open_s=20.0), clock.monotonic, lambda *change: changes.append(change))
    for _ in range(3):
        guard.admit().release(Verdict.CHANNEL_FAULT)
    assert guard.live().breaker_open
    assert refused(guard) is RefusalCode.BREAKER_OPEN
    assert changes == [("alpha", BreakerState.CLOSED, BreakerState.OPEN)]
    clock.move(20.0)
    assert not guard.live().breaker_open
    trial = guard.admit()
    assert refused(guard) is RefusalCode.BREAKER_OPEN
    trial.release(Verdict.OK)
    assert guard.breaker_state is BreakerState.CLOSED


def test_a_full_house_does_not_use_up_the_trial() -> None:
    """Refused by count while the trial is due: the breaker has not moved, and the next one admitted is the trial."""
    clock = FakeClock()
    guard = make(clock, in_flight=2, failures=1)
    held = [guard.admit(), guard.admit()]
    held.pop().release(Verdict.CHANNEL_FAULT)
    guard.change(Limits(in_flight=1, failures=1, open_s=20.0))
    clock.move(20.0)
    assert refused(guard) is RefusalCode.IN_FLIGHT_FULL
    assert guard.breaker_state is BreakerState.OPEN
    held.pop().release(Verdict.OK)
    guard.admit()
    assert guard.breaker_state is BreakerState.HALF_OPEN


def test_a_used_up_rate_does_not_use_up_the_trial() -> None:
    """Refused by rate while the trial is due: the same."""
    clock = FakeClock()
    guard = make(clock, rps=0.02, failures=1)
    guard.admit().release(Verdict.CHANNEL_FAULT)
    clock.move(20.0)
    assert refused(guard) is RefusalCode.RATE_LIMITED
    assert guard.breaker_state is BreakerState.OPEN
    clock.move(30.0)
    guard.admit()
    assert guard.breaker_state is BreakerState.HALF_OPEN


def test_a_breaker_refusal_uses_up_neither_rate_nor_place() -> None:
    """An open breaker that is asked a thousand times costs nothing once it closes."""
    clock = FakeClock()
    guard = make(clock, in_flight=2, rps=2.0, failures=1)
    guard.admit().release(Verdict.CHANNEL_FAULT)
    clock.move(10.0)
    for _ in range(1000):
        assert refused(guard) is RefusalCode.BREAKER_OPEN
    assert guard.live() == LiveFacts(breaker_open=True, in_flight=0, rate_available=True)


def test_a_reload_changes_the_limits_and_throws_nobody_out() -> None:
    """New limits bind the next admission; those under way keep their places and count."""
    clock = FakeClock()
    guard = make(clock, in_flight=3, rps=100.0, failures=5)
    under_way = [guard.admit() for _ in range(3)]
    guard.change(Limits(in_flight=2, rps=1.0, failures=1, open_s=5.0))
    assert refused(guard) is RefusalCode.IN_FLIGHT_FULL
    for permit in under_way[:2]:
        permit.release(Verdict.NO_EVIDENCE)
    guard.admit()
    under_way[2].release(Verdict.NO_EVIDENCE)
    assert refused(guard) is RefusalCode.RATE_LIMITED
    clock.move(1.0)
    guard.admit().release(Verdict.CHANNEL_FAULT)
    clock.move(4.0)
    assert refused(guard) is RefusalCode.BREAKER_OPEN
    clock.move(1.0)
    guard.admit()


def test_admission_and_release_cannot_be_interrupted() -> None:
    """Both are plain calls: no await lies between a limit's check and its taking, nor can a cancellation."""
    assert not any(inspect.iscoroutinefunction(step) for step in (Guard.admit, Guard.live, Permit.release))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(Heard.SUBMIT, OutcomeKind.SUCCEEDED), Verdict.OK),
        (Answer(Heard.SUBMIT, OutcomeKind.PENDING), Verdict.OK),
        (Answer(Heard.SUBMIT, OutcomeKind.UNCLEAR, channel_fault=True), Verdict.CHANNEL_FAULT),
        (Answer(Heard.SUBMIT, OutcomeKind.NOT_SENT, channel_fault=True), Verdict.CHANNEL_FAULT),
        (Answer(Heard.SUBMIT, OutcomeKind.REJECTED), Verdict.NO_EVIDENCE),
        (Answer(Heard.SUBMIT, OutcomeKind.UNCLEAR), Verdict.NO_EVIDENCE),
    ],
)
def test_only_the_channels_own_faults_count_against_it(answer: Answer, expected: Verdict) -> None:
    """A closed account is not the channel's fault, and no praise either."""
    assert verdict(answer) is expected
