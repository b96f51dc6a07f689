"""A window of an app's events sent again to one of its endpoints, and what that endpoint was sent so far.

Also those that went to another endpoint only, one that was deleted or disabled: the event is the app's, its body the
same for every address. So nothing is lost with an address.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from gateway.domain.endpoint import AppEndpoint
from gateway.failpoints import Commit, Unit
from gateway.operations.deliver import renew
from gateway.operations.desk import Told
from gateway.operations.endpoints import Address, get
from gateway.operations.services import Services
from gateway.store.app_events import CallbackStand, EventWindow
from gateway.store.port import ReadTx, Tx
from gateway.store.records import Callback

log: structlog.stdlib.BoundLogger = structlog.get_logger()

AT_ONCE = 1000
"""The most events that one call makes due."""
PAGE = 100
"""So many are read, and then written, together."""

Position = tuple[datetime, str]
"""Time and id of an event."""
Event = Sequence[Callback]
"""One, as its callback to each endpoint."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which events. `delivered_too`: also those that the endpoint took already."""

    since: datetime
    until: datetime
    delivered_too: bool = False
    after: Position | None = None
    """Where an earlier call came to."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """How many were made due, and where to go on; None: the window is through."""

    due: int
    after: Position | None


async def recover(services: Services, app: str, endpoint_id: str, wish: Wish) -> Recovered:
    """Make the window's events due at the endpoint, from the start of their schedule; those that are due anyway are
    left alone. A disabled endpoint is enabled by it.

    Raises:
        NotFound: the app has no such endpoint.
    """
    address, now = await get(services, app, endpoint_id), services.clock.now()
    if isinstance(address, AppEndpoint) and address.disabled:
        await services.store.run(Unit(Commit.ENDPOINT, lambda tx: _enable(tx, app, endpoint_id)))
        log.info("endpoint.enabled", app=app, endpoint=endpoint_id)
    window = EventWindow(wish.since, wish.until, address.events)
    due, seen, after = 0, 0, wish.after
    while seen < AT_ONCE:
        found = await _page(services, app, window, after)
        due += sum(await asyncio.gather(*(_send(services, event, address, wish, now) for event in found)))
        seen += len(found)
        after = (found[-1][0].created_at, found[-1][0].id) if found else after
        if len(found) < PAGE:
            after = None
            break
    if due:
        services.wake_callbacks()
        log.info("endpoint.recovered", app=app, endpoint=endpoint_id, events=due)
    return Recovered(due, after)


async def _page(services: Services, app: str, window: EventWindow, after: Position | None) -> Sequence[Event]:
    return await services.store.read(lambda tx: tx.app_events_between(app, window, after, PAGE))


async def _send(services: Services, event: Event, to: Address, wish: Wish, now: datetime) -> bool:
    """One event, in a unit of its own: its rows lie in one shard. Whether it was made due."""
    mine = next((each for each in event if each.endpoint == to.id), None)
    if not to.wants(event[0].type) or (mine is not None and not _wanted(mine, wish)):
        return False
    one = event[0]
    return await services.store.run(Unit(Commit.REDELIVERY, lambda tx: _make_due(tx, one, to, wish, now)))


def _make_due(tx: Tx, one: Callback, to: Address, wish: Wish, now: datetime) -> bool:
    mine = next((each for each in tx.event(one.shard, one.id) if each.endpoint == to.id), None)
    if mine is None:
        fresh = replace(one, endpoint=to.id, tries=0, due_at=now, delivered_at=None, parked_at=None)
        tx.enqueue_callback(fresh)
        return True
    if not _wanted(mine, wish):
        return False
    renew(tx, mine, now)
    return True


def _wanted(callback: Callback, wish: Wish) -> bool:
    return callback.parked_at is not None or (wish.delivered_too and callback.delivered_at is not None)


def _enable(tx: Tx, app: str, endpoint_id: str) -> None:
    known = tx.endpoint(app, endpoint_id)
    if known is not None and known.disabled:
        tx.save_endpoint(known.enabled(), standing=True)


async def deliveries(
    services: Services, app: str, endpoint_id: str, stand: CallbackStand | None, before: str | None, limit: int
) -> tuple[tuple[Told, ...], bool]:
    """Up to `limit` callbacks of the endpoint, each with every try, newest event first; and whether there are more.

    Raises:
        NotFound: the app has no such endpoint.
    """
    await get(services, app, endpoint_id)

    def query(tx: ReadTx) -> tuple[Told, ...]:
        found = tx.endpoint_callbacks(app, endpoint_id, stand, before, limit + 1)
        return tuple(Told(each, tuple(tx.deliveries(each))) for each in found)

    told = await services.store.read(query)
    return told[:limit], len(told) > limit
