"""Holes that a hostile reading once found, each with the sequence that opened it. None may open again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.channel import Notice, RawNotification, Sent, Signed, Unsendable
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Finality, NextAction, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.reasons import RejectReason
from gateway.domain.status import Status, status
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.advance import advance
from gateway.operations.cancel import cancel
from gateway.operations.intent import Outgoing
from gateway.operations.observe import observe
from gateway.operations.services import Services
from gateway.store.records import Lease
from gateway.worker.payouts import PayoutWorker
from tests.support.builders import BENEFICIARY, NOW, an_answer
from tests.support.clock import settle
from tests.support.scripted import HANG, MONEY, ScriptedGateway, scripted_gateway

K = OutcomeKind
UNCLEAR = an_answer(K.UNCLEAR, channel_fault=True)
NOT_SENT = an_answer(K.NOT_SENT, channel_fault=True)
ABSENT = an_answer(K.ABSENT, How.QUERY)
PAID = an_answer(K.SUCCEEDED)


def says(kind: OutcomeKind, **fields: object) -> Answer:
    return an_answer(kind, How.QUERY, **fields)


def notice(payout: Payout, kind: OutcomeKind) -> Notice:
    amount = Money(12345, "CNY")
    answer = an_answer(kind, How.NOTIFICATION, **({"returned": amount} if kind is K.RETURNED else {}))
    return Notice(answer, channel_reference=payout.attempt(1).channel_reference, amount=amount)


async def tell(gateway: ScriptedGateway, event: str, *notices: Notice) -> int:
    gateway.channels["alpha"].notices[event] = (event, None, notices)
    raw = RawNotification("POST", "/", (), event.encode(), NOW)
    return (await observe(gateway.services, "alpha", raw)).status


async def test_a_refused_repeat_does_not_speak_for_the_first() -> None:
    """A query that finds only the refused repeat proves nothing about transmission 1, which may be being paid (R13)."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([UNCLEAR, UNCLEAR])
    refused = says(K.REJECTED, finality=Finality.FINAL, reason=RejectReason.INSUFFICIENT_FUNDS)
    alpha.queries.extend([ABSENT, refused, refused, says(K.SUCCEEDED)])
    payout = await gateway.accept()
    for _ in range(8):
        await gateway.pass_time(minutes=6)
    assert gateway.channels["beta"].sent == []
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_paid_and_returned_in_one_notification() -> None:
    """One notification may speak twice of one order; its second half is no duplicate of its first."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    for _ in range(2):
        assert await tell(gateway, "both", notice(payout, K.SUCCEEDED), notice(payout, K.RETURNED)) == 200
    assert status(await gateway.payout(payout.id)) is Status.RETURNED
    assert (await gateway.callback_types(payout))[-2:] == ["payout.paid", "payout.returned"]


async def test_a_lost_cancel_is_said_again() -> None:
    """R19: a cancel that the channel may not have heard is repeated with the questions until it ends."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(an_answer(K.PENDING))
    alpha.cancels.extend([an_answer(K.UNCLEAR, How.CANCEL)] * 2)
    alpha.queries.extend([says(K.PENDING)] * 2 + [says(K.REJECTED, reason=RejectReason.CANCELLED)])
    payout = await gateway.accept()
    await cancel(gateway.services, "acme", payout.id)
    assert await gateway.run() == 1  # at once, not at the next poll
    assert len(alpha.cancelled) == 1
    await gateway.pass_time(minutes=6)
    await gateway.pass_time(minutes=6)
    assert len(alpha.cancelled) == 3
    assert status(await gateway.payout(payout.id)) is Status.CANCELED


async def test_after_a_cancel_wish_nothing_goes_out_again() -> None:
    """R19: what the channel does not know is not sent again against the app's wish: it would be a first send."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(UNCLEAR)
    alpha.queries.extend([ABSENT] * 10)
    payout = await gateway.accept()
    await cancel(gateway.services, "acme", payout.id)
    for _ in range(10):
        await gateway.pass_time(minutes=6)
    assert len(alpha.sent) == 1
    assert status(await gateway.payout(payout.id)) is Status.PROCESSING


async def test_a_canceled_payout_that_was_paid_is_disputed() -> None:
    """A payout called canceled stays final when proof contradicts it, and the app is told at once (R8)."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.append(an_answer(K.PENDING))
    alpha.queries.extend([says(K.REJECTED, reason=RejectReason.CANCELLED), says(K.SUCCEEDED)])
    payout = await gateway.accept()
    await cancel(gateway.services, "acme", payout.id)
    await gateway.run()
    assert status(await gateway.payout(payout.id)) is Status.CANCELED
    await gateway.pass_time(minutes=10)
    after = await gateway.payout(payout.id)
    assert status(after) is Status.CANCELED
    assert after.frozen
    assert (await gateway.callback_types(payout))[-1] == "payout.disputed"


async def test_notifications_use_up_no_question() -> None:
    """R17, I32: what we are told unasked neither uses up a follow-up nor pushes a poll away."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.append(an_answer(K.REJECTED))
    payout = await gateway.accept()
    for number in range(5):
        await tell(gateway, f"refused-{number}", notice(payout, K.REJECTED))
    alpha.queries.extend([says(K.REJECTED)] * 4)
    for _ in range(80):
        await gateway.pass_time(hours=1)
    assert len(alpha.asked) == 4
    alpha.submits.append(an_answer(K.PENDING))
    other = await gateway.accept("order-2")
    for number in range(50):
        await tell(gateway, f"pending-{number}", notice(other, K.PENDING))
        await gateway.pass_time(minutes=4)
    assert len(alpha.asked) > 20


async def test_late_answers_freeze_nothing() -> None:
    """An answer that was overtaken is no contradiction: "not sent" after the deadline, "taken in" after the verdict."""
    for reference, late in (("late-1", NOT_SENT), ("late-2", an_answer(K.PENDING))):
        gateway = scripted_gateway(total_s=0.0)
        alpha = gateway.channels["alpha"]
        alpha.submits.append(HANG)
        payout = await gateway.accept(reference)
        if reference == "late-2":
            alpha.queries.append(
                says(K.REJECTED, finality=Finality.FINAL_ON_REPEAT, reason=RejectReason.FRAUD_SUSPECTED)
            )
            await gateway.pass_time(seconds=30)
        alpha.submits.append(late)
        alpha.release.set()
        for _ in range(3):
            await gateway.services.background.drain(5)
        after = await gateway.payout(payout.id)
        assert not after.frozen
        assert after.attempt(1).state is (AttemptState.UNKNOWN if reference == "late-1" else AttemptState.REJECTED)


async def test_a_repeat_that_cannot_go_out_asks_instead() -> None:
    """I26: an adapter that fails to sign, or an open breaker, never keeps us from asking."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.append(UNCLEAR)
    alpha.queries.extend([ABSENT, ABSENT, says(K.SUCCEEDED)])
    payout = await gateway.accept()
    await gateway.pass_time(seconds=30)

    def broken(sent: Sent) -> Signed:
        raise RuntimeError("no key")

    alpha.sign = broken  # type: ignore[method-assign]
    await gateway.pass_time(minutes=6)
    assert len(alpha.asked) == 2
    await gateway.pass_time(minutes=6)
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_a_healed_channel_is_tried_again() -> None:
    """Two channels that could not be reached: whichever heals first carries the payout."""
    gateway = scripted_gateway()
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    alpha.submits.extend([NOT_SENT, PAID])
    beta.submits.extend([NOT_SENT] * 30)
    payout = await gateway.accept()
    for _ in range(6):
        await gateway.pass_time(seconds=11)
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert len((await gateway.payout(payout.id)).attempts) <= 4


async def test_two_dead_channels_open_few_attempts() -> None:
    """Waiting three days between two dead channels leaves a bounded history."""
    gateway = scripted_gateway()
    for channel in gateway.channels.values():
        channel.submits.extend([NOT_SENT] * 200)
    payout = await gateway.accept()
    for _ in range(60):
        await gateway.pass_time(seconds=60)
    after = await gateway.payout(payout.id)
    assert len(after.attempts) == 12
    assert sum(a.live for a in after.attempts) == 1


async def test_a_channel_that_is_not_ready_is_waited_for() -> None:
    """A channel without its certificates yet is no reason to fail a payout."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    real = alpha.prepare

    def not_ready(order: object, now: object) -> object:
        raise Unsendable(RejectReason.CHANNEL_UNAVAILABLE, "no certificate yet")

    alpha.prepare = not_ready  # type: ignore[assignment,method-assign]
    payout = await gateway.accept()
    assert status(payout) is Status.ACCEPTED
    alpha.prepare = real  # type: ignore[method-assign]
    alpha.submits.append(PAID)
    await gateway.pass_time(seconds=11)
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_new_payouts_leave_room_for_due_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """I44: while new payouts keep every place they may have busy, an open attempt is still asked about."""
    gateway, go_on = scripted_gateway(), asyncio.Event()

    async def slowly(services: Services, payout: Payout, lease: Lease, outgoing: Outgoing | None) -> None:
        if payout.reference != "first":
            await go_on.wait()
        await advance(services, payout, lease, outgoing)

    monkeypatch.setattr("gateway.worker.payouts.advance", slowly)
    alpha = gateway.channels["alpha"]
    worker = PayoutWorker(concurrency=2, rescue_every_s=10.0)
    services = replace(gateway.services, hand_over=worker.hand_over, wake=worker.bell.ring)
    gateway.services = services
    worker.attach(gateway)
    loop = asyncio.ensure_future(worker.run())
    alpha.submits.append(an_answer(K.PENDING))
    alpha.queries.append(says(K.SUCCEEDED))
    await accept(services, PayoutRequest("acme", "first", MONEY, BENEFICIARY))
    await settle()
    for number in range(20):
        await accept(services, PayoutRequest("acme", f"more-{number}", MONEY, BENEFICIARY))
    await settle()
    assert (worker.taken, worker.waiting) == (1, 19)
    await gateway.clock.advance(31)
    await settle()
    assert len(alpha.asked) == 1
    alpha.submits.extend([PAID] * 30)
    go_on.set()
    await settle()
    await worker.stop(5)
    await loop


async def test_an_unreadable_row_stops_no_other() -> None:
    """A row that cannot be opened (a wrong key, a damaged page) is passed over; the others are worked on."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([an_answer(K.PENDING)] * 2)
    bad, good = await gateway.accept("bad"), await gateway.accept("good")
    committer = gateway.store._committer  # type: ignore[attr-defined]
    with committer._engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE payouts SET beneficiary_sealed = x'01' WHERE id = ?", (bad.id,))
    alpha.queries.extend([says(K.SUCCEEDED)] * 2)
    assert await gateway.pass_time(seconds=30) == 1
    assert status(await gateway.payout(good.id)) is Status.PAID


async def test_a_confirmed_order_is_asked_no_more_of_its_payee() -> None:
    """Once the payee has acted the action is gone: nothing is shown, and its old deadline cancels nothing."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    action = NextAction("wechat_confirm", (("package_info", "x"),), NOW + timedelta(hours=24))
    alpha.submits.append(an_answer(K.PENDING, action=action))
    alpha.queries.extend([says(K.PENDING), says(K.PENDING, action_over=True)] + [says(K.PENDING)] * 60)
    payout = await gateway.accept()
    await gateway.pass_time(seconds=30)
    assert (await gateway.payout(payout.id)).attempt(1).action == action
    await gateway.pass_time(minutes=6)
    assert (await gateway.payout(payout.id)).attempt(1).action is None
    for _ in range(30):
        await gateway.pass_time(hours=1)
    assert alpha.cancelled == []
