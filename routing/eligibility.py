"""Who may carry a payout: every hard limit is one line here, and each refusal says why.

All reasons are given, not only the first: whoever lifts one limit must not find the next one behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from routing.policy import ChannelPolicy, ChannelState
from routing.score import fee_minor


class RefusalCode(StrEnum):
    """Why a channel may not carry this payout now."""

    STATE_DISABLED = "state_disabled"
    STATE_DRAINING = "state_draining"
    CURRENCY = "currency"
    BENEFICIARY_KIND = "beneficiary_kind"
    AMOUNT_BELOW_MIN = "amount_below_min"
    AMOUNT_ABOVE_MAX = "amount_above_max"
    NO_FEE_RULE = "no_fee_rule"
    ALREADY_TRIED = "already_tried"
    BREAKER_OPEN = "breaker_open"
    IN_FLIGHT_FULL = "in_flight_full"
    RATE_LIMITED = "rate_limited"
    UNSENDABLE = "unsendable"
    """The adapter could not write this order down (`adapters.channel.Unsendable`); said after the ranking."""
    NOT_READY = "not_ready"
    """The adapter cannot write any order down at the moment (no certificate yet, a fault of its own)."""
    STOPPED = "stopped"
    """It answered as if our stored orders had changed: a person must look before anything more is sent."""


_R = RefusalCode

PASSING: dict[RefusalCode, bool] = {
    _R.STATE_DISABLED: True,
    _R.STATE_DRAINING: True,
    _R.CURRENCY: False,
    _R.BENEFICIARY_KIND: False,
    _R.AMOUNT_BELOW_MIN: False,
    _R.AMOUNT_ABOVE_MAX: False,
    _R.NO_FEE_RULE: False,
    _R.ALREADY_TRIED: False,
    _R.BREAKER_OPEN: True,
    _R.IN_FLIGHT_FULL: True,
    _R.RATE_LIMITED: True,
    _R.UNSENDABLE: False,
    _R.NOT_READY: True,
    _R.STOPPED: True,
}
"""May the refusal be gone later, the payout and the channel's contract being what they are? An operator's
switch may be (reliability 2.2, row 7: a closed channel is waited for, up to the payout's deadline)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why one channel may not carry the payout; `detail` is one line for people."""

    channel: str
    code: RefusalCode
    detail: str

    @property
    def passing(self) -> bool:
        return PASSING[self.code]


@dataclass(frozen=True, slots=True)
class Request:
    """The payout as far as routing cares."""

    amount: Money
    kind: BeneficiaryKind
    tried: frozenset[str] = frozenset()
    """Channels that have heard of it and proved that they will not pay."""


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What a channel's guard says at this moment (`routing.guard.Guard.live`)."""

    breaker_open: bool = False
    in_flight: int = 0
    rate_available: bool = True


_Reasons = Iterator[tuple[RefusalCode, str]]


def eligibility(request: Request, policy: ChannelPolicy, live: LiveFacts) -> tuple[Refusal, ...]:
    """Every reason why the channel may not carry the payout; empty when it may."""
    reasons = [*_by_contract(request, policy), *_by_switch(policy), *_by_moment(policy, live)]
    return tuple(Refusal(policy.name, code, detail) for code, detail in reasons)


def _by_contract(request: Request, policy: ChannelPolicy) -> _Reasons:
    """What the channel never takes, whenever it is asked."""
    minor, currency = request.amount.minor, request.amount.currency
    if policy.name in request.tried:
        yield _R.ALREADY_TRIED, "it has refused this payout before"
    if request.kind not in policy.kinds:
        yield _R.BENEFICIARY_KIND, f"does not pay to {request.kind}"
    if policy.min_minor is not None and minor < policy.min_minor:
        yield _R.AMOUNT_BELOW_MIN, f"takes {policy.min_minor} or more, not {minor}"
    if policy.max_minor is not None and minor > policy.max_minor:
        yield _R.AMOUNT_ABOVE_MAX, f"takes {policy.max_minor} at most, not {minor}"
    if currency not in policy.currencies:
        yield _R.CURRENCY, f"does not pay {currency}"
    elif fee_minor(request.amount, policy.fees) is None:
        yield _R.NO_FEE_RULE, f"has no price for {minor} {currency}"


def _by_switch(policy: ChannelPolicy) -> _Reasons:
    """What the operator decided."""
    match policy.state:
        case ChannelState.DISABLED:
            yield _R.STATE_DISABLED, "switched off"
        case ChannelState.DRAINING:
            yield _R.STATE_DRAINING, "finishes what it has, takes nothing new"


def _by_moment(policy: ChannelPolicy, live: LiveFacts) -> _Reasons:
    """What may be otherwise in a second."""
    if live.breaker_open:
        yield _R.BREAKER_OPEN, "it failed too often just now"
    if live.in_flight >= policy.in_flight:
        yield _R.IN_FLIGHT_FULL, f"{live.in_flight} of {policy.in_flight} submits under way"
    if not live.rate_available:
        yield _R.RATE_LIMITED, f"takes {policy.rps:g} a second"
