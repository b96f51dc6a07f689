"""The router inside the gateway: what it hears counts once, what it knows outlives a restart, what it chose is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.outcome import Finality, NextAction, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.domain.reasons import RejectReason
from gateway.operations.remembering import recall, remember
from gateway.operations.router import Router
from routing.decision import Decision
from routing.health import SUCCESS, Health
from routing.health_book import HealthBook, health_class
from routing.rules import Action, Match, Rule
from routing.score import BALANCED
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.scripted import MONEY, ScriptedGateway, scripted_gateway

K = OutcomeKind
PAID = an_answer(K.SUCCEEDED)
CLASS = health_class(MONEY.minor, BENEFICIARY.kind)


def refused(reason: RejectReason) -> object:
    return an_answer(K.REJECTED, finality=Finality.FINAL, reason=reason)


def with_router(router: Router, *names: str) -> ScriptedGateway:
    gateway = scripted_gateway(*names)
    gateway.services = replace(gateway.services, router=router)
    return gateway


def record(gateway: ScriptedGateway, channel: str = "alpha") -> Health:
    return gateway.services.router.book.posterior(channel, CLASS)


def decision(payout: Payout, number: int = 1) -> Decision:
    return Decision.from_json(payout.attempt(number).decision)


async def test_a_channel_that_fails_is_left_for_a_dearer_one() -> None:
    """The fee alone does not decide: a few faults of its own cost alpha the next payouts."""
    gateway = with_router(Router(preference=BALANCED))
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    alpha.submits.extend([refused(RejectReason.CHANNEL_UNAVAILABLE)] * 20)
    beta.submits.extend([PAID] * 40)
    payouts = [await gateway.accept(f"order-{number}") for number in range(20)]
    assert payouts[0].attempts[0].channel == "alpha"
    assert [payout.attempts[0].channel for payout in payouts[10:]] == ["beta"] * 10
    assert record(gateway).mean < record(gateway, "beta").mean - 0.2


@pytest.mark.parametrize(
    "reason", [RejectReason.PAYEE_ACCOUNT_CLOSED, RejectReason.PAYEE_NAME_MISMATCH, RejectReason.PAYEE_LIMIT]
)
async def test_the_beneficiarys_fault_is_not_the_channels(reason: RejectReason) -> None:
    """A closed account says nothing about who told us."""
    gateway = scripted_gateway("alpha")
    before = record(gateway).mean
    gateway.channels["alpha"].submits.append(refused(reason))
    await gateway.accept()
    assert record(gateway).mean == before


async def test_an_attempt_counts_once_however_often_it_is_heard_of() -> None:
    """Pending, then paid, then paid again by a notification and by a follow-up: one success."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.append(an_answer(K.PENDING))
    alpha.queries.extend([an_answer(K.PENDING, How.QUERY), an_answer(K.SUCCEEDED, How.QUERY)])
    payout = await gateway.accept()
    assert record(gateway).strength == Health.fresh().strength
    await gateway.pass_time(minutes=1)
    await gateway.pass_time(minutes=10)
    once = record(gateway).strength
    assert once > Health.fresh().strength
    for _ in range(3):
        alpha.queries.append(an_answer(K.SUCCEEDED, How.QUERY))
        await gateway.pass_time(hours=30)
    assert (await gateway.payout(payout.id)).attempt(1).state == "succeeded"
    assert record(gateway).strength <= once


async def test_what_is_known_outlives_a_restart() -> None:
    """Kept in the store, read at start; what cannot be read is let go of and nothing fails."""
    gateway = with_router(Router(preference=BALANCED))
    gateway.channels["alpha"].submits.extend([refused(RejectReason.CHANNEL_UNAVAILABLE)] * 5)
    gateway.channels["beta"].submits.extend([PAID] * 5)
    for number in range(5):
        await gateway.accept(f"order-{number}")
    await remember(gateway.services)
    services = replace(gateway.services, router=Router(preference=BALANCED))
    await recall(services)
    for channel in ("alpha", "beta"):
        again = services.router.book.posterior(channel, CLASS)
        assert again.mean == pytest.approx(record(gateway, channel).mean, abs=0.02)
    assert services.router.arrivals.keys() == gateway.services.router.arrivals.keys()
    await gateway.store.run(lambda tx: tx.set_meta("router", '{"v": 99}'))
    fresh = replace(gateway.services, router=Router())
    await recall(fresh)
    assert fresh.router.book.posterior("alpha", CLASS).strength == Health.fresh().strength


async def test_the_same_seed_draws_the_same_chances() -> None:
    """The seed is kept with the decision, and the decision says what was drawn; another seed draws others."""
    drawn = []
    for seed in (7, 7, 8):
        gateway = with_router(Router(preference=BALANCED, new_seed=lambda seed=seed: seed))  # type: ignore[misc]  # bound now
        gateway.channels["alpha"].submits.append(PAID)
        kept = decision(await gateway.accept())
        assert (kept.drawn, kept.seed) == (True, seed)
        drawn.append([candidate.p for candidate in kept.ranked])
    assert drawn[0] == drawn[1] != drawn[2]


async def test_a_rule_stands_above_the_cost() -> None:
    """An explicit route for this app's payouts, named in the decision; others go by cost."""
    rule = Rule("acme by beta", Action.PREFER, ("beta",), Match(apps=frozenset({"acme"})))
    gateway = with_router(Router(rules=[rule], preference=BALANCED))
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept()
    assert payout.attempts[0].channel == "beta"
    assert decision(payout).rule == "acme by beta"


async def test_a_channel_that_takes_orders_and_falls_silent_is_left_before_any_failure() -> None:
    """Ten accepted and none of them heard of again, long after they should have arrived: others get the next."""
    gateway = with_router(Router(preference=BALANCED))
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([an_answer(K.PENDING)] * 11)
    gateway.channels["beta"].submits.append(PAID)
    for number in range(10):
        payout = await gateway.accept(f"order-{number}")
        assert payout.attempts[0].channel == "alpha"
    gateway.clock.move(25.0)  # before the first question is due
    assert (await gateway.accept("order-11")).attempts[0].channel == "beta"
    assert record(gateway).strength == Health.fresh().strength


async def test_what_a_channel_still_works_on_counts_the_more_the_later_it_is_and_is_given_back() -> None:
    """Asked and asked again, and still pending: less is believed of it each time. Paid after all, it is one success."""
    gateway = scripted_gateway("alpha")
    handle = gateway.services.channels["alpha"]
    slow = replace(handle, policy=replace(handle.policy, usual_s=60.0))
    gateway.services = replace(gateway.services, channels={"alpha": slow})
    alpha, means = gateway.channels["alpha"], [record(gateway).mean]
    alpha.submits.append(an_answer(K.PENDING))
    alpha.queries.extend([an_answer(K.PENDING, How.QUERY)] * 2)
    payout = await gateway.accept()
    means.append(record(gateway).mean)
    assert means[0] == means[1]
    for _ in range(2):
        await gateway.pass_time(minutes=6)
        means.append(record(gateway).mean)
    assert means[1] > means[2] >= means[3]
    alpha.queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    await gateway.pass_time(minutes=6)
    assert (await gateway.payout(payout.id)).attempt(1).state == "succeeded"
    plain = HealthBook()
    plain.observe("alpha", CLASS, SUCCESS, 0.0)
    assert record(gateway).mean == pytest.approx(plain.posterior("alpha", CLASS).mean, abs=0.05)
    assert not gateway.services.router.late(slow.policy, gateway.clock.now())


async def test_who_waits_for_the_beneficiary_is_not_late() -> None:
    """A payee who takes a day to confirm says nothing about the channel."""
    gateway = scripted_gateway("alpha")
    alpha, before = gateway.channels["alpha"], record(gateway).mean
    action = NextAction("wechat_confirm", (), gateway.clock.now() + timedelta(days=2))
    alpha.submits.append(an_answer(K.PENDING, action=action))
    alpha.queries.extend([an_answer(K.PENDING, How.QUERY)] * 3)
    await gateway.accept()
    for _ in range(3):
        await gateway.pass_time(hours=3)
    assert alpha.asked
    assert record(gateway).mean == before
