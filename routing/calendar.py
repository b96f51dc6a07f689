"""Settlement days: a frozen value that says on which days money moves between banks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

_LOOK_AHEAD_DAYS = 400
"""A calendar without a settlement day in so many is a mistake, not a long holiday."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """`weekend` counts Monday as 0. A day in `workdays` is a settlement day even on a weekend (moved by a holiday)."""

    weekend: frozenset[int] = frozenset({5, 6})
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if not self.weekend < frozenset(range(7)):
            raise ValueError("a weekend is some of the days 0 (Monday) to 6, not all of them")
        if both := self.holidays & self.workdays:
            raise ValueError(f"both holiday and working day: {min(both)}")

    def is_open(self, day: date) -> bool:
        return day in self.workdays or (day not in self.holidays and day.weekday() not in self.weekend)

    def on_or_after(self, day: date) -> date:
        """The first settlement day from `day` on.

        Raises:
            ValueError: there is none within 400 days.
        """
        for ahead in range(_LOOK_AHEAD_DAYS):
            if self.is_open(day + timedelta(days=ahead)):
                return day + timedelta(days=ahead)
        raise ValueError(f"no settlement day within {_LOOK_AHEAD_DAYS} days after {day}")

    def plus(self, day: date, days: int) -> date:
        """The settlement day `days` settlement days after the first one from `day` on."""
        settled = self.on_or_after(day)
        for _ in range(days):
            settled = self.on_or_after(settled + timedelta(days=1))
        return settled


EVERY_DAY = Calendar(weekend=frozenset())
"""For channels that never rest."""
