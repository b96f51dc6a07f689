"""What it costs to try a channel, in one number of money that a person can check (docs/routing.md).

    expected cost = fee + (time value x expected time + (1 - p) x failure cost) / p

Each attempt costs the waiting, and the failure cost when it fails; one needs 1 / p attempts of that kind for a success,
which alone costs the fee. Trying channels in ascending order of this index has the least expected total cost when a
definite failure moves on to the next one: swapping two neighbours A, B changes the total by a positive multiple of
index(A) - index(B), whatever comes before and after (the exchange argument; Mitten 1960 for the least cost testing
sequence).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from routing.fees import BPS, fee_minor

__all__ = [
    "BALANCED",
    "CHEAPEST",
    "FASTEST",
    "NOTHING_WORTH",
    "PREFERENCES",
    "P_MIN",
    "Preference",
    "Worth",
    "expected_cost",
    "fee_minor",
]

P_MIN = 1e-3
"""A chance below this counts as this, so that a hopeless channel is dear and not infinitely so."""


class Worth(NamedTuple):
    """What waiting and failing cost for one payout, in minor units."""

    second: float
    """A second of waiting."""
    failure: float
    """A failed attempt: the work and the annoyance, not the amount."""


NOTHING_WORTH = Worth(0.0, 0.0)
"""Only the fee counts."""


@dataclass(frozen=True, slots=True)
class Preference:
    """What an hour of waiting and a failed attempt are worth to the app; both may grow with the amount."""

    name: str
    time_value_minor: int
    """An hour of waiting."""
    failure_cost_minor: int
    time_value_bps: int = 0
    failure_cost_bps: int = 0
    """So much of the amount on top, in basis points."""

    def __post_init__(self) -> None:
        if min(self.time_value_minor, self.failure_cost_minor, self.time_value_bps, self.failure_cost_bps) < 0:
            raise ValueError(f"{self.name}: waiting and failing are worth nothing or more")

    def worth(self, amount_minor: int) -> Worth:
        """For a payout of this amount."""
        hour = self.time_value_minor + amount_minor * self.time_value_bps / BPS
        return Worth(hour / 3600.0, self.failure_cost_minor + amount_minor * self.failure_cost_bps / BPS)


CHEAPEST = Preference("cheapest", time_value_minor=1, failure_cost_minor=5)
BALANCED = Preference("balanced", time_value_minor=20, failure_cost_minor=50)
FASTEST = Preference("fastest", time_value_minor=500, failure_cost_minor=200)
PREFERENCES = {preference.name: preference for preference in (CHEAPEST, BALANCED, FASTEST)}


def expected_cost(fee_minor: float, time_s: float, p: float, worth: Worth) -> float:
    """The index, in minor units: the lower, the sooner tried. `time_s` is that of one attempt, whatever comes of it."""
    if p < P_MIN:
        p = P_MIN
    return fee_minor + (worth.second * time_s + (1.0 - p) * worth.failure) / p
