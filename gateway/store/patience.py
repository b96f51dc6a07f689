"""For how many turns of the loop a group waits for company before its statements run.

A commit costs its disk and two hand-overs between threads, whatever is in it. Under load every turn of the loop brings
more units, and a group that leaves with the first of them leaves the others to pay for a commit of their own. So it
stays while turns bring somebody, and a few quiet ones longer; turns, and no timer: where nothing else is going on, a
quiet turn is over at once, and a lone unit waits some microseconds.
"""

from __future__ import annotations

TURNS_MAX = 12
"""However many keep coming: those who came first wait for the others."""
QUIET_MAX = 3
"""So many turns in a row that bring nobody are the end of it."""


class Patience:
    """Told at each turn how many came."""

    def __init__(self) -> None:
        self._turns = self._quiet = 0

    def begin(self) -> None:
        """Another group."""
        self._turns = self._quiet = 0

    def goes_on(self, came: int) -> bool:
        """Whether one more turn is waited for."""
        self._turns += 1
        self._quiet = 0 if came else self._quiet + 1
        return self._turns < TURNS_MAX and self._quiet < QUIET_MAX
