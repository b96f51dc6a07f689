"""Whoever has something to do is woken for it at once, whatever is under way; the loops here would sleep for long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.outcome import Heard as How
from gateway.domain.outcome import OutcomeKind
from gateway.failpoints import Commit, Unit
from gateway.store.records import Callback, Delivery
from gateway.worker.callbacks import CallbackWorker
from tests.support.builders import an_answer
from tests.support.clock import settle
from tests.support.loops import Running, SlowDelivery, queued, seconds
from tests.support.scripted import HANG, ScriptedGateway, scripted_gateway

K = OutcomeKind


@dataclass
class SlowClaims:
    """The gateway's store, whose claims of callbacks wait for `go`: as any real one takes some milliseconds."""

    inner: Any
    go: asyncio.Event | None = None
    waiting: int = 0

    async def run(self, unit: Any) -> Any:
        if self.go is not None and isinstance(unit, Unit) and unit.name == Commit.CALLBACKS_CLAIMED:
            self.waiting += 1
            await self.go.wait()
        return await self.inner.run(unit)


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


async def test_tries_that_end_while_a_claim_is_under_way_make_room_for_what_it_left() -> None:
    """An endpoint that has its fill is passed over; if its tries end in the moment of that claim, its next callback is
    taken all the same."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    deliver = SlowDelivery(gateway, lambda callback: callback.endpoint == "one" and callback.id != "evt_5")
    await gateway.store.run(queued(gateway, payout, "one", 1, 2, 3, 4))
    store: Any = SlowClaims(gateway.store)
    gateway.services = replace(gateway.services, store=store)
    worker = CallbackWorker(concurrency=16, every_s=1000.0, timeout_s=15.0, deliver=deliver)
    loop = asyncio.ensure_future(worker.run(gateway))
    await seconds(gateway, 1)
    assert worker.busy == 4
    store.go = asyncio.Event()
    await gateway.store.run(queued(gateway, payout, "one", 5))
    worker.bell.ring()
    await settle()
    assert store.waiting == 1, "it is under way, and takes the endpoint for busy"
    deliver.let_go.set()
    await settle()
    assert worker.busy == 0
    store.go.set()
    await settle()
    assert "evt_5" in [callback.id for callback in deliver.served]
    await worker.stop(1)
    await loop


async def test_a_hanging_endpoint_hides_nobodys_next_try() -> None:
    """What is due and cannot be taken is the longest due; what becomes due behind it is found at its time."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    deliver = Tries(gateway)
    await gateway.store.run(queued(gateway, payout, "dead", *range(100, 112)))
    await gateway.store.run(queued(gateway, payout, "late", 1))
    worker = CallbackWorker(concurrency=16, every_s=1000.0, timeout_s=15.0, deliver=deliver)
    loop = asyncio.ensure_future(worker.run(gateway))
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
