"""When a callback is tried again, and when we stop: a pure rule, kept in the database as `due_at`.

Ten tries over about 76 h: at once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h, each wait
+-20 % so that callbacks that failed together do not come back together. The jitter may not add up: a try that would
come later than its place in the whole span is drawn earlier, by no more than the 20 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import accumulate

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After try 1, 2, 3 …; after the last try there is no wait, only parking."""

TRIES_MAX = len(WAITS) + 1
SPAN = timedelta(hours=76)
"""The last try comes no later than this after the first."""
JITTER = 0.2
RETRY_AFTER_MAX = timedelta(hours=1)
"""A receiver may ask for more; it gets this."""

_LATEST = tuple(min(place + JITTER * wait, SPAN) for place, wait in zip(accumulate(WAITS), WAITS, strict=True))
"""How long after its creation a callback's try 2, 3, 4 … comes at the latest."""

GONE = "gone"
GAVE_UP = f"no success in {TRIES_MAX} tries"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver took it."""


@dataclass(frozen=True, slots=True)
class Again:
    """Not taken: try again at `at`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Parked:
    """Not tried again by itself. Kept, and can be sent again by hand: nothing is ever dropped."""

    reason: str


Verdict = Delivered | Again | Parked

_AT_ONCE: dict[int, Verdict] = {**dict.fromkeys(range(200, 300), Delivered()), 410: Parked(GONE)}
"""Statuses that settle it. Any other, a redirect too, and no answer at all, is a failed try."""


def decide(
    status: int | None,
    tries: int,
    retry_after: timedelta | None,
    created_at: datetime,
    now: datetime,
    jitter: float,
) -> Verdict:
    """Judge try number `tries` (from 1). `status` is None when there was no answer; `jitter` is in [0, 1)."""
    settled = _AT_ONCE.get(status) if status is not None else None
    if settled is not None:
        return settled
    if tries >= TRIES_MAX:
        return Parked(GAVE_UP)
    due = _due(tries - 1, created_at, now, jitter)
    wanted = min(retry_after or timedelta(0), RETRY_AFTER_MAX)
    return Again(max(due, now + wanted))


def _due(place: int, created_at: datetime, now: datetime, jitter: float) -> datetime:
    """When the next try is due. A callback older than the span (sent again by hand) has no span left to keep."""
    wait = WAITS[place]
    drawn = now + wait * (1 - JITTER + 2 * JITTER * jitter)
    latest = created_at + _LATEST[place]
    if drawn <= latest or now > created_at + SPAN:
        return drawn
    return max(now + wait * (1 - JITTER), latest)


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """What a `Retry-After` header asks for: seconds or an HTTP date; None when absent, past or not understood."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9])) or None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year or an offset with more digits than an integer of C
        return None
    wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return wait if wait > timedelta(0) else None
