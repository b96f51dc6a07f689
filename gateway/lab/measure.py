"""What one game amounts to, and what many games of one arm do: means with 95 % half-widths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, sqrt
from statistics import NormalDist, fmean, median, stdev

from gateway.lab.play import Game
from gateway.lab.turns import Turn, hit, moved_after, noticed

POINTS = 60
"""Points of a curve."""


@dataclass(frozen=True, slots=True)
class Measures:
    """One game: an arm, a world, a seed, a board. Money in minor units."""

    regret_orders: float
    money_minor: float
    fee_per_paid_minor: float
    arrival_p50_s: float
    arrival_p99_s: float
    exploration_minor: float
    """What choices cost above the best, apart from the orders it takes to notice a turn."""
    unknown_share: float
    paid_share: float
    attempts: float
    """Per order."""
    hits: tuple[int, ...]
    """By fall: the orders that still went to the fallen channel."""
    returns: tuple[float, ...]
    """By rise: the orders until the traffic followed; infinite for never."""
    curve: tuple[float, ...]
    """Cost above the best, cumulated, at evenly spaced orders."""


def measure(game: Game, turns: Sequence[Turn]) -> Measures:
    """Read one game."""
    count = len(game.choices)
    arrivals = sorted(game.arrivals_s) or [0.0]
    above = list(accumulate(game.lost_minor))
    moves = [moved_after(game.choices, turn) for turn in turns]
    return Measures(
        regret_orders=game.regret_orders,
        money_minor=game.money_minor,
        fee_per_paid_minor=game.fees_minor / max(game.paid, 1),
        arrival_p50_s=arrivals[len(arrivals) // 2],
        arrival_p99_s=arrivals[len(arrivals) * 99 // 100],
        exploration_minor=above[-1] - sum(map(sum, _while_noticing(game, turns, moves))),
        unknown_share=game.unknown / max(game.attempts, 1),
        paid_share=game.paid / count,
        attempts=game.attempts / count,
        hits=tuple(hit(game.choices, turn, moved) for turn, moved in zip(turns, moves, strict=True) if not turn.rises),
        returns=tuple(moved for turn, moved in zip(turns, moves, strict=True) if turn.rises),
        curve=tuple(above[(point + 1) * count // POINTS - 1] for point in range(POINTS)),
    )


def _while_noticing(game: Game, turns: Sequence[Turn], moves: Sequence[float]) -> Iterator[list[float]]:
    for turn, moved in zip(turns, moves, strict=True):
        yield game.lost_minor[turn.at : noticed(turn, moved)]


@dataclass(frozen=True, slots=True)
class Summary:
    """Many games of one arm in one world on one board."""

    games: tuple[Measures, ...]

    def mean(self, of: Callable[[Measures], float]) -> float:
        """The mean over seeds."""
        return fmean(map(of, self.games))

    def half_width(self, of: Callable[[Measures], float]) -> float:
        """Half the 95 % interval of that mean (Student's t); 0 for a single seed."""
        values = list(map(of, self.games))
        return _t95(len(values) - 1) * stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0

    @property
    def return_orders(self) -> float | None:
        """The median over seeds and recoveries; None when most traffic never returns, or nothing recovers."""
        return _median([orders for game in self.games for orders in game.returns])

    @property
    def hit_orders(self) -> float | None:
        """The median over seeds and falls of the orders hit before the arm reacts."""
        return _median([float(orders) for game in self.games for orders in game.hits])

    @property
    def curve(self) -> list[float]:
        """The mean curve."""
        return [fmean(points) for points in zip(*(game.curve for game in self.games), strict=True)]


def _median(values: Sequence[float]) -> float | None:
    middle = median(values) if values else inf
    return None if middle == inf else middle


def _t95(freedom: int) -> float:
    """The two-sided 95 % quantile of Student's t (Cornish-Fisher, Abramowitz and Stegun 26.7.5; 1 % off at 3)."""
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / freedom + second / freedom**2 + third / freedom**3
