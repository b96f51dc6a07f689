"""What an app may know of each channel: price list, promised and measured arrival, health. No account, no load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.operations.services import ChannelHandle, Services
from routing.arrival import NOTHING_MEASURED, Arrivals
from routing.breaker import BreakerState
from routing.eligibility import RefusalCode
from routing.health_book import BANDS_MINOR, health_class
from routing.policy import ChannelPolicy, ChannelState


class Condition(StrEnum):
    """A channel's health in one word."""

    SOUND = "sound"
    DEGRADED = "degraded"
    """It does worse than it normally does, somewhere; or it is on trial after a rest."""
    RESTING = "resting"
    """It failed too often just now and is given nothing for a moment."""


@dataclass(frozen=True, slots=True)
class Record:
    """How attempts of one class do on a channel."""

    method: BeneficiaryKind
    amount_gte: int
    amount_lt: int | None
    """The class's amounts, in minor units."""
    chance: float
    """That the next attempt succeeds."""
    evidence: float
    """How many outcomes that rests on."""
    unknown_share: float
    """Of recent attempts, those that nobody could tell the outcome of at first."""
    demoted: bool


@dataclass(frozen=True, slots=True)
class Published:
    """One channel, as its apps may see it."""

    policy: ChannelPolicy
    promised_s: float
    """Of an attempt made now."""
    arrivals: Arrivals
    condition: Condition
    not_now: tuple[RefusalCode, ...]
    """Why it takes no payout at all at the moment; empty: it does."""
    records: tuple[Record, ...]


def published(services: Services) -> tuple[Published, ...]:
    """Every channel, by name."""
    now = services.clock.now()
    return tuple(_published(services, handle, now) for _, handle in sorted(services.channels.items()))


def _published(services: Services, handle: ChannelHandle, now: datetime) -> Published:
    policy = handle.policy
    records = tuple(_records(services, policy))
    return Published(
        policy=policy,
        promised_s=policy.promised_s(now),
        arrivals=services.router.arrivals.get(policy.name, NOTHING_MEASURED),
        condition=_condition(handle.guard.breaker_state, records),
        not_now=tuple(_against(handle, now)),
        records=records,
    )


def _records(services: Services, policy: ChannelPolicy) -> Iterator[Record]:
    """One for each class of payouts that the channel takes."""
    bounds = (0, *BANDS_MINOR)
    for kind in sorted(policy.kinds):
        for low, high in zip(bounds, (*BANDS_MINOR, None), strict=True):
            health = services.router.book.posterior(policy.name, health_class(low, kind))
            yield Record(kind, low, high, health.mean, health.strength, health.unknown_share, demoted=health.is_demoted)


def _condition(breaker: BreakerState, records: tuple[Record, ...]) -> Condition:
    if breaker is BreakerState.OPEN:
        return Condition.RESTING
    worse = breaker is BreakerState.HALF_OPEN or any(record.demoted for record in records)
    return Condition.DEGRADED if worse else Condition.SOUND


_SWITCHED = {
    ChannelState.DISABLED: RefusalCode.STATE_DISABLED,
    ChannelState.DRAINING: RefusalCode.STATE_DRAINING,
}


def _against(handle: ChannelHandle, now: datetime) -> Iterator[RefusalCode]:
    """What bars every payout. How busy the channel is with others' payouts, and its funding, is not told."""
    policy = handle.policy
    if policy.state in _SWITCHED:
        yield _SWITCHED[policy.state]
    if any(window.holds(now) for window in policy.schedule):
        yield RefusalCode.MAINTENANCE
    if handle.guard.live().breaker_open:
        yield RefusalCode.BREAKER_OPEN
