"""Who may carry a payout: every hard limit is one line here, and each refusal says why.

All reasons are given, not only the first: whoever lifts one limit must not find the next one behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from routing.facts import LiveFacts
from routing.fees import fee_minor
from routing.policy import ChannelPolicy, ChannelState
from routing.request import Request

__all__ = ["BUSY", "PASSING", "SOON_OVER", "LiveFacts", "Refusal", "RefusalCode", "Request", "eligibility", "judge"]


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
    DAILY_LIMIT = "daily_limit"
    MONTHLY_LIMIT = "monthly_limit"
    BALANCE_LOW = "balance_low"
    MAINTENANCE = "maintenance"
    RULE = "rule"
    """An explicit rule keeps the payout from it."""
    NOT_ALLOWED = "not_allowed"
    """Its app keeps it from this channel."""
    NOT_QUOTED = "not_quoted"
    """Its app holds a quote, in which this channel is not."""
    DEARER = "dearer"
    """It costs more than a cheaper channel does with all the waiting there may be; said after the ranking."""


_R, _ENABLED = RefusalCode, ChannelState.ENABLED

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
    _R.DAILY_LIMIT: True,
    _R.MONTHLY_LIMIT: True,
    _R.BALANCE_LOW: True,
    _R.MAINTENANCE: True,
    _R.RULE: False,
    _R.NOT_ALLOWED: False,
    _R.NOT_QUOTED: True,
    _R.DEARER: True,
}
"""May the refusal be gone later, the payout and the channel's contract being what they are? An operator's
switch may be (reliability 2.2, row 7: a closed channel is waited for, up to the payout's deadline)."""

BUSY = frozenset({_R.IN_FLIGHT_FULL, _R.RATE_LIMITED})
"""It takes payouts, and this one is not at its turn yet."""

SOON_OVER = BUSY | {_R.BREAKER_OPEN}
"""What may be otherwise in a second: no switch, no limit, no fault that somebody must look at."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why one channel may not carry the payout; `detail` is one line for people."""

    channel: str
    code: RefusalCode
    detail: str

    @property
    def passing(self) -> bool:
        return PASSING[self.code]


_Reasons = list[tuple[RefusalCode, str]]


def eligibility(
    request: Request, policy: ChannelPolicy, live: LiveFacts, now: datetime | None = None
) -> tuple[Refusal, ...]:
    """Every reason why the channel may not carry the payout; empty when it may."""
    return judge(request, policy, live, now)[1]


def judge(
    request: Request, policy: ChannelPolicy, live: LiveFacts, now: datetime | None = None
) -> tuple[int | None, tuple[Refusal, ...]]:
    """The fee, if the channel has a price for the payout, and every reason against it.

    Without a time `now`, schedules are not looked at and no dated price holds.
    """
    reasons: _Reasons = []
    minor, currency = request.amount.minor, request.amount.currency
    # Most channels may: what is called for its reasons is called when there are some.
    fits = policy.low <= minor <= policy.high and currency in policy.currencies and request.kind in policy.kinds
    chosen = request.allow or request.deny
    if not fits or policy.name in request.tried or (chosen and request.bars(policy.name)):
        _by_contract(request, policy, reasons)
    fee = fee_minor(request.amount, policy.fees, request.kind, live.usage, now, policy.zone)
    if fee is None and currency in policy.currencies:
        reasons.append((_R.NO_FEE_RULE, f"has no price for {minor} {currency}"))
    if policy.state is not _ENABLED or policy.schedule:
        _by_switch(policy, now, reasons)
    if live.breaker_open or not live.rate_available or live.ramp < 1.0 or live.in_flight >= policy.in_flight:
        _by_moment(policy, live, reasons)
    if policy.capped or live.balance_minor is not None:
        _by_money(minor, policy, live, reasons)
    if not reasons:
        return fee, ()
    return fee, tuple([Refusal(policy.name, code, detail) for code, detail in reasons])


def _by_contract(request: Request, policy: ChannelPolicy, reasons: _Reasons) -> None:
    """What the channel never takes, or is never to be given, whenever it is asked."""
    minor, currency = request.amount.minor, request.amount.currency
    if policy.name in request.tried:
        reasons.append((_R.ALREADY_TRIED, "it has refused this payout before"))
    if request.bars(policy.name):
        reasons.append((_R.NOT_ALLOWED, "its app keeps it from this channel"))
    if request.kind not in policy.kinds:
        reasons.append((_R.BENEFICIARY_KIND, f"does not pay to {request.kind}"))
    if policy.min_minor is not None and minor < policy.min_minor:
        reasons.append((_R.AMOUNT_BELOW_MIN, f"takes {policy.min_minor} or more, not {minor}"))
    if policy.max_minor is not None and minor > policy.max_minor:
        reasons.append((_R.AMOUNT_ABOVE_MAX, f"takes {policy.max_minor} at most, not {minor}"))
    if currency not in policy.currencies:
        reasons.append((_R.CURRENCY, f"does not pay {currency}"))


_SWITCHED = {
    ChannelState.DISABLED: (_R.STATE_DISABLED, "switched off"),
    ChannelState.DRAINING: (_R.STATE_DRAINING, "finishes what it has, takes nothing new"),
}


def _by_switch(policy: ChannelPolicy, now: datetime | None, reasons: _Reasons) -> None:
    """What the operator decided."""
    if policy.state in _SWITCHED:
        reasons.append(_SWITCHED[policy.state])
    if policy.schedule and now is not None and any(window.holds(now) for window in policy.schedule):
        reasons.append((_R.MAINTENANCE, "planned maintenance"))


def _by_moment(policy: ChannelPolicy, live: LiveFacts, reasons: _Reasons) -> None:
    """What may be otherwise in a second."""
    if live.breaker_open:
        soft, hard = "too many of its recent calls failed or were slow", "its last calls all failed"
        reasons.append((_R.BREAKER_OPEN, soft if live.soft_trip else hard))
    most = policy.in_flight if live.ramp >= 1.0 else max(int(policy.in_flight * live.ramp), 1)
    if live.in_flight >= most:
        reasons.append((_R.IN_FLIGHT_FULL, f"{live.in_flight} of {most} submits under way"))
    if not live.rate_available:
        reasons.append((_R.RATE_LIMITED, f"takes {policy.rps:g} a second"))


def _by_money(minor: int, policy: ChannelPolicy, live: LiveFacts, reasons: _Reasons) -> None:
    """What the day, the month and the account still allow."""
    if policy.daily_minor is not None and live.paid_today_minor + minor > policy.daily_minor:
        reasons.append((_R.DAILY_LIMIT, f"{live.paid_today_minor} of {policy.daily_minor} paid today"))
    if policy.monthly_minor is not None and live.usage.volume_minor + minor > policy.monthly_minor:
        reasons.append((_R.MONTHLY_LIMIT, f"{live.usage.volume_minor} of {policy.monthly_minor} paid this month"))
    if live.balance_minor is not None and live.balance_minor - minor < policy.balance_low_minor:
        reasons.append(
            (_R.BALANCE_LOW, f"{live.balance_minor} on its account, of which {policy.balance_low_minor} stay")
        )
