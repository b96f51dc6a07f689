"""How many may be inside at once so that none stays too long, learned from how fast they leave.

By Little's law what is inside, divided by the rate at which it leaves, is how long it stays. So while people have to be
turned away, or stay too long already, the room is as large as what leaves in `target_s`; while neither is so, it grows
back to its full size. A slow machine, or one whose neighbours are noisy, then answers as quickly as a fast one, only
fewer.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.admission.occupancy import NOBODY, Occupancy

LOOK_EVERY_S = 0.25
"""A flood that comes at once has filled the room before anything was learned: the sooner, the fewer stay too long."""
LATELY_S = 2.0
"""Over a longer time, nobody being turned away means that it was not so all the time."""
GROWTH = 1.25
"""How much it grows in a second in which nobody was turned away."""
LEAST = 32
"""No room is smaller: a commit is shared by those who are inside, and few of them share it badly."""


class Room:
    """The present size, between `LEAST` and what is configured."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._size: float | None = None
        """None: nothing speaks against the full size."""
        self._looked_s = monotonic()
        self.people = Occupancy(monotonic)
        self._before = NOBODY
        """How it stood at the last look."""
        self._crowded = False
        self._slow = False
        """Whether they stayed too long when it was last looked. Once is no reason: a few that come together, where
        nobody has to be turned away, are answered together and gone."""

    def size(self, most: int, target_s: float) -> int:
        """How many may be inside now."""
        passed_s = self._monotonic() - self._looked_s
        if passed_s >= LOOK_EVERY_S:
            self._look(passed_s, most, target_s)
        return most if self._size is None else int(min(max(self._size, min(LEAST, most)), most))

    def turned_away(self) -> None:
        """One found no place."""
        self._crowded = True

    def _look(self, passed_s: float, most: int, target_s: float) -> None:
        seen, before, was_slow = self.people.seen(), self._before, self._slow
        left, stayed_s = seen.left - before.left, seen.stayed_s - before.stayed_s
        self._slow = slow = stayed_s > max(left * target_s, LEAST * passed_s)
        lately = passed_s < LATELY_S  # in a longer time it was not so all the time
        if ((slow and was_slow) or self._crowded) and lately:
            fits = left / passed_s * target_s
            self._size = fits if self._size is None else (self._size + fits) / 2
        elif self._size is not None:
            grown = max(self._size, float(LEAST)) * GROWTH ** min(passed_s, 60.0)
            self._size = grown if grown < most else None
        self._looked_s, self._before, self._crowded = self._monotonic(), seen, False
