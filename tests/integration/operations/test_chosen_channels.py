"""Channels that an app lets carry its payout, or keeps it from: the router goes by it, and the decision says so."""

from __future__ import annotations

from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.payout import Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import Status, status
from gateway.domain.terms import ChannelChoice, OnExpiry, Terms
from routing.decision import Decision
from routing.explain import explain
from tests.support.builders import an_answer
from tests.support.scripted import scripted_gateway

PAID = an_answer(OutcomeKind.SUCCEEDED)
REFUSED = an_answer(OutcomeKind.REJECTED, finality=Finality.FINAL, reason=RejectReason.CHANNEL_UNAVAILABLE)


def choosing(allow: str = "", deny: str = "", **more: object) -> Terms:
    return Terms(channels=ChannelChoice(frozenset(allow.split()), frozenset(deny.split())), **more)  # type: ignore[arg-type]  # fields of it


def refusals(payout: Payout) -> dict[str, str]:
    decision = Decision.from_json(payout.attempt(1).decision)
    return {each.channel: str(each.code) for each in decision.refused}


async def test_a_denied_channel_is_passed_over() -> None:
    """However cheap it is; the decision names the app's wish, for people and for programs."""
    gateway = scripted_gateway("alpha", "beta")
    gateway.channels["beta"].submits.append(PAID)
    payout = await gateway.accept(terms=choosing(deny="alpha"))
    assert (status(payout), payout.attempt(1).channel) == (Status.PAID, "beta")
    assert refusals(payout) == {"alpha": "not_allowed"}
    words = " ".join(explain(Decision.from_json(payout.attempt(1).decision)))
    assert "the app keeps this payout from" in words


async def test_failover_stays_among_the_allowed() -> None:
    """A refusal goes to the next allowed channel, and past the last one the payout has failed."""
    gateway = scripted_gateway("alpha", "beta", "gamma")
    for name in ("alpha", "gamma"):
        gateway.channels[name].submits.append(REFUSED)
    payout = await gateway.accept(terms=choosing(allow="alpha gamma", on_expiry=OnExpiry.ANY_CHANNEL))
    assert [attempt.channel for attempt in payout.attempts] == ["alpha", "gamma"]
    assert status(payout) is Status.FAILED
    assert gateway.channels["beta"].sent == []


async def test_nobody_left_is_no_route() -> None:
    """No waiting would help, so it ends at once, and nothing was sent."""
    gateway = scripted_gateway("alpha", "beta")
    payout = await gateway.accept(terms=choosing(allow="alpha", deny="alpha"))
    assert (status(payout), payout.attempts) == (Status.FAILED, ())
    assert payout.closure is not None
    assert payout.closure.code is StatusCode.NO_ROUTE
