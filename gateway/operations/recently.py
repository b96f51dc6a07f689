"""What this node has seen last, within a bound. It is a hint: whoever is told "new" may be told so wrongly."""

from __future__ import annotations

MOST = 32_768


class Recently:
    """Names, of which it remembers the newest."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: dict[int, None] = {}

    def is_new(self, *name: str) -> bool:
        """Whether it was not asked about that name lately. It is remembered from now on."""
        mark = hash(name)
        if mark in self._seen:
            return False
        self._seen[mark] = None
        if len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]
        return True
