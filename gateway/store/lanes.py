"""What waits for its commit: the door's units and the work's, so that neither waits for all of the other.

A new payout needs a commit before its app is answered. Behind a backlog, hundreds of the worker's units wait at any
time: one queue for all would make every app wait for all of them. So whatever comes in by the door goes first, and the
work has at least a quarter of what is taken at once: what was accepted goes on being sent, questions go on being asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from gateway.failpoints import Commit, Unit
from gateway.store.port import Tx

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

DOOR: frozenset[str] = frozenset(
    {
        Commit.ACCEPT,
        Commit.BEGUN,
        Commit.CANCEL_WISH,
        Commit.CONFIG,
        Commit.NONCE,
        Commit.PEOPLE,
        Commit.REDELIVERY,
        Commit.REQUEST,
    }
)
"""Units that an app or a person waits for. A channel that is kept waiting with a notification tells it again, and is
asked in the end."""
WORK_SHARE = 4
"""One in so many of a group is kept for the work, where there is any."""


class Outcome(Protocol[T_contra]):
    """Takes a unit's result, or why there is none: an `Awaited`, or a future of any kind."""

    def set_result(self, value: T_contra, /) -> None: ...

    def set_exception(self, error: BaseException, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Queued(Generic[T]):
    """A unit on its way to the database, and where its result goes."""

    unit: Callable[[Tx], T]
    future: Outcome[T]


Fits = Callable[[Queued[Any]], bool]


def anyone(_queued: Queued[Any]) -> bool:
    """Whoever it is."""
    return True


class Lanes:
    """Two queues, the oldest first in each. Knows no threads."""

    def __init__(self) -> None:
        self._door: deque[Queued[Any]] = deque()
        self._work: deque[Queued[Any]] = deque()

    def __len__(self) -> int:
        return len(self._door) + len(self._work)

    def put(self, queued: Queued[Any]) -> None:
        by_the_door = isinstance(queued.unit, Unit) and queued.unit.name in DOOR
        (self._door if by_the_door else self._work).append(queued)

    def take(self, room: int, fits: Fits = anyone) -> list[Queued[Any]]:
        """The next group: at most `room`. Nobody overtakes one of its lane that does not fit."""
        kept = min(len(self._work), max(room // WORK_SHARE, 1))
        coming = min(len(self._door), max(room - kept, 1))
        working = min(len(self._work), room - coming)
        return _first(self._door, coming, fits) + _first(self._work, working, fits)

    def before_door(self, room: int) -> int:
        """How many go before one more that comes in by the door: its own kind, and what each group keeps."""
        ahead = len(self._door)
        return ahead + min(len(self._work), ahead // max(room - room // WORK_SHARE, 1) * (room // WORK_SHARE))


def _first(lane: deque[Queued[Any]], most: int, fits: Fits) -> list[Queued[Any]]:
    taken: list[Queued[Any]] = []
    while len(taken) < most and fits(lane[0]):
        taken.append(lane.popleft())
    return taken
