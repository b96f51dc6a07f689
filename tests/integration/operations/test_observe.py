"""Notifications: verified, de-duplicated, matched, folded, and only then acknowledged."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from adapters.channel import Notice, RawNotification
from gateway.domain.errors import CommitUnknown, NotFound
from gateway.domain.money import Money
from gateway.domain.outcome import Heard as How
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.status import Status, status
from gateway.operations.observe import observe
from tests.support.builders import NOW, an_answer
from tests.support.scripted import ScriptedGateway, scripted_gateway

K = OutcomeKind


def raw(body: str) -> RawNotification:
    return RawNotification("POST", "/notify/alpha/token", (), body.encode(), NOW)


async def pending(gateway: ScriptedGateway) -> Payout:
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    return await gateway.accept()


def notice(payout: Payout, kind: OutcomeKind, minor: int = 12345, currency: str = "CNY") -> Notice:
    amount = Money(minor, currency)
    answer = an_answer(kind, How.NOTIFICATION)
    if kind is K.RETURNED:
        answer = an_answer(kind, How.NOTIFICATION, returned=amount)
    return Notice(answer, channel_reference=payout.attempt(1).channel_reference, amount=amount)


def tell(gateway: ScriptedGateway, body: str, *notices: Notice, event: str = "", nonce: str | None = None) -> None:
    gateway.channels["alpha"].notices[body] = (event or body, ("k", nonce) if nonce else None, notices)


async def test_success_settles_once_however_often_it_is_told() -> None:
    """Rows 37, 38, I22: the same event twenty times is one change and one callback; each is acknowledged."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    tell(gateway, "paid", notice(payout, K.SUCCEEDED))
    gateway.woken.clear()
    replies = [await observe(gateway.services, "alpha", raw("paid"))]
    assert gateway.woken == ["callbacks"], "nothing is due of it any more, and there is one callback to send"
    replies += [await observe(gateway.services, "alpha", raw("paid")) for _ in range(19)]
    assert {reply.status for reply in replies} == {200}
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert (await gateway.callback_types(payout)).count("payout.paid") == 1


async def test_a_notification_that_may_have_been_stored_wakes_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 3: nobody knows whether it was; its repeat finds it known, and what it left is found at once."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    tell(gateway, "paid", notice(payout, K.SUCCEEDED))
    gateway.woken.clear()
    store = gateway.store.run

    async def store_and_forget(unit: Any) -> None:
        await store(unit)
        raise CommitUnknown("the line was cut")

    with monkeypatch.context() as unsure:
        unsure.setattr(gateway.store, "run", store_and_forget)
        assert (await observe(gateway.services, "alpha", raw("paid"))).status == 503
    assert set(gateway.woken) == {"callbacks", "payouts"}
    gateway.woken.clear()
    assert (await observe(gateway.services, "alpha", raw("paid"))).status == 200
    assert set(gateway.woken) == {"callbacks", "payouts"}


async def test_failure_by_notification_only_asks() -> None:
    """R8, row 40: "failed" in a notification changes no state; it makes the channel be asked at once."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    tell(gateway, "failed", notice(payout, K.REJECTED))
    assert (await observe(gateway.services, "alpha", raw("failed"))).status == 200
    after = await gateway.payout(payout.id)
    assert after.attempt(1).state is AttemptState.PENDING
    assert after.attempt(1).due_at == NOW
    assert gateway.woken[-1] == "payouts", "the question is due before anybody would have looked"
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    await gateway.run()
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert gateway.channels["beta"].sent == []


async def test_a_return_is_not_a_failure() -> None:
    """Row 44, R11: money that comes back makes `returned`, and no second payout."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    tell(gateway, "paid", notice(payout, K.SUCCEEDED))
    tell(gateway, "back", notice(payout, K.RETURNED))
    await observe(gateway.services, "alpha", raw("paid"))
    await observe(gateway.services, "alpha", raw("back"))
    after = await gateway.payout(payout.id)
    assert status(after) is Status.RETURNED
    assert after.attempt(1).returned == Money(12345, "CNY")
    await gateway.pass_time(hours=100)
    assert gateway.channels["beta"].sent == []
    assert (await gateway.callback_types(payout))[-2:] == ["payout.paid", "payout.returned"]


@pytest.mark.parametrize(("minor", "currency"), [(12344, "CNY"), (12346, "CNY"), (12345, "USD"), (0, "CNY")], ids=str)
async def test_another_amount_changes_nothing(minor: int, currency: str) -> None:
    """Row 42, I17: an event with another amount or currency is kept as refused evidence and alarms."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    tell(gateway, "paid", notice(payout, K.SUCCEEDED, minor, currency))
    assert (await observe(gateway.services, "alpha", raw("paid"))).status == 200
    assert await gateway.payout(payout.id) == payout
    kept = (await gateway.evidence(payout))[-1]
    assert not kept.judged
    assert kept.answer.alarm


async def test_another_payee_changes_nothing() -> None:
    """Row 42: an event that names another receiving account is kept as refused evidence and alarms."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    tell(gateway, "paid", replace(notice(payout, K.SUCCEEDED), account="6222000000009999"))
    tell(gateway, "ours", replace(notice(payout, K.SUCCEEDED), account=payout.beneficiary.account))
    await observe(gateway.services, "alpha", raw("paid"))
    assert await gateway.payout(payout.id) == payout
    await observe(gateway.services, "alpha", raw("ours"))
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_a_forged_one_changes_nothing() -> None:
    """Row 42: what does not verify is answered 401 and leaves no trace in the payout."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    assert (await observe(gateway.services, "alpha", raw("forged"))).status == 401
    assert await gateway.payout(payout.id) == payout


async def test_an_orphan_is_kept_and_comes_again() -> None:
    """Row 41: an event for an order we do not know (yet) is answered 404, and folds once we know it."""
    gateway = scripted_gateway()
    other = scripted_gateway()
    payout = await pending(other)
    tell(gateway, "paid", notice(payout, K.SUCCEEDED))
    assert (await observe(gateway.services, "alpha", raw("paid"))).status == 404
    assert (await observe(gateway.services, "alpha", raw("paid"))).status == 404
    mine = await pending(gateway)
    assert mine.attempt(1).channel_reference == payout.attempt(1).channel_reference
    assert (await observe(gateway.services, "alpha", raw("paid"))).status == 200
    assert status(await gateway.payout(mine.id)) is Status.PAID


async def test_another_channels_order_is_not_ours_to_tell() -> None:
    """An event that one channel signs about another channel's order is an orphan (hostile input 73)."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    gateway.channels["beta"].notices["paid"] = ("E", None, [notice(payout, K.SUCCEEDED)])
    assert (await observe(gateway.services, "beta", raw("paid"))).status == 404
    assert await gateway.payout(payout.id) == payout


async def test_a_replayed_nonce_is_refused() -> None:
    """A captured notification sent again is refused, and nothing of it is stored."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    tell(gateway, "first", notice(payout, K.PENDING), nonce="n1")
    tell(gateway, "second", notice(payout, K.SUCCEEDED), nonce="n1")
    assert (await observe(gateway.services, "alpha", raw("first"))).status == 200
    assert (await observe(gateway.services, "alpha", raw("second"))).status == 401
    assert status(await gateway.payout(payout.id)) is Status.PROCESSING


async def test_a_contradiction_freezes_once() -> None:
    """Rows 39, 40, R14: success after a proved refusal is one incident, told once, however often it is repeated."""
    gateway = scripted_gateway("alpha")
    gateway.channels["alpha"].submits.append(an_answer(K.REJECTED))
    payout = await gateway.accept()
    for number in range(5):
        tell(gateway, f"paid-{number}", notice(payout, K.SUCCEEDED))
        await observe(gateway.services, "alpha", raw(f"paid-{number}"))
    after = await gateway.payout(payout.id)
    assert after.frozen
    assert status(after) is Status.FAILED
    assert len(await gateway.incidents(payout)) == 1
    assert (await gateway.callback_types(payout)).count("payout.disputed") == 1


async def test_any_order_of_events_ends_the_same() -> None:
    """Row 37: pending, paid and returned, in every order and twice each, end as returned and freeze nothing."""
    drawn = random.Random(7)
    for _ in range(20):
        gateway = scripted_gateway()
        payout = await pending(gateway)
        events = ["pending", "paid", "returned"] * 2
        drawn.shuffle(events)
        for number, name in enumerate(events):
            kind = {"pending": K.PENDING, "paid": K.SUCCEEDED, "returned": K.RETURNED}[name]
            tell(gateway, f"{name}-{number}", notice(payout, kind))
            await observe(gateway.services, "alpha", raw(f"{name}-{number}"))
        after = await gateway.payout(payout.id)
        assert status(after) is Status.RETURNED
        assert not after.frozen
        assert (await gateway.callback_types(payout))[-1] == "payout.returned"


async def test_a_return_of_a_refused_order_freezes() -> None:
    """Money that comes back from an attempt proved rejected contradicts the proof: a person must look (R14)."""
    gateway = scripted_gateway("alpha")
    gateway.channels["alpha"].submits.append(an_answer(K.REJECTED))
    payout = await gateway.accept()
    tell(gateway, "back", notice(payout, K.RETURNED))
    await observe(gateway.services, "alpha", raw("back"))
    assert (await gateway.payout(payout.id)).frozen


async def test_an_unknown_channel_is_not_found() -> None:
    """There is no door for a channel that is not configured."""
    with pytest.raises(NotFound):
        await observe(scripted_gateway().services, "nobody", raw("x"))
