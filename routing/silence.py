"""A channel that takes orders and is not heard of again: what its silence amounts to, before any failure arrives.

Only the run of attempts sent *after* the last one that was answered counts. A payout that got stuck among others that
arrived says little about now; ten in a row that should have arrived by now, and none of them did, say much. So a
channel that answers again is trusted again, whatever became of those it swallowed.
"""

from __future__ import annotations

from collections.abc import Hashable

from routing.feedback import lateness

LATE_MAX = 12.0
"""More than this many failures need not be suspected; it bounds the work as well."""


class Silence:
    """The unanswered run of one channel. Mutable, cheap: the attempts of the run and nothing else."""

    __slots__ = ("_answered_s", "_run")

    def __init__(self) -> None:
        self._run: dict[Hashable, float] = {}
        self._answered_s = float("-inf")

    def sent(self, attempt: Hashable, at_s: float) -> None:
        """An attempt has gone out; times do not run backwards."""
        self._run[attempt] = at_s

    def answered(self, attempt: Hashable, sent_s: float) -> None:
        """Its channel has said something of it: everything sent before is no part of the run any more."""
        self._run.pop(attempt, None)
        if sent_s > self._answered_s:
            self._answered_s = sent_s
            while self._run:
                first = next(iter(self._run))
                if self._run[first] > sent_s:
                    break
                del self._run[first]

    def dropped(self, attempt: Hashable) -> None:
        """It is counted in another way from now on, or its fate is unknown for our own reasons."""
        self._run.pop(attempt, None)

    def late(self, now_s: float, usual_s: float) -> float:
        """What the run comes to in failures (`LiveFacts.late`): nothing for what is younger than `usual_s`."""
        late = 0.0
        for sent_s in self._run.values():
            part = lateness(now_s - sent_s, usual_s)
            if part <= 0.0 or late >= LATE_MAX:
                break
            late += part
        return late
