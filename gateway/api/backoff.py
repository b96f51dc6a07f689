"""Back-off for refused signatures (docs/reliability.md 4, row 70), per source address and claimed key id.

It quietens who cannot prove anything; a request that is proved is served, whatever was forged in its name before. Both
together, so that a neighbour behind the same proxy with another key hears 401, not 429, when it makes a mistake. An
address that tries one key id after another meets a second, wider bound.
"""

from __future__ import annotations

from collections import OrderedDict

BURST = 30
"""Refusals that an address may collect at once under one key id."""
ADDRESS_BURST = 300
"""And under all key ids together, those without any included."""
REFILL_PER_S = 0.2
ADDRESS_REFILL_PER_S = 2.0
SOURCES_MAX = 10_000
"""How many are remembered; the one not seen for longest is forgotten."""


class Backoff:
    """Leaky buckets of refusals: for each address and key id, and for each address."""

    def __init__(self) -> None:
        self._keys = _Buckets(BURST, REFILL_PER_S)
        self._addresses = _Buckets(ADDRESS_BURST, ADDRESS_REFILL_PER_S)

    def note_refusal(self, address: str, key_id: str, now_s: float) -> bool:
        """Count one. False when there were too many to be told more than to wait."""
        if not self._addresses.take((address,), now_s):
            return False
        return not key_id or self._keys.take((address, key_id), now_s)


class _Buckets:
    def __init__(self, burst: int, refill_per_s: float) -> None:
        self._burst = burst
        self._refill_per_s = refill_per_s
        self._levels: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()

    def take(self, source: tuple[str, ...], now_s: float) -> bool:
        level, at_s = self._levels.get(source, (0.0, now_s))
        level = max(0.0, level - (now_s - at_s) * self._refill_per_s)
        if level > self._burst - 1:
            return False
        self._levels[source] = (level + 1, now_s)
        self._levels.move_to_end(source)
        if len(self._levels) > SOURCES_MAX:
            self._levels.popitem(last=False)
        return True
