"""For how long a group waits for company before its statements run.

A commit costs its disk and two hand-overs between threads, whatever is in it. Under load every turn of the loop brings
more units, and a group that leaves with the first of them leaves the others to pay for a commit of their own. So it
stays while turns bring somebody, and a few quiet ones longer. There is no timer: where nothing else is going on, quiet
turns are over at once, and a lone unit waits some microseconds. Where turns are long, a few of them are enough.
"""

from __future__ import annotations

from collections.abc import Callable

TURNS_MAX = 12
"""However many keep coming: those who came first wait for the others."""
QUIET_MAX = 3
"""So many turns in a row that bring nobody are the end of it."""
LONG_S = 0.015
"""As long as a group of some size runs. After it no further turn is waited for."""


class Company:
    """Told at each turn how many came."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.begin()

    def begin(self) -> None:
        """Another group."""
        self._turns = self._quiet = 0
        self._began_s = self._monotonic()

    def is_awaited(self, came: int) -> bool:
        """Whether a group that so many joined in this turn waits for one more."""
        self._turns += 1
        self._quiet = 0 if came else self._quiet + 1
        waited_s = self._monotonic() - self._began_s
        return self._turns < TURNS_MAX and self._quiet < QUIET_MAX and waited_s < LONG_S
