"""Payouts give way to orders: while people are turned away at the door, fewer payouts begin.

Accepting is what an app waits for, and what it has to be told now or never; a payout that was accepted is durable and
may begin a minute later. Both take time from the same core, so in a flood every payout that begins costs an order that
could have been accepted. It never stands still: money goes on moving at a share of what comes in, and at `LEAST_PER_S`
when nothing does. What is under way goes on to its end at its own speed.

When the flood is over its payouts are many. If all began at once, whoever orders next would wait behind them; so
they ease in: half as many as come in begin beside a rate that grows until nothing needs it any more, within a minute.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.worker.places import Kind

SHARE = 0.1
"""Payouts that may begin for each one that is accepted."""
LEAST_PER_S = 10.0
"""Payouts of either kind that may begin in each second, whatever comes in: what is due has this to itself, so that no
flood of new ones keeps a question waiting."""
EASING_SHARE = 0.5
"""As `SHARE`, when the flood is over and its payouts are left."""
GROWTH = 1.1
"""By so much the rate beside that grows in a second without a flood."""
FREE_PER_S = 1000.0
"""A rate as high as this holds nobody back."""
SAVED_MAX = 16.0
"""What was not used is not saved for longer: more at once would be a flood from inside."""


def never() -> bool:
    """Nobody is turned away."""
    return False


class GivingWay:
    """How many may begin now. `crowded`: whether anybody is being turned away."""

    def __init__(self, crowded: Callable[[], bool] = never) -> None:
        self.crowded = crowded
        self._saved = dict.fromkeys(Kind, 0.0)
        self._per_s: float | None = None
        """What may begin of a kind in a second, whatever comes in; None: nobody is held back."""
        self._share = SHARE
        self._looked_s = 0.0

    @property
    def holds_back(self) -> bool:
        """Whether there may be payouts that could begin and must not yet."""
        return self._per_s is not None

    def accepted(self) -> None:
        """One more came in."""
        self._save(Kind.NEW, self._share)

    def room(self, kind: Kind, room: int, now_s: float) -> int:
        """Of `room` free places, how many of the kind may be taken at `now_s` (monotonic)."""
        self._look(now_s)
        return room if self._per_s is None else min(room, int(self._saved[kind]))

    def began(self, kind: Kind, count: int = 1) -> None:
        """So many have begun."""
        self._saved[kind] = max(self._saved[kind] - count, 0.0)

    def _look(self, now_s: float) -> None:
        passed_s, self._looked_s, before = now_s - self._looked_s, now_s, self._per_s
        if self.crowded():
            self._share, self._per_s = SHARE, LEAST_PER_S
        elif before is not None:
            grown = before * GROWTH ** min(passed_s, 60.0)
            self._share, self._per_s = EASING_SHARE, grown if grown < FREE_PER_S else None
        for kind in Kind:
            self._save(kind, passed_s * (before or 0.0))

    def _save(self, kind: Kind, more: float) -> None:
        self._saved[kind] = min(self._saved[kind] + more, SAVED_MAX)
