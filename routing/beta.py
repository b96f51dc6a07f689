"""Many draws from one beta distribution: Cheng's algorithm BB (1978), its constants worked out once.

Exact, and half the price of the standard library's two gamma variates (which serve where a parameter is 1 or less, for
which BB is not made).
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import NamedTuple, Protocol

_LOG_4 = log(4.0)
_SQUEEZE = 1.0 + log(5.0)


class Dice(Protocol):
    """A seeded source of chance; `random.Random` is one."""

    def random(self) -> float: ...
    def betavariate(self, alpha: float, beta: float, /) -> float: ...


class Shape(NamedTuple):
    """A beta distribution prepared for draws; the names are those of its parameters by size."""

    small: float
    large: float
    scale: float
    rate: float
    mirrored: bool
    """Alpha is the larger one."""


def shaped(alpha: float, beta: float) -> Shape | None:
    """The constants for draws from Beta(alpha, beta); None where one of them is not above 1."""
    small, large = (alpha, beta) if alpha < beta else (beta, alpha)
    if small <= 1.0:
        return None
    total = small + large
    scale = sqrt((total - 2.0) / (2.0 * small * large - total))
    return Shape(small, large, scale, small + 1.0 / scale, alpha > beta)


def draw(dice: Dice, shape: Shape) -> float:
    """One draw: a log-logistic proposal, taken with the chance that makes it beta."""
    small, large, scale, rate, mirrored = shape
    while True:
        first, second = dice.random(), dice.random()
        if not first:
            continue
        value = scale * log(first / (1.0 - first))
        odds = small * exp(value)
        height = first * first * second
        gain = rate * value - _LOG_4
        margin = small + gain - odds
        if margin + _SQUEEZE >= 5.0 * height or not height:  # a cheap bound that settles most proposals
            break
        if gain + (small + large) * log((small + large) / (large + odds)) >= log(height):
            break
    return large / (large + odds) if mirrored else odds / (large + odds)
