"""What a channel charges for one payout: exact integers of minor units, checkable by hand.

A price list is an ordered tuple of rules; the first that fits is the price. A rule may charge a fixed amount, a share
in basis points, or both, within a least and a most; it may hold for some amounts, beneficiaries, days, and from some
volume of the month on; and it may leave the first payouts, or the first money, of a month free.

Rounding: a share is rounded to whole minor units, half up (0.5 becomes 1), before it is added to a fixed amount.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum
from math import inf

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money

BPS = 10_000
"""Basis points in a whole."""


class FeeKind(StrEnum):
    """How a fee is reckoned."""

    FLAT = "flat"
    PERCENT = "percent"
    BOTH = "both"
    """A fixed amount and a share, added."""


_HALF = BPS // 2


@dataclass(frozen=True, slots=True)
class Usage:
    """What a channel has paid this month, in the payout's currency: reserved and done, not what was rejected."""

    count: int = 0
    volume_minor: int = 0


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class FeeRule:
    """One line of a channel's price list (`[[channels.X.fees]]`); all amounts in minor units of `currency`.

    Bounds are included, None is no bound. Of a tier by the month's volume the whole payout has the price at which it
    begins: it is not split where it crosses into the next tier.
    """

    kind: FeeKind
    currency: str
    amount_minor: int = 0
    """The fixed part; nothing when percent."""
    bps: int = 0
    """The share of the amount in basis points; nothing when flat."""
    min_minor: int | None = None
    max_minor: int | None = None
    """Of the fee; neither applies to what is free."""
    amount_gte: int | None = None
    amount_lte: int | None = None
    volume_gte: int | None = None
    volume_lte: int | None = None
    """What the channel has paid this month before this payout."""
    free_count: int = 0
    """So many payouts a month cost nothing."""
    free_minor: int = 0
    """So much money a month costs nothing: only the part beyond it is priced."""
    valid_from: date | None = None
    valid_until: date | None = None
    """Days in the channel's time zone, both included."""
    kinds: frozenset[BeneficiaryKind] | None = None
    """For these beneficiaries only; None is all."""
    plain: bool = field(init=False, repr=False, compare=False)
    """Nothing but the amount decides whether it fits, and all of it is priced."""
    low: int = field(init=False, repr=False, compare=False)
    high: float = field(init=False, repr=False, compare=False)
    """The bounds of the amount as numbers, for speed."""
    base_minor: int = field(init=False, repr=False, compare=False)
    rate_bps: int = field(init=False, repr=False, compare=False)
    """What its kind makes of amount and share, likewise."""

    def __post_init__(self) -> None:
        bounds = (self.volume_gte, self.volume_lte, self.valid_from, self.valid_until, self.kinds)
        plain = all(bound is None for bound in bounds) and not self.free_count and not self.free_minor
        object.__setattr__(self, "plain", plain)
        object.__setattr__(self, "low", self.amount_gte or 0)
        object.__setattr__(self, "high", inf if self.amount_lte is None else self.amount_lte)
        object.__setattr__(self, "base_minor", 0 if self.kind is FeeKind.PERCENT else self.amount_minor)
        object.__setattr__(self, "rate_bps", 0 if self.kind is FeeKind.FLAT else self.bps)
        if self.amount_minor < 0 or not 0 <= self.bps <= BPS or self.free_count < 0 or self.free_minor < 0:
            raise ValueError(f"a fee is not negative and at most the amount: {self}")
        pairs = ((self.min_minor, self.max_minor), (self.amount_gte, self.amount_lte))
        if not all(_in_order(0, low, high) for low, high in (*pairs, (self.volume_gte, self.volume_lte))):
            raise ValueError(f"bounds of a fee rule are not negative, the lower one first: {self}")
        if self.valid_from is not None and self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError(f"a fee rule is valid until after it begins: {self}")


def fee_minor(
    amount: Money,
    fees: tuple[FeeRule, ...],
    kind: BeneficiaryKind | None = None,
    usage: Usage = NO_USAGE,
    now: datetime | None = None,
    zone: tzinfo = UTC,
) -> int | None:
    """The fee in minor units of the amount's currency by the first rule that fits; None when no rule does.

    A price nobody stated is not zero: a free channel says so with a flat fee of 0. Dates are those of `zone`; where the
    time `now` is not known, no rule with dates fits.
    """
    minor, currency = amount.minor, amount.currency
    for rule in fees:
        if rule.currency == currency and rule.low <= minor <= rule.high:
            if rule.plain:
                return _priced(rule, minor)
            if _holds(rule, kind, usage) and _is_valid(rule, now, zone):
                return _priced_beyond_what_is_free(rule, minor, usage)
    return None


def _holds(rule: FeeRule, kind: BeneficiaryKind | None, usage: Usage) -> bool:
    return (
        (rule.kinds is None or kind in rule.kinds)
        and (rule.volume_gte is None or usage.volume_minor >= rule.volume_gte)
        and (rule.volume_lte is None or usage.volume_minor <= rule.volume_lte)
    )


def _is_valid(rule: FeeRule, now: datetime | None, zone: tzinfo) -> bool:
    if rule.valid_from is None and rule.valid_until is None:
        return True
    if now is None:
        return False
    on = now.astimezone(zone).date()
    begun = rule.valid_from is None or rule.valid_from <= on
    return begun and (rule.valid_until is None or on <= rule.valid_until)


def _priced_beyond_what_is_free(rule: FeeRule, minor: int, usage: Usage) -> int:
    if usage.count < rule.free_count:
        return 0
    left = minor - max(rule.free_minor - usage.volume_minor, 0)
    return 0 if rule.free_minor and left <= 0 else _priced(rule, left)


def _priced(rule: FeeRule, minor: int) -> int:
    fee = rule.base_minor + (minor * rule.rate_bps + _HALF) // BPS
    if rule.min_minor is not None and fee < rule.min_minor:
        fee = rule.min_minor
    return fee if rule.max_minor is None or fee <= rule.max_minor else rule.max_minor


def _in_order(*bounds: int | None) -> bool:
    given = [bound for bound in bounds if bound is not None]
    return given == sorted(given)
