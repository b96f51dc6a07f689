"""What the router knows of a channel from the configuration: frozen values that check themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from math import inf

from gateway.domain.beneficiary import BeneficiaryKind
from routing.arrival import Promise, promised_s
from routing.fees import BPS, FeeKind, FeeRule
from routing.schedule import Window
from routing.share import WHOLE

__all__ = ["BPS", "ChannelPolicy", "ChannelState", "FeeKind", "FeeRule"]


class ChannelState(StrEnum):
    """What an operator lets a channel do (R16)."""

    ENABLED = "enabled"
    DRAINING = "draining"
    """No new payouts; those in flight are followed to the end."""
    DISABLED = "disabled"
    """No repeats either; it is still asked."""


@dataclass(frozen=True, slots=True)
class ChannelPolicy:
    """One channel as the router sees it. `name` is unique among the channels decided on together."""

    name: str
    state: ChannelState
    currencies: frozenset[str]
    kinds: frozenset[BeneficiaryKind]
    fees: tuple[FeeRule, ...]
    """The first rule that fits an amount is its price. No rule fits: no price, so the channel is refused."""
    usual_s: float
    """Seconds from order to arrival that the channel promises: its speed."""
    in_flight: int
    """How many submits may be under way at once."""
    rps: float
    """How many submits may begin per second."""
    min_minor: int | None = None
    max_minor: int | None = None
    """The amounts it takes, both included, in minor units of whatever currency it pays."""
    daily_minor: int | None = None
    monthly_minor: int | None = None
    """What it may pay in a day and in a month of `zone`, by currency."""
    balance_low_minor: int = 0
    """What must be left on its account after the payout."""
    failure_domain: str = ""
    """Channels of one domain fall together; empty: it stands alone."""
    schedule: tuple[Window, ...] = ()
    """Planned maintenance: it takes nothing new."""
    promise: Promise | None = None
    """Settlement days and cut-off; None: `usual_s` at any time."""
    zone: tzinfo = UTC
    """Whose days and months its price list and limits go by."""
    weight: int = WHOLE
    """Of so many payouts in a hundred it takes part (`routing.share`)."""
    unknown_s: float = 3_600.0
    """How long an outcome that nobody could tell usually stays open."""
    capped: bool = field(init=False, repr=False, compare=False)
    """It has a daily or monthly limit."""
    low: int = field(init=False, repr=False, compare=False)
    high: float = field(init=False, repr=False, compare=False)
    """The bounds of the amount as numbers, for speed."""

    def __post_init__(self) -> None:
        if self.in_flight < 1 or self.rps <= 0 or min(self.usual_s, self.unknown_s) < 0:
            raise ValueError(f"{self.name}: limits are positive, time is not negative")
        object.__setattr__(self, "capped", self.daily_minor is not None or self.monthly_minor is not None)
        object.__setattr__(self, "low", self.min_minor or 0)
        object.__setattr__(self, "high", inf if self.max_minor is None else self.max_minor)

    def promised_s(self, at: datetime | None) -> float:
        """Seconds from `at` until the money should be there, by the channel's own word."""
        return self.usual_s if self.promise is None else promised_s(self.promise, at)
