"""`send_by`, `on_expiry` and `preference` of one payout, from its order to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.errors import ReferenceReused
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import Status, status, status_reason
from gateway.domain.terms import OnExpiry, Terms
from gateway.operations.router import Router
from routing.decision import Decision
from routing.guard import Verdict
from routing.policy import ChannelState, FeeKind, FeeRule
from routing.rules import Action, Rule
from routing.score import BALANCED
from tests.support.builders import NOW, an_answer
from tests.support.scripted import ScriptedGateway, scripted_gateway

K = OutcomeKind
PAID = an_answer(K.SUCCEEDED)
NOT_SENT = an_answer(K.NOT_SENT)
REFUSED = an_answer(K.REJECTED, finality=Finality.FINAL, reason=RejectReason.CHANNEL_UNAVAILABLE)
SEND_BY = NOW + timedelta(minutes=10)
ANY = OnExpiry.ANY_CHANNEL
ONLY_ALPHA = Rule("alpha is the regular one", Action.ONLY, ("alpha",), gives_way=True)
FEES = {"alpha": 100, "beta": 400}


def a_gateway(*rules: Rule) -> ScriptedGateway:
    """Alpha is the cheap one, beta the dear one."""
    gateway = scripted_gateway()
    handles = {
        name: replace(
            handle,
            policy=replace(handle.policy, fees=(FeeRule(FeeKind.FLAT, "CNY", amount_minor=FEES[name]),)),
        )
        for name, handle in gateway.services.channels.items()
    }
    gateway.services = replace(gateway.services, channels=handles, router=Router(preference=BALANCED, rules=rules))
    return gateway


def switch(gateway: ScriptedGateway, state: ChannelState, name: str = "alpha") -> None:
    """As a reload would."""
    handles = dict(gateway.services.channels)
    handles[name] = replace(handles[name], policy=replace(handles[name].policy, state=state))
    gateway.services = replace(gateway.services, channels=handles)


async def break_alpha(gateway: ScriptedGateway) -> None:
    """Five failures in a row open its breaker; their payouts are left as they are."""
    gateway.channels["alpha"].submits.extend([an_answer(K.UNCLEAR, channel_fault=True)] * 5)
    for number in range(5):
        await gateway.accept(f"breaker-{number}")
    assert gateway.services.channels["alpha"].guard.live().breaker_open


async def order(gateway: ScriptedGateway, on_expiry: OnExpiry = OnExpiry.FAIL, preference: str | None = None) -> Payout:
    return await gateway.accept(terms=Terms(preference, SEND_BY, on_expiry))


def carried_by(payout: Payout) -> list[str]:
    return [attempt.channel for attempt in payout.attempts]


async def test_it_waits_for_its_channel_and_is_sent_in_time() -> None:
    """Until `send_by` it looks again and again; what comes back in time carries it."""
    gateway = a_gateway(ONLY_ALPHA)
    switch(gateway, ChannelState.DRAINING)
    payout = await order(gateway)
    assert (status(payout), payout.give_up_at) == (Status.ACCEPTED, SEND_BY)
    await gateway.pass_time(minutes=9)
    switch(gateway, ChannelState.ENABLED)
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.pass_time(seconds=30)
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_without_a_channel_it_fails_at_its_time_and_says_why() -> None:
    """`fail`: closed on the minute, and nothing is sent later however usable the channel is then."""
    gateway = a_gateway(ONLY_ALPHA)
    switch(gateway, ChannelState.DRAINING)
    payout = await order(gateway)
    await gateway.pass_time(minutes=10)
    ended = await gateway.payout(payout.id)
    reason = status_reason(ended)
    assert status(ended) is Status.FAILED
    assert reason is not None
    assert reason.code is StatusCode.CHANNEL_UNAVAILABLE
    assert ended.closure is not None
    assert ended.closure.at == SEND_BY
    switch(gateway, ChannelState.ENABLED)
    await gateway.pass_time(hours=1)
    assert gateway.channels["alpha"].sent == gateway.channels["beta"].sent == []


async def test_any_channel_takes_the_dear_one_in_the_end() -> None:
    """One last decision without the rule that gives way; it is marked as such, and explained by the gateway's own
    preference."""
    gateway = a_gateway(ONLY_ALPHA)
    gateway.channels["beta"].submits.append(PAID)
    switch(gateway, ChannelState.DRAINING)
    payout = await order(gateway, ANY, "cheapest")
    await gateway.pass_time(minutes=9, seconds=50)
    assert gateway.channels["beta"].sent == []
    await gateway.pass_time(seconds=20)
    ended = await gateway.payout(payout.id)
    assert (status(ended), carried_by(ended)) == (Status.PAID, ["beta"])
    decision = Decision.from_json(ended.attempt(1).decision)
    assert (decision.last, decision.preference) == (True, "balanced")


@pytest.mark.parametrize("rule", [Rule("no beta", Action.NEVER, ("beta",)), replace(ONLY_ALPHA, gives_way=False)])
async def test_what_must_never_happen_does_not_in_the_end_either(rule: Rule) -> None:
    """A never, and an only that does not give way: it fails."""
    gateway = a_gateway(rule)
    switch(gateway, ChannelState.DRAINING)
    payout = await order(gateway, ANY)
    await gateway.pass_time(minutes=11)
    assert status(await gateway.payout(payout.id)) is Status.FAILED
    assert gateway.channels["beta"].sent == []


async def test_the_thrifty_wait_for_the_cheap_channel_and_pay_the_dear_one_at_last() -> None:
    """Only who takes any channel in the end can afford to; who would fail takes what there is."""
    gateway = a_gateway()
    await break_alpha(gateway)
    gateway.channels["beta"].submits.extend([PAID, PAID])
    hasty = await gateway.accept("hasty", terms=Terms("cheapest", SEND_BY, OnExpiry.FAIL))
    assert (status(hasty), carried_by(hasty)) == (Status.PAID, ["beta"])
    thrifty = await gateway.accept("thrifty", terms=Terms("cheapest", SEND_BY, ANY))
    assert status(thrifty) is Status.ACCEPTED
    events = await gateway.store.read(lambda tx: tx.events(thrifty.id))
    assert "beta:dearer" in str(events[-1].detail["refused"])
    await gateway.pass_time(seconds=25)  # the breaker lets its one trial through
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.pass_time(seconds=15)
    assert carried_by(await gateway.payout(thrifty.id)) == ["alpha"]


async def test_the_payouts_preference_is_the_one_that_decides() -> None:
    """And a name that the configuration has no longer is as good as none."""
    gateway = a_gateway()
    for name in ("alpha", "beta"):
        gateway.channels[name].submits.extend([PAID] * 3)
    told = []
    for number, preference in enumerate(("fastest", "gone", None)):
        payout = await gateway.accept(f"order-{number}", terms=Terms(preference))
        told.append(Decision.from_json(payout.attempt(1).decision).preference)
    assert told == ["fastest", "balanced", "balanced"]


async def test_an_open_attempt_outlives_the_time_and_its_refusal_ends_the_payout() -> None:
    """Nobody knows what became of it: it is asked about for as long as it takes, and nothing opens beside or after."""
    gateway = a_gateway()
    gateway.channels["alpha"].submits.append(an_answer(K.PENDING))
    gateway.channels["alpha"].queries.extend([an_answer(K.PENDING, How.QUERY)] * 3)
    payout = await order(gateway, ANY)
    await gateway.pass_time(minutes=11)
    late = await gateway.payout(payout.id)
    assert (status(late), carried_by(late)) == (Status.PROCESSING, ["alpha"])
    gateway.channels["alpha"].queries.clear()
    gateway.channels["alpha"].queries.append(replace(REFUSED, heard=How.QUERY))
    await gateway.pass_time(minutes=10)
    ended = await gateway.payout(payout.id)
    assert (status(ended), carried_by(ended)) == (Status.FAILED, ["alpha"])
    assert gateway.channels["beta"].sent == []


async def test_the_last_call_goes_round_whoever_was_not_reached() -> None:
    """What never left is no answer: the next channel is asked, each once, and then it ends."""
    gateway = a_gateway()
    gateway.clock.move(3600.0)
    gateway.channels["alpha"].submits.append(NOT_SENT)
    gateway.channels["beta"].submits.append(NOT_SENT)
    payout = await order(gateway, ANY)
    assert (status(payout), carried_by(payout)) == (Status.FAILED, ["alpha", "beta"])
    second = a_gateway()
    second.clock.move(3600.0)
    second.channels["alpha"].submits.append(NOT_SENT)
    second.channels["beta"].submits.append(PAID)
    assert status(await order(second, ANY)) is Status.PAID


async def test_a_full_house_is_waited_for_even_in_the_end() -> None:
    """Many payouts have their last call at once: each has its turn."""
    gateway = a_gateway()
    gateway.clock.move(3600.0)
    switch(gateway, ChannelState.DISABLED)
    guard = gateway.services.channels["beta"].guard
    permits = [guard.admit() for _ in range(50)]
    payout = await order(gateway, ANY)
    assert status(payout) is Status.ACCEPTED
    permits[0].release(Verdict.OK)
    gateway.channels["beta"].submits.append(PAID)
    await gateway.pass_time(seconds=10)
    assert status(await gateway.payout(payout.id)) is Status.PAID


async def test_a_time_that_is_over_is_no_fault_of_the_order() -> None:
    """A clock cannot tell a repeat from a new order, so it is taken in, and ends."""
    gateway = a_gateway()
    gateway.clock.move(3600.0)
    payout = await order(gateway)
    reason = status_reason(payout)
    assert status(payout) is Status.FAILED
    assert reason is not None
    assert reason.code is StatusCode.EXPIRED
    assert gateway.channels["alpha"].sent == []


async def test_terms_are_part_of_the_order() -> None:
    """The same reference with other terms is another order; with the same ones, in words or by default, a repeat."""
    gateway = a_gateway()
    first = await order(gateway)
    assert (await order(gateway)).id == first.id
    for terms in (Terms(), Terms(send_by=SEND_BY, on_expiry=ANY), Terms("cheapest", SEND_BY)):
        with pytest.raises(ReferenceReused):
            await gateway.accept(terms=terms)
    plain = await gateway.accept("plain")
    assert (await gateway.accept("plain", terms=Terms(on_expiry=OnExpiry.FAIL))).id == plain.id
    assert plain.give_up_at == gateway.clock.now() + gateway.services.give_up_after
