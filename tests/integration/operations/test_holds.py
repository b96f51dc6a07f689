"""Holds (R12): what nobody can tell, what does not add up and what crashes its worker waits for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from adapters.channel import Notice, RawNotification
from gateway.domain.hold import HoldCode
from gateway.domain.money import Money
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.domain.payout import AttemptState, DuplicateMode
from gateway.domain.status import Status, status, status_reason, under_review
from gateway.operations.cancel import cancel
from gateway.operations.learn import Heard as Learned
from gateway.operations.learn import learn
from gateway.operations.observe import observe
from gateway.operations.watch import overdue
from routing.guard import RefusedBeforeSend
from tests.support.builders import an_answer
from tests.support.scripted import ScriptedGateway, scripted_gateway

K, A = OutcomeKind, AttemptState


async def told(gateway: ScriptedGateway, event_id: str, body: str, *notices: Notice) -> int:
    gateway.channels["alpha"].notices[body] = (event_id, None, notices)
    raw = RawNotification("POST", "/notify/alpha", (), body.encode(), gateway.clock.now())
    return (await observe(gateway.services, "alpha", raw)).status


async def test_an_outcome_that_nobody_can_tell_is_held_and_never_failed() -> None:
    """Rows 30, 31, 33: after `unknown_after` it is held; asking goes on, nothing is sent, no deadline ends it."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    await gateway.pass_time(hours=23)
    assert (await gateway.payout(payout.id)).hold is None
    await gateway.pass_time(hours=1)
    held = await gateway.payout(payout.id)
    assert held.hold is not None
    assert held.hold.code is HoldCode.OUTCOME_UNKNOWN
    assert (status(held), under_review(held)) == (Status.PROCESSING, True)
    asked, sent = len(gateway.channels["alpha"].asked), len(gateway.channels["alpha"].sent)
    for _ in range(200):
        await gateway.pass_time(hours=1)
    later = await gateway.payout(payout.id)
    assert later.attempt(1).state is A.UNKNOWN
    assert status(later) is Status.PROCESSING
    assert len(gateway.channels["alpha"].asked) > asked
    assert len(gateway.channels["alpha"].sent) == sent
    assert gateway.channels["beta"].sent == []


async def test_a_pending_order_has_more_patience() -> None:
    """A channel that says it is working on it is left alone for `pending_after`."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    gateway.channels["alpha"].queries.extend(an_answer(K.PENDING, Heard.QUERY) for _ in range(3000))
    payout = await gateway.accept()
    await gateway.pass_time(hours=95)
    assert (await gateway.payout(payout.id)).hold is None
    await gateway.pass_time(hours=1)
    assert (await gateway.payout(payout.id)).hold is not None


@pytest.mark.parametrize("kind", [K.SUCCEEDED, K.REJECTED])
async def test_proof_makes_the_hold_needless(kind: K) -> None:
    """When the channel speaks at last the hold comes off by itself: paid is paid, refused goes on elsewhere."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    gateway.channels["alpha"].queries.append(an_answer(kind, Heard.QUERY))
    gateway.channels["beta"].submits.append(an_answer(K.SUCCEEDED))
    await gateway.pass_time(hours=1)
    after = await gateway.payout(payout.id)
    assert after.hold is None
    assert status(after) is Status.PAID
    assert after.paying_attempt is not None
    assert after.paying_attempt.channel == ("alpha" if kind is K.SUCCEEDED else "beta")


async def test_a_held_payout_is_not_canceled() -> None:
    """R12: a wish does not end a payout whose attempt may still pay, and the channel is told nothing under a hold."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    await cancel(gateway.services, "acme", payout.id)
    await gateway.pass_time(hours=1)
    assert status(await gateway.payout(payout.id)) is Status.PROCESSING
    assert gateway.channels["alpha"].cancelled == []


async def test_other_content_under_our_id_stops_the_channel() -> None:
    """Row 29: our bytes changed, which is a bug; the payout is held, an incident says so, nothing more leaves there."""
    gateway = scripted_gateway()
    conflict = an_answer(K.REJECTED, conflict=True, channel_fault=False)
    gateway.channels["alpha"].submits.append(replace(conflict, finality=an_answer(K.UNCLEAR).finality))
    payout = await gateway.accept()
    held = await gateway.payout(payout.id)
    assert held.hold is not None
    assert held.hold.code is HoldCode.CONTENT_CONFLICT
    assert [incident.kind for incident in await gateway.incidents(held)] == ["content_conflict"]
    with pytest.raises(RefusedBeforeSend):
        gateway.services.channels["alpha"].guard.admit()
    gateway.channels["beta"].submits.append(an_answer(K.SUCCEEDED))
    other = await gateway.accept("order-2")
    assert other.attempt(1).channel == "beta"


async def test_a_payout_that_crashes_its_worker_is_held_after_three() -> None:
    """Row 64, I41: three owners in a row vanished with their lease: nobody works on it any more, people look."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    for crash in range(3):
        gateway.clock.move(3600)
        now = gateway.clock.now()
        claimed = await gateway.store.run(lambda tx, now=now: tx.claim("dead", now, 60.0, 10))
        assert [found.crashes for found, _ in claimed] == [crash]
    await gateway.pass_time(hours=1)
    held = await gateway.payout(payout.id)
    assert held.hold is not None
    assert held.hold.code is HoldCode.CRASHED
    asked = len(gateway.channels["alpha"].asked)
    await gateway.pass_time(hours=100)
    assert len(gateway.channels["alpha"].asked) == asked


async def test_a_worker_that_lets_go_has_not_crashed() -> None:
    """What counts is crashes in a row: a payout that is let go of starts from nothing."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    for _ in range(4):
        gateway.clock.move(3600)
        now = gateway.clock.now()
        await gateway.store.run(lambda tx, now=now: tx.claim("dead", now, 60.0, 10))
        await gateway.pass_time(hours=1)
    after = await gateway.payout(payout.id)
    assert (after.crashes, after.hold) == (0, None)


async def test_a_payout_held_without_an_attempt_says_held() -> None:
    """The status `held` and its callback are for a payout of which no attempt is live; its reason is ours."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].unsendable = gateway.channels["beta"].unsendable = "not now"
    request_now = gateway.clock.now()
    payout = await gateway.accept()
    assert payout.closure is not None  # nobody can carry it: that ends it, held or not
    for handle in gateway.channels.values():
        handle.unsendable = None
    waiting = scripted_gateway()
    for handle in waiting.services.channels.values():
        handle.guard.stop()
    payout = await waiting.accept()
    assert status(payout) is Status.ACCEPTED
    for _ in range(3):
        waiting.clock.move(3600)
        now = waiting.clock.now()
        await waiting.store.run(lambda tx, now=now: tx.claim("dead", now, 60.0, 10))
    await waiting.pass_time(hours=1)
    held = await waiting.payout(payout.id)
    reason = status_reason(held)
    assert status(held) is Status.HELD
    assert reason is not None
    assert str(reason.code) == "internal_error"
    assert await waiting.callback_types(held) == ["payout.accepted", "payout.held"]
    assert request_now == gateway.clock.now()


async def test_money_that_comes_back_twice_is_for_people() -> None:
    """Row 45: a second return in another amount does not add up: an incident and a hold; the first amount stands."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    payout = await gateway.accept()
    reference = payout.attempt(1).channel_reference
    for number, minor in enumerate((5000, 7345)):
        back = an_answer(K.RETURNED, Heard.NOTIFICATION, returned=Money(minor, "CNY"))
        assert await told(gateway, f"E{number}", f"back {number}", Notice(back, reference)) == 200
    after = await gateway.payout(payout.id)
    assert status(after) is Status.RETURNED
    assert after.attempt(1).returned == Money(5000, "CNY")
    assert after.hold is not None
    assert after.hold.code is HoldCode.RETURN_MISMATCH
    assert [incident.kind for incident in await gateway.incidents(after)] == ["return_mismatch"]


async def test_an_event_id_that_says_something_else_makes_us_ask() -> None:
    """Row 39: the first stands; the channel is asked at once, and only a query that disagrees is an incident."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    reference = payout.attempt(1).channel_reference
    assert await told(gateway, "E1", "paid", Notice(an_answer(K.SUCCEEDED, Heard.NOTIFICATION), reference)) == 200
    assert await told(gateway, "E1", "failed", Notice(an_answer(K.REJECTED, Heard.NOTIFICATION), reference)) == 200
    assert status(await gateway.payout(payout.id)) is Status.PAID
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.run()
    assert len(gateway.channels["alpha"].asked) == 1
    assert await gateway.incidents(payout) == []
    assert await told(gateway, "E1", "failed", Notice(an_answer(K.REJECTED, Heard.NOTIFICATION), reference)) == 200
    gateway.channels["alpha"].queries.append(an_answer(K.REJECTED, Heard.QUERY))
    await gateway.run()
    assert len(await gateway.incidents(payout)) == 1


async def test_a_large_success_by_notification_is_confirmed_by_a_query() -> None:
    """R8: above `confirm_success_above` a notification alone settles nothing; the query's answer does."""
    gateway = scripted_gateway()
    gateway.services = replace(gateway.services, confirm_above={"CNY": 12344})
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    reference = payout.attempt(1).channel_reference
    await told(gateway, "E1", "paid", Notice(an_answer(K.SUCCEEDED, Heard.NOTIFICATION), reference))
    assert status(await gateway.payout(payout.id)) is Status.PROCESSING
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await gateway.run()
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_what_waits_for_people_too_long_is_complained_about() -> None:
    """R12's age alarm: one loud line with number, oldest and age; silent while nothing is old."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].duplicate_mode = DuplicateMode.NONE
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    with capture_logs() as logs:
        assert await overdue(gateway.services, timedelta(hours=1)) == ()
        gateway.clock.move(3600)
        (late,) = await overdue(gateway.services, timedelta(hours=1))
    assert late.payout.id == payout.id
    assert [(line["event"], line["oldest_age_s"]) for line in logs] == [("review.overdue", 3600)]


async def test_a_question_that_a_refusal_overtook_contradicts_nothing() -> None:
    """Asked while pending, answered "pending", and a refusal was folded on the way: kept, not judged."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    payout = await gateway.accept()
    asked_at = gateway.clock.now()
    gateway.clock.move(1)
    query = an_answer(K.REJECTED, Heard.QUERY)
    await learn(gateway.services, Learned(payout.id, 1, query))
    late = an_answer(K.PENDING, Heard.QUERY, asked_at=asked_at)
    await learn(gateway.services, Learned(payout.id, 1, late))
    after = await gateway.payout(payout.id)
    assert not after.frozen
    assert (await gateway.evidence(after))[-1].judged is False
    newer = replace(late, asked_at=gateway.clock.now() + timedelta(seconds=1))
    await learn(gateway.services, Learned(payout.id, 1, newer))
    assert (await gateway.payout(payout.id)).frozen
