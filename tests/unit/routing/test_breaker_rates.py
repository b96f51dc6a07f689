"""Failure rate and slowness: they open the gate when the recent calls prove them, and softly."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.breaker import Breaker, BreakerState, RefusedBeforeSend, Verdict
from routing.query_gate import SLOWEST, QueryGate
from routing.window import CallWindow, RateLimits, TripCause, proves_more
from tests.support.clock import FakeClock

OK, FAULT, NONE = Verdict.OK, Verdict.CHANNEL_FAULT, Verdict.NO_EVIDENCE
RATES = RateLimits(failure_rate=0.05, slow_rate=0.5, slow_s=2.0)
OPEN_S = 20.0


def make(clock: FakeClock, fail_max: int = 5) -> Breaker:
    return Breaker("alpha", clock.monotonic, fail_max, OPEN_S, rates=RATES)


def calls(gate: Breaker, verdicts: list[Verdict], took_s: float = 0.1) -> int:
    """How many got through."""
    for number, verdict in enumerate(verdicts):
        try:
            gate.leave(gate.enter(), verdict, took_s)
        except RefusedBeforeSend:
            return number
    return len(verdicts)


@given(st.integers(1, 200), st.sampled_from([0.05, 0.2, 0.5]), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_proof_is_the_exact_binomial_tail(number: int, rate: float, confidence: float) -> None:
    """For every number of hits: proved when so many or more are rarer than 1 - confidence, and never below the rate."""
    tail = 1.0
    for hits in range(number + 1):
        if abs(tail - (1.0 - confidence)) > 1e-9 and hits > rate * number:
            assert proves_more(hits, number, rate, confidence) is (tail < 1.0 - confidence)
        if hits <= rate * number:
            assert not proves_more(hits, number, rate, confidence)
        tail -= comb(number, hits) * rate**hits * (1.0 - rate) ** (number - hits)


def test_four_of_five_failing_trips_however_they_are_interleaved() -> None:
    """Failures in a row alone would never see it: every fifth call is fine."""
    gate = make(FakeClock())
    through = calls(gate, [FAULT, FAULT, FAULT, FAULT, OK] * 200)
    assert through == RATES.calls_min
    assert (gate.state, gate.cause) == (BreakerState.OPEN, TripCause.RATE)


def test_a_rate_at_the_threshold_is_not_proved_to_be_above_it() -> None:
    """One failure in twenty calls for ever, and the gate stays closed."""
    gate = make(FakeClock())
    assert calls(gate, ([FAULT] + [OK] * 19) * 20) == 400
    assert gate.cause is None


def test_few_calls_prove_nothing_and_old_ones_are_forgotten() -> None:
    """A quarter of nineteen is too little; so are failures of more than a minute ago."""
    clock = FakeClock()
    gate = make(clock)
    assert calls(gate, [FAULT, OK, OK, OK] * 4 + [OK] * 3) == 19
    clock.move(61.0)
    assert calls(gate, [OK] * 19 + [FAULT]) == 20
    assert gate.state is BreakerState.CLOSED
    window = CallWindow(RateLimits(calls_min=10, calls_max=10), clock.monotonic)
    for failed in [True] * 10 + [False] * 10:
        window.add(failed, 0.0)
    assert window.verdict() is None


def test_slow_calls_open_it_as_well() -> None:
    """More than half of them slower than two seconds, though each gave an answer."""
    gate = make(FakeClock())
    assert calls(gate, [OK] * 100, took_s=2.5) == RATES.calls_min
    assert gate.cause is TripCause.SLOW
    assert calls(make(FakeClock()), [OK] * 100, took_s=2.0) == 100


def test_failures_in_a_row_are_a_hard_trip_and_rates_a_soft_one() -> None:
    """Only where part of the calls got through is a last resort any good."""
    assert [cause.soft for cause in TripCause] == [False, True, True]
    hard, soft = make(FakeClock()), make(FakeClock())
    calls(hard, [FAULT] * 5)
    calls(soft, [FAULT, OK] * 20)
    assert (hard.cause, soft.cause) == (TripCause.CONSECUTIVE, TripCause.RATE)
    with pytest.raises(RefusedBeforeSend):
        hard.enter(last_resort=True)
    for gate in (hard, soft):
        with pytest.raises(RefusedBeforeSend):
            gate.enter()
    soft.enter(last_resort=True)


def test_a_last_resort_is_no_trial() -> None:
    """It neither closes the gate, nor takes the trial's place, nor puts the due time off."""
    clock = FakeClock()
    gate = make(clock)
    calls(gate, [FAULT, OK] * 20)
    for _ in range(50):
        gate.leave(gate.enter(last_resort=True), OK)
        gate.leave(gate.enter(last_resort=True), NONE)
        gate.leave(gate.enter(last_resort=True), FAULT)
    assert gate.state is BreakerState.OPEN
    clock.move(OPEN_S)
    trial = gate.enter(last_resort=True)
    assert gate.state is BreakerState.HALF_OPEN
    gate.leave(gate.enter(last_resort=True), OK)
    assert gate.state is BreakerState.HALF_OPEN
    gate.leave(trial, OK)
    assert gate.state is BreakerState.CLOSED
    assert gate.cause is None


def test_last_resorts_that_all_fail_make_the_trip_hard() -> None:
    """Nothing gets through any more: the soft trip was the beginning of an outage."""
    gate = make(FakeClock())
    calls(gate, [FAULT, OK] * 20)
    for _ in range(5):
        gate.leave(gate.enter(last_resort=True), FAULT)
    assert gate.cause is TripCause.CONSECUTIVE
    with pytest.raises(RefusedBeforeSend):
        gate.enter(last_resort=True)


def test_a_failed_trial_keeps_the_cause_and_a_good_one_begins_anew() -> None:
    """A soft trip stays soft until it closes; then the window is empty."""
    clock = FakeClock()
    gate = make(clock)
    calls(gate, [FAULT, OK] * 20)
    clock.move(OPEN_S)
    gate.leave(gate.enter(), FAULT)
    assert (gate.state, gate.cause) == (BreakerState.OPEN, TripCause.RATE)
    clock.move(OPEN_S)
    gate.leave(gate.enter(), OK)
    assert gate.recovering_s == 0.0
    assert calls(gate, [FAULT, OK] * 9) == 18, "what was before the trip is not counted again"


def test_no_evidence_fills_no_window() -> None:
    """Cancelled calls and refusals for the payee's sake are neither good nor bad."""
    gate = make(FakeClock())
    assert calls(gate, [NONE] * 100 + [FAULT, FAULT, OK]) == 103
    assert gate.state is BreakerState.CLOSED


@pytest.mark.parametrize("wrong", [{"failure_rate": 0.0}, {"confidence": 1.0}, {"calls_min": 600}])
def test_limits_that_make_no_sense_cannot_be_built(wrong: dict[str, float]) -> None:
    """Rates lie between nought and one, and the window holds its least number."""
    with pytest.raises(ValueError, match="rates"):
        RateLimits(**wrong)  # type: ignore[arg-type] - wrong on purpose


def test_the_query_gate_slows_and_never_refuses() -> None:
    """Each five questions without an answer double the wait, up to a bound; one answer ends it."""
    gate = QueryGate(5)
    factors = []
    for _ in range(40):
        gate.heard(FAULT)
        factors.append(gate.wait_factor)
    assert (factors[3], factors[4], factors[9], factors[-1]) == (1.0, 2.0, 4.0, SLOWEST)
    gate.heard(NONE)
    assert gate.wait_factor == SLOWEST
    gate.heard(OK)
    assert gate.wait_factor == 1.0
    assert not any(hasattr(gate, name) for name in ("enter", "admit", "is_open"))
