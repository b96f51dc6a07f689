"""Telling other nodes on the same store that something became due, so that they need not ask all the time.

A wake is a hint: lost, late or doubled, it changes only how soon somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol


class Wake(StrEnum):
    """Who is to look."""

    PAYOUTS = "payouts"
    CALLBACKS = "callbacks"
    OVERRIDES = "overrides"
    """Whoever holds channels back: somebody set an override, or lifted one."""


Ring = Callable[[Wake], None]
"""Wakes this node's own worker. May be called from any thread."""


class Wakes(Protocol):
    """The way to the other nodes, and from them."""

    def start(self, ring: Ring) -> None:
        """Listen: `ring` is called for what others tell."""
        ...

    def tell(self, wake: Wake) -> None:
        """Tell the others. Returns at once, whatever becomes of it."""
        ...

    def close(self) -> None:
        """Neither tell nor listen any more. Blocks for a moment."""
        ...


class Alone:
    """There are no other nodes."""

    def start(self, ring: Ring) -> None:
        """Nobody will tell us anything."""

    def tell(self, wake: Wake) -> None:
        """Nobody would hear it."""

    def close(self) -> None:
        """Nothing is open."""
