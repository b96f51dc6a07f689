"""The two loops on a fake clock: what is due is done, what hangs holds up only itself, a stop loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from adapters.channel import Sent
from gateway.admission.occupancy import Seen
from gateway.domain.outcome import Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.domain.status import Status
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.advance import advance
from gateway.operations.intent import Outgoing
from gateway.operations.services import Services
from gateway.store.port import Tx
from gateway.store.records import Callback, Delivery, Lease
from gateway.worker.callbacks import CallbackWorker
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.clock import settle
from tests.support.loops import Running, SlowDelivery, a_callback, queued, seconds
from tests.support.scripted import HANG, MONEY, scripted_gateway

K = OutcomeKind


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


async def test_while_orders_are_turned_away_payouts_begin_more_slowly(running: Running) -> None:
    """Accepted and durable, it waits for its share; it is paid before long, though the flood goes on."""
    running.worker.giving_way.crowded = lambda: True
    running.gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    payout = await running.submit("order-1")
    assert await running.status(payout) is Status.ACCEPTED
    for _ in range(3):
        await running.gateway.clock.advance(0.1)
        await settle()
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


async def test_whoever_waits_for_a_channel_leaves_its_place_to_others() -> None:
    """With one place and a channel that hangs on the first payout, the others are paid meanwhile; then so is it."""
    running = Running(concurrency=1)
    alpha = running.gateway.channels["alpha"]
    alpha.submits.append(HANG)
    hung = await running.submit("hung")
    assert (running.worker.busy, running.worker.taken) == (1, 0)
    alpha.submits.extend([an_answer(K.SUCCEEDED)] * 4)
    payouts = [await running.submit(f"order-{number}") for number in range(4)]
    assert [await running.status(payout) for payout in payouts] == [Status.PAID] * 4
    alpha.submits.append(an_answer(K.SUCCEEDED))
    alpha.release.set()
    await settle()
    assert await running.status(hung) is Status.PAID
    assert (running.worker.busy, running.worker.taken) == (0, 0)
    await running.stop()


async def test_questions_to_a_channel_that_hangs_take_no_places() -> None:
    """Ten payouts are due for a question to a channel that hangs, and two may ask at once: two are asked, the others
    stay in the store with nobody's lease on them, and what is due at another channel is asked about in time."""
    running = Running(concurrency=4)
    alpha, beta = running.gateway.channels["alpha"], running.gateway.channels["beta"]
    alpha.submits.extend([an_answer(K.PENDING)] * 10)
    stuck = [await running.submit(f"stuck-{number}") for number in range(10)]
    alpha.submits.append(an_answer(K.REJECTED))
    beta.submits.append(an_answer(K.PENDING))
    other = await running.submit("other")
    handles = running.services.channels
    few = replace(handles["alpha"], policy=replace(handles["alpha"].policy, in_flight=2))
    running.services = replace(running.services, channels={**handles, "alpha": few})
    hanging = alpha.query = Hanging()  # type: ignore[method-assign, assignment]  # this test's own channel
    beta.queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    await running.gateway.clock.advance(33.0)
    await settle()
    assert await running.status(other) is Status.PAID
    assert [await running.status(payout) for payout in stuck] == [Status.PROCESSING] * 10
    assert hanging.asked <= 4, "two at once, and what was claimed before it was known that they hang"
    assert running.worker.taken <= 2
    assert running.services.outside.full == {"alpha"}
    hanging.go_on.set()
    for _ in range(10):
        await settle()
    assert [await running.status(payout) for payout in stuck] == [Status.PAID] * 10
    await running.stop()


class Hanging:
    """A channel's question that gives no answer until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = asyncio.Event()

    async def __call__(self, sent: Sent) -> Answer:
        self.asked += 1
        await self.go_on.wait()
        return an_answer(K.SUCCEEDED, How.QUERY)


async def test_a_full_house_queues_by_turns_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One place, and it is slow: one app's flood waits, another's first payout is soon taken, and all are paid."""
    running, turn = Running(concurrency=1), asyncio.Semaphore(0)
    begun: list[str] = []

    async def in_turn(services: Services, payout: Payout, lease: Lease, outgoing: Outgoing | None) -> None:
        begun.append(payout.reference)
        await turn.acquire()
        await advance(services, payout, lease, outgoing)

    monkeypatch.setattr("gateway.worker.payouts.advance", in_turn)
    running.gateway.channels["alpha"].submits.extend([an_answer(K.SUCCEEDED)] * 6)
    flood = [await running.submit(f"flood-{number}") for number in range(5)]
    accepted = await accept(running.services, PayoutRequest("bolt", "small", MONEY, BENEFICIARY))
    assert (running.worker.busy, running.worker.waiting) == (1, 5)
    for _ in range(6):
        turn.release()
        await settle()
    assert begun.index("small") <= 2
    assert [each for each in begun if each != "small"] == [f"flood-{number}" for number in range(5)]
    assert [await running.status(payout) for payout in [*flood, accepted.payout.id]] == [Status.PAID] * 6
    await running.stop()


async def test_while_orders_are_slow_fewer_are_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sixteen places three are used, until orders are quick again; then all that wait begin, and all are paid."""
    running, hold = Running(concurrency=16), asyncio.Event()

    async def held_up(services: Services, payout: Payout, lease: Lease, outgoing: Outgoing | None) -> None:
        await hold.wait()
        await advance(services, payout, lease, outgoing)

    monkeypatch.setattr("gateway.worker.payouts.advance", held_up)
    clock, at_work = running.gateway.clock, running.worker.at_work
    running.gateway.channels["alpha"].submits.extend([an_answer(K.SUCCEEDED)] * 20)
    at_work.late_s = lambda: 0.05
    for number in range(10):
        slow = Seen(0, number, float(number))
        at_work.orders = lambda slow=slow: slow  # type: ignore[misc]  # each look sees one order more, of a second
        at_work.places(clock.monotonic())
        clock.move(0.3)
    payouts = [await running.submit(f"order-{number}") for number in range(20)]
    assert (running.worker.taken, running.worker.waiting) == (2, 18), "one is kept for what is due"
    hold.set()
    await settle()
    assert [await running.status(payout) for payout in payouts] == [Status.PAID] * 20
    await running.stop()


async def test_past_the_queues_end_the_store_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds no room at the worker has no lease that would have to run out: it is paid in its turn, at once."""
    running, hold = Running(concurrency=1, waiting_max=2), asyncio.Event()

    async def held_up(services: Services, payout: Payout, lease: Lease, outgoing: Outgoing | None) -> None:
        await hold.wait()
        await advance(services, payout, lease, outgoing)

    monkeypatch.setattr("gateway.worker.payouts.advance", held_up)
    running.gateway.channels["alpha"].submits.extend([an_answer(K.SUCCEEDED)] * 9)
    payouts = [await running.submit(f"order-{number}") for number in range(9)]
    assert running.worker.busy + running.worker.waiting == 3
    hold.set()
    await settle()
    assert [await running.status(payout) for payout in payouts] == [Status.PAID] * 9
    assert [(await running.gateway.payout(payout)).crashes for payout in payouts] == [0] * 9
    await running.stop()


async def test_what_is_handed_over_to_a_stopping_worker_is_let_go_of(running: Running) -> None:
    """It was accepted in the last moment: the next start takes it up, and nobody thinks that its owner crashed."""
    await running.stop()
    payout = await running.submit("late")
    await running.services.background.drain(5)
    claimed = await running.gateway.store.run(lambda tx: tx.claim("b", running.gateway.clock.now(), 60.0, 9))
    assert [(each.id, each.crashes) for each, _ in claimed] == [(payout, 0)]


async def test_a_crash_in_one_payout_stops_no_other(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that raises is logged; the loop goes on, and the payout is taken up again when its lease has run out."""
    alpha = running.gateway.channels["alpha"]
    real = type(alpha).prepare
    monkeypatch.setattr("gateway.operations.intent.choose", _raise)
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


async def test_a_dead_endpoint_delays_only_its_own_callbacks() -> None:
    """While one endpoint hangs, with far more callbacks than places per endpoint, another is served."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    deliver = SlowDelivery(gateway, lambda callback: callback.endpoint == "dead")

    await gateway.store.run(queued(gateway, payout, "dead", *range(40)))
    await gateway.store.run(queued(gateway, payout, "good", *range(40, 60)))
    worker = CallbackWorker(concurrency=16, every_s=1000.0, timeout_s=15.0, deliver=deliver)
    loop = asyncio.ensure_future(worker.run(gateway))
    await seconds(gateway, 3)
    served = [callback.endpoint for callback in deliver.served]
    assert served.count("good") == 20
    assert served.count("dead") == 0
    deliver.let_go.set()
    await seconds(gateway, 40)
    assert [callback.endpoint for callback in deliver.served].count("dead") == 40
    await worker.stop(1)
    await loop


async def test_a_callback_that_is_due_again_is_sent_at_its_time() -> None:
    """A try that failed is repeated when its schedule says so, however long the worker would have slept."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    tried_at: list[datetime] = []

    async def fail(callback: Callback) -> Callback:
        now = gateway.clock.now()
        if callback.endpoint == "dead":
            tried_at.append(now)
        again = replace(callback, tries=callback.tries + 1, due_at=now + timedelta(seconds=5))
        await gateway.store.run(lambda tx: tx.record_delivery(again, Delivery(now, 500, "", 1)))
        return again

    await gateway.store.run(queued(gateway, payout, "dead", 1))
    worker = CallbackWorker(concurrency=16, every_s=1000.0, timeout_s=15.0, deliver=fail)
    loop = asyncio.ensure_future(worker.run(gateway))
    await seconds(gateway, 12)
    assert [(at - tried_at[0]).total_seconds() for at in tried_at] == [0, 5, 10]
    await worker.stop(1)
    await loop


async def test_an_app_with_many_dead_endpoints_delays_only_its_own() -> None:
    """Endpoints can be made by the dozen: while all of one app's hang, another app is served."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    deliver = SlowDelivery(gateway, lambda callback: callback.app == "noisy")

    def fill(tx: Tx) -> None:
        for number in range(90):
            told = replace(a_callback(gateway, payout.id, number, f"dead-{number % 30}"), shard=payout.shard)
            tx.enqueue_callback(replace(told, app="noisy"))
        tx.enqueue_callback(replace(a_callback(gateway, payout.id, 90, "good"), shard=payout.shard))

    await gateway.store.run(fill)
    worker = CallbackWorker(concurrency=16, every_s=1000.0, timeout_s=15.0, deliver=deliver)
    loop = asyncio.ensure_future(worker.run(gateway))
    await seconds(gateway, 3)
    served = [callback.app for callback in deliver.served]
    assert "acme" in served
    assert "noisy" not in served
    assert worker.busy <= 12
    deliver.let_go.set()
    await seconds(gateway, 40)
    assert [callback.app for callback in deliver.served].count("noisy") == 90
    await worker.stop(1)
    await loop
