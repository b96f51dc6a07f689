"""A payout's history as it grows: what is new since a line of it. Every change of a payout's status is a line."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.errors import NotFound
from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.operations.missing import missing
from gateway.operations.services import Services
from gateway.store.port import ReadTx


@dataclass(frozen=True, slots=True)
class News:
    """Lines that are new, oldest first, and the payout as it was with the last of them."""

    payout: Payout
    events: tuple[Event, ...]


async def begin(services: Services, app: str, payout_id: str, after: int) -> News:
    """The app's payout, with what came after line `after`. Raises `NotFound`, `PayoutArchived`."""

    def query(tx: ReadTx) -> News:
        payout = tx.payout(payout_id)
        if payout is None:
            raise missing(tx, payout_id, app)
        if payout.app != app:
            raise NotFound(payout_id)
        return News(payout, tuple(tx.events(payout_id, after)))

    return await services.store.read(query)


async def news(services: Services, payout_id: str, after: int) -> News | None:
    """The same of a payout that was begun with; None, cheaply, while there is nothing."""

    def query(tx: ReadTx) -> News | None:
        events = tuple(tx.events(payout_id, after))
        payout = tx.payout(payout_id) if events else None
        return None if payout is None else News(payout, events)

    return await services.store.read(query)
