"""The recent calls of one channel, and whether they prove that too many fail, or are too slow.

A rate over a threshold is not enough: two failures in ten calls are 20 % and may be bad luck. The window speaks up only
when so many or more would come about by chance less often than 1 - `confidence`, were the true rate at the threshold
(the exact binomial tail).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class TripCause(StrEnum):
    """Why a breaker opened."""

    CONSECUTIVE = "consecutive"
    RATE = "rate"
    SLOW = "slow"

    @property
    def soft(self) -> bool:
        """Part of the calls still got through: the last usable channel is better than none."""
        return self is not TripCause.CONSECUTIVE


@dataclass(frozen=True, slots=True)
class RateLimits:
    """When a rate opens the breaker (`[channels.X] breaker`)."""

    failure_rate: float = 0.05
    slow_rate: float = 0.5
    slow_s: float | None = None
    """A call that took longer is slow; None: no call is."""
    confidence: float = 0.95
    window_s: float = 60.0
    calls_min: int = 20
    """Fewer calls prove nothing."""
    calls_max: int = 500
    """The window forgets the oldest beyond so many."""

    def __post_init__(self) -> None:
        rates = (self.failure_rate, self.slow_rate, self.confidence)
        if not all(0.0 < rate < 1.0 for rate in rates) or not 1 <= self.calls_min <= self.calls_max:
            raise ValueError(f"rates lie between 0 and 1, and a window holds its least number of calls: {self}")


DEFAULT_RATES = RateLimits()


class CallWindow:
    """The calls of the last `window_s` seconds."""

    def __init__(self, limits: RateLimits, monotonic: Callable[[], float]) -> None:
        self.limits = limits
        self._monotonic = monotonic
        self._calls: deque[tuple[float, bool, bool]] = deque()
        self._failed = 0
        self._slow = 0

    def add(self, failed: bool, took_s: float) -> None:
        """One call with evidence: how it ended and how long it took."""
        slow = self.limits.slow_s is not None and took_s > self.limits.slow_s
        self._calls.append((self._monotonic(), failed, slow))
        self._failed += failed
        self._slow += slow
        self._forget()

    def clear(self) -> None:
        """Begin anew: what was before a trip says nothing about what comes after it."""
        self._calls.clear()
        self._failed = self._slow = 0

    def verdict(self) -> TripCause | None:
        """What the window proves, if anything."""
        self._forget()
        calls, limits = len(self._calls), self.limits
        if calls < limits.calls_min:
            return None
        if proves_more(self._failed, calls, limits.failure_rate, limits.confidence):
            return TripCause.RATE
        if proves_more(self._slow, calls, limits.slow_rate, limits.confidence):
            return TripCause.SLOW
        return None

    def _forget(self) -> None:
        since_s = self._monotonic() - self.limits.window_s
        while self._calls and (self._calls[0][0] < since_s or len(self._calls) > self.limits.calls_max):
            _, failed, slow = self._calls.popleft()
            self._failed -= failed
            self._slow -= slow


def proves_more(hits: int, calls: int, rate: float, confidence: float) -> bool:
    """Whether `hits` of `calls` support a true rate above `rate`: chance alone gives so many too seldom."""
    if hits <= rate * calls:
        return False
    below, chance = 0.0, (1.0 - rate) ** calls
    for number in range(hits):
        below += chance
        chance *= (calls - number) / (number + 1) * rate / (1.0 - rate)
    return below >= confidence
