"""The loop over batches that are due."""

from __future__ import annotations

import asyncio

import structlog

from gateway.domain.batch import Batch
from gateway.domain.errors import StaleWrite, StoreError
from gateway.operations.batch_work import Room, claim, work
from gateway.operations.batches import clear
from gateway.operations.services import Current, Services
from gateway.worker.bell import Bell

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LOOK_EVERY_S = 5.0
"""Another node may have taken one in."""
CLEAR_EVERY_S = 600.0


class BatchWorker:
    """Makes payouts of batches' items, a few batches at a time, each by a page; nodes share them by claims."""

    def __init__(self) -> None:
        self._room: Room | None = None
        self._round: asyncio.Task[float] | None = None
        self._stopping = False
        self._clear_at_s = 0.0
        self.bell = Bell()

    def attach(self, room: Room) -> None:
        """Begin: from now on it is known how many payouts may wait."""
        self._room = room
        self.bell.ring()

    async def run(self, current: Current) -> None:
        """Until `stop`."""
        while not self._stopping:
            services = current.services
            self._round = asyncio.create_task(self._one_round(services))
            await asyncio.wait({self._round})
            wait_s = LOOK_EVERY_S if self._round.cancelled() else self._round.result()
            if wait_s > 0 and not self._stopping:
                await self.bell.wait(services.clock, wait_s)

    async def _one_round(self, services: Services) -> float:
        """Work on what is due; how long nothing more will be."""
        room = self._room
        if room is None:
            return LOOK_EVERY_S
        try:
            due_at = await services.store.read(lambda tx: tx.next_batch_due_at())
            now = services.clock.now()
            if due_at is None or due_at > now:
                await self._clear(services)
                return LOOK_EVERY_S if due_at is None else min((due_at - now).total_seconds(), LOOK_EVERY_S)
            claimed = await claim(services)
        except Exception:  # as for payouts: the loop goes on
            log.exception("worker.claim_failed")
            return LOOK_EVERY_S
        await asyncio.gather(*(self._one(services, batch, room) for batch in claimed))
        return 0.0 if claimed else LOOK_EVERY_S

    async def _one(self, services: Services, batch: Batch, room: Room) -> None:
        try:
            await work(services, batch, room)
        except StaleWrite:
            log.info("batch.further_by_now", batch=batch.id)
        except StoreError as error:
            log.warning("batch.put_off", batch=batch.id, error=type(error).__name__)
        except Exception:  # a bug in one batch must not stop the others; it is due again later
            log.exception("batch.crashed", batch=batch.id)

    async def _clear(self, services: Services) -> None:
        now_s = services.clock.monotonic()
        if now_s >= self._clear_at_s:
            self._clear_at_s = now_s + CLEAR_EVERY_S
            await clear(services)

    async def stop(self, grace_s: float) -> None:
        """Let the page under way be finished; what is not done by then is done again after a start."""
        self._stopping = True
        self.bell.ring()
        if self._round is not None and not self._round.done():
            _, left = await asyncio.wait({self._round}, timeout=grace_s)
            for each in left:
                each.cancel()
