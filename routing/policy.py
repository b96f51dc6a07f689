"""What the router knows of a channel from the configuration: frozen values that check themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.beneficiary import BeneficiaryKind

BPS = 10_000
"""Basis points in a whole."""


class ChannelState(StrEnum):
    """What an operator lets a channel do (R16)."""

    ENABLED = "enabled"
    DRAINING = "draining"
    """No new payouts; those in flight are followed to the end."""
    DISABLED = "disabled"
    """No repeats either; it is still asked."""


class FeeKind(StrEnum):
    """How a fee is reckoned."""

    FLAT = "flat"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class FeeRule:
    """One line of a channel's price list (`[[channels.X.fees]]`); all amounts in minor units of `currency`.

    It applies to amounts from `amount_gte` to `amount_lte`, both included; None is no bound.
    """

    kind: FeeKind
    currency: str
    amount_minor: int = 0
    """The whole fee, when flat."""
    bps: int = 0
    """The share of the amount in basis points, when percent."""
    min_minor: int | None = None
    max_minor: int | None = None
    amount_gte: int | None = None
    amount_lte: int | None = None

    def __post_init__(self) -> None:
        if self.amount_minor < 0 or not 0 <= self.bps <= BPS:
            raise ValueError(f"a fee is not negative and at most the amount: {self}")
        if not _in_order(0, self.min_minor, self.max_minor) or not _in_order(0, self.amount_gte, self.amount_lte):
            raise ValueError(f"bounds of a fee rule are not negative, the lower one first: {self}")


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

    def __post_init__(self) -> None:
        if self.in_flight < 1 or self.rps <= 0 or self.usual_s < 0:
            raise ValueError(f"{self.name}: limits are positive, time is not negative")


def _in_order(*bounds: int | None) -> bool:
    given = [bound for bound in bounds if bound is not None]
    return given == sorted(given)
