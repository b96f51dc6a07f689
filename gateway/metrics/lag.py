"""How late the event loop is: everything in the gateway waits for the same one."""

from __future__ import annotations

from collections import deque

from gateway.clock import Clock

EVERY_S = 0.25
LATELY_S = 1.0
WINDOW_S = 15.0
"""A scrape sees the worst of so long, so that a stall between two scrapes does not go unseen."""


class LoopLag:
    """Sleeps a little, again and again, and keeps by how much it woke too late."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    async def watch(self, clock: Clock) -> None:
        """Until cancelled."""
        while True:
            slept_at_s = clock.monotonic()
            await clock.sleep(EVERY_S)
            woke_at_s = clock.monotonic()
            self.saw(woke_at_s, max(woke_at_s - slept_at_s - EVERY_S, 0.0))

    def saw(self, at_s: float, late_s: float) -> None:
        """It woke `late_s` too late at `at_s` (monotonic)."""
        self._seen.append((at_s, late_s))
        self._forget(at_s)

    def worst_s(self, now_s: float) -> float:
        """The longest in the window before `now_s`; 0 when nothing was seen."""
        self._forget(now_s)
        return max((late_s for _, late_s in self._seen), default=0.0)

    def lately_s(self, now_s: float) -> float:
        """The mean of the last second; 0 when nothing was seen."""
        late = [late_s for at_s, late_s in self._seen if at_s > now_s - LATELY_S]
        return sum(late) / len(late) if late else 0.0

    def _forget(self, now_s: float) -> None:
        while self._seen and self._seen[0][0] <= now_s - WINDOW_S:
            self._seen.popleft()
