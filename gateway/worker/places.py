"""The places of a worker: some for whoever is new, some for what is due, the rest for either."""

from __future__ import annotations

import asyncio
from collections import Counter
from enum import StrEnum
from typing import Any

Task = asyncio.Task[Any]


class Kind(StrEnum):
    """How a payout came to the worker."""

    NEW = "new"
    """Handed over as it was accepted."""
    DUE = "due"
    """Claimed from the store."""


class Places:
    """A quarter of them is for whichever kind has less: a flood of new ones starves no question and no rescue (I31,
    I44), and a million that are due keep no new one waiting. Where both have much, as many are at work as where one
    has: an order waits no longer beside a backlog than without one."""

    def __init__(self, places: int) -> None:
        self.resize(places)
        self._kinds: dict[Task, Kind] = {}
        self._out: Counter[Task] = Counter()
        self._taken: Counter[Kind] = Counter()

    def resize(self, places: int) -> None:
        """From now on there are so many. Nobody loses one that is taken."""
        self.places = places
        self._kept = max(1, places // 4) if places > 1 else 0

    @property
    def taken(self) -> int:
        """Places that are occupied; whoever waits for a channel occupies none."""
        return self._taken.total()

    def room(self, kind: Kind) -> int:
        """How many more of the kind may begin."""
        return max(self.places - self._kept - self.taken, min(self.places - self.taken, self._kept - self._taken[kind]))

    def enter(self, task: Task, kind: Kind) -> None:
        self._kinds[task] = kind
        self._taken[kind] += 1

    def block(self, kind: Kind) -> None:
        """One is taken, for what is about to come."""
        self._taken[kind] += 1

    def unblock(self, kind: Kind) -> None:
        """That has come, or does not."""
        self._taken[kind] -= 1

    def leave(self, task: Task) -> None:
        """Its work is over."""
        kind = self._kinds.pop(task)
        if not self._out.pop(task, 0):
            self._taken[kind] -= 1

    def go_out(self, task: Task) -> bool:
        """It waits for a channel; whether a place became free. One that is none of ours has none."""
        if task not in self._kinds:
            return False
        self._out[task] += 1
        if self._out[task] == 1:
            self._taken[self._kinds[task]] -= 1
        return self._out[task] == 1

    def come_back(self, task: Task) -> None:
        """It goes on, with a place again: for a moment there may be more than there are places."""
        if not self._out[task]:
            del self._out[task]
            return
        self._out[task] -= 1
        if not self._out[task]:
            del self._out[task]
            self._taken[self._kinds[task]] += 1
