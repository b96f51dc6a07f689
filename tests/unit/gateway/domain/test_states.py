"""The fold: what is kept, what is scheduled, what is too old to be judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.outcome import Answer, Outcome, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import AttemptState, DuplicateMode, Payout
from gateway.domain.reasons import RejectReason
from gateway.domain.states import CLOCK_ALLOWANCE, FOLLOW_UP_AFTER, Change, fold, may_repeat
from tests.support.builders import NOW, POLLS, a_ground, an_answer, sending

K, S = OutcomeKind, AttemptState


def folded(payout: Payout, kind: OutcomeKind, **fields: object) -> tuple[Payout, Change]:
    answer = an_answer(kind, How.QUERY, **fields)
    result = fold(payout, 1, Outcome(kind, answer), NOW + timedelta(seconds=1), POLLS)
    return result.payout, result.change


def test_not_sent_comes_off_the_count() -> None:
    """Proof that nothing left makes the attempt planned again, with no transmission to its name (R13)."""
    payout, change = folded(sending(), K.NOT_SENT)
    attempt = payout.attempt(1)
    assert change is Change.MOVED
    assert (attempt.state, attempt.transmissions, attempt.first_sent_at) == (S.PLANNED, 0, None)


def test_facts_are_kept_and_not_forgotten() -> None:
    """The channel's id is kept over answers that do not repeat it; a reason belongs to the verdict that gave it."""
    payout, _ = folded(sending(), K.PENDING, channel_payout_id="C1", channel_code="RCVD")
    payout, _ = folded(payout, K.PENDING)
    assert payout.attempt(1).channel_payout_id == "C1"
    payout, _ = folded(payout, K.REJECTED, reason=RejectReason.PAYEE_ACCOUNT_CLOSED)
    assert payout.attempt(1).reason is RejectReason.PAYEE_ACCOUNT_CLOSED
    assert payout.attempt(1).settled_at == NOW + timedelta(seconds=1)


def test_the_poll_schedule_repeats_its_last_wait() -> None:
    """An open attempt is asked about again and again: the waits grow, the last one repeats, none is ever missing."""
    payout = sending()
    waits = []
    for _ in range(6):
        payout, _ = folded(payout, K.UNCLEAR)
        due = payout.attempt(1).due_at
        assert due is not None
        waits.append((due - NOW).total_seconds() - 1)
    assert waits == [30, 60, 300, 300, 300, 300]


def test_a_channels_wish_delays_a_repeat() -> None:
    """`Retry-After` is honoured where it is longer than our own wait."""
    payout, _ = folded(sending(), K.UNCLEAR, resend_after_s=90.0)
    assert payout.attempt(1).due_at == NOW + timedelta(seconds=91)


def test_a_repeat_needs_a_channel_that_knows_its_ids() -> None:
    """A repeat is wanted only where it is the same order, and only well within the window (row 30, I35)."""
    for mode, expected in [
        (DuplicateMode.SAME_RESOURCE, True),
        (DuplicateMode.REFUSE, True),
        (DuplicateMode.NONE, False),
    ]:
        payout = sending(ground=a_ground(mode))
        result = fold(payout, 1, Outcome(K.UNCLEAR, an_answer(K.UNCLEAR), repeat=True), NOW, POLLS)
        assert result.payout.attempt(1).repeat_due is expected
    attempt = sending().attempt(1)
    last = timedelta(hours=24) - CLOCK_ALLOWANCE
    assert may_repeat(attempt, NOW + last - timedelta(seconds=1))
    assert not may_repeat(attempt, NOW + last)


def test_a_rejected_attempt_is_followed_up_four_times() -> None:
    """R17: asked again at 10 min, 1 h, 24 h and 72 h after its rejection, then left alone."""
    payout, _ = folded(sending(), K.REJECTED)
    dues = []
    while (due := payout.attempt(1).due_at) is not None:
        dues.append(due - (NOW + timedelta(seconds=1)))
        payout, change = folded(payout, K.REJECTED)
        assert change is Change.LEARNED
    assert tuple(dues) == FOLLOW_UP_AFTER


def test_older_news_is_kept_not_judged() -> None:
    """What the channel itself dates before the folded verdict freezes nothing; success is always judged (R14)."""
    payout, _ = folded(sending(), K.SUCCEEDED, as_of=NOW)
    older = NOW - timedelta(seconds=1)
    after, change = folded(payout, K.REJECTED, as_of=older)
    assert change is Change.STALE
    assert (after.attempt(1).state, after.frozen) == (S.SUCCEEDED, False)
    _, change = folded(payout, K.REJECTED, as_of=NOW + timedelta(seconds=1))
    assert change is Change.CONTRADICTION
    rejected, _ = folded(sending(), K.REJECTED, as_of=NOW)
    _, change = folded(rejected, K.SUCCEEDED, as_of=older)
    assert change is Change.CONTRADICTION


def test_that_nothing_was_heard_is_no_news_of_what_never_left() -> None:
    """A node that took over, or a deadline, may speak after the proof that nothing was sent: neither contradicts it."""
    planned, _ = folded(sending(), K.NOT_SENT)
    result = fold(planned, 1, Outcome(K.UNCLEAR, an_answer(K.UNCLEAR, How.SUBMIT, raw=b"")), NOW, POLLS)
    assert (result.payout, result.change) == (planned, Change.STALE)


@pytest.mark.parametrize(
    "answer",
    [
        an_answer(K.UNCLEAR, How.SUBMIT, raw=b"HTTP/1.1 500"),
        an_answer(K.UNCLEAR, How.NOTIFICATION, raw=b""),
        an_answer(K.REJECTED, How.SUBMIT, raw=b""),
    ],
)
def test_any_word_of_the_channel_contradicts_that_nothing_left(answer: Answer) -> None:
    """It cannot know of what was never sent: a person must look."""
    planned, _ = folded(sending(), K.NOT_SENT)
    result = fold(planned, 1, Outcome(K.UNCLEAR, answer), NOW, POLLS)
    assert (result.change, result.payout.frozen) == (Change.CONTRADICTION, True)


@pytest.mark.parametrize("kind", [K.PENDING, K.SUCCEEDED, K.UNCLEAR])
def test_success_is_not_unsaid(kind: OutcomeKind) -> None:
    """Late news of the same order changes nothing about a success."""
    payout, _ = folded(sending(), K.SUCCEEDED)
    after, change = folded(payout, kind)
    assert change is Change.LEARNED
    assert after.attempt(1).state is S.SUCCEEDED
    assert not after.frozen


def test_a_return_keeps_its_amount() -> None:
    """Money that came back is a new fact with its own amount."""
    payout, _ = folded(sending(), K.SUCCEEDED)
    after, _ = folded(payout, K.RETURNED)
    assert after.attempt(1).state is S.RETURNED
    assert after.attempt(1).returned == payout.amount


def test_folding_never_changes_what_was_ordered() -> None:
    """Amount, beneficiary, app and the stored bytes are the same after any outcome (I7, I19)."""
    before = sending()
    for kind in OutcomeKind:
        after, _ = folded(before, kind)
        assert (after.amount, after.beneficiary, after.app) == (before.amount, before.beneficiary, before.app)
        assert after.attempt(1).prepared == before.attempt(1).prepared
        assert after.attempt(1).channel_reference == before.attempt(1).channel_reference
        assert replace(after, attempts=(), frozen=False) == replace(before, attempts=())
