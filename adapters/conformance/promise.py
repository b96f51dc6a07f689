"""A promise that every channel keeps: a name, a sentence, and the code that looks whether it is kept.

Written with plain `assert`: pytest shows what they compared, and the report shows their line.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from adapters.conformance.world import World

Keep = Callable[[World], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Promise:
    """One of them. Kept when `keep` returns; broken when it raises anything."""

    name: str
    says: str
    keep: Keep
    networked: bool = False
    """It means something only where there is a network: other channels are not asked for it."""


class Promises:
    """Those of one module, in the order in which they stand there."""

    def __init__(self) -> None:
        self.all: list[Promise] = []

    def __call__(self, keep: Keep) -> Keep:
        """Take a promise in."""
        return self._add(keep, networked=False)

    def over_a_network(self, keep: Keep) -> Keep:
        """One that is only asked of channels with a network."""
        return self._add(keep, networked=True)

    def _add(self, keep: Keep, *, networked: bool) -> Keep:
        name = getattr(keep, "__name__", "").replace("_", " ")
        says = " ".join((keep.__doc__ or "").split())
        self.all.append(Promise(name, says, keep, networked))
        return keep
