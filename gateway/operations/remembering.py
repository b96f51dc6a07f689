"""Keep the router's memory in the store, so that a restart knows its channels. Losing it costs a few dearer payouts."""

from __future__ import annotations

import structlog

from gateway.domain.errors import StoreError
from gateway.operations.services import Services
from gateway.store.glance import ROUTER

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVERY_S = 60.0


async def recall(services: Services) -> None:
    """Take in what an earlier run knew; what cannot be read is let go of, and said."""
    text = await services.store.read(lambda tx: tx.meta(ROUTER))
    if text is None:
        return
    try:
        services.router.restore(text)
    except ValueError as error:
        log.warning("router.memory_unreadable", detail=str(error))


async def remember(services: Services) -> None:
    """Write down what is known now, if it is anything new."""
    text = services.router.as_json()
    try:
        if await services.store.read(lambda tx: tx.meta(ROUTER)) != text:
            # No failpoint: no payout is in it, and what a crash loses of it is nothing that was promised.
            await services.store.run(lambda tx: tx.set_meta(ROUTER, text))
    except StoreError as error:
        log.warning("router.memory_not_kept", error=type(error).__name__)


async def keep_remembering(services: Services) -> None:
    """Every minute, until cancelled."""
    while True:
        await services.clock.sleep(EVERY_S)
        await remember(services)
