"""Back-off for refused signatures (docs/reliability.md 4, row 70), per source address and claimed key id.

It quietens who cannot prove anything; a request that is proved is served, whatever was forged in its name before. Both
together, so that a neighbour behind the same proxy with another key hears 401, not 429, when it makes a mistake.
"""

from __future__ import annotations

from collections import OrderedDict

BURST = 30
"""Refusals a source may collect at once."""
REFILL_PER_S = 0.2
SOURCES_MAX = 10_000
"""How many are remembered; the one not seen for longest is forgotten."""

Source = tuple[str, str]


class Backoff:
    """A leaky bucket of refusals for each source."""

    def __init__(self) -> None:
        self._levels: OrderedDict[Source, tuple[float, float]] = OrderedDict()

    def is_noisy(self, source: Source, now_s: float) -> bool:
        """Whether this source has collected too many refusals to be told more than to wait."""
        return self._level(source, now_s) > BURST - 1

    def note_refusal(self, source: Source, now_s: float) -> None:
        self._levels[source] = (self._level(source, now_s) + 1, now_s)
        self._levels.move_to_end(source)
        if len(self._levels) > SOURCES_MAX:
            self._levels.popitem(last=False)

    def _level(self, source: Source, now_s: float) -> float:
        level, at_s = self._levels.get(source, (0.0, now_s))
        return max(0.0, level - (now_s - at_s) * REFILL_PER_S)
