"""When a callback is tried again: ten tries over about 76 hours, then parked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callbacks.schedule import (
    GAVE_UP,
    GONE,
    SPAN,
    TRIES_MAX,
    WAITS,
    Again,
    Delivered,
    Parked,
    decide,
    retry_after,
)
from tests.support.callbacks import NOW

HALF = 0.5
JITTERS = st.floats(0, 1, exclude_max=True)
HOUR = timedelta(hours=1)


def test_the_waits_are_as_published() -> None:
    """At once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
    seconds = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert [wait.total_seconds() for wait in WAITS] == seconds
    assert timedelta(hours=75) < sum(WAITS, timedelta(0)) < SPAN


@pytest.mark.parametrize("status", range(200, 300))
def test_any_2xx_is_taken(status: int) -> None:
    """The receiver said yes, at whatever try."""
    for tries in (1, TRIES_MAX):
        assert decide(status, tries, None, NOW, NOW, HALF) == Delivered()


@pytest.mark.parametrize("tries", range(1, TRIES_MAX + 1))
def test_410_parks_at_once(tries: int) -> None:
    """A receiver that is gone is not asked again, whatever else it wishes."""
    assert decide(410, tries, HOUR, NOW, NOW, HALF) == Parked(GONE)


@pytest.mark.parametrize("status", [None, 100, 199, *range(300, 410), *range(411, 600), 999])
def test_anything_else_is_a_failed_try(status: int | None) -> None:
    """No answer, redirects, refusals and faults are tried again on the schedule, and parked after the last."""
    assert decide(status, 1, None, NOW, NOW, HALF) == Again(NOW + WAITS[0])
    assert decide(status, TRIES_MAX, None, NOW, NOW, HALF) == Parked(GAVE_UP)


@pytest.mark.parametrize("tries", range(1, TRIES_MAX))
@given(jitter=JITTERS)
def test_jitter_stays_within_a_fifth(tries: int, jitter: float) -> None:
    """A wait is never shorter than 80 % nor longer than 120 % of its place in the schedule."""
    at = NOW + sum(WAITS[: tries - 1], timedelta(0))
    verdict = decide(500, tries, None, NOW, at, jitter)
    assert isinstance(verdict, Again)
    wait = WAITS[tries - 1]
    assert wait * 0.8 <= verdict.at - at <= wait * 1.2


def test_jitter_spreads_both_ways() -> None:
    """The lowest draw is earlier and the highest later than the plain schedule: they do not all come at once."""
    draws = [decide(500, 4, None, NOW, NOW + WAITS[2], jitter) for jitter in (0.0, 0.5, 0.9)]
    waits = [verdict.at - NOW - WAITS[2] for verdict in draws if isinstance(verdict, Again)]
    assert len(waits) == 3
    assert waits[0] < waits[1] == 2 * HOUR < waits[2]


@given(st.lists(st.tuples(JITTERS, st.none() | st.just(5 * HOUR)), min_size=TRIES_MAX, max_size=TRIES_MAX))
def test_all_tries_fit_the_span(draws: list[tuple[float, timedelta | None]]) -> None:
    """However the dice fall and whatever the receiver asks for: ten tries, the last within 76 h, then parked."""
    now, tries = NOW, 0
    for tries, (jitter, wanted) in enumerate(draws, start=1):
        verdict = decide(503, tries, wanted, NOW, now, jitter)
        if isinstance(verdict, Parked):
            break
        assert isinstance(verdict, Again)
        assert verdict.at > now
        now = verdict.at
    assert tries == TRIES_MAX
    assert timedelta(hours=60) < now - NOW <= SPAN


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_after_an_outage_of_ours_tries_do_not_pile_up(jitter: float) -> None:
    """A callback that is late through us keeps at least 80 % of each wait: its tries are not burnt in a row."""
    for tries, wait in enumerate(WAITS, start=1):
        verdict = decide(500, tries, None, NOW - timedelta(days=3), NOW, jitter)
        assert isinstance(verdict, Again)
        assert verdict.at - NOW >= wait * 0.8


def test_an_old_callback_sent_again_has_its_jitter() -> None:
    """Past the span there is no span to keep: callbacks sent again together do not come back together."""
    ends = {decide(500, 5, None, NOW - 2 * SPAN, NOW, jitter) for jitter in (0.0, 0.4, 0.9)}
    assert len(ends) == 3


@pytest.mark.parametrize(
    ("tries", "wanted", "wait"),
    [
        (1, timedelta(minutes=10), timedelta(minutes=10)),
        (1, timedelta(hours=1), HOUR),
        (1, timedelta(days=9), HOUR),
        (3, timedelta(seconds=1), timedelta(minutes=30)),
        (5, HOUR, timedelta(hours=5)),
    ],
)
def test_retry_after_is_honoured_up_to_an_hour(tries: int, wanted: timedelta, wait: timedelta) -> None:
    """It may make us wait longer, up to an hour; it never makes us come sooner than the schedule."""
    at = NOW + sum(WAITS[: tries - 1], timedelta(0))
    assert decide(429, tries, wanted, NOW, at, HALF) == Again(at + wait)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        (None, None),
        ("120", timedelta(seconds=120)),
        (" 7 ", timedelta(seconds=7)),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("９", None),
        ("9" * 400, timedelta(seconds=999_999_999)),
        ("Fri, 02 Jan 2026 03:05:05 GMT", timedelta(minutes=1)),
        ("Fri, 02 Jan 2026 03:03:05 GMT", None),
        ("Fri, 02 Jan 2026 03:05:05", timedelta(minutes=1)),
        ("Fri, 99 Jan 2026 99:99:99 GMT", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str | None, wait: timedelta | None) -> None:
    """Seconds or an HTTP date; what is past or not understood asks for nothing."""
    assert retry_after(text, NOW) == wait


@given(st.text(max_size=60))
def test_no_retry_after_breaks_us(text: str) -> None:
    """Whatever a receiver writes there is a wait or nothing."""
    wait = retry_after(text, NOW)
    assert wait is None or wait > timedelta(0)
