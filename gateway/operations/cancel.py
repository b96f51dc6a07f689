"""Record an app's wish to cancel. A wish, not a deed: whether money moves is for the channel to say (R19)."""

from __future__ import annotations

from datetime import datetime

import structlog

from gateway.domain.changes import give_up, request_cancel
from gateway.domain.errors import AlreadyFinal, NotFound
from gateway.domain.event import EventType
from gateway.domain.payout import Payout
from gateway.domain.status import Status, is_final, status
from gateway.domain.steps import is_planned
from gateway.failpoints import Commit, Unit
from gateway.operations.ask_first import before_cancel
from gateway.operations.missing import missing
from gateway.operations.record import record
from gateway.operations.services import Services
from gateway.operations.tally import tally_payout
from gateway.store.port import Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def cancel(services: Services, app: str, payout_id: str) -> Payout:
    """The payout with the wish recorded: canceled at once if nothing of it can be on its way, else still processing.

    Raises:
        NotFound: not this app's.
        PayoutArchived: it ended long ago.
        AlreadyFinal: it has ended otherwise.
        StoreUnavailable: after a restore, while a channel that may know it gives no answer.
    """
    now, seen = services.clock.now(), services.standing.now
    if seen.quarantined or seen.ask_first_until is not None:
        known = await services.store.read(lambda tx: tx.payout(payout_id))
        if known is not None and known.app == app:
            await before_cancel(services, known, seen)

    def unit(tx: Tx) -> tuple[Status, Payout]:
        services.standing.still(tx, seen)
        payout = tx.payout(payout_id)
        if payout is None:
            raise missing(tx, payout_id, app)
        if payout.app != app:
            raise NotFound(payout_id)
        if is_final(payout) and status(payout) is not Status.CANCELED:
            raise AlreadyFinal(str(status(payout)))
        was = status(payout)
        if payout.cancel_requested_at is not None:
            return was, payout
        wished = _drop_planned(request_cancel(payout, now), now)
        return was, record(services, tx, payout, wished, EventType.CANCEL_REQUESTED, now, actor=f"app:{app}")

    was, payout = await services.store.run(Unit(Commit.CANCEL_WISH, unit))
    tally_payout(services.meter, was, payout)
    log.info("payout.cancel_requested", payout=payout.id, app=app, status=str(status(payout)))
    services.wake_callbacks()
    if status(payout) is not Status.CANCELED:
        services.wake()
    return payout


def _drop_planned(payout: Payout, now: datetime) -> Payout:
    """An attempt of which nothing ever left us ends with the wish, so that the app hears "canceled" at once."""
    live = payout.live_attempt
    return give_up(payout, live.number, now) if live is not None and is_planned(live) else payout
