"""A channel that may carry the payout, with everything its place in the ranking hangs on; and the ranking."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

from routing.score import P_MIN, Worth, expected_cost

UNPLACED = 99
"""The place of a channel that no rule put in front."""

BEHIND = UNPLACED + 1
"""That of a channel which by its weight leaves the payout to others (`routing.share`)."""


class Candidate(NamedTuple):
    """One channel and its price in parts. (A named tuple: it is made for every channel of every payout.)"""

    channel: str
    fee_minor: int
    usual_s: float
    """Expected seconds of one attempt: measured arrival, unknown outcomes held included."""
    p: float
    """The chance of success it was ranked by: the draw, or the mean where nothing was drawn."""
    mean: float
    strength: float
    """The posterior that was drawn from: its mean, and how many outcomes it is worth."""
    cost: float
    """The expected cost in minor units (`routing.score`)."""
    place: int = UNPLACED
    """Where an explicit rule put it; the least first."""
    fell_together: bool = False
    """A channel of its failure domain has refused this payout: those outside the domain come first."""
    last_resort: bool = False
    """Its breaker is open because of a rate, and there is no other channel."""

    def time_minor(self, worth: Worth) -> float:
        """The part of the cost that waiting makes up."""
        return worth.second * self.usual_s / max(self.p, P_MIN)

    def risk_minor(self, worth: Worth) -> float:
        """The part of the cost that failing makes up."""
        p = max(self.p, P_MIN)
        return (1.0 - p) * worth.failure / p


_RANK = itemgetter(*map(Candidate._fields.index, ("place", "fell_together", "cost", "channel")))


def ranked(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Rules first, then those outside a failed domain, then the least expected cost; among equals by name."""
    return tuple(sorted(candidates, key=_RANK))


def repriced(
    candidate: Candidate,
    worth: Worth,
    fee_minor: int | None = None,
    usual_s: float | None = None,
    p: float | None = None,
) -> Candidate:
    """The same channel with other facts."""
    fee = candidate.fee_minor if fee_minor is None else fee_minor
    time_s = candidate.usual_s if usual_s is None else usual_s
    chance = candidate.p if p is None else p
    cost = expected_cost(fee, time_s, chance, worth)
    return candidate._replace(fee_minor=fee, usual_s=time_s, p=chance, cost=cost)
