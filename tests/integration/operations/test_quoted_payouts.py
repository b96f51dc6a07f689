"""A payout that was ordered on a quote: its channels, its fees, in its time; and never against safety."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.payout import Payout
from gateway.domain.quote import HONOURED_FOR, Quote
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import Status, status, status_reason
from gateway.domain.terms import Terms
from gateway.domain.view import payout_view
from gateway.operations.quoting import Wish, quote
from gateway.operations.router import Router
from gateway.store.port import ReadTx
from routing.decision import Decision
from routing.explain import explain
from routing.policy import ChannelState, FeeKind, FeeRule
from routing.rules import Action, Match, Rule
from tests.support.builders import NOW, an_answer
from tests.support.scripted import FEE_ONLY, MONEY, scripted_gateway

PAID = an_answer(OutcomeKind.SUCCEEDED)
REFUSED = an_answer(OutcomeKind.REJECTED, finality=Finality.FINAL, reason=RejectReason.CHANNEL_UNAVAILABLE)
GOOD_UNTIL = NOW + timedelta(minutes=5)


def quoted(*fees: tuple[str, int]) -> Terms:
    return Terms(quote=Quote(GOOD_UNTIL, fees))


def decision_of(payout: Payout, number: int = 1) -> Decision:
    return Decision.from_json(payout.attempt(number).decision)


async def test_a_quote_is_what_the_router_thinks() -> None:
    """The ranking without dice, each fee as it is; and nothing is written for it."""
    gateway = scripted_gateway()
    before = await gateway.store.read(lambda tx: tx.high_water())
    found = await quote(gateway.services, Wish("acme", MONEY, BeneficiaryKind.BANK_ACCOUNT))
    assert found.quote == Quote(GOOD_UNTIL, (("alpha", 1), ("beta", 2)))
    assert not found.decision.drawn
    assert await gateway.store.read(lambda tx: tx.high_water()) == before
    nothing = await quote(gateway.services, Wish("acme", Money(1, "USD"), BeneficiaryKind.BANK_ACCOUNT))
    assert (nothing.quote, nothing.decision.ranked) == (None, ())


async def test_the_limits_of_the_day_are_looked_at() -> None:
    """What a channel may not be given any more it is not quoted for; the look is the store's own."""
    gateway = scripted_gateway()
    gateway.change("alpha", daily_minor=MONEY.minor - 1)
    found = await quote(gateway.services, Wish("acme", MONEY, BeneficiaryKind.BANK_ACCOUNT))
    assert found.quote == Quote(GOOD_UNTIL, (("beta", 2),))


async def test_the_choice_and_the_fee_are_honoured() -> None:
    """The dearer channel, quoted first, carries it for the fee that was quoted, though its price has risen since."""
    gateway = scripted_gateway()
    gateway.change("beta", fees=(FeeRule(FeeKind.FLAT, "CNY", amount_minor=900),))
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept(terms=quoted(("beta", 2), ("alpha", 1)))
    assert (status(payout), payout.attempt(1).channel) == (Status.PAID, "beta")
    decision = decision_of(payout)
    assert decision.quoted
    assert [(each.channel, each.fee_minor) for each in decision.ranked] == [("beta", 2), ("alpha", 1)]
    assert decision.replayed() == decision
    assert "quote" in explain(decision)[0]
    told = payout_view(payout)["quote"]
    assert isinstance(told, dict)
    assert told["honoured"] is True


async def test_only_the_quotes_channels_carry_it() -> None:
    """A cheaper channel that was not quoted is refused, and says why."""
    gateway = scripted_gateway()
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept(terms=quoted(("beta", 2)))
    assert payout.attempt(1).channel == "beta"
    assert [(each.channel, each.code) for each in decision_of(payout).refused] == [("alpha", "not_quoted")]


async def test_a_refusal_goes_to_the_next_one_of_the_quote() -> None:
    """As ever only after proof, one attempt at a time; in the quote's order."""
    gateway = scripted_gateway("alpha", "beta", "gamma")
    gateway.channels["gamma"].submits.append(REFUSED)
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept(terms=quoted(("gamma", 3), ("beta", 2)))
    assert [attempt.channel for attempt in payout.attempts] == ["gamma", "beta"]
    assert status(payout) is Status.PAID


async def test_a_channel_that_cannot_be_used_is_not_used() -> None:
    """Switched off beats quoted: it waits and says so, and after the quote's end it is routed like any other."""
    gateway = scripted_gateway()
    gateway.change("beta", state=ChannelState.DRAINING)
    payout = await gateway.accept(terms=quoted(("beta", 2)))
    assert payout.attempts == ()
    assert (status(payout), status_reason(payout).code) == (Status.ACCEPTED, StatusCode.CHANNEL_UNAVAILABLE)  # type: ignore[union-attr]
    await gateway.pass_time(minutes=5)
    assert (await gateway.payout(payout.id)).attempts == ()
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.pass_time(seconds=HONOURED_FOR.total_seconds())
    payout = await gateway.payout(payout.id)
    assert [attempt.channel for attempt in payout.attempts] == ["alpha"]
    told = payout_view(payout)["quote"]
    assert isinstance(told, dict)
    assert told["honoured"] is False
    assert not decision_of(payout).quoted


async def test_an_operators_rule_beats_a_quote() -> None:
    """`never` holds for quoted channels too: no app passes it by with a quote of yesterday."""
    gateway = scripted_gateway()
    rule = Rule("beta is under suspicion", Action.NEVER, ("beta",), Match())
    gateway.services = replace(gateway.services, router=Router(preference=FEE_ONLY, rules=(rule,)))
    gateway.channels["alpha"].submits.append(PAID)
    payout = await gateway.accept(terms=quoted(("beta", 2), ("alpha", 1)))
    assert [attempt.channel for attempt in payout.attempts] == ["alpha"]
    assert ("beta", "rule") in [(each.channel, each.code) for each in decision_of(payout).refused]


async def test_the_quote_or_nothing() -> None:
    """With `send_by` at its end a payout fails rather than to be carried otherwise."""
    gateway = scripted_gateway()
    gateway.change("beta", state=ChannelState.DRAINING)
    terms = replace(quoted(("beta", 2)), send_by=GOOD_UNTIL)
    payout = await gateway.accept(terms=terms)
    await gateway.pass_time(minutes=6)
    payout = await gateway.payout(payout.id)
    assert (status(payout), payout.attempts) == (Status.FAILED, ())


async def test_the_quote_is_stored_with_the_payout() -> None:
    """What it was ordered on is read back as it was."""
    gateway = scripted_gateway()
    payout = await gateway.accept(terms=quoted(("beta", 2), ("alpha", 1)))

    def terms(tx: ReadTx) -> Terms | None:
        found = tx.payout(payout.id)
        return None if found is None else found.terms

    assert await gateway.store.read(terms) == quoted(("beta", 2), ("alpha", 1))
