"""Bandits for rates that change, as published. They look at success alone.

* `SwUcb`: sliding-window UCB over the last 200 results (Garivier and Moulines 2011).
* `DUcb`: discounted UCB (same paper).
* `DThompson`: Thompson sampling with every count discounted at every result (Raj and Kalyani 2017).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import log, sqrt
from random import Random

from gateway.lab.arms.port import OnceHeard, Order, Setting

WINDOW = 200
SW_XI = 0.6
DISCOUNT = 0.99
D_XI = 0.6
THOMPSON_DISCOUNT = 0.999


class _Ucb(OnceHeard):
    """The highest upper bound; a channel without a result comes first. What is in flight counts as seen for that."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.tried = [0.0 for _ in setting.channels]
        self.paid = [0.0 for _ in setting.channels]
        self._sent: set[int] = set()

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        new = [channel for channel in eligible if channel not in self._sent]
        if new:
            chosen = random.choice(new)
            self._sent.add(chosen)
            return chosen
        chosen, best = -1, -1.0
        width = self._width()
        for channel in eligible:
            tried = self.tried[channel]
            bound = self.paid[channel] / tried + sqrt(width / tried) if tried > 0.0 else 2.0 + random.random()
            if bound > best:
                chosen, best = channel, bound
        return chosen

    def _width(self) -> float:
        """The square of the padding, times the results of the channel."""
        raise NotImplementedError


class SwUcb(_Ucb):
    """Padding: square root of xi log(min(t, window)) / n."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._window: deque[tuple[int, int]] = deque()

    def heard(self, channel: int, paid: bool, at_s: float) -> None:
        self._window.append((channel, int(paid)))
        self.tried[channel] += 1.0
        self.paid[channel] += paid
        if len(self._window) > WINDOW:
            old, was_paid = self._window.popleft()
            self.tried[old] -= 1.0
            self.paid[old] -= was_paid

    def _width(self) -> float:
        return SW_XI * log(max(len(self._window), 1))


class DUcb(_Ucb):
    """Padding: twice the square root of xi log(n) / n of the channel, all counts discounted."""

    def heard(self, channel: int, paid: bool, at_s: float) -> None:
        for each in range(len(self.tried)):
            self.tried[each] *= DISCOUNT
            self.paid[each] *= DISCOUNT
        self.tried[channel] += 1.0
        self.paid[channel] += paid

    def _width(self) -> float:
        return 4.0 * D_XI * log(max(sum(self.tried), 1.0))


class DThompson(OnceHeard):
    """A draw from each discounted posterior over a flat prior; the highest wins."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.paid = [0.0 for _ in setting.channels]
        self.failed = [0.0 for _ in setting.channels]

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        chosen, best = -1, -1.0
        for channel in eligible:
            drawn = random.betavariate(1.0 + self.paid[channel], 1.0 + self.failed[channel])
            if drawn > best:
                chosen, best = channel, drawn
        return chosen

    def heard(self, channel: int, paid: bool, at_s: float) -> None:
        for each in range(len(self.paid)):
            self.paid[each] *= THOMPSON_DISCOUNT
            self.failed[each] *= THOMPSON_DISCOUNT
        if paid:
            self.paid[channel] += 1.0
        else:
            self.failed[channel] += 1.0
