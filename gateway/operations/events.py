"""What an app was told, read by the app itself; and telling it once more. Every question carries the app."""

from __future__ import annotations

import structlog

from gateway.domain.errors import NotFound
from gateway.failpoints import Commit, Unit
from gateway.operations.deliver import renew
from gateway.operations.services import Services
from gateway.store.app_events import EventFilter
from gateway.store.port import Tx
from gateway.store.records import Callback

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Told = tuple[Callback, ...]
"""One event, as its callback to each endpoint; never empty."""


async def page(
    services: Services, app: str, wanted: EventFilter, before: str | None, limit: int
) -> tuple[tuple[Told, ...], bool]:
    """Up to `limit` events, newest first, and whether there are more."""
    found = await services.store.read(lambda tx: tx.app_events(app, wanted, before, limit + 1))
    return tuple(found[:limit]), len(found) > limit


async def get(services: Services, app: str, event_id: str) -> Told:
    """The app's event. Raises `NotFound`."""
    found = await services.store.read(lambda tx: tx.app_event(app, event_id))
    if not found:
        raise NotFound(event_id)
    return found


async def redeliver(services: Services, app: str, event_id: str) -> Told:
    """Make it due again at every endpoint where it was delivered or parked; where it is due anyway, nothing changes.

    Raises:
        NotFound: the app has no such event.
    """
    known, now = await get(services, app, event_id), services.clock.now()

    def unit(tx: Tx) -> Told:
        return tuple(renew(tx, callback, now) for callback in tx.event(known[0].shard, event_id))

    renewed = await services.store.run(Unit(Commit.REDELIVERY, unit))
    services.wake_callbacks()
    log.info("callback.redelivery_asked", payout=known[0].payout_id, event_id=event_id, app=app)
    return renewed
