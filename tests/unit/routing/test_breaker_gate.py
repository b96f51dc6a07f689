"""The gate: what must hold of a breaker before it may stand in front of money (reliability 7.3)."""

from __future__ import annotations

import asyncio

import pytest

from routing.breaker import Breaker, BreakerState, RefusedBeforeSend, Token, Verdict
from routing.eligibility import RefusalCode
from tests.support.clock import FakeClock, settle

OPEN_S = 20.0


def make(clock: FakeClock, fail_max: int = 3) -> tuple[Breaker, list[tuple[str, str]]]:
    changes: list[tuple[str, str]] = []

    def note(name: str, old: BreakerState, new: BreakerState) -> None:
        assert name == "alpha"
        changes.append((old.value, new.value))

    return Breaker("alpha", clock.monotonic, fail_max, OPEN_S, note), changes


def fail(gate: Breaker, times: int = 1) -> None:
    for _ in range(times):
        gate.leave(gate.enter(), Verdict.CHANNEL_FAULT)


def trip(gate: Breaker) -> None:
    fail(gate, gate.fail_max)
    assert gate.state is BreakerState.OPEN


def enter_trial(gate: Breaker, clock: FakeClock) -> Token:
    clock.move(OPEN_S)
    token = gate.enter()
    assert gate.state is BreakerState.HALF_OPEN
    return token


def test_faults_in_a_row_open_it_and_one_good_answer_starts_the_count_again() -> None:
    """fail_max faults in a row, not fail_max faults."""
    gate, changes = make(FakeClock())
    fail(gate, 2)
    gate.leave(gate.enter(), Verdict.OK)
    fail(gate, 2)
    assert changes == []
    fail(gate)
    assert changes == [("closed", "open")]


def test_the_call_that_trips_it_is_not_called_refused() -> None:
    """Refused and sent are different things: a sent call's `leave` never raises, a refused one has no token."""
    gate, _ = make(FakeClock(), fail_max=1)
    token = gate.enter()
    gate.leave(token, Verdict.CHANNEL_FAULT)
    with pytest.raises(RefusedBeforeSend) as refused:
        gate.enter()
    assert (refused.value.channel, refused.value.code) == ("alpha", RefusalCode.BREAKER_OPEN)


def test_it_opens_for_a_trial_at_the_due_time_of_our_clock_only() -> None:
    """The due time is monotonic: real time does not pass in this test, and steps of the wall clock change nothing."""
    clock = FakeClock()
    gate, _ = make(clock)
    trip(gate)
    clock.step_wall(+3600)
    assert gate.is_open
    clock.step_wall(-7200)
    clock.move(OPEN_S - 0.001)
    assert gate.is_open
    clock.move(0.001)
    assert not gate.is_open
    assert gate.state is BreakerState.OPEN, "a peek changes nothing"
    gate.enter()
    assert gate.state is BreakerState.HALF_OPEN


async def test_a_hundred_at_once_are_one_trial() -> None:
    """Half-open admits exactly one; ninety-nine are refused before they send."""
    clock = FakeClock()
    gate, changes = make(clock)
    trip(gate)
    clock.move(OPEN_S)
    sent, refused, go_on = 0, 0, asyncio.Event()

    async def call() -> None:
        nonlocal sent, refused
        try:
            token = gate.enter()
        except RefusedBeforeSend:
            refused += 1
            return
        sent += 1
        await go_on.wait()
        gate.leave(token, Verdict.OK)

    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(call())
        await settle()
        assert (sent, refused) == (1, 99)
        assert gate.is_open
        go_on.set()
    assert changes == [("closed", "open"), ("open", "half-open"), ("half-open", "closed")]


def test_a_failed_trial_opens_it_for_another_full_time() -> None:
    """One trial, one fault, and the wait begins anew."""
    clock = FakeClock()
    gate, changes = make(clock)
    trip(gate)
    gate.leave(enter_trial(gate, clock), Verdict.CHANNEL_FAULT)
    assert changes[-1] == ("half-open", "open")
    clock.move(OPEN_S - 1)
    assert gate.is_open
    clock.move(1)
    assert not gate.is_open


def test_no_evidence_changes_nothing_while_closed() -> None:
    """A cancelled call neither counts as a fault nor wipes out those before it."""
    gate, changes = make(FakeClock(), fail_max=3)
    fail(gate, 2)
    for _ in range(10):
        gate.leave(gate.enter(), Verdict.NO_EVIDENCE)
    assert changes == []
    fail(gate)
    assert changes == [("closed", "open")]


def test_a_cancelled_trial_neither_closes_nor_opens_but_frees_its_place() -> None:
    """Half-open it stays half-open, and the next call is the trial."""
    clock = FakeClock()
    gate, changes = make(clock)
    trip(gate)
    gate.leave(enter_trial(gate, clock), Verdict.NO_EVIDENCE)
    assert changes[-1] == ("open", "half-open")
    assert not gate.is_open
    second = gate.enter()
    with pytest.raises(RefusedBeforeSend):
        gate.enter()
    gate.leave(second, Verdict.OK)
    assert changes[-1] == ("half-open", "closed")


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.CHANNEL_FAULT])
def test_stragglers_from_before_the_trip_change_nothing(verdict: Verdict) -> None:
    """Neither while open (no later due time), nor half-open (not the trial), nor closed again (not counted)."""
    clock = FakeClock()
    gate, changes = make(clock, fail_max=2)
    stragglers = [gate.enter() for _ in range(8)]
    trip(gate)
    clock.move(OPEN_S - 1)
    gate.leave(stragglers.pop(), verdict)
    clock.move(1)
    assert not gate.is_open, "a late fault must not push the due time on"
    trial = gate.enter()
    gate.leave(stragglers.pop(), verdict)
    assert gate.state is BreakerState.HALF_OPEN
    assert gate.is_open, "the trial's place is still taken"
    gate.leave(trial, Verdict.OK)
    seen = list(changes)
    for straggler in stragglers:
        gate.leave(straggler, verdict)
    fail(gate, 1)
    gate.leave(stragglers[0], verdict)
    assert changes == seen == [("closed", "open"), ("open", "half-open"), ("half-open", "closed")]
    fail(gate, 1)
    assert changes[-1] == ("closed", "open"), "a late success must not have wiped out the count"


def test_a_trial_token_counts_once() -> None:
    """A freed trial's token cannot speak for the next trial."""
    clock = FakeClock()
    gate, _ = make(clock)
    trip(gate)
    first = enter_trial(gate, clock)
    gate.leave(first, Verdict.NO_EVIDENCE)
    gate.enter()
    gate.leave(first, Verdict.OK)
    assert gate.state is BreakerState.HALF_OPEN
    assert gate.is_open
