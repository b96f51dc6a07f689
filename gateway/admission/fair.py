"""Whose turn it is, and who may still come in: by weight, so that nobody's flood is anybody else's drought."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")

WeightOf = Callable[[str], int]
"""The weight of a name; at least 1."""


def equal(_name: str) -> int:
    """Everybody's weight is 1."""
    return 1


class FairTurns:
    """Turns among those who want one: over any time in which all of them do, each has its share by weight.

    Start-time fair queueing. Each turn moves its owner's tag by 1/weight; the smallest tag is next. Who did not want a
    turn for a while begins at the present time: no turns are saved up.
    """

    def __init__(self, weight_of: WeightOf = equal) -> None:
        self._weight_of = weight_of
        self._now = 0.0
        self._tags: dict[str, float] = {}

    def next(self, among: Iterable[str]) -> str:
        """Who is next, and has had its turn with that. Raises ValueError where there is nobody."""
        chosen = min(among, key=lambda name: (self._tag(name), name))
        self._now = self._tag(chosen)
        self._tags[chosen] = self._now + 1.0 / max(self._weight_of(chosen), 1)
        if len(self._tags) > 64:
            self._tags = {name: tag for name, tag in self._tags.items() if tag > self._now}
        return chosen

    def _tag(self, name: str) -> float:
        return max(self._tags.get(name, 0.0), self._now)


class FairQueue(Generic[T]):
    """Items of many owners: the oldest first of each, turns by weight between them."""

    def __init__(self, turns: FairTurns) -> None:
        self._turns = turns
        self._items: dict[str, deque[T]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, owner: str, item: T) -> None:
        self._items.setdefault(owner, deque()).append(item)
        self._size += 1

    def take(self) -> T:
        """The next one. Raises ValueError when there is none."""
        owner = self._turns.next(self._items)
        items = self._items[owner]
        item = items.popleft()
        self._size -= 1
        if not items:
            del self._items[owner]
        return item

    def drain(self) -> list[T]:
        """All that is left, and nothing stays."""
        left = [item for items in self._items.values() for item in items]
        self._items.clear()
        self._size = 0
        return left

    def held(self) -> Mapping[str, int]:
        """How many wait, by owner."""
        return {owner: len(items) for owner, items in self._items.items()}


POOL = 0.75
"""Up to this share of the places anybody may have one; the rest is for those who have less than is theirs."""
WANTED_S = 1.0
"""Who asked for a place in so long is one of those who share them, whether it was given one or not."""


class FairPlaces:
    """Who is inside, and whether one more may be.

    One app alone may have every place. As soon as another asks, whoever holds more than its share by weight leaves the
    last quarter of the places to those who have less than theirs.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._inside: Counter[str] = Counter()
        self._asked_at_s: dict[str, float] = {}
        self.total = 0

    @property
    def held(self) -> Mapping[str, int]:
        """How many places each has."""
        return self._inside

    def fits(self, who: str, places: int, weight_of: WeightOf = equal) -> bool:
        """Whether there is a place for one more of `who`. Takes none, and remembers that it was asked for."""
        now_s = self._monotonic()
        self._asked_at_s[who] = now_s
        if self.total >= places:
            return False
        return self.total < places * POOL or self._inside[who] < self._share(who, places, weight_of, now_s)

    def _share(self, who: str, places: int, weight_of: WeightOf, now_s: float) -> float:
        self._asked_at_s = {name: at_s for name, at_s in self._asked_at_s.items() if now_s - at_s <= WANTED_S}
        sharing = self._asked_at_s.keys() | self._inside.keys()
        return places * weight_of(who) / sum(weight_of(name) for name in sharing)

    def enter(self, who: str) -> None:
        """Take a place; the caller has looked."""
        self._inside[who] += 1
        self.total += 1

    def leave(self, who: str) -> None:
        """Give it back."""
        self.total -= 1
        self._inside[who] -= 1
        if not self._inside[who]:
            del self._inside[who]
