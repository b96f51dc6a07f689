"""What is true of a channel at the moment of a decision: handed in, never looked up."""

from __future__ import annotations

from dataclasses import dataclass

from routing.fees import NO_USAGE, Usage


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What a channel's guard, its books and its bank say at this moment. The defaults are an idle, sound channel."""

    breaker_open: bool = False
    in_flight: int = 0
    rate_available: bool = True
    soft_trip: bool = False
    """The breaker was opened by a rate (failures or slowness), not by failures in a row."""
    ramp: float = 1.0
    """The share of its limits that it is given while it recovers (`routing.guard`)."""
    late: float = 0.0
    """What the attempts it took and has not answered for too long come to in failures: the sum of their
    `feedback.lateness`. It makes a channel that falls silent suspicious before any failure arrives."""
    usage: Usage = NO_USAGE
    """This month, in the payout's currency, reserved included."""
    paid_today_minor: int = 0
    """The same for today."""
    balance_minor: int | None = None
    """What is left on the channel's account, reserved money taken off; None: it has no account that runs dry."""


IDLE = LiveFacts()
