"""What became of a unit whose commit nobody saw: found out from the store, or from what was saved on top of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.domain.errors import StoreError
from gateway.domain.payout import OPEN, Payout
from gateway.simulation.audit.books import Books
from gateway.simulation.audit.deeds import CallbackTried, EvidenceKept, Inserted, OpenCounted, Saved, Unit
from gateway.simulation.audit.evidence import facts
from gateway.store.port import ReadTx, Store
from gateway.store.records import Callback, Evidence

T = TypeVar("T")


class Look(Protocol):
    """Reads the store at once: no fault, no waiting."""

    def __call__(self, query: Callable[[ReadTx], T]) -> T: ...


class Yielded(Exception):
    """The store wanted to wait: it cannot be looked at in passing."""


def peek(store: Store, query: Callable[[ReadTx], T]) -> T:
    """What `store.read` gives, without an event loop: for a store that does its work inline.

    Raises:
        Yielded: it does not.
    """
    reading = store.read(query)
    step = getattr(reading, "send", None)
    if step is None:
        raise Yielded
    try:
        step(None)
    except StopIteration as done:
        result: T = done.value
        return result
    reading.close()
    raise Yielded


class Fates:
    """Units between their running and the knowledge of their commit."""

    def __init__(
        self,
        books: Books,
        take: Callable[[Unit], None],
        found: Callable[[int, str | None, str], None],
        look: Look | None,
    ) -> None:
        self._books = books
        self._take = take
        self._found = found
        self._look = look
        self._open: dict[int, Unit] = {}
        """Under way, by identity; in the order they ran."""
        self._unknown: dict[int, Unit] = {}

    def look_with(self, look: Look) -> None:
        self._look = look

    def read(self, query: Callable[[ReadTx], T]) -> T:
        if self._look is None:
            raise Yielded("nobody said how to look into the store")
        return self._look(query)

    def opened(self, unit: Unit) -> None:
        self._open[id(unit)] = unit

    def undone(self, unit: Unit) -> None:
        self._open.pop(id(unit), None)

    def unknown(self, unit: Unit) -> None:
        if self._open.pop(id(unit), None) is not None and unit.deeds:
            self._unknown[id(unit)] = unit

    def crashed(self, node: str) -> None:
        for unit in [unit for unit in self._open.values() if unit.node == node]:
            self.unknown(unit)

    def forget(self) -> None:
        """None of them is in the store that is now in place, whatever their callers are still to hear."""
        for unit in (*self._open.values(), *self._unknown.values()):
            unit.settled = True
        self._open.clear()
        self._unknown.clear()

    def committed(self, unit: Unit) -> None:
        """Known to be. What it stands on must have been committed before it, whoever still waits to hear so."""
        self._open.pop(id(unit), None)
        self._unknown.pop(id(unit), None)
        if unit.settled or not unit.deeds:
            return
        unit.settled = True
        for deed in unit.deeds:
            if isinstance(deed, Saved):
                self._bridge(deed.before)
        self._take(unit)

    def _bridge(self, before: Payout) -> None:
        """Take what lies between the version we know and the one that was saved over."""
        known = self._books.cases.get(before.id)
        while known is None or known.payout.version < before.version:
            waiting = [*self._open.values(), *self._unknown.values()]
            wanted = known.payout.version if known is not None else None
            step = next((unit for unit in waiting if _leads_on(unit, before.id, wanted)), None)
            if step is None:
                return
            self.committed(step)
            known = self._books.cases.get(before.id)

    def settle(self) -> None:
        """Ask the store about all that is unknown."""
        if not self._unknown or self._look is None:
            return
        for unit in list(self._unknown.values()):
            if unit.settled:
                continue
            try:
                happened = self.read(lambda tx, unit=unit: _happened(tx, unit, self._books))  # type: ignore[misc]  # the default binds it
            except (StoreError, Yielded):
                return  # asked again at the next step
            self._unknown.pop(id(unit), None)
            self._books.counts["unknown_commits"] += 1
            if happened:
                self.committed(unit)
                self._whole(unit)
            unit.settled = True

    def _whole(self, unit: Unit) -> None:
        """6: a unit happened whole: its payouts stand where it left them, or further, with every event."""
        for deed in unit.deeds:
            if not isinstance(deed, Saved | Inserted):
                continue
            after = deed.after if isinstance(deed, Saved) else deed.payout
            stored, rows = self.read(lambda tx, it=after: (tx.payout(it.id), len(tx.events(it.id))))  # type: ignore[misc]  # the default binds it
            if stored is None or stored.version < after.version or rows != stored.last_event:
                self._found(6, after.id, f"half of a unit is stored: version {after.version}, {rows} events")


def _leads_on(unit: Unit, payout_id: str, version: int | None) -> bool:
    """Whether the unit takes the payout on from `version` (None: from nothing)."""
    for deed in unit.deeds:
        if isinstance(deed, Inserted) and deed.payout.id == payout_id and version is None:
            return True
        if isinstance(deed, Saved) and deed.before.id == payout_id and deed.before.version == version:
            return True
    return False


def _happened(tx: ReadTx, unit: Unit, books: Books) -> bool:
    """By a deed that leaves a mark which can be read back, a version first. A claim leaves none: it did not happen."""
    for deed in unit.deeds:
        if isinstance(deed, Saved):
            return _saved(tx, deed.after)
        if isinstance(deed, Inserted):
            return tx.payout(deed.payout.id) is not None
    for deed in unit.deeds:
        if isinstance(deed, EvidenceKept):
            return any(_alike(each, deed.evidence) for each in tx.evidence(deed.payout_id))
        if isinstance(deed, CallbackTried):
            return _tried(tx, deed.callback)
        if isinstance(deed, OpenCounted):
            return _counted(tx, books)
    return False


def _counted(tx: ReadTx, books: Books) -> bool:
    """By the first open attempt there is; when there is none, it makes no difference."""
    for case in books.cases.values():
        live = next((attempt for attempt in case.payout.attempts if attempt.state in OPEN), None)
        stored = tx.payout(case.payout.id) if live is not None else None
        if live is not None and stored is not None:
            return stored.attempt(live.number).transmissions > live.transmissions
    return False


def _alike(one: Evidence, other: Evidence) -> bool:
    return (one.attempt, one.at, one.answer.raw) == (other.attempt, other.at, other.answer.raw)


def _tried(tx: ReadTx, callback: Callback) -> bool:
    mine = tx.event(callback.shard, callback.id)
    alike = (each for each in mine if each.endpoint == callback.endpoint)
    return any(each.tries == callback.tries and each.due_at == callback.due_at for each in alike)


def _saved(tx: ReadTx, after: Payout) -> bool:
    """Whether this very version is what the store has, or what it went on from."""
    stored = tx.payout(after.id)
    if stored is None or stored.version < after.version:
        return False
    if stored.version == after.version:
        return facts(stored) == facts(after) and stored.last_event == after.last_event
    return stored.last_event >= after.last_event
