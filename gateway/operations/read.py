"""What apps ask. Every question carries the app: a foreign payout is not there."""

from __future__ import annotations

from gateway.domain.errors import NotFound
from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.operations.missing import missing
from gateway.operations.services import Services
from gateway.store.port import ReadTx
from gateway.store.records import PayoutFilter, Position

API_SCOPE = "api"
LOOK_AT = 2000
"""The most payouts that one question opens the metadata of: others wait for their turn meanwhile."""


async def get(services: Services, app: str, payout_id: str) -> Payout:
    """The app's payout. Raises `NotFound`, `PayoutArchived`; so does whatever is asked of one."""
    return await services.store.read(lambda tx: _owned(tx, app, payout_id))


async def by_reference(services: Services, app: str, reference: str) -> Payout:
    """The payout of the app's reference. Raises `NotFound`, which proves nothing: a create may be on its way."""

    def query(tx: ReadTx) -> Payout:
        known = tx.reference(app, reference)
        if known is None:
            raise NotFound(reference)
        return _owned(tx, app, known.payout_id)

    return await services.store.read(query)


async def page(
    services: Services, app: str, wanted: PayoutFilter, after: Position | None, limit: int
) -> tuple[tuple[Payout, ...], bool]:
    """Up to `limit` payouts, newest first, and whether there are more."""
    found = await services.store.read(lambda tx: tx.payouts(app, wanted, after, limit + 1))
    return tuple(found[:limit]), len(found) > limit


async def page_saying(
    services: Services, app: str, wanted: PayoutFilter, after: Position | None, limit: int
) -> tuple[tuple[Payout, ...], Position | None]:
    """Up to `limit` of those whose metadata say so, and where to go on, if that is not the end."""
    found, further = await services.store.read(lambda tx: tx.payouts_saying(app, wanted, after, limit, LOOK_AT))
    return tuple(found), further


async def timeline(services: Services, app: str, payout_id: str) -> tuple[Event, ...]:
    """Every change of the app's payout, oldest first. Raises `NotFound`."""

    def query(tx: ReadTx) -> tuple[Event, ...]:
        _owned(tx, app, payout_id)
        return tuple(tx.events(payout_id))

    return await services.store.read(query)


def _owned(tx: ReadTx, app: str, payout_id: str) -> Payout:
    payout = tx.payout(payout_id)
    if payout is None:
        raise missing(tx, payout_id, app)
    if payout.app != app:
        raise NotFound(payout_id)
    return payout
