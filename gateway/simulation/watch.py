"""The watch: a store that tells the auditor what every unit did, once it is committed. It changes nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

from gateway import failpoints
from gateway.domain.errors import CommitUnknown
from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.domain.review import Request
from gateway.simulation.audit.auditor import Auditor
from gateway.simulation.audit.deeds import (
    CallbackEnqueued,
    CallbackTried,
    Claimed,
    Deed,
    EventAppended,
    EvidenceKept,
    IncidentRaised,
    Inserted,
    NotificationNoted,
    OpenCounted,
    Released,
    RequestKept,
    Saved,
    Unit,
)
from gateway.simulation.audit.fates import peek
from gateway.store.picking import Pick
from gateway.store.port import ReadTx, Store, Tx
from gateway.store.records import Callback, Delivery, Evidence, Incident, Lease, Novelty, Reference, SeenNotification

T = TypeVar("T")


class WatchedStore:
    """`gateway.store.port.Store` over `inner`, as one node sees it."""

    def __init__(self, inner: Store, auditor: Auditor, node: str) -> None:
        self._inner = inner
        self._auditor = auditor
        self._node = node
        self._start = auditor.books.starts[node]
        auditor.look_with(self._look)

    def _look(self, query: Callable[[ReadTx], T]) -> T:
        return peek(self._inner, query)

    async def run(self, unit: Callable[[Tx], T]) -> T:
        done = Unit(self._node, self._start)

        def watched(tx: Tx) -> T:
            done.deeds.clear()  # a group that failed is redone one by one
            result = unit(cast(Tx, WatchedTx(tx, done.deeds)))
            self._auditor.opened(done)
            return result

        named = failpoints.Unit(unit.name, watched) if isinstance(unit, failpoints.Unit) else watched
        try:
            result = await self._inner.run(named)
        except CommitUnknown:
            self._auditor.unknown(done)
            raise
        except Exception:
            self._auditor.undone(done)
            raise
        except BaseException:  # the caller was cancelled; the unit is not
            self._auditor.unknown(done)
            raise
        self._auditor.committed(done)
        return result

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        return await self._inner.read(query)

    async def close(self) -> None:
        await self._inner.close()


class WatchedTx:
    """`gateway.store.port.Tx`: every call goes through; those that leave a mark are written down."""

    __slots__ = ("_deeds", "_tx")

    def __init__(self, tx: Tx, deeds: list[Deed]) -> None:
        self._tx = tx
        self._deeds = deeds

    def __getattr__(self, name: str) -> Any:
        """Questions, and whatever leaves no mark that is audited."""
        return getattr(self._tx, name)

    def insert(
        self, payout: Payout, reference: Reference, lease: Lease | None, account_index: bytes | None = None
    ) -> None:
        self._tx.insert(payout, reference, lease, account_index)
        self._deeds.append(Inserted(payout, lease))

    def save(self, before: Payout, after: Payout, due_at: datetime | None, lease: Lease | None = None) -> Payout:
        saved = self._tx.save(before, after, due_at, lease)
        self._deeds.append(Saved(before, saved, due_at, lease))
        return saved

    def append_event(self, payout: Payout, event: Event) -> None:
        self._tx.append_event(payout, event)
        self._deeds.append(EventAppended(payout.id, event))

    def append_evidence(self, payout: Payout, evidence: Evidence) -> None:
        self._tx.append_evidence(payout, evidence)
        self._deeds.append(EvidenceKept(payout.id, evidence))

    def append_incident(self, payout: Payout, incident: Incident) -> None:
        self._tx.append_incident(payout, incident)
        self._deeds.append(IncidentRaised(payout.id, incident))

    def claim(
        self, owner: str, now: datetime, lease_s: float, limit: int, pick: Pick | None = None
    ) -> Sequence[tuple[Payout, Lease]]:
        claimed = self._tx.claim(owner, now, lease_s, limit, pick)
        self._deeds += [Claimed(payout.id, lease, payout.crashes) for payout, lease in claimed]
        return claimed

    def release(self, payout_id: str, lease: Lease) -> None:
        self._tx.release(payout_id, lease)
        self._deeds.append(Released(payout_id, lease))

    def enqueue_callback(self, callback: Callback) -> None:
        self._tx.enqueue_callback(callback)
        self._deeds.append(CallbackEnqueued(callback))

    def record_delivery(self, callback: Callback, delivery: Delivery) -> None:
        self._tx.record_delivery(callback, delivery)
        self._deeds.append(CallbackTried(callback, delivery))

    def note_notification(self, seen: SeenNotification) -> Novelty:
        novelty = self._tx.note_notification(seen)
        self._deeds.append(NotificationNoted(seen, novelty))
        return novelty

    def ask_live_at(self, at: datetime) -> int:
        asked = self._tx.ask_live_at(at)
        self._deeds.append(OpenCounted())
        return asked

    def add_request(self, request: Request, evidence: bytes | None) -> None:
        self._tx.add_request(request, evidence)
        self._deeds.append(RequestKept(request))

    def save_request(self, request: Request) -> None:
        self._tx.save_request(request)
        self._deeds.append(RequestKept(request))
