"""`send_at`: nothing is sent before, and nothing is lost until then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import AlreadyFinal
from gateway.domain.fingerprint import fingerprint
from gateway.domain.money import Money
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.status import Status, status, status_reason
from gateway.domain.steps import Close, Plan, StepPolicy, Wait, next_due, next_step
from gateway.domain.terms import OnExpiry, Terms
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.cancel import cancel
from gateway.store.records import Lease
from routing.policy import ChannelState
from tests.support.builders import BENEFICIARY, NOW, a_payout, an_answer
from tests.support.scripted import MONEY, ScriptedGateway, scripted_gateway

PAID = an_answer(OutcomeKind.SUCCEEDED)
AT = NOW + timedelta(hours=6)
LATER = Terms(send_at=AT)


async def scheduled(gateway: ScriptedGateway, terms: Terms = LATER) -> Payout:
    payout = await gateway.accept(terms=terms)
    assert status(payout) is Status.SCHEDULED
    return payout


async def test_nothing_is_sent_before_its_time() -> None:
    """No worker has it, no channel is chosen; at its time it goes like any other."""
    gateway = scripted_gateway()
    payout = await scheduled(gateway)
    assert gateway.handed == []
    assert await gateway.store.read(lambda tx: tx.next_due_at()) == AT
    assert await gateway.pass_time(hours=5, minutes=59, seconds=59) == 0
    assert gateway.channels["alpha"].sent == []
    gateway.channels["alpha"].submits.append(PAID)
    assert await gateway.pass_time(seconds=1) == 1
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert await gateway.callback_types(payout) == [
        "payout.accepted", "payout.scheduled", "payout.processing", "payout.paid",
    ]  # fmt: skip


async def test_it_is_canceled_at_once() -> None:
    """Nothing of it can be on its way; and its time does not bring it back."""
    gateway = scripted_gateway()
    payout = await scheduled(gateway)
    assert status(await cancel(gateway.services, "acme", payout.id)) is Status.CANCELED
    await gateway.pass_time(hours=7)
    assert status(await gateway.payout(payout.id)) is Status.CANCELED
    assert gateway.channels["alpha"].sent == []


async def test_a_time_that_is_over_is_at_once() -> None:
    """A clock cannot tell a repeat from a new order: it is taken in, and sent."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(PAID)
    payout = await gateway.accept(terms=Terms(send_at=NOW - timedelta(days=400)))
    assert status(payout) is Status.PAID
    assert await gateway.callback_types(payout) == ["payout.accepted", "payout.processing", "payout.paid"]


async def test_its_patience_begins_at_its_time() -> None:
    """`give_up_after` counts from `send_at`, and while no channel takes it it says so like any other."""
    gateway = scripted_gateway()
    for name in ("alpha", "beta"):
        gateway.change(name, state=ChannelState.DRAINING)
    payout = await scheduled(gateway)
    assert payout.give_up_at == AT + timedelta(hours=72)
    await gateway.pass_time(hours=6)
    waiting = await gateway.payout(payout.id)
    reason = status_reason(waiting)
    assert reason is not None
    assert (status(waiting), reason.code) == (Status.ACCEPTED, StatusCode.CHANNEL_UNAVAILABLE)
    await gateway.pass_time(hours=72)
    assert status(await gateway.payout(payout.id)) is Status.FAILED


@pytest.mark.parametrize("on_expiry", list(OnExpiry))
async def test_a_time_that_comes_after_its_end(on_expiry: OnExpiry) -> None:
    """`send_by` before `send_at`: it fails then, or has its one last decision at `send_at`, and none before."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(PAID)
    payout = await scheduled(gateway, Terms(send_at=AT, send_by=NOW + timedelta(hours=1), on_expiry=on_expiry))
    await gateway.pass_time(hours=2)
    fails = on_expiry is OnExpiry.FAIL
    assert status(await gateway.payout(payout.id)) is (Status.FAILED if fails else Status.SCHEDULED)
    await gateway.pass_time(hours=4)
    assert status(await gateway.payout(payout.id)) is (Status.FAILED if fails else Status.PAID)
    if fails:
        with pytest.raises(AlreadyFinal):
            await cancel(gateway.services, "acme", payout.id)
        assert gateway.channels["alpha"].sent == []


MINUTES = st.none() | st.integers(-5, 50)


@given(send_at=MINUTES, send_by=MINUTES, on_expiry=st.sampled_from(OnExpiry), minute=st.integers(0, 80))
def test_no_step_is_taken_too_early_and_none_waits_for_the_past(
    send_at: int | None, send_by: int | None, on_expiry: OnExpiry, minute: int
) -> None:
    """Whatever the terms: before `send_at` no channel is chosen; a wait is always for a time to come; and what the
    store is told to wake it for is never later than what the core waits for.
    """

    def at(minutes: int | None) -> datetime | None:
        return None if minutes is None else NOW + timedelta(minutes=minutes)

    terms = Terms(send_at=at(send_at), send_by=at(send_by), on_expiry=on_expiry)
    give_up_at = terms.send_by or max(terms.send_at or NOW, NOW) + timedelta(hours=72)
    payout = replace(a_payout(), terms=terms, give_up_at=give_up_at)
    now = NOW + timedelta(minutes=minute)
    step = next_step(payout, now, StepPolicy())
    if terms.send_at is not None and terms.send_at > now:
        assert not isinstance(step, Plan)
    match step:
        case Wait(until):
            assert until is not None
            assert until > now
            assert next_due(payout) == until
        case other:
            assert isinstance(other, Plan | Close)


async def test_a_quiet_worker_is_woken_for_it() -> None:
    """The lease of a scheduled payout is nobody's: whoever comes at its time takes it."""
    gateway = scripted_gateway()
    payout = await scheduled(gateway)
    now = gateway.clock.now()
    assert await gateway.store.run(lambda tx: tx.claim("other", now, 60, 10)) == []
    ((claimed, lease),) = await gateway.store.run(lambda tx: tx.claim("other", AT, 60, 10))
    assert (claimed.id, isinstance(lease, Lease)) == (payout.id, True)
    assert gateway.woken == ["payouts", "callbacks"]


async def test_it_is_content() -> None:
    """Another time is another order; the same one in another zone is the same order."""
    gateway = scripted_gateway()
    request = PayoutRequest("acme", "timed", MONEY, BENEFICIARY, terms=LATER)
    first = await accept(gateway.services, request)
    assert (await accept(gateway.services, request)).payout.id == first.payout.id

    def mark(terms: Terms) -> bytes:
        return fingerprint(b"k", "acme", "r", Money(1, "CNY"), BENEFICIARY, None, None, terms)

    assert len({mark(Terms()), mark(LATER), mark(Terms(send_at=NOW))}) == 3
