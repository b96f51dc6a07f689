"""Take a batch in, and tell how far it is.

Its pages are stored as they are read, under an id that nobody knows yet, so that a large one needs the memory of one
page. The last transaction gives it its reference and makes it known: before that there is no batch, whatever died on
the way, and what was left half way is cleared away. Two who bring the same one both store it; one of them finds the
reference taken, and drops what it brought.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from gateway.domain.batch import PAGE_ITEMS, Batch, BatchForm, BatchPage, ItemResult, ItemStatus
from gateway.domain.errors import CommitUnknown, NotFound, ReferenceReused, StaleWrite
from gateway.domain.identity import batch_id, shard_of
from gateway.failpoints import Commit, Unit
from gateway.operations.services import Services
from gateway.store.batches import BatchReference
from gateway.store.port import ReadTx, Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

GIVEN_UP_AFTER = timedelta(hours=1)
"""What was not taken in by then never will be: a body is here, or not, within a minute."""
AT_ONCE = 10


async def find(services: Services, app: str, reference: str, fingerprint: bytes) -> Batch | None:
    """The batch of the reference, if there is one. Raises `ReferenceReused` for one with other content."""
    return await services.store.read(lambda tx: _known(tx, tx.batch_reference(app, reference), fingerprint))


def _known(tx: ReadTx, known: BatchReference | None, fingerprint: bytes) -> Batch | None:
    if known is not None and known.fingerprint != fingerprint:
        raise ReferenceReused(known.batch_id)
    return None if known is None else tx.batch(known.batch_id)


async def begin(services: Services, app: str, reference: str, form: BatchForm, items: int) -> Batch:
    """One that begins to be taken in."""
    now, shard = services.clock.now(), shard_of(app, reference)
    made = Batch(batch_id(shard, services.new_uuid()), shard, app, reference, form, now, items)
    await services.store.run(Unit(Commit.BATCH, lambda tx: tx.add_batch(made)))
    return made


async def add(services: Services, batch: Batch, pages: Sequence[BatchPage]) -> None:
    """Its next pages, sealed."""

    def unit(tx: Tx) -> None:
        for page in pages:
            tx.add_batch_page(batch, page)

    await services.store.run(Unit(Commit.BATCH, unit))


async def ready(services: Services, batch: Batch, fingerprint: bytes) -> tuple[Batch, bool]:
    """All of it is here. The batch of the reference, and whether that was there before.

    Raises:
        ReferenceReused: another batch took the reference meanwhile, with other content.
        CommitUnknown, StoreUnavailable: as in `accept`; the app says the same again.
    """
    now = services.clock.now()
    taken_in = replace(batch, ready_at=now, due_at=now)
    unit = Unit(Commit.BATCH_READY, lambda tx: _make_known(tx, taken_in, fingerprint))
    try:
        try:
            known = await services.store.run(unit)
        except (CommitUnknown, StaleWrite):
            known = await services.store.run(unit)
    except ReferenceReused:
        await _drop(services, batch.id)
        raise
    if known.id != batch.id:
        await _drop(services, batch.id)
        return known, True
    log.info("batch.accepted", batch=batch.id, app=batch.app, items=batch.items)
    services.wake_batches()
    return known, False


def _make_known(tx: Tx, batch: Batch, fingerprint: bytes) -> Batch:
    known = _known(tx, tx.batch_reference(batch.app, batch.reference), fingerprint)
    if known is None:
        tx.ready_batch(batch, fingerprint)
    return known or batch


async def _drop(services: Services, wanted: str) -> None:
    await services.store.run(Unit(Commit.BATCH, lambda tx: tx.drop_batch(wanted)))


async def clear(services: Services) -> int:
    """Drop what was left half way; how many there were."""
    until: datetime = services.clock.now() - GIVEN_UP_AFTER
    left = await services.store.read(lambda tx: tx.unready_batches(until, AT_ONCE))
    for each in left:
        await _drop(services, each)
    return len(left)


async def get(services: Services, app: str, wanted: str) -> Batch:
    """The app's batch. Raises `NotFound`."""
    return await services.store.read(lambda tx: _owned(tx, app, wanted))


def _owned(tx: ReadTx, app: str, wanted: str) -> Batch:
    found = tx.batch(wanted)
    if found is None or found.app != app or found.ready_at is None:
        raise NotFound(wanted)
    return found


@dataclass(frozen=True, slots=True)
class Item:
    """An item with its number, from 1."""

    number: int
    result: ItemResult


async def items(
    services: Services, app: str, wanted: str, after: int, limit: int, status: ItemStatus | None
) -> tuple[tuple[Item, ...], bool]:
    """Up to `limit` items behind number `after`, of that status or of any; whether there are more.

    Raises:
        NotFound: it is not the app's.
    """

    def query(tx: ReadTx) -> list[Item]:
        batch = _owned(tx, app, wanted)
        found: list[Item] = []
        for page in range(after // PAGE_ITEMS, batch.pages):
            numbered = enumerate(tx.batch_results(batch.id, page), start=page * PAGE_ITEMS + 1)
            found += [Item(n, each) for n, each in numbered if n > after and (status or each.status) is each.status]
            if len(found) > limit:
                break
        return found

    found = await services.store.read(query)
    return tuple(found[:limit]), len(found) > limit


async def has_room(services: Services, app: str, most: int) -> bool:
    """Whether the app has fewer items than `most` that were not dealt with yet."""
    return await services.store.read(lambda tx: tx.open_items(app)) < most
