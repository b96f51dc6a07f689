"""What this node believes the store's safety to be: read at start, and compared inside every unit that decides.

The belief costs nothing to look at, and it cannot do harm when it is old: a decision carries the value it was made
under, and the unit that commits it compares that with the row. Another one is a `StaleWrite`, like any other version
that has moved on.
"""

from __future__ import annotations

from gateway.domain.errors import StaleWrite
from gateway.domain.safety import Safety, dump_safety, load_safety
from gateway.store.high_water import SAFETY
from gateway.store.port import ReadTx, Tx


def read_safety(tx: ReadTx) -> Safety:
    """As it is stored."""
    return load_safety(tx.meta(SAFETY))


def write_safety(tx: Tx, safety: Safety) -> None:
    """Store it, unless it is there already."""
    text = dump_safety(safety)
    if tx.meta(SAFETY) != text:
        tx.set_meta(SAFETY, text)


class Standing:
    """The belief. One for each node; assigned whole, so any thread may do it."""

    def __init__(self, safety: Safety | None = None) -> None:
        text = None if safety is None else dump_safety(safety)
        self._seen: tuple[str | None, Safety] = (text, safety or Safety())

    @property
    def now(self) -> Safety:
        return self._seen[1]

    def look(self, tx: ReadTx) -> Safety:
        """Bring the belief up to date."""
        text = tx.meta(SAFETY)
        if text != self._seen[0]:
            self._seen = (text, load_safety(text))
        return self._seen[1]

    def still(self, tx: ReadTx, seen: Safety) -> None:
        """Inside a unit that was decided under `seen`. Raises `StaleWrite` when that is no longer so."""
        if self.look(tx) is not seen:
            raise StaleWrite("quarantine or ask-first time began or ended meanwhile")
