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

LOOK_EVERY_S = 0.25
TARGET_S = 0.06
"""How long an order may stay inside, on average, before fewer payouts are at work."""
QUICK = 0.7
"""Below this part of the target there may be more again."""
BUSY_S = 0.002
"""A loop that comes this late on average has something else to do all the time; an idle one is a tenth of it late."""
SHRINKS, GROWS = 0.75, 1.25
"""By how much, at each look."""
LEAST = 6
"""No fewer: with 4, part of the machine was idle, and a third fewer payouts ended (docs/performance.md)."""


def nobody() -> float | None:
    """No order came lately."""
    return None


def never_late() -> float:
    """Nothing is known of the loop."""
    return 0.0


class AtWork:
    """The present number of places, between `LEAST` and what is configured."""

    def __init__(
        self, most: int, stay_s: Callable[[], float | None] = nobody, late_s: Callable[[], float] = never_late
    ) -> None:
        """`stay_s`: how long orders have stayed inside lately, on average, None when none came; `late_s`: how late the
        loop has come lately, on average."""
        self._most = most
        self.stay_s = stay_s
        self.late_s = late_s
        self._places = float(most)
        self._looked_s: float | None = None

    def places(self, now_s: float) -> int:
        """How many there are at `now_s` (monotonic)."""
        if self._looked_s is None or now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._look()
        return int(self._places)

    def _look(self) -> None:
        stay_s, busy = self.stay_s(), self.late_s() > BUSY_S
        if stay_s is None or stay_s < QUICK * TARGET_S or not busy:
            self._places = min(self._places * GROWS, float(self._most))
        elif stay_s > TARGET_S:
            self._places = max(self._places * SHRINKS, min(float(LEAST), self._most))
