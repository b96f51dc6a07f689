"""Keep the router's memory in the store, so that a restart knows its channels. Losing it costs a few dearer payouts."""

from __future__ import annotations

import structlog

from gateway.domain.errors import StoreError
from gateway.failpoints import Commit, Unit
from gateway.operations.services import Current, Services
from gateway.store.glance import ROUTER

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EVERY_S = 60.0


async def recall(services: Services) -> None:
    """Take in what an earlier run knew; what cannot be read is let go of, and said. Written anew at each start."""
    text = await services.store.read(lambda tx: tx.meta(ROUTER))
    try:
        if text is not None:
            services.router.restore(text)
    except ValueError as error:
        log.warning("router.memory_unreadable", detail=str(error))
    await _write(services, services.router.as_json())


async def remember(services: Services) -> None:
    """Write down what is known now, if it is anything new."""
    text = services.router.as_json()
    try:
        if await services.store.read(lambda tx: tx.meta(ROUTER)) != text:
            await _write(services, text)
    except StoreError as error:
        log.warning("router.memory_not_kept", error=type(error).__name__)


async def _write(services: Services, text: str) -> None:
    await services.store.run(Unit(Commit.ROUTER, lambda tx: tx.set_meta(ROUTER, text)))


async def keep_remembering(current: Current) -> None:
    """Every minute, until cancelled."""
    while True:
        await current.services.clock.sleep(EVERY_S)
        await remember(current.services)
