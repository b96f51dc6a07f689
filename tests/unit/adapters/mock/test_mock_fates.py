"""Each magic ending does what it says: the answer, the book, the notifications, and what a query says later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapters.magic import Fate
from adapters.mock.plays import PLAYS
from gateway.domain.money import Money
from gateway.domain.outcome import Absence, Answer, Finality, OutcomeKind, classify
from gateway.domain.reasons import RejectReason
from tests.support.clock import settle
from tests.support.mock_world import MockWorld, order

K = OutcomeKind
LONG_S = 3600.0


def is_dropped(answer: Answer) -> bool:
    return answer.kind is K.UNCLEAR and answer.channel_fault


def test_every_fate_has_a_play() -> None:
    """The script is complete: a new ending cannot be forgotten here."""
    assert set(PLAYS) == set(Fate)


async def test_0001_is_paid_at_once(world: MockWorld) -> None:
    """Succeeded in the answer, once in the book, nothing more to say."""
    answer = await world.send(order("0001"))
    assert (answer.kind, answer.channel_payout_id) == (K.SUCCEEDED, f"MOCK-{order('0001').channel_reference}-1")
    assert world.row(order("0001")) == {
        "channel_reference": order("0001").channel_reference,
        "channel_payout_id": answer.channel_payout_id,
        "amount": 12_345,
        "currency": "CNY",
        "account": "622200000001",
        "state": "paid",
        "paid_times": 1,
        "returned": 0,
    }
    await world.clock.advance(LONG_S)
    assert world.delivered == []


@pytest.mark.parametrize("ending", ["0002", "9876"])
async def test_0002_and_usual_are_pending_then_paid_and_told(world: MockWorld, ending: str) -> None:
    """Pending until usual_s has passed, to the moment; then paid, and one verified notification says so."""
    wanted = order(ending)
    assert (await world.send(wanted)).kind is K.PENDING
    await world.clock.advance(0.299)
    assert (await world.query(wanted)).kind is K.PENDING
    assert world.delivered == []
    await world.clock.advance(0.001)
    assert (await world.query(wanted)).kind is K.SUCCEEDED
    assert [kind for _, kind in await world.events()] == ["succeeded"]
    row = world.row(wanted)
    assert row is not None
    assert row["paid_times"] == 1
    await world.clock.advance(LONG_S)
    assert len(world.delivered) == 1, "taken once, posted once"


@pytest.mark.parametrize(
    ("ending", "reason"),
    [("0003", RejectReason.PAYEE_ACCOUNT_CLOSED), ("0010", RejectReason.INSUFFICIENT_FUNDS)],
)
async def test_0003_and_0010_are_refused_for_good(world: MockWorld, ending: str, reason: RejectReason) -> None:
    """A final refusal with its reason, in the answer and in every query, and no money."""
    wanted = order(ending)
    for answer in (await world.send(wanted), await world.query(wanted)):
        assert (answer.kind, answer.finality, answer.reason) == (K.REJECTED, Finality.FINAL_ON_REPEAT, reason)
        assert answer.channel_code
    await world.clock.advance(LONG_S)
    row = world.row(wanted)
    assert row is not None
    assert (row["state"], row["paid_times"]) == ("rejected", 0)


async def test_a_refusal_where_a_repeat_is_one_more_order_is_that_of_one(make_world: Callable[..., MockWorld]) -> None:
    """With `none` the book may hold another order under the reference: believed only while it was sent once."""
    world, wanted = make_world(duplicate_mode="none"), order("0003")
    await world.send(wanted)
    answer = await world.query(wanted)
    assert (answer.kind, answer.finality) == (K.REJECTED, Finality.FINAL)
    assert [classify(answer, 0, sent).kind for sent in (1, 2)] == [K.REJECTED, K.UNCLEAR]


async def test_0004_pays_and_loses_the_answer(world: MockWorld) -> None:
    """No answer, though paid: a query finds it, and a repeat is the same order, not a second payment."""
    wanted = order("0004")
    assert is_dropped(await world.send(wanted))
    assert (await world.query(wanted)).kind is K.SUCCEEDED
    assert (await world.send(wanted)).kind is K.SUCCEEDED
    row = world.row(wanted)
    assert row is not None
    assert row["paid_times"] == 1


async def test_0005_is_lost_unpaid_and_a_repeat_is_taken_as_new(world: MockWorld) -> None:
    """After the first transmission the book knows nothing; the second one is paid, once."""
    wanted = order("0005")
    assert is_dropped(await world.send(wanted))
    await world.clock.advance(LONG_S)
    assert world.row(wanted) is None
    assert (await world.query(wanted)).kind is K.ABSENT
    assert (await world.send(wanted)).kind is K.PENDING
    await world.clock.advance(1.0)
    row = world.row(wanted)
    assert row is not None
    assert (row["state"], row["paid_times"]) == ("paid", 1)


async def test_0006_is_paid_and_comes_back(world: MockWorld) -> None:
    """Succeeded; after return_s the whole amount is back, told by a notification and by a query."""
    wanted = order("0006")
    assert (await world.send(wanted)).kind is K.SUCCEEDED
    await world.clock.advance(0.499)
    assert (await world.query(wanted)).kind is K.SUCCEEDED
    await world.clock.advance(0.001)
    answer = await world.query(wanted)
    assert (answer.kind, answer.returned) == (K.RETURNED, Money(12_345, "CNY"))
    event = await world.channel.read_notification(world.delivered[0])
    told = event.notices[0]
    assert (told.answer.kind, told.answer.returned, told.amount) == (K.RETURNED, answer.returned, answer.returned)
    assert told.channel_reference == wanted.channel_reference
    row = world.row(wanted)
    assert row is not None
    assert (row["state"], row["paid_times"], row["returned"]) == ("returned", 1, 12_345)


async def test_0007_tells_twice_and_out_of_order(world: MockWorld) -> None:
    """Paid, processing, paid, processing: ids repeat, and the late "processing" is dated before the payment."""
    await world.send(order("0007"))
    await world.clock.advance(1.0)
    events = await world.events()
    assert [kind for _, kind in events] == ["succeeded", "pending", "succeeded", "pending"]
    assert events[0] == events[2]
    assert events[1] == events[3]
    assert events[0][0] != events[1][0]
    assert world.delivered[0].body == world.delivered[2].body
    paid, processing = [(await world.channel.read_notification(raw)).notices[0] for raw in world.delivered[:2]]
    assert paid.answer.as_of is not None
    assert processing.answer.as_of is not None
    assert processing.answer.as_of < paid.answer.as_of
    row = world.row(order("0007"))
    assert row is not None
    assert row["paid_times"] == 1


async def test_0008_fails_twice_before_any_work(world: MockWorld) -> None:
    """Two transmissions get a 500 and leave no trace; the third is taken."""
    wanted = order("0008")
    for _ in range(2):
        answer = await world.send(wanted)
        assert is_dropped(answer)
        assert answer.channel_code == "500"
        assert world.row(wanted) is None
    assert (await world.send(wanted)).kind is K.PENDING
    await world.clock.advance(1.0)
    assert (await world.query(wanted)).kind is K.SUCCEEDED


async def test_0009_works_at_once_and_answers_late(world: MockWorld) -> None:
    """The money has moved long before the answer: whoever gives up waiting must not think it has not."""
    wanted = order("0009")
    submit = asyncio.create_task(world.send(wanted))
    await world.clock.advance(2.999)
    assert not submit.done()
    assert (await world.query(wanted)).kind is K.SUCCEEDED
    await world.clock.advance(0.001)
    await settle()
    assert submit.done()
    assert (await submit).kind is K.SUCCEEDED


async def test_0009_is_booked_even_if_the_caller_is_cancelled(world: MockWorld) -> None:
    """A cancelled submit escapes as a cancellation, and the bank keeps what it did."""
    submit = asyncio.create_task(world.send(order("0009")))
    await settle()
    submit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submit
    assert (await world.query(order("0009"))).kind is K.SUCCEEDED


async def test_0011_says_paid_and_the_book_says_otherwise(world: MockWorld) -> None:
    """Answer and query claim success; the book has no payment."""
    wanted = order("0011")
    assert (await world.send(wanted)).kind is K.SUCCEEDED
    assert (await world.query(wanted)).kind is K.SUCCEEDED
    await world.clock.advance(LONG_S)
    row = world.row(wanted)
    assert row is not None
    assert (row["state"], row["paid_times"]) == ("claimed", 0)


async def test_0012_is_never_heard_of_again(world: MockWorld) -> None:
    """Pending for ever, without a notification."""
    wanted = order("0012")
    assert (await world.send(wanted)).kind is K.PENDING
    await world.clock.advance(30 * 86_400.0)
    assert (await world.query(wanted)).kind is K.PENDING
    assert world.delivered == []


@pytest.mark.parametrize("ending", [fate.value for fate in Fate])
@pytest.mark.parametrize("mode", ["same_resource", "none"])
async def test_no_fate_is_ever_paid_twice_by_a_gateway_that_keeps_the_rules(
    make_world: Callable[..., MockWorld], ending: str, mode: str
) -> None:
    """Repeat only where the ground allows it, else ask: at most one payment, and none where the answer is no."""
    world, wanted = make_world(duplicate_mode=mode), order(ending)
    absence = world.channel.ground.absence
    submit = asyncio.create_task(world.send(wanted))
    await world.clock.advance(5.0)
    outcome = classify(await submit, 1, 1, absence)
    transmissions = 1
    for _ in range(4):
        await world.clock.advance(1.0)
        outcome = classify(await world.query(wanted), 0, transmissions, absence)
        if outcome.repeat:
            assert mode == "same_resource", "where a repeat pays again, absence is proof and nothing is repeated"
            transmissions += 1
            outcome = classify(await world.send(wanted), transmissions, transmissions, absence)
    row = world.row(wanted)
    paid = 0 if row is None else row["paid_times"]
    assert paid == (outcome.kind in (K.SUCCEEDED, K.RETURNED) and ending != "0011")
    assert outcome.kind is not K.UNCLEAR
    assert absence is (Absence.NEVER if mode == "same_resource" else Absence.AUTHORITATIVE)
