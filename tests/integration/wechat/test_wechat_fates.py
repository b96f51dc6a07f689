"""Every ending of an openid, over the real wire: what the channel hears and what the books say."""

from __future__ import annotations

import asyncio

import pytest

from gateway.domain.outcome import Heard, OutcomeKind, classify
from tests.integration.wechat.conftest import World

K = OutcomeKind


async def test_0001_is_paid_at_once(world: World) -> None:
    """The create itself answers SUCCESS."""
    sent = world.sent("0001")
    answer = await world.submit(sent)
    assert (answer.kind, answer.heard) == (K.SUCCEEDED, Heard.SUBMIT)
    assert answer.channel_payout_id == world.bill(sent).transfer_bill_no
    assert world.paid_times(sent) == 1


async def test_0002_is_taken_in_paid_later_and_told(world: World) -> None:
    """ACCEPTED first; the success comes as a notification that the channel verifies."""
    sent = world.sent("0002")
    answer = await world.submit(sent)
    assert (answer.kind, answer.channel_code) == (K.PENDING, "ACCEPTED")
    found = await world.notified.get()
    [notice] = found.notices
    assert (notice.channel_reference, notice.amount) == (sent.order.channel_reference, sent.order.amount)
    assert classify(notice.answer, 0, 1).kind is K.SUCCEEDED
    assert (await world.until(sent, K.SUCCEEDED)).as_of is not None


async def test_0003_fails_for_the_payees_account(world: World) -> None:
    """A query says so; the notification only makes us ask."""
    sent = world.sent("0003")
    assert (await world.submit(sent)).kind is K.PENDING
    [notice] = (await world.notified.get()).notices
    assert classify(notice.answer, 0, 1).ask_now
    answer = await world.until(sent, K.REJECTED)
    assert (answer.reason, answer.channel_code) == ("payee_account_invalid", "ACCOUNT_NOT_EXIST")
    assert classify(answer, 0, 1).kind is K.REJECTED
    assert world.paid_times(sent) == 0


async def test_0004_is_paid_though_the_connection_broke(world: World) -> None:
    """Unclear, never "not sent"; the query finds it paid, and a repeat is the same order."""
    sent = world.sent("0004")
    answer = await world.submit(sent)
    assert (answer.kind, answer.channel_fault) == (K.UNCLEAR, True)
    assert (await world.channel.query(sent)).kind is K.SUCCEEDED
    assert (await world.submit(sent)).kind is K.SUCCEEDED
    assert world.paid_times(sent) == 1


async def test_0005_was_lost_before_any_work(world: World) -> None:
    """Unclear; the query says absent, which proves nothing but wants the same bytes again."""
    sent = world.sent("0005")
    assert (await world.submit(sent)).kind is K.UNCLEAR
    absent = await world.channel.query(sent)
    assert absent.kind is K.ABSENT
    assert classify(absent, 0, 1, world.channel.ground.absence).repeat
    assert (await world.submit(sent)).kind is K.PENDING
    await world.until(sent, K.SUCCEEDED)
    assert world.paid_times(sent) == 1


async def test_0006_comes_back_in_the_bill_only(world: World) -> None:
    """The product has no state for it: SUCCESS stands, the books and the bill show the money back."""
    sent = world.sent("0006")
    await world.submit(sent)
    await world.sandbox.book.drain()
    assert (await world.channel.query(sent)).kind is K.SUCCEEDED
    [entry] = world.sandbox.books()
    assert (entry.paid_times, entry.returned) == (1, 12345)
    assert [row.signed_fen for row in world.sandbox.book.movements] == [-12345, 12345]


async def test_0007_is_told_twice_under_one_id_and_overtaken(world: World) -> None:
    """The same event comes again; an order that was paid after it is told before it."""
    held = world.sent("0007")
    await world.submit(held)
    first, second = await world.notified.get(), await world.notified.get()
    assert first.event_id == second.event_id
    assert first.notices[0].channel_reference == held.order.channel_reference


async def test_0008_answers_500_twice_and_then_works(world: World) -> None:
    """Each 500 is unclear and the query finds nothing; the third transmission is the first order."""
    sent = world.sent("0008")
    for _ in range(2):
        answer = await world.submit(sent)
        assert (answer.kind, answer.channel_code, answer.channel_fault) == (K.UNCLEAR, "SYSTEM_ERROR", True)
        assert (await world.channel.query(sent)).kind is K.ABSENT
    assert (await world.submit(sent)).kind is K.PENDING
    await world.until(sent, K.SUCCEEDED)
    assert world.paid_times(sent) == 1


async def test_0009_answers_late_and_well(world: World) -> None:
    """The answer waits for the setting's time (nothing here), and is the usual one."""
    assert (await world.submit(world.sent("0009"))).kind is K.PENDING


async def test_0010_is_short_twice_and_then_topped_up(world: World) -> None:
    """The same bytes later, by the adapter's own pause; never a new number."""
    sent = world.sent("0010")
    for _ in range(2):
        answer = await world.submit(sent)
        assert (answer.kind, answer.reason, answer.resend_after_s) == (K.REJECTED, "insufficient_funds", 1.0)
        assert classify(answer, 1, 1).repeat
    assert (await world.submit(sent)).kind is K.PENDING
    await world.until(sent, K.SUCCEEDED)


async def test_0011_says_success_and_the_bill_knows_nothing(world: World) -> None:
    """What reconciliation has to find."""
    sent = world.sent("0011")
    assert (await world.submit(sent)).kind is K.SUCCEEDED
    assert world.paid_times(sent) == 0
    assert world.sandbox.book.movements == []


async def test_0012_is_never_heard_of_again(world: World) -> None:
    """ACCEPTED for ever, past the 24 hours too, and not a word."""
    sent = world.sent("0012")
    await world.submit(sent)
    world.sandbox.clock.forward(100)
    assert (await world.channel.query(sent)).channel_code == "ACCEPTED"
    world.sandbox.clock.forward(30 * 3600)
    await asyncio.sleep(0)
    assert world.bill(sent).state == "ACCEPTED"
    assert world.notified.empty()


async def test_the_usual_order_waits_for_its_payee_and_is_paid(world: World) -> None:
    """The create hands out what the payee must do, with the deadline."""
    sent = world.sent("usual")
    answer = await world.submit(sent)
    assert answer.channel_code == "WAIT_USER_CONFIRM"
    assert answer.action is not None
    assert dict(answer.action.fields)["package_info"] == world.bill(sent).package_info
    await world.until(sent, K.SUCCEEDED)
    assert world.paid_times(sent) == 1


@pytest.mark.parametrize(
    ("ending", "reason"),
    [("FAIL_TRANSFER_RISK", "fraud_suspected"), ("FAIL_OVERDUE_CLOSE", "expired"), ("FAIL_MADE_UP", "unknown")],
)
async def test_an_openid_that_names_its_failure(world: World, ending: str, reason: str) -> None:
    """Any fail_reason, listed or not; an unlisted one calls somebody."""
    sent = world.sent(ending)
    await world.submit(sent)
    answer = await world.until(sent, K.REJECTED)
    assert answer.reason == reason
    assert answer.alarm is (reason == "unknown")


async def test_a_payee_who_is_slow_confirms_by_control_only(world: World) -> None:
    """It waits; control confirms; it is paid."""
    sent = world.sent("SLOW")
    await world.submit(sent)
    assert (await world.channel.query(sent)).channel_code == "WAIT_USER_CONFIRM"
    world.sandbox.scenario({"confirm": sent.order.channel_reference})
    await world.until(sent, K.SUCCEEDED)


async def test_an_order_nobody_confirms_is_closed_after_24_hours(world: World) -> None:
    """FAIL, OVERDUE_CLOSE, the money back on the account."""
    sent = world.sent("SLOW")
    await world.submit(sent)
    world.sandbox.clock.forward(24 * 3600)
    await world.sandbox.book.drain()
    assert (world.bill(sent).state, world.bill(sent).fail_reason) == ("FAIL", "OVERDUE_CLOSE")
    assert sum(row.signed_fen for row in world.sandbox.book.movements) == 0
