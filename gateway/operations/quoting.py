"""What a payout would cost and how long it would take, before anything is ordered. Nothing is stored or reserved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from gateway.domain.quote import CHANNELS_MAX, Quote
from gateway.operations.plan import live_facts
from gateway.operations.services import Services
from gateway.operations.usage import look_at_usage
from routing.decision import Decision
from routing.request import Request


@dataclass(frozen=True, slots=True)
class Wish:
    """A payout as far as its price hangs on it."""

    app: str
    amount: Money
    method: BeneficiaryKind
    preference: str | None = None


@dataclass(frozen=True, slots=True)
class Quoted:
    """Who would carry it, best first, and why nobody else; `quote` is None where nobody would."""

    at: datetime
    decision: Decision
    quote: Quote | None


async def quote(services: Services, wish: Wish) -> Quoted:
    """Ask the router without its dice: the same facts give the same quote.

    Raises:
        StoreUnavailable: what is left of the channels' limits is not known.
    """
    now = services.clock.now()
    await look_at_usage(services, now)
    request = Request(wish.amount, wish.method, app=wish.app, preference=wish.preference or "")
    policies = [handle.policy for handle in services.channels.values()]
    decision = services.router.weigh(request, policies, live_facts(services, wish.amount, now), now)
    decision = replace(decision, ranked=decision.ranked[:CHANNELS_MAX])
    return Quoted(now, decision, _promise(services, decision, now))


def _promise(services: Services, decision: Decision, now: datetime) -> Quote | None:
    if not decision.ranked:
        return None
    expires_at = (now + services.quote_for).replace(microsecond=0)
    return Quote(expires_at, tuple((each.channel, each.fee_minor) for each in decision.ranked))
