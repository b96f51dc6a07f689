"""Payouts give way to orders: while people are turned away at the door, fewer payouts begin.

Accepting is what an app waits for, and what it has to be told now or never; a payout that was accepted is durable and
may begin a minute later. Both take time from the same core, so in a flood every payout that begins costs an order that
could have been accepted. It never stands still: money goes on moving at a share of what comes in, and at `LEAST_PER_S`
when nothing does. What is under way goes on to its end at its own speed.
"""

from __future__ import annotations

from collections.abc import Callable

SHARE = 0.25
"""Payouts that may begin for each one that is accepted."""
LEAST_PER_S = 10.0
"""Payouts that may begin in each second, whatever comes in."""
SAVED_MAX = 16.0
"""What was not used is not saved for longer: more at once would be a flood from inside."""


def never() -> bool:
    """Nobody is turned away."""
    return False


class GivingWay:
    """How many may begin now. `crowded`: whether anybody is being turned away."""

    def __init__(self, crowded: Callable[[], bool] = never) -> None:
        self.crowded = crowded
        self._saved = 0.0
        self._looked_s: float | None = None

    def accepted(self) -> None:
        """One more came in."""
        self._saved = min(self._saved + SHARE, SAVED_MAX)

    def room(self, room: int, now_s: float) -> int:
        """Of `room` free places, how many may be taken at `now_s` (monotonic)."""
        if not self.crowded():
            self._looked_s = None
            return room
        if self._looked_s is not None:
            self._saved = min(self._saved + (now_s - self._looked_s) * LEAST_PER_S, SAVED_MAX)
        self._looked_s = now_s
        return min(room, int(self._saved))

    def began(self, count: int = 1) -> None:
        """So many have begun."""
        self._saved = max(self._saved - count, 0.0)
