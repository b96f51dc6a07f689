"""A failed payout ordered again: once, whatever happens in between, and never against proof that it was paid."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from gateway.domain import changes
from gateway.domain.beneficiary import BankBeneficiary, WechatBeneficiary
from gateway.domain.errors import NotFound, NotRetryable, ReferenceReused, StoreUnavailable
from gateway.domain.event import EventType
from gateway.domain.hold import Hold, HoldCode
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.retry import Refusal, refusal
from gateway.domain.status import Status, StatusReason, is_disputed, status
from gateway.domain.terms import Terms
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.retry import AT_ONCE, OLD_ENOUGH, RetryWish, finish_open, retry
from gateway.operations.services import ChannelHandle
from gateway.store.port import ReadTx, Store, Tx
from routing.policy import ChannelState
from tests.support.builders import BENEFICIARY, NOW, a_payout, an_answer, sending
from tests.support.scripted import MONEY, ScriptedGateway, scripted_gateway

T = TypeVar("T")
K = OutcomeKind
PAID = an_answer(K.SUCCEEDED)
CLOSED_ACCOUNT = an_answer(K.REJECTED, finality=Finality.FINAL, reason=RejectReason.PAYEE_ACCOUNT_CLOSED)
CORRECTED = BankBeneficiary("6222000000000299", "张三", "000200000002", "CN")


async def a_failed_one(gateway: ScriptedGateway, reference: str = "order-1") -> Payout:
    gateway.channels["alpha"].submits.append(CLOSED_ACCOUNT)
    payout = await gateway.accept(reference, purpose="SALA", metadata={"k": "v"}, terms=Terms("cheapest"))
    assert status(payout) is Status.FAILED
    return payout


def wish(failed: Payout, reference: str = "again-1", **fields: object) -> RetryWish:
    return replace(RetryWish("acme", failed.id, reference), **fields)  # type: ignore[arg-type]  # its own fields


def shut(gateway: ScriptedGateway) -> None:
    """Every channel is drained: what is ordered now waits."""
    handles: dict[str, ChannelHandle] = {
        name: replace(handle, policy=replace(handle.policy, state=ChannelState.DRAINING))
        for name, handle in gateway.services.channels.items()
    }
    gateway.services = replace(gateway.services, channels=handles)


async def test_it_is_ordered_again_to_the_corrected_beneficiary() -> None:
    """A new payout with the old one's content, linked both ways, that is worked on like any other."""
    gateway = scripted_gateway()
    failed = await a_failed_one(gateway)
    made = await retry(gateway.services, wish(failed, beneficiary=CORRECTED))
    assert not made.replayed
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.run_handed()
    again, first = await gateway.payout(made.payout.id), await gateway.payout(failed.id)
    assert (status(again), again.beneficiary, again.retry_of, again.retried_as) == (
        Status.PAID, CORRECTED, failed.id, None,
    )  # fmt: skip
    assert (again.amount, again.purpose, again.metadata, again.terms.preference) == (
        failed.amount, "SALA", {"k": "v"}, "cheapest",
    )  # fmt: skip
    assert (status(first), first.retried_as, first.retry_of) == (Status.FAILED, again.id, None)
    told = await gateway.store.read(lambda tx: tx.events(first.id))
    assert (told[-1].type, told[-1].actor, told[-1].detail) == (EventType.RETRIED, "app:acme", {"as": again.id})
    accepted = (await gateway.store.read(lambda tx: tx.events(again.id)))[0]
    assert accepted.detail == {"retry_of": first.id}
    assert first.attempt(1).channel_reference != again.attempt(1).channel_reference


async def test_the_same_wish_again_is_the_same_payout() -> None:
    """After a lost answer it is said again: nothing new is made, and nobody works on it twice."""
    gateway = scripted_gateway()
    failed = await a_failed_one(gateway)
    first = await retry(gateway.services, wish(failed))
    before = await gateway.payout(failed.id)
    again = await retry(gateway.services, wish(failed))
    assert (again.replayed, again.payout.id) == (True, first.payout.id)
    assert len(gateway.handed) == 1
    assert await gateway.payout(failed.id) == before


async def test_at_most_one() -> None:
    """Another reference, another beneficiary, twenty at once: one new payout, and the others are told which."""
    gateway = scripted_gateway()
    failed = await a_failed_one(gateway)
    ended = await asyncio.gather(
        *(retry(gateway.services, wish(failed, f"again-{number}")) for number in range(20)), return_exceptions=True
    )
    made = [each for each in ended if not isinstance(each, BaseException)]
    assert len(made) == 1
    assert all(isinstance(each, NotRetryable) for each in ended if isinstance(each, BaseException))
    with pytest.raises(NotRetryable) as caught:
        await retry(gateway.services, wish(failed, made[0].payout.reference, beneficiary=CORRECTED))
    assert caught.value.code == Refusal.ALREADY_RETRIED
    assert made[0].payout.id in caught.value.detail
    stored = await gateway.store.read(lambda tx: tx.counts())
    assert sum(stored.values()) == 2


def failed(**fields: object) -> Payout:
    """A payout as it failed, changed."""
    reason = RejectReason.PAYEE_ACCOUNT_CLOSED
    attempt = replace(sending().attempt(1), state=AttemptState.REJECTED, reason=reason)
    ended = changes.close(a_payout().with_attempt(attempt), StatusReason(StatusCode.ACCOUNT_CLOSED), NOW)
    return replace(ended, **fields)  # type: ignore[arg-type]  # its own fields


def with_reason(reason: RejectReason) -> Payout:
    payout = failed()
    return payout.with_attempt(replace(payout.attempt(1), reason=reason))


REFUSED: dict[str, tuple[Payout, Refusal]] = {
    "accepted": (a_payout(), Refusal.NOT_FAILED),
    "sending": (sending(), Refusal.NOT_FAILED),
    "canceled": (
        changes.close(a_payout(), StatusReason(StatusCode.CANCELED_BY_APP), NOW), Refusal.NOT_FAILED,
    ),
    "frozen": (failed(frozen=True), Refusal.UNDER_REVIEW),
    "held": (failed(hold=Hold(HoldCode.RETURN_MISMATCH, NOW)), Refusal.UNDER_REVIEW),
    "resolved": (changes.resolve(sending(), False, NOW), Refusal.DECIDED_BY_PEOPLE),
    "review": (
        changes.close(a_payout(), StatusReason(StatusCode.REVIEW_REJECTED), NOW), Refusal.NOT_FOR_THIS_REASON,
    ),
    "fault": (
        changes.close(a_payout(), StatusReason(StatusCode.INTERNAL_ERROR), NOW), Refusal.NOT_FOR_THIS_REASON,
    ),
    "compliance": (with_reason(RejectReason.COMPLIANCE_REJECTED), Refusal.NOT_FOR_THIS_REASON),
    "fraud": (with_reason(RejectReason.FRAUD_SUSPECTED), Refusal.NOT_FOR_THIS_REASON),
    "duplicate": (with_reason(RejectReason.DUPLICATE), Refusal.NOT_FOR_THIS_REASON),
    "retried": (failed(retried_as="po_x"), Refusal.ALREADY_RETRIED),
    "erased": (failed(erased_at=NOW), Refusal.ERASED),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_ordered_again(name: str) -> None:
    """What was not proved unpaid by a channel, or fails for a reason that stays, is refused with that."""
    payout, why = REFUSED[name]
    assert refusal(payout) is why


def test_what_is() -> None:
    """The base of the cases above has no fault of its own; and every refusal has one."""
    assert refusal(failed()) is None
    assert refusal(changes.close(a_payout(), StatusReason(StatusCode.CHANNEL_UNAVAILABLE), NOW)) is None
    assert {why for _, why in REFUSED.values()} == set(Refusal)


async def test_a_foreign_payout_is_not_there() -> None:
    """As ever; and nothing is written."""
    gateway = scripted_gateway()
    payout = await a_failed_one(gateway)
    with pytest.raises(NotFound):
        await retry(gateway.services, replace(wish(payout), app="other"))
    assert (await gateway.payout(payout.id)).retried_as is None


async def test_a_reference_that_is_taken() -> None:
    """Nothing is changed, and another reference may follow; nor does a plain order pass for the retry."""
    gateway = scripted_gateway()
    payout = await a_failed_one(gateway)
    await accept(gateway.services, PayoutRequest("acme", "taken", MONEY, BENEFICIARY))
    with pytest.raises(ReferenceReused):
        await retry(gateway.services, wish(payout, "taken"))
    assert (await gateway.payout(payout.id)).retried_as is None
    await retry(gateway.services, wish(payout, "free"))
    with pytest.raises(ReferenceReused):
        await accept(
            gateway.services,
            PayoutRequest("acme", "free", MONEY, BENEFICIARY, "SALA", terms=Terms("cheapest")),
        )


class Dying:
    """A store that fails after so many more units: a process that dies between its two transactions."""

    def __init__(self, inner: Store, units: int) -> None:
        self.inner, self.left = inner, units

    async def run(self, unit: Callable[[Tx], T]) -> T:
        if not self.left:
            raise StoreUnavailable("gone")
        self.left -= 1
        return await self.inner.run(unit)

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        return await self.inner.read(query)

    async def close(self) -> None:
        await self.inner.close()


@pytest.mark.parametrize("by_the_app", [True, False])
@pytest.mark.parametrize("units", [1, 2])
async def test_a_death_in_between_loses_nothing(units: int, by_the_app: bool) -> None:
    """Between intent and accept, and between accept and the last word: whoever comes next finishes it, once."""
    gateway = scripted_gateway()
    payout = await a_failed_one(gateway)
    with pytest.raises(StoreUnavailable):
        await retry(replace(gateway.services, store=Dying(gateway.store, units)), wish(payout))
    named = (await gateway.payout(payout.id)).retried_as
    assert named is not None
    assert (await gateway.store.read(lambda tx: tx.payout(named)) is None) is (units == 1)
    if by_the_app:
        made = await retry(gateway.services, wish(payout))
        assert (made.replayed, made.payout.id) == (True, named)
    else:
        assert await finish_open(gateway.services) == 0  # whoever began it may be at it
        gateway.clock.move(OLD_ENOUGH.total_seconds() + 1)
        assert await finish_open(gateway.services) == 1
    gateway.clock.move(timedelta(hours=1).total_seconds())
    assert await finish_open(gateway.services) == 0
    assert sum((await gateway.store.read(lambda tx: tx.counts())).values()) == 2
    assert (await gateway.payout(named)).retry_of == payout.id
    assert len(gateway.handed) == 1
    assert AT_ONCE > 1


async def test_its_reference_went_to_another_order_in_between() -> None:
    """Then there will never be such a payout: the intent is taken back, and the app may ask anew."""
    gateway = scripted_gateway()
    payout = await a_failed_one(gateway)
    with pytest.raises(StoreUnavailable):
        await retry(replace(gateway.services, store=Dying(gateway.store, 1)), wish(payout))
    await accept(gateway.services, PayoutRequest("acme", "again-1", MONEY, WechatBeneficiary("o-1")))
    gateway.clock.move(OLD_ENOUGH.total_seconds() + 1)
    await finish_open(gateway.services)
    assert (await gateway.payout(payout.id)).retried_as is None
    made = await retry(gateway.services, wish(payout, "again-2"))
    assert (await gateway.payout(payout.id)).retried_as == made.payout.id


async def a_waiting_retry(gateway: ScriptedGateway) -> tuple[Payout, Payout]:
    """The failed one, and its retry, which no channel takes yet."""
    payout = await a_failed_one(gateway)
    shut(gateway)
    made = await retry(gateway.services, wish(payout))
    await gateway.run_handed()
    return payout, made.payout


async def test_proof_that_the_first_one_was_paid_stops_the_second() -> None:
    """The follow-up finds a late success: the first one is disputed, and of the second nothing is sent any more."""
    gateway = scripted_gateway()
    payout, again = await a_waiting_retry(gateway)
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    await gateway.pass_time(minutes=11)
    assert await gateway.services.background.drain(5) == 0
    assert is_disputed(await gateway.payout(payout.id))
    held = await gateway.payout(again.id)
    assert held.hold is not None
    assert (held.hold.code, status(held), held.attempts) == (HoldCode.RETRIED_PAID, Status.HELD, ())
    assert [each.kind for each in await gateway.incidents(held)] == ["retried_paid"]


async def test_nothing_is_sent_before_a_look_at_the_first_one() -> None:
    """Also where whoever learned of it died before it could hold the second: the look comes before each attempt."""
    gateway = scripted_gateway()
    payout, again = await a_waiting_retry(gateway)
    known = await gateway.payout(payout.id)
    await gateway.store.run(lambda tx: tx.save(known, replace(known, frozen=True), None))
    handles = {
        name: replace(handle, policy=replace(handle.policy, state=ChannelState.ENABLED))
        for name, handle in gateway.services.channels.items()
    }
    gateway.services = replace(gateway.services, channels=handles)
    sent = len(gateway.channels["alpha"].sent)
    await gateway.pass_time(minutes=1)
    held = await gateway.payout(again.id)
    assert held.hold is not None
    assert (held.hold.code, held.attempts) == (HoldCode.RETRIED_PAID, ())
    assert len(gateway.channels["alpha"].sent) == sent
    await gateway.store.run(lambda tx: tx.save(held, changes.release(held, gateway.clock.now()), gateway.clock.now()))
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.pass_time(minutes=1)
    assert status(await gateway.payout(again.id)) is Status.PAID, "people have looked: it goes on"


async def test_both_were_paid() -> None:
    """Nothing can be taken back any more; people are called to the second one, too."""
    gateway = scripted_gateway()
    payout = await a_failed_one(gateway)
    gateway.channels["alpha"].submits.append(PAID)
    made = await retry(gateway.services, wish(payout))
    await gateway.run_handed()
    gateway.channels["alpha"].queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    await gateway.pass_time(minutes=11)
    assert await gateway.services.background.drain(5) == 0
    again = await gateway.payout(made.payout.id)
    assert (status(again), again.hold) == (Status.PAID, None)
    assert [each.kind for each in await gateway.incidents(again)] == ["retried_paid"]
    assert is_disputed(await gateway.payout(payout.id))


async def test_a_retry_that_failed_may_be_retried() -> None:
    """Once each: a chain, never a fan."""
    gateway = scripted_gateway()
    payout = await a_failed_one(gateway)
    gateway.channels["alpha"].submits.append(CLOSED_ACCOUNT)
    made = await retry(gateway.services, wish(payout))
    await gateway.run_handed()
    third = await retry(gateway.services, RetryWish("acme", made.payout.id, "again-2", CORRECTED))
    assert third.payout.retry_of == made.payout.id
    assert (await gateway.payout(payout.id)).retried_as == made.payout.id
