"""The composition root under simulation: the real one, with its workers, and without listeners and files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from gateway.app import Gateway, _Workers
from gateway.callbacks.sender import CallbackSender
from gateway.channels import check_grounds
from gateway.config.config import Config
from gateway.config.resolve import ResolvedSecrets
from gateway.operations.deliver import deliver
from gateway.operations.quarantine import Start, grounds, start_in
from gateway.operations.services import Sender
from gateway.store.high_water import MarkRead
from gateway.store.port import Store
from gateway.store.records import Callback
from gateway.worker.batches import BatchWorker
from gateway.worker.callbacks import CallbackWorker
from gateway.worker.payouts import PayoutWorker
from gateway.world import World


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the loops look around when nothing rings."""

    payouts_s: float
    callbacks_s: float
    standing_s: float
    """How often it is looked whether the store is in quarantine."""


class SimulatedGateway(Gateway):
    """A `Gateway` that is begun and ended instead of started and stopped."""

    def __init__(
        self,
        config: Config,
        world: World,
        secrets: ResolvedSecrets,
        store: Store,
        sender: Sender,
        pace: Pace,
        mark: Callable[[], MarkRead],
    ) -> None:
        self._sender = sender
        self._pace = pace
        self._mark = mark
        self.is_open = False
        """It takes requests and notifications."""
        super().__init__(config, world, secrets, store)

    def _make_workers(self) -> _Workers:
        payouts = PayoutWorker(self.config.worker.concurrency, self._pace.payouts_s)

        async def one(callback: Callback) -> Callback:
            return await deliver(self.services, self._sender, callback, self.world.jitter)

        part = self.config.callbacks
        callbacks = CallbackWorker(part.concurrency, self._pace.callbacks_s, part.timeout_s, one)
        return _Workers(payouts, callbacks, BatchWorker(), cast(CallbackSender, self._sender), [])

    async def begin(self) -> None:
        """What `open` and `start` do, but for files and listeners.

        Raises:
            ConfigError: payouts in flight that this configuration would orphan.
            StoreError: the database.
        """
        services, world = self.services, self.world
        check_grounds(self.config, services.channels, await services.store.read(lambda tx: tx.live_grounds()))
        lineage = world.random_bytes(8).hex()
        start = Start(self._mark(), grounds(services.channels), False, lineage, world.clock.now())
        await services.store.run(lambda tx: start_in(tx, start))
        await services.store.read(services.standing.look)
        await asyncio.gather(*(self._start_channel(name) for name in services.channels))
        loops = (self._workers.payouts.run(), self._workers.callbacks.run(self.in_force), self._look_around())
        self._workers.loops.extend(asyncio.create_task(loop) for loop in loops)
        self.is_open = True

    def slow_down(self, pace: Pace) -> None:
        """Look around less often from the next round on."""
        self._pace = pace
        self._workers.payouts._every_s = pace.payouts_s
        self._workers.callbacks._every_s = pace.callbacks_s

    async def _look_around(self) -> None:
        while not self.health.draining:
            await self.world.clock.sleep(self._pace.standing_s)
            await self.services.store.read(self.services.standing.look)

    async def end(self) -> None:
        """Take nothing new, finish or park what is under way."""
        self.is_open, self.health.draining = False, True
        grace_s = self.config.gateway.shutdown_grace_s
        await self._workers.payouts.stop(grace_s)
        await self._workers.callbacks.stop(grace_s)
        await self.services.background.drain(grace_s)
        for loop in self._workers.loops:
            loop.cancel()
        await asyncio.gather(*self._workers.loops, return_exceptions=True)
        await asyncio.gather(*(handle.channel.close() for handle in self.services.channels.values()))
