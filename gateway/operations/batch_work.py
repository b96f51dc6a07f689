"""Work on a batch: make its items payouts, page by page, and see all of them to their end.

Each item goes through the ordinary accept, so an item that was accepted already, by whomever and however often, is the
payout that is there. Therefore nothing is lost or paid twice when a worker dies in the middle of a page, or when two
work on the same one: the page is done again, and comes to the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.callbacks.body import BATCH_COMPLETED, body_about
from gateway.domain.archived import PayoutArchived
from gateway.domain.batch import PAGE_ITEMS, Batch, BatchPage, ItemFault, ItemOrder, ItemResult, page_done, walk
from gateway.domain.batch_view import batch_view
from gateway.domain.errors import ReferenceReused
from gateway.failpoints import Commit, Unit
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.announce import addressed
from gateway.operations.recipients import recipients
from gateway.operations.services import Services
from gateway.store.port import Tx
from gateway.store.records import Callback

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCHES_AT_ONCE = 4
ITEMS_AT_ONCE = 25
"""Of one page: enough to share commits, few beside what apps order one by one."""
FULL_FOR = timedelta(seconds=5)
"""After so long it is looked again whether there is room for more payouts of the app."""


class Room(Protocol):
    """Whoever knows how many payouts of an app may wait for a channel (`gateway.api.backlog`)."""

    async def for_more(self, app: str) -> bool: ...

    def came(self, app: str) -> None:
        """One more of the app waits."""
        ...


async def claim(services: Services) -> Sequence[Batch]:
    """Batches that are due, for us to work on until a lease would run out. Raises `StoreError`."""
    now = services.clock.now()
    until = now + timedelta(seconds=services.lease_s)
    return await services.store.run(
        Unit(Commit.BATCHES_CLAIMED, lambda tx: tx.claim_batches(now, until, BATCHES_AT_ONCE))
    )


async def work(services: Services, batch: Batch, room: Room) -> Batch:
    """One step with a claimed batch. Returns it as stored.

    Raises:
        StoreError: it is due again when the claim runs out.
    """
    return await (see_to_the_end(services, batch) if batch.made else make_page(services, batch, room))


async def make_page(services: Services, batch: Batch, room: Room) -> Batch:
    """The items of its next page become payouts."""
    now = services.clock.now()
    if not await room.for_more(batch.app):
        return await _save(services, batch, replace(batch, due_at=now + FULL_FOR))
    page = await _page(services, batch, batch.pages_done)
    places = asyncio.Semaphore(ITEMS_AT_ONCE)
    pairs = zip(page.results, page.orders, strict=True)
    making = [_make(services, batch, result, order, places, room) for result, order in pairs]
    made = await asyncio.gather(*making, return_exceptions=True)
    results = tuple(each for each in made if isinstance(each, ItemResult))
    for each in made:
        if isinstance(each, BaseException):
            raise each
    done = replace(page, results=results, orders=())
    return await _save(services, batch, page_done(batch, done, services.clock.now()), done)


async def _make(
    services: Services,
    batch: Batch,
    result: ItemResult,
    order: ItemOrder | None,
    places: asyncio.Semaphore,
    room: Room,
) -> ItemResult:
    """What became of one item."""
    if order is None:
        return result
    async with places:
        try:
            accepted = await accept(services, _request(batch, order))
        except ReferenceReused as error:
            return replace(result, faults=(ItemFault("/reference", "reference_reused", str(error)),))
        except PayoutArchived as error:
            return replace(result, payout_id=error.payout.id)
    if not accepted.replayed:
        room.came(batch.app)
    return replace(result, payout_id=accepted.payout.id)


def _request(batch: Batch, order: ItemOrder) -> PayoutRequest:
    return PayoutRequest(
        app=batch.app,
        reference=order.reference,
        amount=order.amount,
        beneficiary=order.beneficiary,
        saved=order.saved,
        purpose=order.purpose,
        description=order.description,
        metadata=order.metadata,
        terms=order.terms,
        payer=order.payer,
        flags={**order.flags, "batch": batch.id},
        batch_id=batch.id,
    )


async def see_to_the_end(services: Services, batch: Batch) -> Batch:
    """Go on to the first item whose payout has not ended; past the last one the batch is completed."""
    now, after = services.clock.now(), batch
    while after.settled < after.items:
        page = await _page(services, batch, after.settled // PAGE_ITEMS)
        after = walk(after, page, await _statuses(services, page.results[after.settled % PAGE_ITEMS :]), now)
        if after.due_at != now:
            break
    return await _save(services, batch, after)


async def _statuses(services: Services, results: Sequence[ItemResult]) -> Mapping[str, str]:
    ids = [each.payout_id for each in results if each.payout_id is not None]
    return await services.store.read(lambda tx: tx.statuses(ids))


async def _page(services: Services, batch: Batch, number: int) -> BatchPage:
    page = await services.store.read(lambda tx: tx.batch_page(batch.id, number))
    if page is None:
        raise LookupError(f"{batch.id} has no page {number}")
    return page


async def _save(services: Services, before: Batch, after: Batch, page: BatchPage | None = None) -> Batch:
    """Store how far it is; when it is completed, with the word to its app."""

    def unit(tx: Tx) -> None:
        tx.save_batch(before, after, page)
        if after.completed_at is not None:
            _tell(services, tx, after, after.completed_at)

    await services.store.run(Unit(Commit.BATCH_WORKED, unit))
    if after.completed_at is not None:
        services.wake_callbacks()
        log.info("batch.completed", batch=after.id, app=after.app, accepted=after.accepted, failed=after.failed)
    return after


def _tell(services: Services, tx: Tx, batch: Batch, now: datetime) -> None:
    """`batch.completed`, once, in the batch's own shard."""
    event_id = f"evt_{services.new_uuid().hex}"
    body = body_about(event_id, BATCH_COMPLETED, 1, now, batch_view(batch), services.api_version)
    event = Callback(event_id, batch.shard, None, batch.app, "", BATCH_COMPLETED, 1, body, now, due_at=now)
    for recipient in recipients(services, tx, batch.app):
        if recipient.wants(BATCH_COMPLETED):
            tx.enqueue_callback(addressed(event, recipient))
