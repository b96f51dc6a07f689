"""How many may be inside at once so that none stays too long, learned from how fast they leave.

By Little's law what is inside, divided by the rate at which it leaves, is how long it stays. So while people have to be
turned away, or stay too long already, the room is as large as what leaves in `target_s`; while neither is so, it grows
back to its full size. A slow machine, or one whose neighbours are noisy, then answers as quickly as a fast one, only
fewer.
"""

from __future__ import annotations

from collections.abc import Callable

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
        self._looked_s = self._moved_s = monotonic()
        self._inside = 0
        self._stayed_s = 0.0
        """How long everybody has been inside since the last look, added up."""
        self._left = 0
        self._stay_s: float | None = None
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

    @property
    def stay_s(self) -> float | None:
        """How long whoever left before the last look had stayed, on average; None: nobody has come for a while."""
        return None if self._monotonic() - self._looked_s > LATELY_S else self._stay_s

    def entered(self) -> None:
        """One has come in."""
        self._move(+1)

    def left(self) -> None:
        """One has left, served."""
        self._move(-1)
        self._left += 1

    def _move(self, by: int) -> None:
        now_s = self._monotonic()
        self._stayed_s += self._inside * (now_s - self._moved_s)
        self._inside, self._moved_s = self._inside + by, now_s

    def turned_away(self) -> None:
        """One found no place."""
        self._crowded = True

    def _look(self, passed_s: float, most: int, target_s: float) -> None:
        self._move(0)
        slow, before = self._stayed_s > max(self._left * target_s, LEAST * passed_s), self._slow
        self._slow = slow
        self._stay_s = self._stayed_s / self._left if self._left else None
        if ((slow and before) or self._crowded) and passed_s < LATELY_S:  # in a longer time it was not so all the time
            fits = self._left / passed_s * target_s
            self._size = fits if self._size is None else (self._size + fits) / 2
        elif self._size is not None:
            grown = max(self._size, float(LEAST)) * GROWTH ** min(passed_s, 60.0)
            self._size = grown if grown < most else None
        self._looked_s, self._left, self._crowded, self._stayed_s = self._monotonic(), 0, False, 0.0
