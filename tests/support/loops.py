"""The two loops of a worker beside a scripted gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from gateway.domain.payout import Payout
from gateway.domain.status import Status, status
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.services import Services
from gateway.store.port import Tx
from gateway.store.records import Callback, Delivery
from gateway.worker.payouts import PayoutWorker
from tests.support.builders import BENEFICIARY
from tests.support.clock import settle
from tests.support.scripted import MONEY, ScriptedGateway, scripted_gateway


class Running:
    """A scripted gateway whose payouts are moved by the real loop."""

    def __init__(self, concurrency: int = 4, waiting_max: int = 2000) -> None:
        self.gateway: ScriptedGateway = scripted_gateway()
        self.worker = PayoutWorker(concurrency, rescue_every_s=10.0, waiting_max=waiting_max)
        worker = self.worker
        self.services: Services = replace(
            self.gateway.services,
            hand_over=worker.hand_over,
            has_room=worker.has_room,
            keep_place=worker.keep_place,
            wake=worker.bell.ring,
        )
        worker.attach(self)
        self.loop = asyncio.ensure_future(worker.run())

    async def submit(self, reference: str) -> str:
        accepted = await accept(self.services, PayoutRequest("acme", reference, MONEY, BENEFICIARY))
        await settle()
        return accepted.payout.id

    async def status(self, payout_id: str) -> Status:
        return status(await self.gateway.payout(payout_id))

    async def stop(self) -> int:
        left = await self.worker.stop(0)
        await self.loop
        return left


def a_callback(gateway: ScriptedGateway, payout_id: str, number: int, endpoint: str) -> Callback:
    now = gateway.clock.now()
    return Callback(f"evt_{number}", 0, payout_id, "acme", endpoint, "payout.paid", 1, b"{}", now, due_at=now)


def queued(gateway: ScriptedGateway, payout: Payout, endpoint: str, *numbers: int) -> Callable[[Tx], None]:
    """A unit that puts so many callbacks into the queue."""

    def unit(tx: Tx) -> None:
        for number in numbers:
            tx.enqueue_callback(replace(a_callback(gateway, payout.id, number, endpoint), shard=payout.shard))

    return unit


class SlowDelivery:
    """Delivers callbacks; those that `hangs` picks only once `let_go` is set."""

    def __init__(self, gateway: ScriptedGateway, hangs: Callable[[Callback], bool]) -> None:
        self._gateway, self._hangs = gateway, hangs
        self.served: list[Callback] = []
        self.let_go = asyncio.Event()

    async def __call__(self, callback: Callback) -> Callback:
        if self._hangs(callback):
            await self.let_go.wait()
        self.served.append(callback)
        now, store = self._gateway.clock.now(), self._gateway.store
        done = replace(callback, tries=1, due_at=None, delivered_at=now)
        await store.run(lambda tx: tx.record_delivery(done, Delivery(now, 200, "", 1)))
        return done


async def seconds(gateway: ScriptedGateway, count: int) -> None:
    """Time passes, and what is due in it is done."""
    for _ in range(count):
        await gateway.clock.advance(1.0)
        await settle()
