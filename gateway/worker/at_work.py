"""How many payouts may be at work at once, so that an order does not wait long beside them.

Every payout at work takes its turn in each round of the loop and its part of each commit, and an order needs a few of
both: beside N of them its way is N turns longer. Fewer share their commits badly, so that each payout costs more. So
all of the configured places are in use while orders are quick, or do not come, and as many fewer as it takes while they
are not. What an order waits for is then nearly the same with a backlog behind it as without one, on a slow machine as
on a fast one.

Orders that wait for a disk or a server wait beside an idle loop. Fewer payouts would not help them, and would share
the slow commits among fewer: so it is looked at the loop, too.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.admission.occupancy import NOBODY, Seen

LOOK_EVERY_S = 0.25
TARGET_S = 0.06
"""How long an order may stay inside, on average, before fewer payouts are at work."""
QUICK = 0.7
"""Below this part of the target there may be more again."""
BUSY_S = 0.002
"""A loop that comes this late on average has something else to do all the time; an idle one is a tenth of it late."""
SHRINKS, GROWS = 0.75, 1.25
"""By how much, at each look."""
LEAST = 3
"""No fewer: money goes on moving."""
QUIET_S = 2.0
"""So long after the last order there may be more again: they come too rarely to be waited for."""


def nobody() -> Seen:
    """No order ever came."""
    return NOBODY


def never_late() -> float:
    """Nothing is known of the loop."""
    return 0.0


class AtWork:
    """The present number of places, between `LEAST` and what is configured."""

    def __init__(
        self, most: int, orders: Callable[[], Seen] = nobody, late_s: Callable[[], float] = never_late
    ) -> None:
        """`orders`: who came for one, and how long they stayed; `late_s`: how late the loop has come lately, on
        average."""
        self._most = most
        self.orders = orders
        self.late_s = late_s
        self._places = float(most)
        self._looked_s = -LOOK_EVERY_S
        self._came_s = -QUIET_S
        self._before = NOBODY
        """How it stood at the last look: what was seen since then is judged once."""

    def places(self, now_s: float) -> int:
        """How many there are at `now_s` (monotonic)."""
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._look(now_s)
        return int(self._places)

    def _look(self, now_s: float) -> None:
        seen, before = self.orders(), self._before
        self._before = seen
        if seen.inside or seen.left != before.left:
            self._came_s = now_s
        stay_s = _stay_s(before, seen)
        quick = stay_s is not None and stay_s < QUICK * TARGET_S
        if quick or now_s - self._came_s >= QUIET_S or self.late_s() <= BUSY_S:
            self._places = min(self._places * GROWS, float(self._most))
        elif stay_s is not None and stay_s > TARGET_S:
            self._places = max(self._places * SHRINKS, min(float(LEAST), self._most))


def _stay_s(before: Seen, now: Seen) -> float | None:
    """How long an order stayed between two looks, on average. Where none has left, those who are inside have waited for
    so long at least, which tells nothing unless it is too long already. None: nothing is known."""
    left, stayed_s = now.left - before.left, now.stayed_s - before.stayed_s
    if left:
        return stayed_s / left
    return stayed_s / now.inside if now.inside and stayed_s > now.inside * TARGET_S else None
