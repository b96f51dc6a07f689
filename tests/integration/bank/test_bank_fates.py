"""Each magic account, from the order to what the bank's own book says, over a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.bank import profile
from adapters.bank.sandbox.messages import report
from adapters.bank.xml import parse
from adapters.magic import Fate
from gateway.domain.outcome import Finality, OutcomeKind, classify
from gateway.domain.payout import DuplicateMode
from gateway.domain.reasons import RejectReason
from tests.support.bank_sandbox import BellClock, bank_world

K, R = OutcomeKind, RejectReason
ACCOUNT = "622202000000"


async def test_paid_at_once(bank_keys: Path) -> None:
    """0001: the 201 says ACSC; the book has one debit."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + "0001")
        answer = await world.submit(sent)
        assert (answer.kind, answer.channel_code) == (K.SUCCEEDED, "ACSC")
        assert (await world.query(sent, answer)).kind is K.SUCCEEDED
        assert (world.book(sent).paid_times, world.book(sent).state) == (1, "ACSC")


@pytest.mark.parametrize("ending", ["0002", "7777"])
async def test_paid_later_and_told(bank_keys: Path, ending: str) -> None:
    """0002 and the usual way: pending first, then a signed report comes by itself."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + ending)
        answer = await world.submit(sent)
        assert answer.kind is K.PENDING
        assert (await world.query(sent, answer)).kind is K.PENDING
        await world.live()
        assert world.heard_of(sent) == [K.SUCCEEDED]
        assert (await world.query(sent, answer)).kind is K.SUCCEEDED
        assert world.book(sent).paid_times == 1


@pytest.mark.parametrize(
    ("account", "code", "reason"),
    [
        (ACCOUNT + "0003", "AC04", R.PAYEE_ACCOUNT_CLOSED),
        (ACCOUNT + "0010", "AM04", R.INSUFFICIENT_FUNDS),
        ("6200RJBE01001", "BE01", R.PAYEE_NAME_MISMATCH),
    ],
)
async def test_refused(bank_keys: Path, account: str, code: str, reason: RejectReason) -> None:
    """0003, 0010 and RJ: the 201's bare RJCT decides nothing; the report gives the reason, and that decides."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(account)
        answer = await world.submit(sent)
        assert answer.kind is K.UNCLEAR
        told = await world.query(sent, answer)
        assert (told.kind, told.finality) == (K.REJECTED, Finality.FINAL_ON_REPEAT)
        assert (told.channel_code, told.reason) == (code, reason)
        await world.live()
        assert world.heard_of(sent) == [K.REJECTED]
        assert world.book(sent).paid_times == 0


async def test_dropped_and_paid(bank_keys: Path) -> None:
    """0004: no answer, but money moved: unclear, then found by our own id."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + "0004")
        answer = await world.submit(sent)
        assert (answer.kind, answer.channel_fault) == (K.UNCLEAR, True)
        assert (await world.query(sent)).kind is K.SUCCEEDED
        assert world.book(sent).paid_times == 1
        assert (await world.submit(sent)).kind is K.SUCCEEDED
        assert world.book(sent).paid_times == 1, "a repeat finds the first"


async def test_dropped_before_any_work(bank_keys: Path) -> None:
    """0005: absent to the bank, which proves nothing; the repeat is a new order to it."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + "0005")
        assert (await world.submit(sent)).kind is K.UNCLEAR
        told = await world.query(sent)
        assert told.kind is K.ABSENT
        assert classify(told, 0, 1, world.channel.ground.absence).repeat
        assert (await world.submit(sent)).kind is K.PENDING
        await world.live()
        assert world.book(sent).paid_times == 1


async def test_paid_then_returned(bank_keys: Path) -> None:
    """0006: success, then a camt.054 brings the money back."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + "0006")
        assert (await world.submit(sent)).kind is K.SUCCEEDED
        await world.live()
        assert world.heard_of(sent) == [K.SUCCEEDED, K.RETURNED]
        (notice,) = world.taken[-1].notices
        assert notice.answer.returned == sent.order.amount
        assert (notice.answer.reason, notice.answer.channel_code) == (R.PAYEE_ACCOUNT_CLOSED, "AC04")
        assert (world.book(sent).paid_times, world.book(sent).returned) == (1, sent.order.amount.minor)


async def test_notified_badly(bank_keys: Path) -> None:
    """0007: every change is told twice, the last one first; each pair has one event id, and older dates."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + "0007")
        await world.submit(sent)
        await world.live()
        assert sorted(world.heard_of(sent)) == [K.PENDING] * 4 + [K.SUCCEEDED] * 2
        assert world.heard_of(sent)[0] == K.SUCCEEDED
        assert len({one.event_id for one in world.taken}) == 3
        assert len({one.nonce for one in world.taken}) == 6
        dates = [one.notices[0].answer.as_of for one in world.taken]
        assert dates != sorted(dates, key=str)


async def test_a_storm_of_500(bank_keys: Path) -> None:
    """0008: two signed 500s before any work, then it works."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + "0008")
        for _ in range(2):
            answer = await world.submit(sent)
            assert (answer.kind, answer.channel_fault, answer.alarm) == (K.UNCLEAR, True, False)
            assert (await world.query(sent)).kind is K.ABSENT
        assert (await world.submit(sent)).kind is K.PENDING
        await world.live()
        assert world.book(sent).paid_times == 1


async def test_slow(bank_keys: Path) -> None:
    """0009: the answer comes after the bank's time, and counts."""
    clock = BellClock(rings_at_s=3.0)
    async with bank_world(bank_keys, clock=clock, slow_s=3.0) as world:
        sent = world.sent(ACCOUNT + "0009")
        answer = asyncio.ensure_future(world.submit(sent))
        await clock.rung.wait()
        assert not answer.done()
        await clock.advance(3.0)
        assert (await answer).kind is K.SUCCEEDED, "by then it was paid"
        assert world.book(sent).paid_times == 1


async def test_a_success_that_the_statement_contradicts(bank_keys: Path) -> None:
    """0011: the bank says ACSC and books nothing; only the book and the statement tell."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + "0011")
        assert (await world.submit(sent)).kind is K.SUCCEEDED
        assert (world.book(sent).state, world.book(sent).paid_times) == ("ACSC", 0)


@pytest.mark.parametrize(("account", "code"), [(ACCOUNT + "0012", "RCVD"), ("6200PDNG001", "PDNG")])
async def test_never_heard_of_again(bank_keys: Path, account: str, code: str) -> None:
    """0012 and PDNG: pending for ever, and nobody tells."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(account)
        answer = await world.submit(sent)
        await world.live(86_400)
        told = await world.query(sent, answer)
        assert (told.kind, told.channel_code, world.heard_of(sent)) == (K.PENDING, code, [])


async def test_a_return_with_a_chosen_code(bank_keys: Path) -> None:
    """RT: paid, then back with that reason, read by the return map."""
    async with bank_world(bank_keys) as world:
        sent = world.sent("6200RTAC06001")
        assert (await world.submit(sent)).kind is K.SUCCEEDED
        await world.live()
        assert world.taken[-1].notices[0].answer.reason is R.PAYEE_ACCOUNT_BLOCKED


async def test_accepted_and_then_no_answer(bank_keys: Path) -> None:
    """TMOUT: the work is done and the request hangs until its connection breaks."""
    async with bank_world(bank_keys, hang_s=0.0) as world:
        sent = world.sent("6200TMOUT001")
        assert (await world.submit(sent)).kind is K.UNCLEAR
        await world.live()
        assert (await world.query(sent)).kind is K.SUCCEEDED


def test_no_fate_is_forgotten() -> None:
    """Every magic ending has a test here."""
    text = Path(__file__).read_text("utf-8")
    assert all(fate in text for fate in Fate)


async def test_what_the_bank_writes_keeps_to_the_profile(bank_keys: Path) -> None:
    """Its reports and notices are as valid as the published samples."""
    async with bank_world(bank_keys, notify_bookings=True) as world:
        sent = world.sent(ACCOUNT + "0006")
        await world.submit(sent)
        await world.live()
        (payment,) = world.sandbox.bank.book.payments.values()
        profile.check(parse(report(payment, "S1", world.sandbox.bank.now())))
        raws = [notice.answer.raw for one in world.taken for notice in one.notices]
        assert {parse(raw).message for raw in raws} == {"pain.002.001.10", "camt.054.001.08"}
        for raw in raws:
            profile.check(parse(raw))


@pytest.mark.parametrize("has_lookup", [True, False])
async def test_a_repeat_where_the_bank_refuses_it(bank_keys: Path, has_lookup: bool) -> None:
    """`refuse`: the repeat gets a duplicate code and an id of its own; the first is found by our id, and stands."""
    options = {"duplicate_mode": DuplicateMode.REFUSE}
    async with bank_world(
        bank_keys, settings={"duplicate_mode": "refuse", "has_lookup": has_lookup}, **options
    ) as world:
        sent = world.sent(ACCOUNT + "0004")
        assert (await world.submit(sent)).kind is K.UNCLEAR
        repeated = await world.submit(sent)
        assert (repeated.kind, repeated.channel_code) == (K.UNCLEAR, "RJCT")
        told = await world.query(sent, repeated)
        assert told.kind is (K.SUCCEEDED if has_lookup else K.UNCLEAR)
        assert world.book(sent).paid_times == 1
        assert (
            told.channel_payout_id == world.book(sent).channel_payout_id if has_lookup else told.reason is R.DUPLICATE
        )


async def test_a_repeat_where_the_bank_pays_again(bank_keys: Path) -> None:
    """`none`: it is a second payment, which is why that mode forbids repeats; the book shows it."""
    options = {"duplicate_mode": DuplicateMode.NONE}
    async with bank_world(bank_keys, settings={"duplicate_mode": "none"}, **options) as world:
        assert world.channel.ground.duplicate_mode is DuplicateMode.NONE
        sent = world.sent(ACCOUNT + "0001")
        await world.submit(sent)
        await world.submit(sent)
        assert world.book(sent).paid_times == 2
        told = await world.query(sent)
        assert (told.kind, told.alarm) == (K.SUCCEEDED, True)


async def test_a_repeat_is_the_same_resource(bank_keys: Path) -> None:
    """`same_resource`: the same id, the present status, one payment; other content under the id is asked about."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT + "7777")
        first, second = await world.submit(sent), await world.submit(sent)
        assert first.channel_payout_id == second.channel_payout_id
        await world.live()
        assert (await world.submit(sent)).kind is K.SUCCEEDED
        assert world.book(sent).paid_times == 1
        changed = world.channel.prepare(sent.order, world.clock.now())
        assert changed.body != sent.prepared.body
        conflict = await world.submit(replace(sent, prepared=changed))
        assert (conflict.kind, conflict.channel_code) == (K.UNCLEAR, "STATUS_INVALID")
