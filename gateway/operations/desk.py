"""What people at the desk look at: one payout with everything that is known of it, and what waits.

Nothing here changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.archived import ArchivedPayout
from gateway.domain.errors import NotFound
from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.domain.safety import Safety
from gateway.operations.missing import missing
from gateway.operations.services import Services
from gateway.operations.standing import read_safety
from gateway.store.port import ReadTx
from gateway.store.records import Callback, Delivery, Evidence, Incident


@dataclass(frozen=True, slots=True)
class Told:
    """One callback with every try of it."""

    callback: Callback
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class File:
    """Everything about one payout, as one read saw it."""

    payout: Payout
    events: tuple[Event, ...]
    evidence: tuple[Evidence, ...]
    incidents: tuple[Incident, ...]
    callbacks: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """What is left of one that was archived."""

    payout: ArchivedPayout
    incidents: tuple[Incident, ...]
    """What was heard of it since."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Where the store stands, and what keeps a quarantine from being left."""

    safety: Safety
    unasked: int
    """Live attempts that have not been asked about since it began."""


async def file_of(services: Services, payout_id: str) -> File:
    """Raises `NotFound`, `PayoutArchived`."""
    return await services.store.read(lambda tx: _file(tx, payout_id))


async def file_of_archived(services: Services, kept: ArchivedPayout) -> ArchivedFile:
    """Whoever was told that it is archived."""
    return ArchivedFile(kept, tuple(await services.store.read(lambda tx: tx.archived_incidents(kept.id))))


async def file_of_reference(services: Services, app: str, reference: str) -> File:
    """Raises `NotFound`, `PayoutArchived`."""

    def query(tx: ReadTx) -> File:
        known = tx.reference(app, reference)
        if known is None:
            raise NotFound(reference)
        return _file(tx, known.payout_id)

    return await services.store.read(query)


async def quarantine(services: Services) -> Quarantine:
    """Whether new payouts are sent, and if not, what is missing."""

    def query(tx: ReadTx) -> Quarantine:
        safety = read_safety(tx)
        return Quarantine(safety, 0 if safety.quarantined_at is None else tx.unasked_since(safety.quarantined_at))

    return await services.store.read(query)


def _file(tx: ReadTx, payout_id: str) -> File:
    payout = tx.payout(payout_id)
    if payout is None:
        raise missing(tx, payout_id)
    callbacks = tuple(Told(each, tuple(tx.deliveries(each))) for each in tx.callbacks(payout_id))
    return File(
        payout, tuple(tx.events(payout_id)), tuple(tx.evidence(payout_id)), tuple(tx.incidents(payout_id)), callbacks
    )
