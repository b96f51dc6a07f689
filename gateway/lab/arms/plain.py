"""What teams do without an algorithm, and the two that know the future."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from gateway.lab.arms.port import Deaf, OnceHeard, Order, Setting

BREAKER_FAILURES = 5
BREAKER_OPEN_S = 20.0


class Oracle(Deaf):
    """Knows every rate, fee and time, and takes the cheapest channel of the moment."""

    def __init__(self, setting: Setting) -> None:
        pass

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        return min(eligible, key=order.costs.__getitem__)


class InOrder(Deaf):
    """The first of a fixed list that can take the order."""

    def __init__(self, ranked: Sequence[int]) -> None:
        self._rank = {channel: rank for rank, channel in enumerate(ranked)}
        self._first = ranked[0]

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        return self._first if self._first in eligible else min(eligible, key=self._rank.__getitem__)


def fixed_best(setting: Setting) -> InOrder:
    """The single channel that is cheapest over the whole world, in hindsight."""
    others = [channel for channel in setting.list_order if channel != setting.best]
    return InOrder((setting.best, *others))


class Cheapest(Deaf):
    """The lowest fee for this amount; among equals as the operator listed them."""

    def __init__(self, setting: Setting) -> None:
        self._rank = {channel: rank for rank, channel in enumerate(setting.list_order)}

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        return min(eligible, key=lambda channel: (order.fees[channel], self._rank[channel]))


class Split(Deaf):
    """A share of the volume for each channel."""

    def __init__(self, setting: Setting) -> None:
        self._weights = setting.weights

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        return random.choices(eligible, [self._weights[channel] for channel in eligible])[0]


class PriorityBreaker(OnceHeard):
    """The operator's list with a breaker each: five failures in a row open it, after 20 s one trial."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._list = setting.list_order
        many = range(len(setting.channels))
        self._in_a_row = [0 for _ in many]
        self._opens_at_s = [0.0 for _ in many]
        self._is_open = [False for _ in many]
        self._on_trial = [False for _ in many]

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        for channel in self._list:
            if channel not in eligible:
                continue
            if not self._is_open[channel]:
                return channel
            if not self._on_trial[channel] and order.at_s >= self._opens_at_s[channel]:
                self._on_trial[channel] = True
                return channel
        return next(channel for channel in self._list if channel in eligible)

    def heard(self, channel: int, paid: bool, at_s: float) -> None:
        if paid:
            self._in_a_row[channel] = 0
            self._is_open[channel] = self._on_trial[channel] = False
            return
        self._in_a_row[channel] += 1
        if self._in_a_row[channel] >= BREAKER_FAILURES:
            self._is_open[channel], self._on_trial[channel] = True, False
            self._opens_at_s[channel] = at_s + BREAKER_OPEN_S

    def payee_fault(self, channel: int, at_s: float) -> None:
        """Breakers everywhere tell a refusal for the payee's sake from a fault."""
