"""When the money arrives: what the channel promises, and what was measured, which outweighs the promise in time.

What is measured is the *ratio* of the true time to the promise, so that a holiday or a cut-off does not blur it. Its
logarithm is taken to be normal (arrival times have long tails); the promise counts as a few outcomes at ratio one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from math import exp, log, sqrt

from routing.calendar import EVERY_DAY, Calendar

FORMAT = 1
"""The version of the stored form."""
LENGTH = 200.0
"""Arrivals after which an older one counts a third."""
PROMISE_COUNT = 5.0
"""How many measured arrivals the promise outweighs."""
RATIO_MAX = 1_000.0
"""Ratios are clamped to this and its inverse: one payout that took a month must not set the mean."""
_LATE_SIGMAS = 2.0
_SPREAD_BEFORE = 0.5
"""The standard deviation of the log ratio while nothing is measured."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a channel says of its speed.

    T+0 (`days` 0): `usual_s` after the order, or after the next opening when it came too late or on a day of rest.
    T+n: at `arrives` on the nth settlement day after that of the order. All times are in `zone`.
    """

    usual_s: float
    days: int = 0
    cut_off: time | None = None
    """Orders made later belong to the next settlement day; None: there is none."""
    opens: time = time(9)
    """When a settlement day begins, for T+0 orders that waited for it."""
    arrives: time = time(12)
    calendar: Calendar = EVERY_DAY
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        if self.usual_s < 0 or not 0 <= self.days <= 30:
            raise ValueError("a promise is not negative and within 30 settlement days")

    @property
    def is_plain(self) -> bool:
        """The same at any moment."""
        return self.days == 0 and self.cut_off is None and self.calendar is EVERY_DAY


def promised_s(promise: Promise, now: datetime | None) -> float:
    """Seconds from `now` until the money should be there. Without a time only the plain T+0 promise can be told."""
    if promise.is_plain or now is None:
        return promise.usual_s if promise.days == 0 else promise.usual_s + promise.days * 86_400.0
    now = now.astimezone(UTC)  # differences of times in one zone would forget about summer time
    local = now.astimezone(promise.zone)
    late = promise.cut_off is not None and local.time() > promise.cut_off
    first = local.date() + timedelta(days=late)
    settles = promise.calendar.on_or_after(first)
    if promise.days:
        there = datetime.combine(promise.calendar.plus(settles, promise.days), promise.arrives, promise.zone)
        return max((there - now).total_seconds(), promise.usual_s)
    if settles == local.date():
        return promise.usual_s
    opens = datetime.combine(settles, promise.opens, promise.zone)
    return max((opens - now).total_seconds(), 0.0) + promise.usual_s


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What was measured on one channel: decayed sums of the log ratio, which add up over nodes."""

    count: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    factor: float = field(init=False, compare=False)
    """The expected time over the promised one."""
    late_factor: float = field(init=False, compare=False)
    """What nearly all arrive within, over the promised time: later ones are late."""

    def __post_init__(self) -> None:
        weight = self.count + PROMISE_COUNT
        mean = self.total / weight
        variance = (self.squares + PROMISE_COUNT * _SPREAD_BEFORE**2) / weight - mean * mean
        spread = sqrt(max(variance, 0.0))
        # Before anything was measured the promise itself is what is expected, not the mean of an assumed spread.
        measured = self.count / weight
        object.__setattr__(self, "factor", min(exp(mean + measured * variance / 2.0), RATIO_MAX))
        object.__setattr__(self, "late_factor", min(exp(mean + _LATE_SIGMAS * spread), RATIO_MAX))

    def after(self, took_s: float, promise_s: float) -> Arrivals:
        """With one more payout that arrived `took_s` after it was sent, having been promised within `promise_s`."""
        ratio = max(took_s, 1e-3) / max(promise_s, 1e-3)
        value = log(min(max(ratio, 1.0 / RATIO_MAX), RATIO_MAX))
        keep = 1.0 - 1.0 / LENGTH
        return Arrivals(self.count * keep + 1.0, self.total * keep + value, self.squares * keep + value * value)

    def merge(self, other: Arrivals) -> Arrivals:
        """What two nodes measured together."""
        return Arrivals(self.count + other.count, self.total + other.total, self.squares + other.squares)

    def as_json(self) -> str:
        """A compact form for the store."""
        return json.dumps({"v": FORMAT, "sums": [self.count, self.total, self.squares]}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Arrivals:
        """Read what `as_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            stored = json.loads(text)
            if stored["v"] != FORMAT:
                raise ValueError("arrivals of another format")
            count, total, squares = (float(value) for value in stored["sums"])
            return cls(count, total, squares)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not stored arrivals: {error}") from error


NOTHING_MEASURED = Arrivals()
