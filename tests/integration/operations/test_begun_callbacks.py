"""Callbacks that are claimed as they are made: they leave after their commit, and nothing can lose one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.payout import Payout
from gateway.failpoints import Commit, Unit
from gateway.operations.services import Services
from gateway.operations.telling import Told, begin, enqueue
from gateway.store.port import Tx
from gateway.store.records import Callback
from gateway.worker.callbacks import CallbackWorker
from tests.support.clock import settle
from tests.support.loops import SlowDelivery, a_callback, seconds
from tests.support.scripted import ScriptedGateway, scripted_gateway

TIMEOUT_S = 15.0


@dataclass
class Counted:
    """The gateway's store; counts claims of callbacks."""

    inner: Any
    claims: int = 0

    async def run(self, unit: Any) -> Any:
        self.claims += isinstance(unit, Unit) and unit.name == Commit.CALLBACKS_CLAIMED
        return await self.inner.run(unit)


@dataclass
class Telling:
    """A gateway whose callback worker is running, and has looked around."""

    gateway: ScriptedGateway
    delivery: SlowDelivery
    worker: CallbackWorker
    payout: Payout
    services: Services
    store: Counted
    loop: asyncio.Future[None]

    async def make(
        self,
        *numbers: int,
        endpoint: str = "slow",
        begins: bool = True,
        parked: bool = False,
        claimed: bool = True,
    ) -> Told:
        """One unit makes all of them; with `begins`, what follows the commit follows."""
        now = self.gateway.clock.now()
        services = self.services if claimed else replace(self.services, claim_callback=lambda _callback, _now: None)

        def unit(tx: Tx) -> Told:
            told = Told()
            made = [replace(self._made(number, endpoint), shard=self.payout.shard) for number in numbers]
            if parked:
                made = [replace(each, due_at=None, parked_at=now) for each in made]
            enqueue(services, tx, made, now, told)
            return told

        told: Told = await self.store.run(unit)
        if begins:
            begin(self.services, told)
        await settle()
        return told

    def _made(self, number: int, endpoint: str) -> Callback:
        return a_callback(self.gateway, self.payout.id, number, endpoint)

    @property
    def served(self) -> list[str]:
        return [callback.id for callback in self.delivery.served]

    async def stop(self) -> None:
        self.delivery.let_go.set()
        await self.worker.stop(0)
        await self.loop


async def started(*, hangs: bool = False) -> Telling:
    """Of a payout whose own callbacks are delivered; with `hangs`, tries to "slow" end only when they are let go."""
    gateway = scripted_gateway()
    delivery = SlowDelivery(gateway, lambda callback: hangs and callback.endpoint == "slow")
    worker = CallbackWorker(16, every_s=1000.0, timeout_s=TIMEOUT_S, deliver=delivery)
    payout, store = await gateway.accept(), Counted(gateway.store)
    services = gateway.services = replace(
        gateway.services,
        store=store,
        wake_callbacks=worker.bell.ring,
        claim_callback=worker.claim,
        begin_callbacks=worker.begin,
    )
    loop = asyncio.ensure_future(worker.run(gateway))
    await settle()
    delivery.served.clear()
    store.claims = 0
    return Telling(gateway, delivery, worker, payout, services, store, loop)


async def test_it_leaves_without_being_looked_for() -> None:
    """No unit but the one that made it and the one that writes its try down."""
    telling = await started()
    told = await telling.make(1)
    assert ([callback.id for callback in told.begun], told.due) == (["evt_1"], False)
    assert (telling.served, telling.store.claims) == (["evt_1"], 0)
    await telling.stop()


async def test_what_is_stored_and_never_begun_is_due_when_its_claim_is_over() -> None:
    """Row 60: its node died after the commit, or nobody knows the commit."""
    telling = await started()
    await telling.make(1, begins=False)
    await seconds(telling.gateway, int(2 * TIMEOUT_S) - 1)
    assert telling.served == []
    telling.worker.bell.ring()  # a round: the loop of these tests sleeps for long
    await seconds(telling.gateway, 2)
    assert telling.served == ["evt_1"]
    await telling.stop()


async def test_a_parked_one_is_nobodys() -> None:
    """Its endpoint is disabled: it is kept, and not sent."""
    telling = await started()
    told = await telling.make(1, parked=True)
    assert (told.begun, telling.served) == ([], [])
    await telling.stop()


async def test_a_unit_claims_no_more_than_there_is_room_for() -> None:
    """What its endpoint has no room for is due, and claimed by whoever has some; others are not kept waiting."""
    telling = await started(hangs=True)
    told = await telling.make(*range(6))
    assert (len(told.begun), told.due, telling.worker.busy, telling.served) == (4, True, 4, [])
    await telling.make(7, endpoint="other")
    assert telling.served == ["evt_7"]
    telling.delivery.let_go.set()
    await seconds(telling.gateway, 2)
    assert sorted(telling.served) == ["evt_0", "evt_1", "evt_2", "evt_3", "evt_4", "evt_5", "evt_7"]
    await telling.stop()


async def test_what_never_came_keeps_no_room_for_long() -> None:
    """Its unit failed, and nobody says so: after a while it is not waited for any more."""
    telling = await started()
    await telling.make(*range(4), begins=False)
    assert (await telling.make(5)).begun == []
    await seconds(telling.gateway, 5)
    assert [callback.id for callback in (await telling.make(6)).begun] == ["evt_6"]
    await telling.stop()


async def test_one_whose_commit_took_too_long_is_left_to_the_store() -> None:
    """Its claim would run out under its try, and somebody else would send it beside us."""
    telling = await started()
    told = await telling.make(1, begins=False)
    await seconds(telling.gateway, int(TIMEOUT_S) + 1)
    begin(telling.services, told)
    await settle()
    assert telling.served == []
    await seconds(telling.gateway, int(TIMEOUT_S))
    telling.worker.bell.ring()
    await settle()
    assert telling.served == ["evt_1"]
    await telling.stop()


async def test_an_endpoint_that_has_its_fill_gets_no_more() -> None:
    """What is made then is due, in its turn."""
    telling = await started(hangs=True)
    await telling.make(*range(4))
    told = await telling.make(4)
    assert (told.begun, told.due, telling.worker.busy) == ([], True, 4)
    telling.delivery.let_go.set()
    await seconds(telling.gateway, 2)
    assert telling.served[-1] == "evt_4"
    await telling.stop()


async def test_new_ones_do_not_overtake_what_is_left() -> None:
    """While something due waits for room, new ones queue behind it: an endpoint that is always busy would else never
    get its oldest."""
    telling = await started(hangs=True)
    await telling.make(*range(5), claimed=False)
    assert telling.worker.busy == 4, "one is left"
    told = await telling.make(9, endpoint="other")
    assert (told.begun, told.due) == ([], True)
    assert telling.served == ["evt_9"], "it was claimed like any other"
    await telling.stop()


async def test_a_worker_that_stops_claims_nothing_more() -> None:
    """What is made then is due, for whoever comes next."""
    telling = await started()
    await telling.stop()
    told = await telling.make(1)
    assert (told.begun, told.due, telling.served) == ([], True, [])


async def test_who_follows_nothing_up_claims_nothing() -> None:
    """A unit whose callbacks nobody begins after it stores them as due."""
    telling = await started()
    made = replace(a_callback(telling.gateway, telling.payout.id, 1, "slow"), shard=telling.payout.shard)
    await telling.store.run(lambda tx: enqueue(telling.services, tx, [made], telling.gateway.clock.now()))
    stored = await telling.gateway.store.read(lambda tx: tx.callbacks(telling.payout.id))
    assert [each.due_at for each in stored if each.id == "evt_1"] == [telling.gateway.clock.now()]
    await telling.stop()


async def test_promises_keep_nothing_waiting_that_is_due() -> None:
    """Units that failed have promised all of an endpoint's places to what never comes: what is due there is sent."""
    telling = await started()
    await telling.make(*range(4), begins=False)
    await telling.make(5, claimed=False)
    assert telling.served == ["evt_5"]
    await telling.stop()


async def test_nothing_begins_once_the_worker_has_stopped() -> None:
    """Nobody would wait for it: its claim runs out, and the next start sends it."""
    telling = await started()
    told = await telling.make(1, begins=False)
    await telling.stop()
    begin(telling.services, told)
    await settle()
    assert (telling.served, telling.worker.busy) == ([], 0)
