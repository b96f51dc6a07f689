"""What a channel may still be given: a day's, a month's and the funding's money, reserved before it is sent.

An attempt reserves once, in the unit that commits its intent, and gives back once, in the unit that proves it
rejected. So two nodes cannot spend the last money, whatever each of them believes: the store adds, and refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from gateway.domain.errors import PaymuxError
from gateway.domain.money import Money


class Span(StrEnum):
    """What a sum is taken over."""

    DAY = "day"
    MONTH = "month"
    FUNDING = "funding"
    """Since ever: what was paid in at the channel, as its configuration says. Topped up by raising it."""


@dataclass(frozen=True, slots=True)
class Used:
    """What is reserved in one window, sent and paid included."""

    amount_minor: int = 0
    payouts: int = 0


@dataclass(frozen=True, slots=True)
class Reservation:
    """One attempt's share of every window it falls into."""

    channel: str
    amount: Money
    windows: tuple[str, ...]
    """`window_at` of each span, in one order."""
    limits: Mapping[str, int]
    """Minor units that may be reserved in a window; a window that is not here has no limit."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """What one channel may be given, in minor units of whatever currency it pays; None is no limit."""

    day_minor: int | None = None
    month_minor: int | None = None
    funding_minor: int | None = None
    counted: bool = False
    """Its price depends on what it was given this month, so it is counted without any limit too."""
    zone: tzinfo = UTC
    """Whose calendar days and months are."""

    @property
    def counts(self) -> bool:
        """Whether anything is counted at all."""
        return self.counted or any(
            limit is not None for limit in (self.day_minor, self.month_minor, self.funding_minor)
        )

    def limits_at(self, at: datetime) -> dict[str, int | None]:
        """By window: every one that an attempt opened at `at` falls into, with its limit."""
        spans = ((Span.FUNDING, self.funding_minor), (Span.MONTH, self.month_minor), (Span.DAY, self.day_minor))
        return {window_at(span, at, self.zone): limit for span, limit in spans} if self.counts else {}

    def reservation(self, channel: str, amount: Money, at: datetime) -> Reservation | None:
        """What an attempt opened at `at` takes; None where nothing is counted."""
        limits = self.limits_at(at)
        known = {window: limit for window, limit in limits.items() if limit is not None}
        return Reservation(channel, amount, tuple(limits), known) if limits else None


class AllowanceSpent(PaymuxError):
    """The channel may not be given so much more. Nothing was reserved."""

    def __init__(self, channel: str, window: str, left_minor: int) -> None:
        super().__init__(f"{channel}: {left_minor} left of {window}")
        self.channel = channel
        self.window = window
        self.left_minor = left_minor


def window_at(span: Span, at: datetime, zone: tzinfo) -> str:
    """The window that `at` falls into, named by the calendar of `zone`: `day:2026-11-22`, `month:2026-11`."""
    local = at.astimezone(zone)
    match span:
        case Span.DAY:
            return f"day:{local:%Y-%m-%d}"
        case Span.MONTH:
            return f"month:{local:%Y-%m}"
        case Span.FUNDING:
            return "funding"


def overspent(window: str, used: Used, reservation: Reservation) -> AllowanceSpent | None:
    """Why the reservation does not fit into a window of which `used` is taken with it; None when it does."""
    limit = reservation.limits.get(window)
    if limit is None or used.amount_minor <= limit:
        return None
    return AllowanceSpent(reservation.channel, window, max(limit - used.amount_minor + reservation.amount.minor, 0))
