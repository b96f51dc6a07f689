"""Payouts give way to orders: while there is no place for more of them at the door, fewer payouts begin.

Accepting is what an app waits for, and what it has to be told now or never; a payout that was accepted is durable and
may begin a minute later. Both take time from the same core, so in a flood every payout that begins costs an order that
could have been accepted. It never stands still: money goes on moving at a share of what comes in, and at `LEAST_PER_S`
when nothing does. What is under way goes on to its end at its own speed.

When the flood is over nobody is held back. Its payouts are many, but only so many are in the worker's places at once:
whoever orders next waits no longer beside them than beside its own.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.worker.places import Kind

SHARE = 0.1
"""Payouts that may begin for each one that is accepted."""
LEAST_PER_S = 10.0
"""Payouts of either kind that may begin in each second, whatever comes in: what is due has this to itself, so that no
flood of new ones keeps a question waiting."""
SAVED_MAX = 16.0
"""What was not used is not saved for longer: more at once would be a flood from inside."""


def never() -> bool:
    """No order is turned away."""
    return False


class GivingWay:
    """How many may begin now. `crowded`: whether orders find no place."""

    def __init__(self, crowded: Callable[[], bool] = never) -> None:
        self.crowded = crowded
        self._saved = dict.fromkeys(Kind, 0.0)
        self._looked_s = 0.0
        self.holds_back = False
        """Whether there may be payouts that could begin and must not yet."""

    def accepted(self) -> None:
        """One more came in."""
        self._save(Kind.NEW, SHARE)

    def room(self, kind: Kind, room: int, now_s: float) -> int:
        """Of `room` free places, how many of the kind may be taken at `now_s` (monotonic)."""
        self._look(now_s)
        return min(room, int(self._saved[kind])) if self.holds_back else room

    def began(self, kind: Kind, count: int = 1) -> None:
        """So many have begun."""
        self._saved[kind] = max(self._saved[kind] - count, 0.0)

    def _look(self, now_s: float) -> None:
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        if self.holds_back:
            for kind in Kind:
                self._save(kind, passed_s * LEAST_PER_S)
        self.holds_back = self.crowded()

    def _save(self, kind: Kind, more: float) -> None:
        self._saved[kind] = min(self._saved[kind] + more, SAVED_MAX)
