"""Every payout that can be reached, walked completely: up to three channels, every outcome, every interruption."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest

from gateway.domain import changes
from gateway.domain.outcome import Heard, Outcome, OutcomeKind
from gateway.domain.payout import OPEN, AttemptState, DuplicateMode, Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.states import TABLE, Change, fold
from gateway.domain.status import FINAL, Status, StatusReason, is_final, status
from gateway.domain.steps import (
    CancelAtChannel,
    Close,
    GiveUp,
    Interrupted,
    Plan,
    Query,
    Repeat,
    Step,
    StepPolicy,
    Wait,
    next_due,
    next_step,
)
from tests.support.builders import NOW, POLLS, a_ground, a_payout, an_answer, an_opening

CHANNELS = ("alpha", "beta", "gamma")
POLICY = StepPolicy()
OUTCOMES = tuple(OutcomeKind)


def look(payout: Payout) -> datetime:
    """The moment at which the payout wants something: its own due time, or now."""
    due = next_due(payout)
    return max(NOW, due) if due is not None else NOW


@cache
def told(kind: OutcomeKind, reason: RejectReason | None, repeat: bool) -> Outcome:
    return Outcome(kind, replace(an_answer(kind, Heard.QUERY), reason=reason), repeat=repeat)


def folded(payout: Payout, number: int, kind: OutcomeKind, now: datetime, *, repeat: bool = False) -> Payout:
    reasons = (RejectReason.CHANNEL_UNAVAILABLE, RejectReason.PAYEE_ACCOUNT_CLOSED)
    reason = reasons[number % 2] if kind is OutcomeKind.REJECTED else None
    return fold(payout, number, told(kind, reason, repeat), now, POLLS).payout


def untried(payout: Payout) -> list[str]:
    heard = {attempt.channel for attempt in payout.attempts if attempt.transmitted}
    touched = {attempt.channel for attempt in payout.attempts}
    free = [name for name in CHANNELS if name not in heard and (name not in touched or payout.live_attempt is None)]
    alike = [name for name in free if name != "gamma"]  # alpha and beta differ by name only: either stands for both
    return alike[:1] + [name for name in free if name == "gamma"]


def act(payout: Payout, step: Step, now: datetime) -> list[Payout]:
    """What the shell may make of a step, in every way it can go."""
    match step:
        case Plan(instead_of):
            return planned(payout, instead_of, now)
        case Query(number):
            # What a query can say is in `heard_any_time`; this is the one that asks for a repeat.
            return [folded(payout, number, OutcomeKind.UNCLEAR, now, repeat=True)]
        case Repeat(number):
            return [changes.begin_repeat(payout, number, now)]
        case CancelAtChannel(number):
            return [changes.ask_to_cancel(payout, number, now)]
        case Interrupted(number):
            return [folded(payout, number, OutcomeKind.UNCLEAR, now)]
        case GiveUp(number):
            return [changes.give_up(payout, number, now)]
        case Close(reason):
            return [changes.close(payout, reason, now)]
        case Wait():
            return []


def planned(payout: Payout, instead_of: int | None, now: datetime) -> list[Payout]:
    """Every channel the router could choose, and its having none."""
    ways = []
    base = changes.give_up(payout, instead_of, now) if instead_of is not None else payout
    for channel in untried(payout):
        mode = DuplicateMode.NONE if channel == "gamma" else DuplicateMode.SAME_RESOURCE
        ways.append(changes.open_attempt(base, an_opening(base, channel, a_ground(mode)), now))
    if instead_of is not None:
        ways.append(changes.send_planned(payout, instead_of, now))
    if not ways:
        ways.append(changes.close(payout, StatusReason(CLOSING), now))
    return ways


CLOSING = StatusCode.NO_ROUTE


def heard_any_time(payout: Payout, now: datetime) -> list[Payout]:
    """What can be heard of any attempt at any time: a notification, a late answer, a follow-up."""
    ways = []
    for attempt in payout.attempts:
        for kind in OUTCOMES:
            if kind is OutcomeKind.NOT_SENT and attempt.state is not AttemptState.SENDING:
                continue
            ways.append(folded(payout, attempt.number, kind, now))
    return ways


def wishes(payout: Payout) -> list[Payout]:
    if payout.cancel_requested_at is None and not is_final(payout):
        return [changes.request_cancel(payout, NOW)]
    return []


def shape(payout: Payout) -> tuple[object, ...]:
    """What makes two payouts alike for this walk: states and decisions, not times and counters."""
    attempts = tuple(
        (a.channel, a.state, min(a.transmissions, 2), a.repeat_due, a.cancel_asked, a.reason, a.due_at is None)
        for a in payout.attempts
    )
    return attempts, payout.frozen, payout.closure is None, payout.cancel_requested_at is None


def neighbours(payout: Payout) -> list[Payout]:
    now = look(payout)
    return act(payout, next_step(payout, now, POLICY), now) + heard_any_time(payout, now) + wishes(payout)


@pytest.fixture(scope="module")
def graph() -> dict[tuple[object, ...], tuple[Payout, list[tuple[object, ...]]]]:
    """Every reachable shape with a payout of it and the shapes it leads to."""
    start = a_payout()
    found: dict[tuple[object, ...], tuple[Payout, list[tuple[object, ...]]]] = {}
    queue = deque([start])
    while queue:
        payout = queue.popleft()
        if shape(payout) in found:
            continue
        after = neighbours(payout)
        found[shape(payout)] = (payout, [shape(one) for one in after])
        queue.extend(one for one in after if shape(one) not in found)
    return found


def test_the_walk_is_not_small(graph: dict[object, object]) -> None:
    """The enumeration really reaches thousands of different payouts."""
    assert len(graph) > 2_000


def test_never_two_open_attempts(graph: dict[object, tuple[Payout, object]]) -> None:
    """At most one attempt of a payout is not proved rejected, unless a contradiction has frozen it (R2, R14)."""
    for payout, _ in graph.values():
        assert len([a for a in payout.attempts if a.live]) <= 1
        unproved = [a for a in payout.attempts if a.state is not AttemptState.REJECTED]
        assert len(unproved) <= 1


def test_never_plan_or_send_while_an_outcome_is_open(graph: dict[object, tuple[Payout, object]]) -> None:
    """While the channel may have heard of an attempt, nothing is planned or sent first (R1, R2)."""
    for payout, _ in graph.values():
        step = next_step(payout, look(payout), POLICY)
        open_attempts = [a for a in payout.attempts if a.state in OPEN]
        if open_attempts:
            assert not isinstance(step, Plan | GiveUp | Close)
            assert not isinstance(step, Repeat) or step.number == open_attempts[0].number


def test_a_freeze_lets_only_questions_through(graph: dict[object, tuple[Payout, object]]) -> None:
    """Under a freeze nothing is planned, repeated or closed (R14)."""
    frozen = [payout for payout, _ in graph.values() if payout.frozen]
    assert frozen
    for payout in frozen:
        assert not isinstance(next_step(payout, look(payout), POLICY), Plan | Repeat | Close)


def test_a_cancel_wish_lets_nothing_be_planned(graph: dict[object, tuple[Payout, object]]) -> None:
    """With a cancel wish nothing is planned or first-sent (R19)."""
    wished = [payout for payout, _ in graph.values() if payout.cancel_requested_at is not None]
    assert wished
    for payout in wished:
        assert not isinstance(next_step(payout, look(payout), POLICY), Plan)


def test_canceled_means_every_attempt_is_rejected(graph: dict[object, tuple[Payout, object]]) -> None:
    """Neither canceled nor failed is said of a payout that may still be paid (I40, R8)."""
    for payout, _ in graph.values():
        if status(payout) in (Status.CANCELED, Status.FAILED):
            assert all(a.state is AttemptState.REJECTED for a in payout.attempts)


def test_a_final_state_is_reachable_from_each(
    graph: dict[tuple[object, ...], tuple[Payout, list[tuple[object, ...]]]],
) -> None:
    """From every payout some sequence of answers ends it; only a freeze, which people must lift, holds one up."""
    backwards: dict[object, set[object]] = {}
    for here, (_, there) in graph.items():
        for one in there:
            backwards.setdefault(one, set()).add(here)
    ended = deque(here for here, (payout, _) in graph.items() if status(payout) in FINAL)
    reached = set(ended)
    while ended:
        for before in backwards.get(ended.popleft(), ()):
            if before not in reached:
                reached.add(before)
                ended.append(before)
    stuck = [payout for here, (payout, _) in graph.items() if here not in reached]
    assert all(payout.frozen for payout in stuck)


def test_waiting_never_spins(graph: dict[object, tuple[Payout, object]]) -> None:
    """Whenever the next step is to wait, the payout is due later or not at all: no loop can spin on it."""
    for payout, _ in graph.values():
        now = look(payout)
        step = next_step(payout, now, POLICY)
        if isinstance(step, Wait):
            due = next_due(payout)
            assert due is None or due > now, (payout, step)


MISSING = [(state, kind) for state in AttemptState for kind in OUTCOMES if (state, kind) not in TABLE]


@pytest.mark.parametrize(("state", "kind"), MISSING)
def test_a_pair_that_is_not_in_the_table_freezes(state: AttemptState, kind: OutcomeKind) -> None:
    """Each missing pair is a contradiction: recorded, frozen, and the attempt keeps its state (R14)."""
    payout = changes.open_attempt(a_payout(), an_opening(a_payout()), NOW)
    payout = payout.with_attempt(replace(payout.attempt(1), state=state))
    result = fold(payout, 1, Outcome(kind, an_answer(kind, Heard.QUERY)), NOW + timedelta(1), POLLS)
    assert result.change is Change.CONTRADICTION
    assert result.payout.frozen
    assert result.payout.attempt(1).state is state


def test_the_contradictions_are_these() -> None:
    """Nothing is folded of a planned attempt; a refusal is not unsaid by news, nor a success by a refusal."""
    by_state = {state: {kind for one, kind in MISSING if one is state} for state in AttemptState}
    assert by_state[AttemptState.PLANNED] == set(OUTCOMES)
    assert by_state[AttemptState.UNKNOWN] == set()
    news = {OutcomeKind.NOT_SENT, OutcomeKind.PENDING, OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED}
    assert by_state[AttemptState.REJECTED] == news
    assert OutcomeKind.REJECTED in by_state[AttemptState.SUCCEEDED]
