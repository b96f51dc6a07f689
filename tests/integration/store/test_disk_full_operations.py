"""T10, row 47: on a full disk nothing is half stored, nothing is sent, nothing is sent twice; and then it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.channel import Notice, Order, RawNotification, Signed
from gateway.domain.errors import CommitUnknown, StoreUnavailable
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Heard, OutcomeKind
from gateway.domain.payout import AttemptState, Payout, Prepared
from gateway.domain.status import Status, status
from gateway.operations.observe import observe
from gateway.worker.payouts import PayoutWorker
from tests.support.api_server import FaultyStore, make_server
from tests.support.builders import NOW, an_answer
from tests.support.clock import settle
from tests.support.disk import SmallDisk
from tests.support.scripted import ScriptedChannel, ScriptedGateway, scripted_gateway

K = OutcomeKind
BIG = 200_000
"""More bytes than can be free in the pages that are there."""


class World(ScriptedGateway):
    """The scripted gateway on a small disk."""

    disk: SmallDisk

    @property
    def alpha(self) -> ScriptedChannel:
        return self.channels["alpha"]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = scripted_gateway()
    disk = SmallDisk(tmp_path / "small.db")
    services = replace(made.services, store=disk)
    found = World(made.clock, disk, services, made.channels, made.woken, made.handed)
    found.disk = disk
    yield found
    await disk.close()


def big_orders(channel: ScriptedChannel) -> None:
    """From now on an order of the channel is so long that its intent needs new pages."""

    def prepare(order: Order, now: datetime) -> Prepared:
        return Prepared("/orders", order.channel_reference.encode() * (BIG // 26))

    channel.prepare = prepare  # type: ignore[method-assign]  # a test's own


def long_answer(kind: OutcomeKind, heard: Heard = Heard.SUBMIT, **fields: Any) -> Answer:
    return an_answer(kind, heard, raw=b"x" * BIG, **fields)


def filling(channel: ScriptedChannel, world: World, answer: Answer) -> Callable[[Signed], Any]:
    """A submit during which the disk fills up: the bank has it, and its answer cannot be kept."""
    real = channel.submit

    async def submit(signed: Signed) -> Answer:
        channel.submits.append(answer)
        world.disk.full = True
        return await real(signed)

    return submit


async def test_an_order_that_cannot_be_stored_is_refused_whole(world: World) -> None:
    """Accept on a full disk: `StoreUnavailable`, so surely not stored; with room again the same order is a new one."""
    world.disk.full = True
    with pytest.raises(StoreUnavailable):
        await world.accept("order-1", description="x" * BIG)
    assert world.handed == [], "nothing is worked on that is not stored"
    assert await world.store.read(lambda tx: tx.reference("acme", "order-1")) is None
    assert await world.store.read(lambda tx: tx.counts()) == {}
    world.disk.full = False
    world.alpha.submits.append(an_answer(K.SUCCEEDED))
    payout = await world.accept("order-1", description="x" * BIG)
    assert status(payout) is Status.PAID
    assert len(world.alpha.sent) == 1


async def test_no_intent_no_send(world: World) -> None:
    """I9: the intent does not fit on the disk, so nothing leaves; with room again it is sent, once."""
    big_orders(world.alpha)
    big_orders(world.channels["beta"])
    world.disk.full = True
    with pytest.raises(StoreUnavailable):
        await world.accept("order-1")
    assert world.alpha.sent == world.channels["beta"].sent == []
    world.disk.full = False
    world.alpha.submits.append(an_answer(K.SUCCEEDED))
    await world.pass_time(seconds=world.services.lease_s + 1)
    reference = await world.store.read(lambda tx: tx.reference("acme", "order-1"))
    assert reference is not None
    payout = await world.payout(reference.payout_id)
    assert (status(payout), payout.attempt(1).transmissions) == (Status.PAID, 1)
    assert len(world.alpha.sent) == 1
    assert world.channels["beta"].sent == []


async def test_a_refused_intent_gives_its_permit_back(world: World) -> None:
    """However often the disk refuses, no place at the channel's door is used up."""
    for channel in world.channels.values():
        big_orders(channel)
    world.disk.full = True
    for number in range(60):  # more than the fifty that may be in flight
        with pytest.raises(StoreUnavailable):
            await world.accept(f"order-{number}")
    assert {handle.guard.live().in_flight for handle in world.services.channels.values()} == {0}


async def half_done(world: World, answer: Answer) -> Payout:
    """A payout that the bank has taken, while the disk would not take the bank's answer."""
    world.alpha.submit = filling(world.alpha, world, answer)  # type: ignore[method-assign]  # a test's own
    with pytest.raises(StoreUnavailable):
        await world.accept("order-1")
    del world.alpha.submit  # type: ignore[method-assign]  # the real one again
    reference = await world.store.read(lambda tx: tx.reference("acme", "order-1"))
    assert reference is not None
    return await world.payout(reference.payout_id)


@pytest.mark.parametrize("said", [K.SUCCEEDED, K.PENDING, K.REJECTED, K.NOT_SENT])
async def test_an_answer_that_cannot_be_kept_is_asked_for(world: World, said: OutcomeKind) -> None:
    """Row 47: whatever the bank said, the disk does not know it: it stays `sending`, is asked about, not sent anew."""
    payout = await half_done(world, long_answer(said))
    assert payout.attempt(1).state is AttemptState.SENDING
    assert len(world.alpha.sent) == 1
    world.disk.full = False
    world.alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    for _ in range(3):
        await world.pass_time(seconds=world.services.lease_s + 1)
    after = await world.payout(payout.id)
    assert (status(after), len(after.attempts)) == (Status.PAID, 1)
    assert len(world.alpha.asked) >= 1
    assert len(world.alpha.sent) == 1, "never a second transmission"
    assert world.channels["beta"].sent == [], "and never another channel"


async def test_a_repeat_after_it_is_the_same_order(world: World) -> None:
    """The bank cannot find it (it was NOT paid): the same bytes under the same id, no new attempt."""
    payout = await half_done(world, long_answer(K.UNCLEAR))
    world.disk.full = False
    world.alpha.queries.append(an_answer(K.ABSENT, Heard.QUERY))
    world.alpha.submits.append(an_answer(K.SUCCEEDED))
    for _ in range(6):
        await world.pass_time(minutes=6)
    after = await world.payout(payout.id)
    assert (status(after), len(after.attempts), after.attempt(1).transmissions) == (Status.PAID, 1, 2)
    first, second = world.alpha.sent
    assert first.body == second.body
    assert world.channels["beta"].sent == []


async def test_a_question_whose_answer_cannot_be_kept_is_put_again(world: World) -> None:
    """A verdict that the disk did not take is not lost: nothing moved, so the question is still due."""
    world.alpha.submits.append(an_answer(K.PENDING))
    payout = await world.accept("order-1")
    world.alpha.queries.append(long_answer(K.SUCCEEDED, Heard.QUERY))
    world.disk.full = True
    with pytest.raises(StoreUnavailable):
        await world.pass_time(seconds=31)
    assert (await world.payout(payout.id)).attempt(1).state is AttemptState.PENDING
    world.disk.full = False
    world.alpha.queries.append(an_answer(K.SUCCEEDED, Heard.QUERY))
    await world.pass_time(seconds=world.services.lease_s + 1)
    assert status(await world.payout(payout.id)) is Status.PAID


async def test_a_notification_that_cannot_be_stored_is_not_acknowledged(world: World) -> None:
    """Row 43: 503, so that the channel posts it again; the second time it is taken, and counts once."""
    world.alpha.submits.append(an_answer(K.PENDING))
    payout = await world.accept("order-1")
    answer = long_answer(K.SUCCEEDED, Heard.NOTIFICATION)
    notice = Notice(answer, channel_reference=payout.attempt(1).channel_reference, amount=Money(12345, "CNY"))
    world.alpha.notices["paid"] = ("event-1", None, [notice])
    raw = RawNotification("POST", "/", (), b"paid", NOW)
    world.disk.full = True
    assert (await observe(world.services, "alpha", raw)).status == 503
    assert status(await world.payout(payout.id)) is Status.PROCESSING
    world.disk.full = False
    assert (await observe(world.services, "alpha", raw)).status == 200
    assert (await observe(world.services, "alpha", raw)).status == 200
    assert status(await world.payout(payout.id)) is Status.PAID
    assert (await world.callback_types(payout)).count("payout.paid") == 1


async def test_the_worker_outlives_it_and_goes_on_by_itself(world: World) -> None:
    """Nobody starts anything again: when there is room, what waited is sent, once each, and no one is held for it."""
    for channel in world.channels.values():
        big_orders(channel)
    worker = PayoutWorker(concurrency=8, rescue_every_s=10.0)
    world.services = replace(world.services, hand_over=worker.hand_over, wake=worker.bell.ring)
    worker.attach(world)
    loop = asyncio.ensure_future(worker.run())
    payouts = [await world.accept(f"order-{number}") for number in range(6)]
    world.disk.full = True  # before the loop had a turn: not one has been worked on
    for _ in range(20):  # three leases and more: not one may look as if its owner had crashed
        await world.clock.advance(10.0)
    assert world.alpha.sent == world.channels["beta"].sent == []
    world.disk.full = False
    world.alpha.submits.extend(an_answer(K.SUCCEEDED) for _ in payouts)
    for _ in range(3):
        await world.clock.advance(10.0)
    await settle()
    assert not loop.done(), "the loop lives"
    assert {status(await world.payout(payout.id)) for payout in payouts} == {Status.PAID}
    assert len(world.alpha.sent) == len(payouts) == len({signed.body for signed in world.alpha.sent})
    await worker.stop(5)
    await loop


async def test_a_full_disk_is_503_and_honest(tmp_path: Path) -> None:
    """Over HTTP: 503 with Retry-After and `unavailable` while it is full, 201 for the same order once it is not."""
    server = make_server(tmp_path)
    await server.store.close()
    disk = SmallDisk(tmp_path / "small.db")
    faulty = FaultyStore(disk)  # type: ignore[arg-type]  # any store
    server.services = replace(server.services, store=faulty)
    server = type(server)(server.services, server.clock, faulty, server.ear, server.upstream)
    await server.start()
    try:
        order = server.order("order-1", description="付" * 80, metadata={f"k{n}": "付" * 160 for n in range(20)})
        assert (await server.create(server.order("order-0"))).status == 201
        disk.full = True
        answers = [await server.create({**order, "reference": f"full-{number}"}) for number in range(12)]
        refused = [answer for answer in answers if answer.status != 201]
        assert len(refused) >= 8
        assert {(each.status, each.json()["code"]) for each in refused} == {(503, "unavailable")}
        assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
        disk.full = False
        assert (await server.create(order)).status == 201
        assert sum((await disk.read(lambda tx: tx.counts())).values()) == 2 + len(answers) - len(refused)
    finally:
        await server.stop()


def test_commit_unknown_is_another_thing() -> None:
    """What the tests above rely on: "not stored" and "nobody knows" are different errors, neither is the other."""
    assert not issubclass(StoreUnavailable, CommitUnknown)
    assert not issubclass(CommitUnknown, StoreUnavailable)
