"""Callbacks that a unit puts into the queue, and what follows once it is committed.

One that this node's worker has room for is put there as claimed already: it leaves right after the commit, and nobody
has to look for it. If the node dies in between, the claim runs out like any other, and the callback is due (row 60).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.operations.services import Services
from gateway.store.port import Tx
from gateway.store.records import Callback


@dataclass(slots=True)
class Told:
    """What a unit has put there."""

    due: bool = False
    """There may be one that is anybody's."""
    begun: list[Callback] = field(default_factory=list)
    """Ours."""


def enqueue(services: Services, tx: Tx, callbacks: Iterable[Callback], now: datetime, told: Told | None = None) -> None:
    """Without `told` nobody follows them up: then all of them are due. A parked one is nobody's."""
    for callback in callbacks:
        begins = told is not None and callback.due_at is not None
        until = services.claim_callback(callback, now) if begins else None
        stored = callback if until is None else replace(callback, due_at=until)
        tx.enqueue_callback(stored)
        if told is not None and until is None:
            told.due = True
        elif told is not None:
            told.begun.append(stored)


def begin(services: Services, told: Told) -> None:
    """Once it is committed, and only then."""
    if told.begun:
        services.begin_callbacks(told.begun, services.clock.now())
    if told.due:
        services.wake_callbacks()
