"""When a call is tried again, pure.

Repeated is only what may be said twice (`Call.repeatable`), and only what another try may mend: no answer, a time-out
(408), a limit (429), an order that is being stored by somebody else at this moment (409 `in_progress`), a fault on the
other side (5xx). Every try is the same bytes under a fresh signature. Between tries lies a pause drawn from the whole
of a growing span (full jitter), so that clients that failed together do not come back together; `Retry-After` is a
lower bound of it.
"""

from __future__ import annotations

import email.utils
from dataclasses import dataclass

IN_PROGRESS = "in_progress"
_WORTH_REPEATING = frozenset({408, 429, *range(500, 600)})
_NOTHING_STORED = frozenset({"unavailable", "overloaded"})


@dataclass(frozen=True, slots=True)
class Retries:
    """Bounds. `tries=1` repeats nothing."""

    tries: int = 5
    total_s: float = 60.0
    """No try begins later than this after the first."""
    base_s: float = 0.25
    """The span of the first pause; it doubles with each."""
    cap_s: float = 8.0

    def pause_s(self, tried: int, elapsed_s: float, drawn: float, retry_after_s: float | None) -> float | None:
        """How long to wait after `tried` tries; None: that was the last. `drawn` is a random number from 0 to 1."""
        span_s = min(self.cap_s, self.base_s * 2 ** (tried - 1))
        pause_s = (retry_after_s or 0.0) + drawn * span_s
        return pause_s if tried < self.tries and elapsed_s + pause_s <= self.total_s else None


def worth_repeating(status: int, code: str | None) -> bool:
    """Whether the same request may be answered otherwise the next time."""
    return status in _WORTH_REPEATING or (status == 409 and code == IN_PROGRESS)


def may_have_stored(status: int, code: str | None) -> bool:
    """Whether an error leaves it open that something was stored. A 5xx that is not ours may come from anywhere."""
    return (status >= 500 and code not in _NOTHING_STORED) or not 400 <= status < 600


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """The wish of a Retry-After header: seconds, or a date."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now_s)
    except ValueError:
        return None
