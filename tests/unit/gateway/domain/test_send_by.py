"""The end of a payout's time: what is open is followed, what waits ends or has one last call, nothing is sent after."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.changes import close, give_up, open_attempt, wait_for_channel
from gateway.domain.fingerprint import fingerprint
from gateway.domain.payout import LIVE, Attempt, AttemptState, Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import StatusReason, closing_code
from gateway.domain.steps import Close, GiveUp, Plan, StepPolicy, Wait, next_due, next_step
from gateway.domain.terms import OnExpiry, Terms
from tests.support.builders import NOW, a_payout, an_opening, sending

SEND_BY = NOW + timedelta(minutes=10)
AFTER = SEND_BY + timedelta(seconds=1)
POLICY = StepPolicy()


def due(on_expiry: OnExpiry = OnExpiry.FAIL, payout: Payout | None = None) -> Payout:
    """With ten minutes from `NOW` on."""
    return replace(payout or a_payout(), give_up_at=SEND_BY, terms=Terms(send_by=SEND_BY, on_expiry=on_expiry))


def rejected(payout: Payout, reason: RejectReason = RejectReason.CHANNEL_UNAVAILABLE, late: bool = False) -> Payout:
    attempt = payout.attempts[-1]
    settled_at = AFTER if late else NOW
    return payout.with_attempt(
        replace(attempt, state=AttemptState.REJECTED, reason=reason, settled_at=settled_at, due_at=None)
    )


ANY = OnExpiry.ANY_CHANNEL


@pytest.mark.parametrize("on_expiry", OnExpiry)
def test_until_then_it_waits_and_looks_again(on_expiry: OnExpiry) -> None:
    """A regular plan at each look, and no end."""
    payout = due(on_expiry)
    assert next_step(payout, NOW, POLICY) == Plan()
    waiting = wait_for_channel(payout, StatusCode.CHANNEL_UNAVAILABLE, NOW, timedelta(seconds=5))
    assert next_step(waiting, NOW, POLICY) == Wait(NOW + timedelta(seconds=5)) == Wait(next_due(waiting))
    assert next_step(waiting, NOW + timedelta(seconds=5), POLICY) == Plan()


def test_then_it_fails_for_what_it_waited_for() -> None:
    """Not for a general reason: the app is told what was missing; one that was never looked at has expired."""
    for code in (StatusCode.CHANNEL_BALANCE_LOW, StatusCode.CHANNEL_UNAVAILABLE):
        waiting = wait_for_channel(due(), code, NOW, timedelta(seconds=5))
        assert next_step(waiting, AFTER, POLICY) == Close(StatusReason(code))
    assert next_step(due(), AFTER, POLICY) == Close(StatusReason(StatusCode.EXPIRED))
    refused = wait_for_channel(
        rejected(sending(due()), RejectReason.AMOUNT_LIMIT), StatusCode.CHANNEL_UNAVAILABLE, NOW, timedelta(seconds=5)
    )
    assert next_step(refused, AFTER, POLICY) == Close(StatusReason(StatusCode.AMOUNT_LIMIT))


def test_or_it_has_one_last_call() -> None:
    """At the first look after its time, however late that is."""
    assert next_step(due(ANY), AFTER, POLICY) == Plan(last=True)
    waiting = wait_for_channel(due(ANY), StatusCode.CHANNEL_UNAVAILABLE, SEND_BY, timedelta(seconds=5))
    assert next_step(waiting, AFTER, POLICY) == Wait(SEND_BY + timedelta(seconds=5)) == Wait(next_due(waiting))
    assert next_step(waiting, SEND_BY + timedelta(days=1), POLICY) == Plan(last=True)


def test_what_was_sent_in_the_last_call_and_refused_was_the_last() -> None:
    """What never left does not count: then another channel is asked."""
    opened = open_attempt(due(ANY), an_opening(due(ANY)), AFTER)
    assert next_step(rejected(opened, late=True), AFTER, POLICY) == Close(closing_code(rejected(opened, late=True)))
    unsent = opened.with_attempt(replace(opened.attempt(1), state=AttemptState.PLANNED, transmissions=0))
    assert next_step(unsent, AFTER, POLICY) == GiveUp(1)
    assert next_step(give_up(unsent, 1, AFTER), AFTER, POLICY) == Plan(last=True)


@pytest.mark.parametrize("on_expiry", OnExpiry)
def test_no_attempt_opens_after_the_time_where_one_was_on_its_way(on_expiry: OnExpiry) -> None:
    """It was sent in time: what its channel refuses after that is the end."""
    payout = rejected(sending(due(on_expiry)), late=True)
    assert next_step(payout, AFTER, POLICY) == Close(closing_code(payout))
    in_time = rejected(sending(due(on_expiry)))
    assert next_step(in_time, SEND_BY - timedelta(seconds=1), POLICY) == Plan()


@pytest.mark.parametrize("on_expiry", OnExpiry)
@given(state=st.sampled_from(sorted(LIVE - {AttemptState.PLANNED})), days=st.integers(0, 400))
def test_an_open_attempt_is_never_abandoned(on_expiry: OnExpiry, state: AttemptState, days: int) -> None:
    """Whatever the time: it is asked about, waited for or left to people, and nothing is opened or ended beside it."""
    payout = sending(due(on_expiry))
    live: Attempt = replace(payout.attempt(1), state=state)
    step = next_step(payout.with_attempt(live), AFTER + timedelta(days=days), POLICY)
    assert not isinstance(step, Plan | Close | GiveUp)


def test_a_final_refusal_and_a_spent_budget_end_it_whatever_was_asked_for() -> None:
    """Any channel does not mean once more for a closed account, nor more channels than the operator allows."""
    closed = rejected(sending(due(ANY)), RejectReason.PAYEE_ACCOUNT_CLOSED)
    assert isinstance(next_step(closed, AFTER, POLICY), Close)
    spent = rejected(sending(due(ANY)))
    assert isinstance(next_step(spent, AFTER, StepPolicy(max_attempts=1)), Close)
    assert next_step(spent, AFTER, POLICY) == Plan(last=True)
    ended = close(due(ANY), StatusReason(StatusCode.CHANNEL_UNAVAILABLE), AFTER)
    assert next_step(ended, AFTER, POLICY) == Wait(None)


def test_an_order_without_terms_keeps_its_fingerprint() -> None:
    """As it was before there were any, byte by byte; each of them makes another order, and another zone does not."""
    payout = a_payout()

    def mark(terms: Terms) -> bytes:
        return fingerprint(b"key", "acme", "order-1", payout.amount, payout.beneficiary, None, None, terms)

    old = fingerprint(b"key", "acme", "order-1", payout.amount, payout.beneficiary, None, None)
    assert old.hex() == KNOWN
    assert mark(Terms()) == mark(Terms(on_expiry=OnExpiry.FAIL)) == old
    eastern = SEND_BY.astimezone(timezone(timedelta(hours=8)))
    assert mark(Terms(send_by=SEND_BY)) == mark(Terms(send_by=eastern))
    others = [Terms("cheapest"), Terms("fastest"), Terms(send_by=SEND_BY), Terms(send_by=AFTER), Terms(on_expiry=ANY)]
    assert len({mark(terms) for terms in others} | {old}) == len(others) + 1


KNOWN = "015bafe010b330c733911d09b05ef5b3955a99b5011543235b3fdcaeecf57f2cd5"
"""Of the order above, by the version before terms."""
