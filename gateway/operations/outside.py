"""Whoever waits for a channel stands outside: its place in the worker is somebody else's meanwhile.

So a channel that hangs costs no places, only those who wait for it, and of these only so many: as many as the channel
may have orders in flight, and as many questions beside. One more keeps its place in the worker while it waits; and the
worker takes up nothing more whose next step is a question to a channel that has its fill of them (`full`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any


class Errand(StrEnum):
    """What is waited for. Orders and questions have places of their own: neither keeps the other out."""

    ORDER = "order"
    QUESTION = "question"


EVERY_CHANNEL = "*"
"""Where one waits for all channels at once."""

Worker = asyncio.Task[Any]


def _nobody(_task: Worker) -> None:
    """No worker is told."""


def _nothing() -> None:
    """Nobody waits for a channel to have room again."""


class Outside:
    """Counts them. The payout worker says whom to tell."""

    def __init__(self) -> None:
        self._waiting: Counter[tuple[str, Errand]] = Counter()
        self._full: set[str] = set()
        self.went_out: Callable[[Worker], None] = _nobody
        self.came_back: Callable[[Worker], None] = _nobody
        self.eased: Callable[[], None] = _nothing
        """A channel that had its fill has it no more."""

    @property
    def waiting(self) -> int:
        """How many wait for any channel."""
        return self._waiting.total()

    @property
    def full(self) -> frozenset[str]:
        """Channels that as many questions are waiting at as may."""
        return frozenset(self._full)

    @contextmanager
    def wait_for(self, channel: str, errand: Errand, places: int) -> Iterator[None]:
        """The present task waits for `channel`, which has `places` outside for this errand."""
        key, task = (channel, errand), asyncio.current_task()
        self._waiting[key] += 1
        lends = task is not None and self._waiting[key] <= places
        self._note_full(channel, places)
        if lends and task is not None:
            self.went_out(task)
        try:
            yield
        finally:
            self._waiting[key] -= 1
            self._note_full(channel, places)
            if lends and task is not None:
                self.came_back(task)

    def _note_full(self, channel: str, places: int) -> None:
        if self._waiting[channel, Errand.QUESTION] >= places:
            self._full.add(channel)
        elif channel in self._full:
            self._full.discard(channel)
            self.eased()
