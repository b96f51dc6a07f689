"""How long a change that is queued now will wait for its commit, from how long the last ones took.

A group costs so much for each unit in it and so much for its commit, whatever is in it; to this belongs what passes
before its statements run, while it waits for a lock or for company. Both are averages of the last groups, the newer
counting more. A group that takes longer than it should counts with the time it has taken already: a disk that hangs is
noticed while it hangs, not afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

NEWEST_COUNTS = 0.2
"""How much the newest group moves the averages."""
GROUP_S = 0.04
"""About how long the units of one group may take: whoever comes while they run waits for them first."""
GROUP_LEAST = 16
"""No group is kept smaller, however slow its units: a commit is shared by those who are in it."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """How the writer stands."""

    queued: int = 0
    """Units that wait for their commit, those in the transaction under way included."""
    wait_s: float = 0.0
    """How long one more would wait, about."""


NO_PRESSURE = Pressure()


class CommitWait:
    """Told of each group by the writer's thread; asked from any other one."""

    def __init__(self, monotonic: Callable[[], float], group_max: int) -> None:
        self._monotonic = monotonic
        self._group_max = group_max
        self._unit_s: float | None = None
        self._commit_s: float | None = None
        self._units = 0
        self._began_s = self._joined_s = 0.0
        self._committing_s: float | None = None

    @property
    def under_way(self) -> int:
        """Units in the transaction under way."""
        return self._units

    @property
    def group(self) -> int:
        """How many units the next group may have."""
        if not self._unit_s:
            return self._group_max
        return min(self._group_max, max(GROUP_LEAST, int(GROUP_S / self._unit_s)))

    def began(self, units: int) -> None:
        """A group of so many units is taken in hand."""
        self._began_s = self._joined_s = self._monotonic()
        self._committing_s, self._units = None, units

    def joined(self, units: int) -> None:
        """So many more came along with it, or nobody: its statements come next, unless it waits for more."""
        self._units += units
        self._joined_s = self._monotonic()

    def committing(self) -> None:
        """Its statements ran; COMMIT comes next."""
        self._committing_s = self._monotonic()

    def ended(self) -> None:
        """Its units know their fate. A group in which nothing was committed says nothing of commits."""
        now_s = self._monotonic()
        if self._committing_s is not None and self._units:
            waited_s = self._joined_s - self._began_s
            self._unit_s = _average(self._unit_s, (self._committing_s - self._joined_s) / self._units)
            self._commit_s = _average(self._commit_s, waited_s + now_s - self._committing_s)
        self._units = 0

    def estimate_s(self, waiting: int) -> float:
        """The wait of one more, behind `waiting` units and those under way."""
        ahead = waiting + self._units
        if not ahead:
            return 0.0
        groups = -(-ahead // self.group)
        expected_s = ahead * (self._unit_s or 0.0) + groups * (self._commit_s or 0.0)
        stalled_s = self._monotonic() - self._began_s if self._units else 0.0
        return max(expected_s, stalled_s)


def _average(known: float | None, newest: float) -> float:
    return newest if known is None else known + NEWEST_COUNTS * (newest - known)
