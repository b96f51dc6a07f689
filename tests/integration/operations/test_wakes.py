"""Whoever has something to do is woken for it at once, whatever is under way; the loops here would sleep for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.errors import CommitUnknown
from gateway.domain.outcome import Heard as How
from gateway.domain.outcome import OutcomeKind
from gateway.failpoints import Commit, Unit
from gateway.operations.observe import observe
from gateway.operations.services import Services
from gateway.store.port import Tx
from gateway.store.records import Callback, Delivery
from gateway.worker.callbacks import CallbackWorker
from tests.integration.operations.test_loops import Running, SlowDelivery, a_callback, seconds
from tests.integration.operations.test_observe import notice, pending, raw, tell
from tests.support.builders import an_answer
from tests.support.clock import settle
from tests.support.scripted import HANG, ScriptedGateway, scripted_gateway

K = OutcomeKind


@dataclass
class OtherStore:
    """The gateway's store, in another mood."""

    inner: Any
    claims_wait: asyncio.Event | None = None
    """For which a claim of callbacks waits: as any real one does, for some milliseconds."""
    claims: int = 0
    forgets: bool = False
    """It stores, and does not say so."""

    async def run(self, unit: Any) -> Any:
        if self.claims_wait is not None and isinstance(unit, Unit) and unit.name == Commit.CALLBACKS_CLAIMED:
            self.claims += 1
            await self.claims_wait.wait()
        done = await self.inner.run(unit)
        if self.forgets:
            raise CommitUnknown("the line was cut")
        return done

    async def read(self, query: Any) -> Any:
        return await self.inner.read(query)


@dataclass
class With:
    """What a loop asks for the services in force."""

    services: Services


@dataclass
class Tries:
    """Delivers: to "dead" never; the first try to "late" fails and is due again three seconds later."""

    gateway: ScriptedGateway
    late_at: list[datetime] = field(default_factory=list)

    async def __call__(self, callback: Callback) -> Callback:
        if callback.endpoint == "dead":
            await asyncio.Event().wait()
        now = self.gateway.clock.now()
        fails = callback.endpoint == "late" and not callback.tries
        if callback.endpoint == "late":
            self.late_at.append(now)
        due_at = now + timedelta(seconds=3) if fails else None
        after = replace(callback, tries=callback.tries + 1, due_at=due_at)
        await self.gateway.store.run(lambda tx: tx.record_delivery(after, Delivery(now, 500, "", 1)))
        return after


def queued(gateway: ScriptedGateway, shard: int, payout_id: str, endpoint: str, *numbers: int) -> Callable[[Tx], None]:
    def unit(tx: Tx) -> None:
        for number in numbers:
            tx.enqueue_callback(replace(a_callback(gateway, payout_id, number, endpoint), shard=shard))

    return unit


async def test_tries_that_end_while_a_claim_is_under_way_make_room_for_what_it_left() -> None:
    """An endpoint that has its fill is passed over; if its tries end in the moment of that claim, its next callback is
    taken all the same."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    deliver = SlowDelivery(gateway, lambda callback: callback.endpoint == "one" and callback.id != "evt_5")
    await gateway.store.run(queued(gateway, payout.shard, payout.id, "one", 1, 2, 3, 4))
    store = OtherStore(gateway.store)
    worker = CallbackWorker(concurrency=16, every_s=1000.0, timeout_s=15.0, deliver=deliver)
    loop = asyncio.ensure_future(worker.run(With(replace(gateway.services, store=store))))  # type: ignore[arg-type]
    await seconds(gateway, 1)
    assert worker.busy == 4
    store.claims_wait = asyncio.Event()
    await gateway.store.run(queued(gateway, payout.shard, payout.id, "one", 5))
    worker.bell.ring()
    await settle()
    assert store.claims == 1, "it is under way, and takes the endpoint for busy"
    deliver.let_go.set()
    await settle()
    assert worker.busy == 0
    store.claims_wait.set()
    await settle()
    assert "evt_5" in [callback.id for callback in deliver.served]
    await worker.stop(1)
    await loop


async def test_a_hanging_endpoint_hides_nobodys_next_try() -> None:
    """What is due and cannot be taken is the longest due; what becomes due behind it is found at its time."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    deliver = Tries(gateway)
    await gateway.store.run(queued(gateway, payout.shard, payout.id, "dead", *range(100, 112)))
    await gateway.store.run(queued(gateway, payout.shard, payout.id, "late", 1))
    worker = CallbackWorker(concurrency=16, every_s=1000.0, timeout_s=15.0, deliver=deliver)
    loop = asyncio.ensure_future(worker.run(With(gateway.services)))  # type: ignore[arg-type]
    await seconds(gateway, 6)
    first, second = deliver.late_at
    assert timedelta(seconds=3) <= second - first <= timedelta(seconds=4)
    await worker.stop(0)
    await loop


async def test_a_channel_that_has_room_for_a_question_again_is_asked_the_next() -> None:
    """The end of a question wakes the loop, even if the payout that asked goes on to an order that hangs."""
    running = Running(concurrency=4)
    alpha, beta = running.gateway.channels["alpha"], running.gateway.channels["beta"]
    alpha.submits += [an_answer(K.PENDING), an_answer(K.PENDING)]
    await running.submit("first")
    await seconds(running.gateway, 1)
    await running.submit("second")
    handles = running.services.channels
    one = replace(handles["alpha"], policy=replace(handles["alpha"].policy, in_flight=1))
    running.services = replace(running.services, channels={**handles, "alpha": one})
    asked, answered = 0, asyncio.Event()

    async def query(_sent: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked > 1:
            return an_answer(K.SUCCEEDED, How.QUERY)
        await answered.wait()
        return an_answer(K.REJECTED, How.QUERY)

    alpha.query = query  # type: ignore[assignment,method-assign]
    beta.submits.append(HANG)
    await seconds(running.gateway, 33)
    assert (asked, running.services.outside.full) == (1, {"alpha"})
    answered.set()
    await settle()
    assert (asked, len(beta.sent)) == (2, 1)
    await running.stop()


async def test_a_notification_that_may_have_been_stored_wakes_everybody() -> None:
    """Row 3: nobody knows whether it was; its repeat finds it known, and what it left is found at once."""
    gateway = scripted_gateway()
    payout = await pending(gateway)
    tell(gateway, "paid", notice(payout, K.SUCCEEDED))
    gateway.woken.clear()
    unsure: Any = OtherStore(gateway.store, forgets=True)
    assert (await observe(replace(gateway.services, store=unsure), "alpha", raw("paid"))).status == 503
    assert set(gateway.woken) == {"callbacks", "payouts"}
    gateway.woken.clear()
    assert (await observe(gateway.services, "alpha", raw("paid"))).status == 200
    assert set(gateway.woken) == {"callbacks", "payouts"}


async def test_what_nobody_wants_to_hear_wakes_nobody() -> None:
    """Only a callback that was made wakes who sends callbacks: not an order, not a send, not an answer."""
    gateway = scripted_gateway()
    (endpoint,) = gateway.services.endpoints["acme"]
    only_paid = replace(endpoint, events=frozenset({"payout.paid"}))
    gateway.services = replace(gateway.services, endpoints={"acme": (only_paid,)})
    gateway.channels["alpha"].submits += [an_answer(K.PENDING), an_answer(K.SUCCEEDED)]
    await gateway.accept("waits")
    assert gateway.woken == []
    await gateway.accept("is paid")
    assert gateway.woken == ["callbacks"]
