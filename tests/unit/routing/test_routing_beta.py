"""The quick draws are draws from the beta distribution, and from no other."""

from __future__ import annotations

from bisect import bisect_right
from math import sqrt
from random import Random

import pytest

from routing.beta import draw, shaped

DRAWS = 20_000


def distance(mine: list[float], theirs: list[float]) -> float:
    """The largest difference of the two empirical distributions (Kolmogorov and Smirnov)."""
    mine, theirs = sorted(mine), sorted(theirs)
    return max(
        abs(bisect_right(mine, value) / len(mine) - bisect_right(theirs, value) / len(theirs)) for value in mine[::20]
    )


@pytest.mark.parametrize(
    ("alpha", "beta"), [(1.01, 1.02), (1.5, 40.0), (30.0, 2.0), (5.0, 5.0), (950.0, 50.0), (90_000.0, 900.0)]
)
def test_they_are_distributed_like_those_of_the_standard_library(alpha: float, beta: float) -> None:
    """Skew either way, flat or sharp: no further apart than two samples of one distribution are, 999 times of 1000."""
    dice, shape = Random(11), shaped(alpha, beta)
    assert shape is not None
    mine = [draw(dice, shape) for _ in range(DRAWS)]
    theirs = [dice.betavariate(alpha, beta) for _ in range(DRAWS)]
    assert distance(mine, theirs) < 1.95 * sqrt(2.0 / DRAWS)
    assert all(0.0 < value < 1.0 for value in mine)


def test_thin_distributions_are_left_to_the_standard_library() -> None:
    """A parameter of one or less is not what the algorithm is made for."""
    assert shaped(1.0, 5.0) is None
    assert shaped(5.0, 0.3) is None


class Loaded:
    """Dice that fall as they are told."""

    def __init__(self, *falls: float) -> None:
        self.falls = list(falls)

    def random(self) -> float:
        return self.falls.pop(0)

    def betavariate(self, alpha: float, beta: float, /) -> float:
        raise AssertionError((alpha, beta))


def test_a_zero_from_the_dice_does_no_harm() -> None:
    """The generator may give 0.0: as the first number it is thrown again, as the second it is taken."""
    shape = shaped(3.0, 4.0)
    assert shape is not None
    assert 0.0 < draw(Loaded(0.0, 0.5, 0.9, 0.0), shape) < 1.0
