"""The success-rate router of the leading open orchestrator, with its elimination (Decision Engine, SRv3).

As published (juspay/decision-engine, August 2026), in our own words: a window of the last results per channel, filled
with ones at the start; the best score wins, equal ones in arbitrary order. Three modes, of which the first is what one
gets without setting a flag:

* greedy: the best score, always;
* explore: 5 % of the orders go to a channel picked at random, and only their results feed the windows;
* random: 5 % of the orders go to a random one of the others; every result feeds the windows.

`full` turns on what is optional: the window reset of channels three sigma below the best; elimination (a score that
falls by 5 % when an attempt begins and rises by 5.26 % when it succeeds, and divides the routing score by five below
0.35) with its soft reset after 15 minutes; and the filter by which the payee's faults do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import floor, sqrt
from random import Random

from gateway.lab.arms.port import SUCCEEDED, News, OnceHeard, Order, Setting

WINDOW = 125
HEDGING_PERCENT = 5.0
TOP_WHILE_HEDGING = 0.5
SIGMAS = 3.0
VARIANCE_MIN = 0.09
ZEROS_MIN = 2
PENALTY = 0.05
REWARD = 0.0526
THRESHOLD = 0.35
DEMOTED_BY = 5.0
SOFT_RESET_S = 900.0
SOFT_RESET_FAILURES = 10


class Mode(Enum):
    """How it explores."""

    GREEDY = "greedy"
    EXPLORE = "explore"
    RANDOM = "random"


class Window:
    """The last results of one channel; `score` is their mean."""

    __slots__ = ("_next", "_ones", "_results")

    def __init__(self) -> None:
        self._results = [1] * WINDOW
        self._ones = WINDOW
        self._next = 0

    @property
    def score(self) -> float:
        return self._ones / WINDOW

    def push(self, result: int) -> None:
        """The newest result takes the oldest one's place."""
        place = self._next
        self._ones += result - self._results[place]
        self._results[place] = result
        self._next = (place + 1) % WINDOW

    def rewrite(self, zeros: int) -> None:
        """So many zeros, evenly spaced from the newest to the oldest; the others are ones."""
        results = [1] * WINDOW
        for zero in range(zeros):
            results[round(zero * (WINDOW - 1) / (zeros - 1))] = 0
        self._results, self._ones, self._next = results, sum(results), 0


class Elimination:
    """The downtime score of one channel."""

    __slots__ = ("_reset_at_s", "score")

    def __init__(self) -> None:
        self.score = 1.0
        self._reset_at_s = 0.0

    def begun(self) -> None:
        """An attempt was initiated: the penalty is taken now, and never for its failure."""
        self.score -= PENALTY * self.score

    def succeeded(self) -> None:
        self.score = min(self.score + REWARD * self.score, 1.0)

    def eliminates(self, at_s: float) -> bool:
        """Whether the channel is demoted in this decision; the soft reset counts from the next one on."""
        if self.score >= THRESHOLD:
            return False
        if at_s - self._reset_at_s > SOFT_RESET_S:
            self.score = THRESHOLD / (1.0 - PENALTY) ** (SOFT_RESET_FAILURES - 1)
            self._reset_at_s = at_s
        return True


def reset_bound(best: float) -> tuple[float, int]:
    """Below which score a window is rewritten, and with how many zeros."""
    sigma = sqrt(max(best * (1.0 - best), VARIANCE_MIN) / WINDOW)
    zeros = floor((1.0 - best + SIGMAS * sigma) * WINDOW)
    return best - SIGMAS * sigma, min(max(zeros, ZEROS_MIN), WINDOW)


class SrV3(OnceHeard):
    """See the head of this file."""

    def __init__(self, setting: Setting, mode: Mode, full: bool) -> None:
        super().__init__()
        self._mode, self._full = mode, full
        self._windows = [Window() for _ in setting.channels]
        self.scores = [window.score for window in self._windows]
        self.elimination = [Elimination() for _ in setting.channels]
        self._hedged: set[tuple[int, int]] = set()
        self._looked = False

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        if self._full:
            self._reset(eligible)
        scores = [self.scores[channel] for channel in eligible]
        hedging = self._mode is not Mode.GREEDY and random.random() * 100.0 < HEDGING_PERCENT
        if hedging:
            scores = self._hedge(scores)
        if self._full:
            self._demote(scores, eligible, order.at_s)
        best = max(scores)
        if scores.count(best) == 1:
            chosen = eligible[scores.index(best)]
        else:
            chosen = random.choice([channel for channel, score in zip(eligible, scores, strict=True) if score == best])
        if self._full:
            self.elimination[chosen].begun()
        if hedging and self._mode is Mode.EXPLORE:
            self._hedged.add((order.number, chosen))
        return chosen

    def _reset(self, eligible: Sequence[int]) -> None:
        """Lift the windows that are far below the best. Nothing to do while no score has changed."""
        if self._looked and len(eligible) == len(self.scores):
            return
        self._looked = True
        bound, zeros = reset_bound(max(self.scores[channel] for channel in eligible))
        for channel in eligible:
            if self.scores[channel] < bound:
                self._windows[channel].rewrite(zeros)
                self.scores[channel] = self._windows[channel].score

    def _hedge(self, scores: list[float]) -> list[float]:
        if self._mode is Mode.EXPLORE:
            return [1.0] * len(scores)
        top = scores.index(max(scores))
        return [TOP_WHILE_HEDGING if place == top else 1.0 for place in range(len(scores))]

    def _demote(self, scores: list[float], eligible: Sequence[int], at_s: float) -> None:
        for place, channel in enumerate(eligible):
            elimination = self.elimination[channel]
            if elimination.score < THRESHOLD and elimination.eliminates(at_s):
                scores[place] /= DEMOTED_BY

    def _push(self, channel: int, result: int) -> None:
        window = self._windows[channel]
        window.push(result)
        self.scores[channel] = window.score
        self._looked = False

    def learn(self, channel: int, news: News, order: int, at_s: float) -> None:
        if self._mode is Mode.EXPLORE and (order, channel) not in self._hedged:
            if news is SUCCEEDED:
                self.elimination[channel].succeeded()
            return
        super().learn(channel, news, order, at_s)

    def heard(self, channel: int, paid: bool, at_s: float) -> None:
        self._push(channel, int(paid))
        if paid:
            self.elimination[channel].succeeded()

    def payee_fault(self, channel: int, at_s: float) -> None:
        if not self._full:
            self._push(channel, 0)
