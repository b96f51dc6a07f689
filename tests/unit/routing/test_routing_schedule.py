"""Maintenance windows: one-off and recurring, in the channel's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from routing.schedule import Once, Recurring

SHANGHAI = ZoneInfo("Asia/Shanghai")
SUNDAY_NIGHT = Recurring.from_cron("0 2 * * 0", for_s=7_200, zone=SHANGHAI)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """November 2026 in Shanghai; the 1st is a Sunday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


def test_a_window_holds_from_its_beginning_to_before_its_end() -> None:
    """In its own time zone, whatever the clock's."""
    held = [
        SUNDAY_NIGHT.holds(now.astimezone(UTC)) for now in (at(1, 1, 59), at(1, 2), at(1, 3, 59), at(1, 4), at(2, 3))
    ]
    assert held == [False, True, True, False, False]
    once = Once(at(1, 2), at(1, 4))
    assert [once.holds(now) for now in (at(1, 1, 59), at(1, 2), at(1, 3, 59), at(1, 4))] == [False, True, True, False]


def test_a_window_may_go_on_past_midnight_and_for_days() -> None:
    """What began yesterday, or on Friday, still holds."""
    night = Recurring.from_cron("30 23 * * *", for_s=3_600)
    assert night.holds(datetime(2026, 11, 2, 0, 15, tzinfo=UTC))
    weekend = Recurring.from_cron("0 18 * * 5", for_s=60 * 3_600)
    assert weekend.holds(datetime(2026, 11, 8, 12, tzinfo=UTC))
    assert not weekend.holds(datetime(2026, 11, 9, 12, tzinfo=UTC))


def test_the_fields_of_cron() -> None:
    """Lists, ranges, steps, Sunday as 0 or 7; a day and a weekday together mean either."""
    odd = Recurring.from_cron("0,30 8-10/2 1-7 1,11 *", for_s=60)
    assert odd.minutes == {0, 30}
    assert odd.hours == {8, 10}
    assert odd.months == {1, 11}
    assert Recurring.from_cron("0 2 * * 7", 60).weekdays == Recurring.from_cron("0 2 * * 0", 60).weekdays == {0}
    either = Recurring.from_cron("0 2 15 * 1", for_s=60)
    starts = [day for day in range(1, 31) if either.holds(datetime(2026, 11, day, 2, tzinfo=UTC))]
    assert starts == [2, 9, 15, 16, 23, 30]
    quarter = Recurring.from_cron("*/15 * * * *", for_s=60)
    assert quarter.minutes == {0, 15, 30, 45}
    from_five = Recurring.from_cron("5/20 * * * *", for_s=60)
    assert from_five.minutes == {5, 25, 45}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 2 * *",
        "60 2 * * *",
        "0 24 * * *",
        "0 2 0 * *",
        "0 2 * 13 *",
        "0 2 * * 8",
        "a * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    """With the field that is wrong."""
    with pytest.raises(ValueError):
        Recurring.from_cron(text, for_s=60)


def test_windows_that_make_no_sense_cannot_be_built() -> None:
    """No end before the beginning, no time without a zone, nothing longer than a week."""
    for begins, ends in ((at(2, 2), at(2, 2)), (datetime(2026, 11, 1), at(2, 2))):  # noqa: DTZ001 - wrong on purpose
        with pytest.raises(ValueError, match="window"):
            Once(begins, ends)
    for for_s in (0.0, timedelta(days=8).total_seconds()):
        with pytest.raises(ValueError, match="window"):
            Recurring.from_cron("0 2 * * *", for_s)
