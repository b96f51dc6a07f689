"""One payout through its channels: what fails over, what is asked about, what is never sent twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.errors import AlreadyFinal, NotFound
from gateway.domain.money import Money
from gateway.domain.outcome import Absence, Answer, Finality, NextAction, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import AttemptState, DuplicateMode
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import Status, status, status_reason
from gateway.domain.steps import StepPolicy
from gateway.operations.advance import advance
from gateway.operations.cancel import cancel
from routing.guard import Guard, Limits
from routing.window import RateLimits
from tests.support.builders import NOW, an_answer
from tests.support.scripted import HANG, scripted_gateway

K = OutcomeKind
PAID = an_answer(K.SUCCEEDED)
REFUSED = an_answer(K.REJECTED)
NOT_SENT = an_answer(K.NOT_SENT, channel_fault=True)
UNCLEAR = an_answer(K.UNCLEAR, channel_fault=True)
ABSENT = an_answer(K.ABSENT, How.QUERY)


def says(kind: OutcomeKind, **fields: object) -> Answer:
    """A query's answer."""
    return an_answer(kind, How.QUERY, **fields)


async def test_the_cheapest_channel_pays() -> None:
    """Row 19: one attempt, one transmission, paid, and every step told to the app in order."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(PAID)
    payout = await gateway.accept()
    assert status(payout) is Status.PAID
    assert [(a.channel, a.state, a.transmissions) for a in payout.attempts] == [("alpha", AttemptState.SUCCEEDED, 1)]
    assert await gateway.callback_types(payout) == ["payout.accepted", "payout.processing", "payout.paid"]
    assert gateway.channels["beta"].sent == []


async def test_the_intent_is_durable_before_the_first_byte() -> None:
    """I9: when the channel is called, the store already holds the attempt with exactly these bytes."""
    gateway = scripted_gateway()

    channel = gateway.channels["alpha"]
    channel.submits.append(HANG)
    task = asyncio.ensure_future(gateway.accept())
    await channel.called.wait()
    page = await gateway.store.read(lambda tx: tx.find_attempt(channel.sent[0].sent.order.channel_reference))
    assert page is not None
    stored = await gateway.payout(page[0])
    assert stored.attempt(1).state is AttemptState.SENDING
    assert stored.attempt(1).prepared.body == channel.sent[0].body
    channel.submits.append(PAID)
    channel.release.set()
    assert status(await task) is Status.PAID


@pytest.mark.parametrize(
    "answer",
    [
        UNCLEAR,
        an_answer(K.REJECTED, finality=Finality.UNKNOWN),
        an_answer(K.REJECTED, finality=Finality.RETRY_SAME_ID),
        an_answer(K.PENDING),
        an_answer(K.ABSENT),
        RuntimeError("adapter bug"),
        None,
        "paid",
    ],
    ids=str,
)
async def test_without_proof_no_other_channel_is_tried(answer: object) -> None:
    """Rows 12, 14-16, 18, 21-26, 101: whatever is not proof leaves the attempt open, for days, and beta untouched."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(answer)
    payout = await gateway.accept()
    for _ in range(10):
        await gateway.pass_time(hours=12)
    payout = await gateway.payout(payout.id)
    assert payout.attempt(1).state in (AttemptState.UNKNOWN, AttemptState.PENDING)
    assert len(payout.attempts) == 1
    assert gateway.channels["beta"].sent == []
    assert status(payout) is Status.PROCESSING
    assert alpha.asked


@pytest.mark.parametrize(
    ("first", "reason"),
    [(REFUSED, RejectReason.CHANNEL_UNAVAILABLE), (NOT_SENT, RejectReason.CHANNEL_UNAVAILABLE)],
    ids=["refused", "not sent"],
)
async def test_proof_fails_over(first: Answer, reason: RejectReason) -> None:
    """Rows 11, 13, 20: a final refusal, or proof that nothing left, moves the payout to the next channel."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(first)
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept()
    assert status(payout) is Status.PAID
    assert [(a.channel, a.state) for a in payout.attempts] == [
        ("alpha", AttemptState.REJECTED),
        ("beta", AttemptState.SUCCEEDED),
    ]
    assert payout.attempt(1).reason is reason
    assert payout.attempt(1).channel_reference != payout.attempt(2).channel_reference


async def test_a_time_out_is_unknown_and_the_late_answer_counts() -> None:
    """Rows 16, 17, R10: past the deadline the attempt is unknown; what the call still hears is folded."""
    gateway = scripted_gateway(total_s=0.0)
    alpha = gateway.channels["alpha"]
    alpha.submits.append(HANG)
    payout = await gateway.accept()
    assert payout.attempt(1).state is AttemptState.UNKNOWN
    assert status_reason(payout) is not None
    alpha.submits.append(PAID)
    alpha.release.set()
    while await gateway.services.background.drain(5):
        pass
    await gateway.services.background.drain(5)
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert len(alpha.sent) == 1


async def test_a_query_finds_out() -> None:
    """Row 26: an unknown attempt is asked about on schedule until the channel says."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(UNCLEAR)
    alpha.queries.extend([says(K.UNCLEAR), says(K.SUCCEEDED)])
    payout = await gateway.accept()
    assert await gateway.pass_time(seconds=29) == 0
    assert await gateway.pass_time(seconds=1) == 1
    assert await gateway.pass_time(minutes=4) == 0
    assert await gateway.pass_time(minutes=1) == 1
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert len(alpha.sent) == 1


async def test_not_found_is_answered_with_the_same_bytes() -> None:
    """Row 31, R5, R6: the repeat carries the same id and body under a fresh signature, never a new attempt."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([UNCLEAR, PAID])
    alpha.queries.append(ABSENT)
    payout = await gateway.accept()
    await gateway.pass_time(seconds=30)
    await gateway.pass_time(minutes=5)
    payout = await gateway.payout(payout.id)
    assert status(payout) is Status.PAID
    assert payout.attempt(1).transmissions == 2
    first, second = alpha.sent
    assert first.body == second.body
    assert first.sent.order.channel_reference == second.sent.order.channel_reference
    assert first.headers != second.headers


async def test_a_refusal_of_a_repeat_is_not_believed() -> None:
    """R13: "refused" for transmission 2 says nothing of transmission 1; the attempt stays unknown."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([UNCLEAR, REFUSED])
    alpha.queries.extend([ABSENT, says(K.SUCCEEDED)])
    payout = await gateway.accept()
    await gateway.pass_time(seconds=30)
    await gateway.pass_time(minutes=5)
    assert (await gateway.payout(payout.id)).attempt(1).state is AttemptState.UNKNOWN
    assert gateway.channels["beta"].sent == []
    await gateway.pass_time(minutes=5)
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_a_repeat_that_did_not_leave_proves_nothing() -> None:
    """R13: proof that transmission 2 was not sent does not clear transmission 1."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([UNCLEAR, NOT_SENT])
    alpha.queries.append(ABSENT)
    payout = await gateway.accept()
    await gateway.pass_time(seconds=30)
    await gateway.pass_time(minutes=5)
    payout = await gateway.payout(payout.id)
    assert payout.attempt(1).state is AttemptState.UNKNOWN
    assert payout.attempt(1).transmissions == 2
    assert gateway.channels["beta"].sent == []


async def test_after_the_window_there_are_only_questions() -> None:
    """Row 30: once the channel's idempotency window is over, the same id is not sent again."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(UNCLEAR)
    alpha.queries.extend([ABSENT] * 8)
    await gateway.accept()
    gateway.clock.move(timedelta(hours=25).total_seconds())
    for _ in range(5):
        await gateway.pass_time(hours=1)
    assert len(alpha.sent) == 1
    assert len(alpha.asked) >= 5


async def test_a_channel_that_pays_twice_is_never_repeated() -> None:
    """A channel without idempotent submit is asked and never sent the same order again (R9)."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.duplicate_mode = DuplicateMode.NONE
    alpha.submits.append(UNCLEAR)
    alpha.queries.extend([ABSENT] * 5)
    await gateway.accept()
    for _ in range(5):
        await gateway.pass_time(hours=1)
    assert len(alpha.sent) == 1
    assert gateway.channels["beta"].sent == []


async def test_absence_counts_where_the_ground_says_so() -> None:
    """R6, R16: only an attempt whose pinned ground makes absence proof fails over on "not found"."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.duplicate_mode, alpha.absence = DuplicateMode.NONE, Absence.AUTHORITATIVE
    alpha.submits.append(UNCLEAR)
    alpha.queries.append(replace(ABSENT, reason=RejectReason.CHANNEL_UNAVAILABLE))
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept()
    await gateway.pass_time(seconds=30)
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert len(gateway.channels["beta"].sent) == 1


async def test_a_crash_after_the_intent_leaves_unknown_not_unsent() -> None:
    """Row 10, I10: a row found in `sending` becomes unknown and is asked about; it is not sent as if new."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(HANG)
    task = asyncio.ensure_future(gateway.accept())
    await alpha.called.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    alpha.queries.append(says(K.PENDING))
    assert await gateway.pass_time(seconds=61) == 1  # the dead worker's lease has run out
    page = await gateway.store.read(lambda tx: tx.find_attempt(alpha.sent[0].sent.order.channel_reference))
    assert page is not None
    payout = await gateway.payout(page[0])
    assert payout.attempt(1).state is AttemptState.UNKNOWN
    assert payout.attempt(1).was_unknown
    await gateway.pass_time(seconds=30)
    assert (await gateway.payout(payout.id)).attempt(1).state is AttemptState.PENDING
    assert len(alpha.sent) == 1
    alpha.submits.append(PAID)
    alpha.release.set()
    await gateway.services.background.drain(5)


async def test_a_fault_of_the_beneficiary_ends_it() -> None:
    """A closed account is closed on every channel: no failover, failed with the reason an app can act on."""
    gateway = scripted_gateway()
    refused = an_answer(K.REJECTED, reason=RejectReason.PAYEE_ACCOUNT_CLOSED, channel_code="AC04")
    gateway.channels["alpha"].submits.append(refused)
    payout = await gateway.accept()
    reason = status_reason(payout)
    assert status(payout) is Status.FAILED
    assert reason is not None
    assert (reason.code, reason.channel_code) == (StatusCode.ACCOUNT_CLOSED, "AC04")
    assert gateway.channels["beta"].sent == []
    assert (await gateway.callback_types(payout))[-1] == "payout.failed"


async def test_every_channel_refusing_ends_it() -> None:
    """Row 7: with every attempt rejected and nobody left to try, it fails for the last refusal's reason."""
    gateway = scripted_gateway()
    low = an_answer(K.REJECTED, reason=RejectReason.INSUFFICIENT_FUNDS)
    for channel in gateway.channels.values():
        channel.submits.append(low)
    payout = await gateway.accept()
    reason = status_reason(payout)
    assert status(payout) is Status.FAILED
    assert reason is not None
    assert reason.code is StatusCode.CHANNEL_BALANCE_LOW


async def test_no_usable_channel_is_a_wait_with_a_deadline() -> None:
    """Row 7: an unreachable only channel is waited for, visibly, and only the deadline ends it."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([NOT_SENT] * 20)
    payout = await gateway.accept()
    assert status(payout) is Status.PROCESSING
    assert payout.attempt(1).state is AttemptState.PLANNED
    await gateway.pass_time(hours=1)
    assert len((await gateway.payout(payout.id)).attempts) == 1
    await gateway.pass_time(hours=72)
    payout = await gateway.payout(payout.id)
    reason = status_reason(payout)
    assert status(payout) is Status.FAILED
    assert reason is not None
    assert reason.code is StatusCode.CHANNEL_UNAVAILABLE


async def test_an_unreachable_channel_that_comes_back_pays() -> None:
    """The attempt that never left is sent under its own id when the channel can be reached again."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([NOT_SENT, NOT_SENT, PAID])
    payout = await gateway.accept()
    for _ in range(12):
        await gateway.pass_time(seconds=10)
    payout = await gateway.payout(payout.id)
    assert status(payout) is Status.PAID
    assert len({signed.sent.order.channel_reference for signed in alpha.sent}) == 1
    assert payout.attempt(1).transmissions == 1


async def test_what_no_channel_can_carry_fails_at_once() -> None:
    """A currency nobody pays is no reason to wait three days."""
    gateway = scripted_gateway()
    payout = await gateway.accept(amount=Money(100, "JPY"))
    reason = status_reason(payout)
    assert status(payout) is Status.FAILED
    assert reason is not None
    assert reason.code is StatusCode.CURRENCY_NOT_SUPPORTED
    assert payout.attempts == ()


async def test_an_order_a_channel_cannot_express_goes_to_the_next() -> None:
    """`Unsendable` is a refusal before the intent: another channel, no attempt row (row 9)."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].unsendable = "the name has an emoji"
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept()
    assert [a.channel for a in payout.attempts] == ["beta"]
    assert "unsendable" in payout.attempt(1).decision


async def test_an_open_breaker_refuses_before_the_intent() -> None:
    """Rows 9, 49: five faults open alpha's breaker; the sixth payout goes to beta and has no attempt on alpha."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.extend([UNCLEAR] * 5)
    gateway.channels["beta"].submits.append(PAID)
    for number in range(5):
        await gateway.accept(f"order-{number}")
    payout = await gateway.accept("order-6")
    assert [a.channel for a in payout.attempts] == ["beta"]
    assert len(gateway.channels["alpha"].sent) == 5
    assert "breaker_open" in payout.attempt(1).decision
    await gateway.pass_time(seconds=31)
    assert len(gateway.channels["alpha"].asked) == 5  # the breaker never keeps us from asking


async def test_a_repeat_passes_a_breaker_that_a_rate_opened() -> None:
    """No other channel may be tried for it: it is let through where part of the calls get through, and is not stuck."""
    gateway = scripted_gateway("alpha")
    handle = gateway.services.channels["alpha"]
    limits = Limits(open_s=36_000.0, rates=RateLimits(failure_rate=0.01, calls_min=1))
    guard = Guard("alpha", limits, gateway.clock.monotonic)
    channels = {"alpha": replace(handle, guard=guard)}
    gateway.services = replace(gateway.services, channels=channels)
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([UNCLEAR, PAID])
    alpha.queries.append(says(K.ABSENT))
    payout = await gateway.accept()
    assert guard.live().breaker_open
    await gateway.pass_time(seconds=31)
    await gateway.pass_time(minutes=5)
    assert status(await gateway.payout(payout.id)) is Status.PAID
    assert len(alpha.sent) == 2
    assert alpha.sent[0].sent.prepared == alpha.sent[1].sent.prepared


async def test_a_late_success_freezes() -> None:
    """Row 35: an attempt proved rejected that turns out paid is an incident and a freeze, never silence."""
    gateway = scripted_gateway()
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    alpha.submits.append(REFUSED)
    beta.submits.append(an_answer(K.PENDING))
    beta.queries.extend([says(K.PENDING)] * 3)
    alpha.queries.append(says(K.SUCCEEDED))
    payout = await gateway.accept()
    for _ in range(4):
        await gateway.pass_time(minutes=5)
    payout = await gateway.payout(payout.id)
    assert alpha.asked  # R17: the rejected attempt was followed up although beta was tried since
    assert payout.frozen
    assert payout.attempt(1).state is AttemptState.REJECTED
    assert len(await gateway.incidents(payout)) == 1
    assert [e.judged for e in await gateway.evidence(payout) if e.attempt == 1] == [True, True]


async def test_a_failed_payout_that_was_paid_is_disputed() -> None:
    """R8: proof against a payout we called failed is told to the app at once."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.append(REFUSED)
    alpha.queries.append(says(K.SUCCEEDED))
    payout = await gateway.accept()
    assert status(payout) is Status.FAILED
    await gateway.pass_time(minutes=10)
    payout = await gateway.payout(payout.id)
    assert status(payout) is Status.FAILED
    assert (await gateway.callback_types(payout))[-1] == "payout.disputed"


async def test_cancel_before_anything_left() -> None:
    """Row 63: nothing was ever transmitted: canceled at once, and nothing is sent afterwards."""
    gateway = scripted_gateway("alpha")
    gateway.channels["alpha"].submits.append(NOT_SENT)
    payout = await gateway.accept()
    canceled = await cancel(gateway.services, "acme", payout.id)
    assert status(canceled) is Status.CANCELED
    await gateway.pass_time(hours=1)
    assert len(gateway.channels["alpha"].sent) == 1
    assert status(await cancel(gateway.services, "acme", payout.id)) is Status.CANCELED


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says(K.REJECTED, reason=RejectReason.CANCELLED), Status.CANCELED),
        (says(K.SUCCEEDED), Status.PAID),
        (says(K.UNCLEAR), Status.PROCESSING),
    ],
    ids=["canceled", "paid", "unknown"],
)
async def test_cancel_of_a_sent_payout_is_a_wish(answer: Answer, expected: Status) -> None:
    """R19: the channel is told, and only what a query proves decides; its answer to the cancel proves nothing."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(an_answer(K.PENDING))
    alpha.cancels.append(an_answer(K.REJECTED, How.CANCEL))
    alpha.queries.append(answer)
    payout = await gateway.accept()
    wished = await cancel(gateway.services, "acme", payout.id)
    assert status(wished) is Status.PROCESSING
    await gateway.pass_time(seconds=30)
    payout = await gateway.payout(payout.id)
    assert status(payout) is expected
    assert len(alpha.cancelled) == 1
    assert gateway.channels["beta"].sent == []


async def test_a_refusal_after_a_cancel_wish_is_not_failed_over() -> None:
    """R19: with the wish nothing is planned; a final refusal then means canceled."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(an_answer(K.PENDING))
    alpha.queries.append(says(K.REJECTED))
    payout = await gateway.accept()
    await cancel(gateway.services, "acme", payout.id)
    await gateway.pass_time(seconds=30)
    assert status(await gateway.payout(payout.id)) is Status.CANCELED
    assert gateway.channels["beta"].sent == []


async def test_cancel_refuses_what_has_ended_or_is_foreign() -> None:
    """A paid payout cannot be canceled, a foreign one is not there."""
    gateway = scripted_gateway()
    gateway.channels["alpha"].submits.append(PAID)
    payout = await gateway.accept()
    with pytest.raises(AlreadyFinal):
        await cancel(gateway.services, "acme", payout.id)
    with pytest.raises(NotFound):
        await cancel(gateway.services, "other", payout.id)


async def test_the_payees_deadline_is_enforced_by_cancelling() -> None:
    """An action the payee let pass is cancelled at the channel and then asked about; age alone ends nothing."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    action = NextAction("wechat_confirm", (("package_info", "x"),), NOW + timedelta(hours=24))
    alpha.submits.append(an_answer(K.PENDING, action=action))
    alpha.queries.extend([says(K.PENDING)] * 2 + [says(K.REJECTED, reason=RejectReason.EXPIRED)])
    payout = await gateway.accept()
    assert "payout.action_required" in await gateway.callback_types(payout)
    await gateway.pass_time(hours=12)
    assert alpha.cancelled == []
    await gateway.pass_time(hours=13)
    await gateway.pass_time(minutes=6)
    await gateway.pass_time(minutes=6)
    assert alpha.cancelled
    assert status(await gateway.payout(payout.id)) is Status.FAILED


async def test_a_stale_worker_changes_nothing_but_evidence() -> None:
    """Rows 55, 56, I29: an answer that comes back to a worker without its lease is kept, not judged."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(HANG)
    task = asyncio.ensure_future(gateway.accept())
    await alpha.called.wait()
    gateway.clock.move(61)
    now = gateway.clock.now()
    ((payout, lease),) = await gateway.store.run(lambda tx: tx.claim("other node", now, 60, 1))
    alpha.submits.append(REFUSED)
    alpha.release.set()
    await task
    kept = await gateway.payout(payout.id)
    assert kept.attempt(1).state is AttemptState.SENDING
    assert gateway.channels["beta"].sent == []
    assert [e.judged for e in await gateway.evidence(payout)] == [False]
    alpha.queries.append(says(K.SUCCEEDED))
    await advance(gateway.services, kept, lease)
    assert (await gateway.payout(payout.id)).attempt(1).state is AttemptState.UNKNOWN


async def test_a_disabled_channel_gets_no_repeat() -> None:
    """R16: a disabled channel is still asked, and sent nothing, not even the same bytes."""
    gateway = scripted_gateway(policy=StepPolicy(disabled_channels=frozenset({"alpha"})))
    alpha = gateway.channels["alpha"]
    alpha.submits.append(UNCLEAR)
    alpha.queries.extend([ABSENT] * 3)
    await gateway.accept()
    for _ in range(3):
        await gateway.pass_time(minutes=5)
    assert len(alpha.sent) == 1
    assert len(alpha.asked) == 3


async def test_stored_bytes_of_an_older_adapter_are_not_repeated() -> None:
    """Row 54: after an upgrade an older attempt is asked about, its bytes are not sent again."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    alpha.submits.append(UNCLEAR)
    alpha.queries.extend([ABSENT, ABSENT])
    await gateway.accept()
    alpha.version = "2"
    await gateway.pass_time(seconds=30)
    await gateway.pass_time(minutes=5)
    assert len(alpha.sent) == 1
    assert len(alpha.asked) == 2


async def test_an_expired_lease_does_not_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 56: a node that slept between intent and send does not send; the attempt is unknown."""
    gateway = scripted_gateway()
    alpha = gateway.channels["alpha"]
    real = gateway.store.run

    async def slow(unit: object) -> object:
        result = await real(unit)  # type: ignore[arg-type]
        gateway.clock.move(50)
        return result

    monkeypatch.setattr(gateway.store, "run", slow)
    payout = await gateway.accept()
    assert alpha.sent == []
    assert (await gateway.payout(payout.id)).attempt(1).state is AttemptState.UNKNOWN
