"""The two loops on a fake clock: what is due is done, what hangs holds up only itself, a stop loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.domain.outcome import Heard as How
from gateway.domain.outcome import OutcomeKind
from gateway.domain.status import Status, status
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.services import Services
from gateway.store.port import Callback, Delivery, Tx
from gateway.worker.loop import CallbackWorker, PayoutWorker
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.clock import settle
from tests.support.scripted import HANG, MONEY, ScriptedGateway, scripted_gateway

K = OutcomeKind


class Running:
    """A scripted gateway whose payouts are moved by the real loop."""

    def __init__(self, concurrency: int = 4) -> None:
        self.gateway: ScriptedGateway = scripted_gateway()
        self.worker = PayoutWorker(concurrency, rescue_every_s=10.0)
        worker = self.worker
        self.services: Services = replace(self.gateway.services, hand_over=worker.hand_over, wake=worker.bell.ring)
        worker.attach(self.services)
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


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    made = Running()
    yield made
    if not made.loop.done():
        await made.stop()


async def test_an_accepted_payout_is_worked_on_at_once(running: Running) -> None:
    """No polling delay: it is paid before any time has passed."""
    running.gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    payout = await running.submit("order-1")
    assert await running.status(payout) is Status.PAID


async def test_an_open_attempt_is_asked_when_it_is_due(running: Running) -> None:
    """The loop sleeps exactly until the poll is due, not until its next round."""
    alpha = running.gateway.channels["alpha"]
    alpha.submits.append(an_answer(K.PENDING))
    alpha.queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    payout = await running.submit("order-1")
    for _ in range(3):
        await running.gateway.clock.advance(9.9)
        await settle()
    assert alpha.asked == []
    await running.gateway.clock.advance(0.4)
    await settle()
    assert await running.status(payout) is Status.PAID


async def test_each_of_many_is_asked_when_it_is_due(running: Running) -> None:
    """Several open attempts with due times of their own: none waits for a round because another was due before it."""
    alpha = running.gateway.channels["alpha"]
    clock = running.gateway.clock
    for number in range(4):
        alpha.submits.append(an_answer(K.PENDING))
        await running.submit(f"order-{number}")
        await clock.advance(2)
        await settle()
    asked = []
    for _ in range(8):
        await clock.advance(1)
        await settle()
        asked.append(len(alpha.asked))
    assert asked == [0] * 8
    for _ in range(22):
        await clock.advance(1)
        await settle()
        asked.append(len(alpha.asked))
    # Submitted at 0, 2, 4, 6 s and due 30 s later each; the clock stood at 8 s when counting began.
    assert [asked.index(count) + 9 for count in (1, 2, 3, 4)] == [30, 32, 34, 36]


async def test_a_full_house_queues_and_loses_nothing() -> None:
    """With one place and a channel that hangs, the others wait their turn and are all paid."""
    running = Running(concurrency=1)
    alpha = running.gateway.channels["alpha"]
    alpha.submits.append(HANG)
    payouts = [await running.submit(f"order-{number}") for number in range(5)]
    assert running.worker.busy == 1
    alpha.submits.extend([an_answer(K.SUCCEEDED)] * 5)
    alpha.release.set()
    await settle()
    assert [await running.status(payout) for payout in payouts] == [Status.PAID] * 5
    await running.stop()


async def test_a_crash_in_one_payout_stops_no_other(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that raises is logged; the loop goes on, and the payout is taken up again when its lease has run out."""
    alpha = running.gateway.channels["alpha"]
    real = type(alpha).prepare
    monkeypatch.setattr("gateway.operations.advance.choose", _raise)
    broken = await running.submit("broken")
    monkeypatch.undo()
    alpha.submits.extend([an_answer(K.SUCCEEDED)] * 2)
    fine = await running.submit("fine")
    assert await running.status(fine) is Status.PAID
    assert await running.status(broken) is Status.ACCEPTED
    for _ in range(8):
        await running.gateway.clock.advance(10)
        await settle()
    assert await running.status(broken) is Status.PAID
    assert real is type(alpha).prepare


def _raise(*_: object) -> None:
    raise RuntimeError("a bug")


async def test_a_stop_leaves_what_hangs_for_the_next_start(running: Running) -> None:
    """What is under way when the grace is over stays `sending`, for the next start to ask about."""
    alpha = running.gateway.channels["alpha"]
    alpha.submits.append(HANG)
    payout = await running.submit("order-1")
    assert await running.stop() == 1
    stored = await running.gateway.payout(payout)
    assert str(stored.attempt(1).state) == "sending"
    alpha.submits.append(an_answer(K.SUCCEEDED))
    alpha.release.set()
    await running.services.background.drain(5)


def a_callback(gateway: ScriptedGateway, payout_id: str, number: int, endpoint: str) -> Callback:
    now = gateway.clock.now()
    return Callback(f"evt_{number}", 0, payout_id, "acme", endpoint, "payout.paid", 1, b"{}", now, due_at=now)


async def test_a_dead_endpoint_delays_only_its_own_callbacks() -> None:
    """While one endpoint hangs, with far more callbacks than places per endpoint, another is served."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    served: list[str] = []
    hang = asyncio.Event()

    async def deliver(callback: Callback) -> None:
        if callback.endpoint == "dead":
            await hang.wait()
        served.append(callback.endpoint)
        done = replace(callback, tries=1, due_at=None, delivered_at=gateway.clock.now())
        await gateway.store.run(lambda tx: tx.record_delivery(done, Delivery(gateway.clock.now(), 200, "", 1)))

    def fill(tx: Tx) -> None:
        for number in range(40):
            tx.enqueue_callback(replace(a_callback(gateway, payout.id, number, "dead"), shard=payout.shard))
        for number in range(40, 60):
            tx.enqueue_callback(replace(a_callback(gateway, payout.id, number, "good"), shard=payout.shard))

    await gateway.store.run(fill)
    worker = CallbackWorker(concurrency=16, every_s=1.0, timeout_s=15.0, deliver=deliver)
    loop = asyncio.ensure_future(worker.run(gateway.services))
    for _ in range(3):
        await gateway.clock.advance(1.0)
        await settle()
    assert served.count("good") == 20
    assert served.count("dead") == 0
    hang.set()
    for _ in range(40):
        await gateway.clock.advance(1.0)
        await settle()
    assert served.count("dead") == 40
    await worker.stop(1)
    await loop
