"""What a mean would have been under another policy: self-normalised importance sampling.

Every logged order weighs as many times as the other policy would have made the same choice more often than the one that
made it; the weighted mean of what came of the orders is then the other policy's mean (Swaminathan and Joachims 2015,
"The self-normalized estimator for counterfactual learning"). Dividing by the sum of the weights, and not by the number
of orders, costs a little bias and keeps the estimate within what was seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

Z_95 = 1.96
"""Standard deviations either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, and half the width of its 95 % interval."""

    value: float
    half_width: float


def weighted_mean(pairs: Iterable[tuple[float, float]]) -> Estimate | None:
    """The mean of (weight, value) pairs; None where nothing has any weight.

    The interval is that of a ratio of two sums by the delta method: the variance is the sum of
    (weight x (value - mean))^2 over the square of the sum of weights. Where few orders carry the weight it is too
    narrow; `effective` tells.
    """
    known = tuple(pairs)
    total = sum(weight for weight, _ in known)
    if not total:
        return None
    mean = sum(weight * value for weight, value in known) / total
    squares = sum((weight * (value - mean)) ** 2 for weight, value in known)
    return Estimate(mean, Z_95 * sqrt(squares) / total)


def effective(weights: Iterable[float]) -> float:
    """How many equally weighted orders tell as much (Kish 1965); 0 where nothing has any weight."""
    known = tuple(weights)
    squares = sum(weight * weight for weight in known)
    return sum(known) ** 2 / squares if squares else 0.0
