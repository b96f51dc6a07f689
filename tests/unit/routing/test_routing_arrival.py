"""Arrival: promises keep calendars and cut-offs, and what was measured outweighs them in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.arrival import NOTHING_MEASURED, Arrivals, Promise, promised_s
from routing.calendar import EVERY_DAY, Calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = Calendar()
NEXT_DAY = Promise(1.0, days=1, cut_off=time(16, 30), arrives=time(12), calendar=WEEK, zone=SHANGHAI)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """November 2026 in Shanghai; the 2nd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("ordered", "there"),
    [
        (at(2, 10), at(3, 12)),
        (at(2, 16, 30), at(3, 12)),
        (at(2, 16, 31), at(4, 12)),
        (at(6, 10), at(9, 12)),
        (at(6, 17), at(10, 12)),
        (at(7, 10), at(10, 12)),
    ],
)
def test_a_next_day_promise_keeps_cut_off_and_weekend(ordered: datetime, there: datetime) -> None:
    """Before the cut-off it is tomorrow, after it the day after; Friday leads to Monday, Saturday to Tuesday."""
    assert promised_s(NEXT_DAY, ordered.astimezone(UTC)) == (there - ordered).total_seconds()


def test_holidays_and_moved_working_days() -> None:
    """A holiday is no settlement day, a Sunday that is worked is one."""
    calendar = Calendar(holidays=frozenset({date(2026, 11, 3)}), workdays=frozenset({date(2026, 11, 8)}))
    assert calendar.plus(date(2026, 11, 2), 1) == date(2026, 11, 4)
    assert calendar.plus(date(2026, 11, 6), 1) == date(2026, 11, 8)
    assert calendar.on_or_after(date(2026, 11, 7)) == date(2026, 11, 8)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekend": frozenset(range(7))},
        {"weekend": frozenset({7})},
        {"holidays": frozenset({date(2026, 1, 1)}), "workdays": frozenset({date(2026, 1, 1)})},
    ],
)
def test_a_calendar_that_makes_no_sense_cannot_be_built(wrong: dict[str, frozenset[object]]) -> None:
    """A week of rest days, an eighth weekday, a day that is both."""
    with pytest.raises(ValueError):
        Calendar(**wrong)  # type: ignore[arg-type] - wrong on purpose


def test_a_calendar_without_a_settlement_day_is_found_out() -> None:
    """Instead of looking for ever."""
    closed = Calendar(holidays=frozenset(date(2026, 1, 1) + timedelta(days=days) for days in range(500)))
    with pytest.raises(ValueError, match="no settlement day"):
        closed.on_or_after(date(2026, 1, 1))


def test_an_immediate_promise_waits_for_the_next_opening() -> None:
    """In hours it is the usual time; on Saturday it is Monday's opening and the usual time."""
    promise = Promise(60.0, cut_off=time(17), opens=time(9), calendar=WEEK, zone=SHANGHAI)
    assert promised_s(promise, at(2, 10)) == 60.0
    assert promised_s(promise, at(7, 10)) == (at(9, 9) - at(7, 10)).total_seconds() + 60.0
    assert promised_s(promise, at(2, 18)) == (at(3, 9) - at(2, 18)).total_seconds() + 60.0


def test_without_a_time_the_promise_is_told_in_whole_days() -> None:
    """Nobody knows the weekday, so no calendar is asked."""
    assert promised_s(NEXT_DAY, None) == 86_401.0
    assert promised_s(Promise(5.0), None) == promised_s(Promise(5.0), at(7, 3)) == 5.0


@given(st.integers(0, 2 * 365 * 86_400), st.integers(0, 5))
def test_a_promise_is_never_in_the_past(second: int, days: int) -> None:
    """At any moment of two years, winter time or not."""
    zone = ZoneInfo("Europe/Berlin")
    promise = Promise(30.0, days=days, cut_off=time(15), calendar=WEEK, zone=zone)
    wait_s = promised_s(promise, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second))
    assert 30.0 <= wait_s <= (days + 8) * 86_400 * 2


def test_measured_arrival_replaces_the_promise_as_it_grows() -> None:
    """Nothing measured: the promise. A channel that takes three times as long is soon expected to."""
    assert NOTHING_MEASURED.factor == 1.0
    arrivals, factors = NOTHING_MEASURED, []
    for _ in range(100):
        arrivals = arrivals.after(30.0, promise_s=10.0)
        factors.append(arrivals.factor)
    assert factors == sorted(factors)
    assert factors[0] < 1.5
    assert factors[-1] == pytest.approx(3.0, rel=0.1)
    assert arrivals.late_factor > arrivals.factor


def test_one_month_long_payout_does_not_set_the_mean() -> None:
    """Ratios are clamped and logarithms are averaged."""
    arrivals = NOTHING_MEASURED
    for _ in range(100):
        arrivals = arrivals.after(10.0, 10.0)
    assert arrivals.after(30 * 86_400.0, 10.0).factor < 1.6


def test_a_channel_that_speeds_up_is_noticed() -> None:
    """Older arrivals fade."""
    arrivals = NOTHING_MEASURED
    for took_s in [100.0] * 300 + [10.0] * 600:
        arrivals = arrivals.after(took_s, 10.0)
    assert arrivals.factor < 1.5


@given(st.lists(st.floats(0.0, 1e7), max_size=20), st.lists(st.floats(0.0, 1e7), max_size=20))
def test_what_two_nodes_measured_adds_up_and_reads_back(mine: list[float], theirs: list[float]) -> None:
    """In either order; and the stored form is the value."""
    one, other = NOTHING_MEASURED, NOTHING_MEASURED
    for took_s in mine:
        one = one.after(took_s, 60.0)
    for took_s in theirs:
        other = other.after(took_s, 60.0)
    assert one.merge(other) == other.merge(one)
    assert Arrivals.from_json(one.merge(other).as_json()) == one.merge(other)
    assert one.merge(NOTHING_MEASURED) == one


@pytest.mark.parametrize("text", ["", "{}", '{"v":9,"sums":[0,0,0]}', '{"v":1,"sums":[0,0]}', '{"v":1,"sums":null}'])
def test_what_are_not_arrivals_is_refused(text: str) -> None:
    """ValueError, never half a value."""
    with pytest.raises(ValueError):
        Arrivals.from_json(text)


def test_a_promise_that_makes_no_sense_cannot_be_built() -> None:
    """Neither a negative time nor a year of settlement days."""
    assert EVERY_DAY.is_open(date(2026, 11, 8))
    for wrong in ({"usual_s": -1.0}, {"usual_s": 1.0, "days": 31}):
        with pytest.raises(ValueError, match="promise"):
            Promise(**wrong)  # type: ignore[arg-type] - wrong on purpose
