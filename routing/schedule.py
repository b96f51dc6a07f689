"""Planned maintenance: windows in which a channel takes nothing new. Frozen values; times are the channel's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_DAYS_MAX = 7
"""A recurring window is at most a week long."""


@dataclass(frozen=True, slots=True)
class Once:
    """One window: from `begins` to before `ends`, both with a time zone."""

    begins: datetime
    ends: datetime

    def __post_init__(self) -> None:
        if self.begins.tzinfo is None or self.ends.tzinfo is None or self.ends <= self.begins:
            raise ValueError("a window has time zones and ends after it begins")

    def holds(self, now: datetime) -> bool:
        return self.begins <= now < self.ends


@dataclass(frozen=True, slots=True)
class Recurring:
    """A window that begins again and again, by the five fields of cron, and lasts `for_s` seconds."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """Sunday is 0, as in cron."""
    for_s: float
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        if not 0 < self.for_s <= _DAYS_MAX * 86_400:
            raise ValueError("a recurring window lasts more than nothing and at most a week")

    @classmethod
    def from_cron(cls, text: str, for_s: float, zone: tzinfo = UTC) -> Recurring:
        """Read `minute hour day month weekday`, each `*`, a number, a range `a-b`, a list, or with a step `/n`.

        Raises:
            ValueError: it is something else, with the field that is wrong.
        """
        parts = text.split()
        if len(parts) != len(_FIELDS):
            raise ValueError(f"a schedule has {len(_FIELDS)} fields, not {len(parts)}: {text!r}")
        minutes, hours, days, months, weekdays = (
            _numbers(part, *field) for part, field in zip(parts, _FIELDS, strict=True)
        )
        return cls(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), for_s, zone)

    def holds(self, now: datetime) -> bool:
        """Whether a window that has begun is still open."""
        now = now.astimezone(UTC)  # differences of times in one zone would forget about summer time
        today = now.astimezone(self.zone).date()
        back = range(int(self.for_s // 86_400) + 2)
        return any(self._holds_from(today - timedelta(days=days), now) for days in back)

    def _holds_from(self, day: date, now: datetime) -> bool:
        if not self._begins_on(day):
            return False
        starts = (
            datetime.combine(day, time(hour, minute), self.zone) for hour in self.hours for minute in self.minutes
        )
        return any(0.0 <= (now - start).total_seconds() < self.for_s for start in starts)

    def _begins_on(self, day: date) -> bool:
        """As in cron: where both day and weekday are given, either is enough."""
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        both_given = len(self.days) < 31 and len(self.weekdays) < 7
        return day.month in self.months and (by_day or by_weekday if both_given else by_day and by_weekday)


Window = Once | Recurring


def _numbers(text: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        try:
            begin = low if span == "*" else int(first)
            end = high if span == "*" or (step and not last) else int(last or first)
            found.update(range(begin, end + 1, int(step or 1)))
        except ValueError as error:
            raise ValueError(f"{name}: {part!r} is no part of a schedule") from error
    if not found or min(found) < low or max(found) > high:
        raise ValueError(f"{name}: {text!r} is not within {low} and {high}")
    return frozenset(found)
