"""Who is inside, and how long they stay: counted as they come and go, added up for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Seen(NamedTuple):
    """The sums at one moment. The differences of two moments say how it was between them."""

    inside: int
    left: int
    """How many have left, served."""
    stayed_s: float
    """How long everybody has been inside, added up: divided by those who left, how long one stayed (Little's law)."""


NOBODY = Seen(0, 0, 0.0)


class Occupancy:
    """Told of everyone who comes and goes."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._moved_s = monotonic()
        self._inside = self._left = 0
        self._stayed_s = 0.0

    def entered(self) -> None:
        """One has come in."""
        self._move(+1)

    def left(self) -> None:
        """One has left, served."""
        self._move(-1)
        self._left += 1

    def seen(self) -> Seen:
        """How it stands now."""
        self._move(0)
        return Seen(self._inside, self._left, self._stayed_s)

    def _move(self, by: int) -> None:
        now_s = self._monotonic()
        self._stayed_s += self._inside * (now_s - self._moved_s)
        self._inside, self._moved_s = self._inside + by, now_s
