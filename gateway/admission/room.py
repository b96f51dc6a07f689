"""How many may be inside at once so that none stays too long, learned from how fast they leave.

By Little's law what is inside, divided by the rate at which it leaves, is how long it stays. So while people have to be
turned away, the room is as large as what leaves in `target_s`; while nobody is, it grows back to its full size. A slow
machine, or one whose neighbours are noisy, then answers as quickly as a fast one, only fewer.
"""

from __future__ import annotations

from collections.abc import Callable

LOOK_EVERY_S = 1.0
GROWTH = 1.25
"""How much it grows in a second in which nobody was turned away."""
LEAST = 48
"""No room is smaller: a commit is shared by those who are inside, and few of them share it badly."""


class Room:
    """The present size, between `LEAST` and what is configured."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._size: float | None = None
        """None: nobody was ever turned away, so nothing speaks against the full size."""
        self._looked_s = monotonic()
        self._left = 0
        self._crowded = False

    def size(self, most: int, target_s: float) -> int:
        """How many may be inside now."""
        passed_s = self._monotonic() - self._looked_s
        if passed_s >= LOOK_EVERY_S:
            self._look(passed_s, most, target_s)
        return most if self._size is None else int(min(max(self._size, min(LEAST, most)), most))

    def left(self) -> None:
        """One has left, served."""
        self._left += 1

    def turned_away(self) -> None:
        """One found no place."""
        self._crowded = True

    def _look(self, passed_s: float, most: int, target_s: float) -> None:
        if self._crowded and passed_s < 2 * LOOK_EVERY_S:  # over a longer time it was not crowded all the time
            fits = self._left / passed_s * target_s
            self._size = fits if self._size is None else (self._size + fits) / 2
        elif self._size is not None:
            grown = max(self._size, float(LEAST)) * GROWTH ** min(passed_s / LOOK_EVERY_S, 60.0)
            self._size = grown if grown < most else None
        self._looked_s, self._left, self._crowded = self._monotonic(), 0, False
