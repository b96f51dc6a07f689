"""An order and the intent to send it in one commit: what it saves, and that nothing about it can lose or double one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from gateway.domain.allowance import Allowances
from gateway.domain.errors import CommitUnknown, ReferenceReused
from gateway.domain.event import EventType
from gateway.domain.money import Money
from gateway.domain.outcome import Heard as How
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import AttemptState, DuplicateMode
from gateway.domain.safety import Safety
from gateway.domain.status import Status
from gateway.failpoints import Commit, Unit
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.incoming import Accepted
from gateway.operations.standing import Standing, write_safety
from gateway.operations.telling import Told
from gateway.store.port import Tx
from gateway.store.records import Callback
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.clock import settle
from tests.support.flaky_store import Flaky
from tests.support.loops import Running, seconds
from tests.support.scripted import HANG, MONEY

T = TypeVar("T")
K = OutcomeKind
ORDER = PayoutRequest("acme", "order-1", MONEY, BENEFICIARY)


@dataclass
class Named:
    """The gateway's store; writes down what it runs."""

    inner: Any
    units: list[str] = field(default_factory=list)

    async def run(self, unit: Callable[[Tx], T]) -> T:
        if isinstance(unit, Unit):
            self.units.append(unit.name)
        return await self.inner.run(unit)  # type: ignore[no-any-return]

    async def read(self, query: Callable[[Any], T]) -> T:
        return await self.inner.read(query)  # type: ignore[no-any-return]


@pytest.fixture
async def running() -> Running:
    return Running()


def under_way(running: Running) -> int:
    """Permits of the first channel that nobody has given back."""
    return running.services.channels["alpha"].guard.in_flight


async def ended(running: Running, accepted: Accepted) -> Status:
    await settle()
    assert (under_way(running), running.worker.taken) == (0, 0), "whatever was kept for it is free again"
    return await running.status(accepted.payout.id)


async def test_order_and_intent_are_one_commit() -> None:
    """What the app is told is that it was accepted; by then its intent is as durable as the order."""
    running = Running()
    running.gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    store = Named(running.gateway.store)
    running.services = replace(running.services, store=store)
    accepted = await accept(running.services, ORDER)
    assert store.units == [Commit.BEGUN]
    assert (accepted.payout.attempts, accepted.payout.last_event) == ((), 1)
    stored = await running.gateway.payout(accepted.payout.id)
    assert [attempt.state for attempt in stored.attempts] == [AttemptState.SENDING]
    events = await running.gateway.store.read(lambda tx: tx.events(stored.id))
    assert [event.type for event in events] == [EventType.ACCEPTED, EventType.ATTEMPT_OPENED]
    assert await ended(running, accepted) is Status.PAID
    assert len(running.gateway.channels["alpha"].sent) == 1
    assert Commit.OPENED not in store.units
    types = await running.gateway.callback_types(stored)
    assert types == ["payout.accepted", "payout.processing", "payout.paid"]
    await running.stop()


async def test_an_order_that_nobody_takes_now_is_accepted_all_the_same(running: Running) -> None:
    """It waits for a channel, as any other."""
    for channel in running.gateway.channels.values():
        channel.unsendable = "not today"
    accepted = await accept(running.services, ORDER)
    assert accepted.opened is None
    assert await ended(running, accepted) is Status.FAILED
    await running.stop()


async def test_a_bug_in_the_choice_refuses_no_order(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever works on the payout meets it again; the app has its promise."""

    def broken(*_given: object, **_named: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("gateway.operations.intent.choose", broken)
    accepted = await accept(running.services, ORDER)
    assert await ended(running, accepted) is Status.ACCEPTED
    await running.stop()


@pytest.mark.parametrize("mode", [DuplicateMode.NONE, DuplicateMode.SAME_RESOURCE], ids=str)
@pytest.mark.parametrize("happened", [True, False], ids=["it happened", "it did not"])
async def test_a_commit_that_nobody_knows_is_settled_and_sent_once(
    running: Running, mode: DuplicateMode, happened: bool
) -> None:
    """R18: the same write again settles it. Nothing was sent before, so it need not be asked about, whatever the
    channel does with a second order under one id."""
    alpha = running.gateway.channels["alpha"]
    alpha.duplicate_mode = mode
    alpha.submits.append(an_answer(K.SUCCEEDED))
    running.services = replace(running.services, store=Flaky(running.gateway.store, happened=happened))
    accepted = await accept(running.services, ORDER)
    assert accepted.opened is not None
    assert await ended(running, accepted) is Status.PAID
    assert (len(alpha.sent), alpha.asked) == (1, [])
    await running.stop()


async def test_callbacks_of_a_commit_that_nobody_knew_are_left_to_their_claims(running: Running) -> None:
    """The unit that is run again finds the order, and cannot tell which of its runs that was: what it made itself may
    never have been stored."""
    begun: list[Callback] = []
    running.services = replace(
        running.services,
        store=Flaky(running.gateway.store, happened=True),
        claim_callback=lambda _callback, now: now + timedelta(seconds=30),
        begin_callbacks=lambda callbacks, _now: begun.extend(callbacks),
    )
    running.gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    accepted = await accept(running.services, ORDER)
    assert (accepted.told, begun) == (Told(due=True), [])
    assert await ended(running, accepted) is Status.PAID
    assert [callback.type for callback in begun] == ["payout.paid"]
    await running.stop()


async def test_what_somebody_else_took_meanwhile_is_not_sent(running: Running) -> None:
    """The commit happened, and before it is settled another node has claimed the payout: its fence has risen."""
    alpha, store = running.gateway.channels["alpha"], running.gateway.store

    @dataclass
    class Robbed(Flaky):
        async def run(self, unit: Callable[[Tx], T]) -> T:
            failing = self.failures > 0
            try:
                return await super().run(unit)
            finally:
                if failing:
                    later = running.gateway.clock.now() + timedelta(hours=1)
                    ((_, lease),) = await store.run(lambda tx: tx.claim("other", later, 3600.0, 1))
                    assert lease.fence == 2

    running.services = replace(running.services, store=Robbed(store, happened=True))
    accepted = await accept(running.services, ORDER)
    await settle()
    assert (accepted.opened, alpha.sent, under_way(running)) == (None, [], 0)
    await running.stop()


async def test_a_commit_that_stays_unknown_keeps_no_place(running: Running) -> None:
    """The app repeats it; what was taken for it is given back."""
    running.services = replace(running.services, store=Flaky(running.gateway.store, happened=False, failures=2))
    with pytest.raises(CommitUnknown):
        await accept(running.services, ORDER)
    assert (under_way(running), running.worker.taken) == (0, 0)
    await running.stop()


async def test_a_replay_sends_nothing(running: Running) -> None:
    """A channel is chosen before the store is asked whether the reference is known: what was chosen is dropped."""
    running.gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    first = await accept(running.services, ORDER)
    again = await accept(running.services, ORDER)
    assert (again.replayed, again.opened, again.payout.id) == (True, None, first.payout.id)
    with pytest.raises(ReferenceReused):
        await accept(running.services, replace(ORDER, amount=Money(1, "CNY")))
    assert await ended(running, first) is Status.PAID
    assert len(running.gateway.channels["alpha"].sent) == 1
    await running.stop()


async def test_an_allowance_that_is_spent_refuses_no_order(running: Running) -> None:
    """The store knows better than the node believes: the order is stored without its intent, and another takes it."""
    alpha = replace(running.services.channels["alpha"], allowances=Allowances(funding_minor=MONEY.minor))
    running.services = replace(running.services, channels={**running.services.channels, "alpha": alpha})
    for channel in running.gateway.channels.values():
        channel.submits.append(an_answer(K.SUCCEEDED))
    first = await accept(running.services, ORDER)
    assert await ended(running, first) is Status.PAID
    running.services.usage._seen.clear()  # as another node that has looked a moment ago
    second = await accept(running.services, replace(ORDER, reference="order-2"))
    assert second.opened is None
    assert await ended(running, second) is Status.PAID
    assert [len(channel.sent) for channel in running.gateway.channels.values()] == [1, 1]
    await running.stop()


@pytest.mark.parametrize("known", [True, False], ids=["known here", "found in the commit"])
async def test_in_a_quarantine_orders_are_accepted_alone(running: Running, known: bool) -> None:
    """R15: nothing is sent, whether this node knows of it already or meets it in the store."""
    safety = Safety(quarantined_at=running.gateway.clock.now(), why="a copy")
    await running.gateway.store.run(lambda tx: write_safety(tx, safety))
    if known:
        running.services = replace(running.services, standing=Standing(safety))
    accepted = await accept(running.services, ORDER)
    assert accepted.opened is None
    await settle()
    assert [channel.sent for channel in running.gateway.channels.values()] == [[], []]
    await running.stop()


async def test_an_item_of_a_batch_takes_no_place_of_an_order(running: Running) -> None:
    """Nobody waits for it: it is planned by the worker in its turn."""
    running.gateway.channels["alpha"].submits.append(an_answer(K.SUCCEEDED))
    accepted = await accept(running.services, replace(ORDER, batch_id="batch_1"))
    assert accepted.opened is None
    assert await ended(running, accepted) is Status.PAID
    await running.stop()


async def test_orders_beyond_the_places_are_accepted_alone_and_queue() -> None:
    """Nobody is signed for, and nobody's channel is kept from others, who would have to wait for a place."""
    running = Running(concurrency=2)
    alpha = running.gateway.channels["alpha"]
    alpha.submits.extend([an_answer(K.SUCCEEDED)] * 6)
    orders = [accept(running.services, replace(ORDER, reference=f"order-{number}")) for number in range(6)]
    accepted = await asyncio.gather(*orders)
    assert 0 < sum(each.opened is not None for each in accepted) < 6
    assert {await ended(running, each) for each in accepted} == {Status.PAID}
    assert len(alpha.sent) == 6
    await running.stop()


async def test_a_commit_that_took_too_long_sends_nothing_before_it_was_asked(running: Running) -> None:
    """Row 56: with too little of the lease left somebody else may have taken over; the channel is asked first."""
    alpha, clock = running.gateway.channels["alpha"], running.gateway.clock

    @dataclass
    class Slow(Named):
        async def run(self, unit: Callable[[Tx], T]) -> T:
            done = await super().run(unit)
            if self.units == [Commit.BEGUN]:
                clock.move(running.services.lease_s - 1.0)
            return done

    running.services = replace(running.services, store=Slow(running.gateway.store))
    accepted = await accept(running.services, ORDER)
    assert accepted.opened is not None
    assert await ended(running, accepted) is Status.PROCESSING
    await seconds(running.gateway, 31)
    assert (alpha.sent, len(alpha.asked)) == ([], 1)
    await running.stop()


async def test_what_is_stored_as_the_worker_stops_is_let_go_of(running: Running) -> None:
    """Its intent is durable and nothing was sent: the next start asks, and nobody thinks that its owner crashed."""
    alpha = running.gateway.channels["alpha"]

    @dataclass
    class Stops(Named):
        async def run(self, unit: Callable[[Tx], T]) -> T:
            done = await super().run(unit)
            if self.units == [Commit.BEGUN]:
                await running.stop()
            return done

    running.services = replace(running.services, store=Stops(running.gateway.store))
    accepted = await accept(running.services, ORDER)
    assert await ended(running, accepted) is Status.PROCESSING
    alpha.queries.append(an_answer(K.SUCCEEDED, How.QUERY))
    assert await running.gateway.run() == 1
    assert await running.gateway.pass_time(minutes=1) == 1
    stored = await running.gateway.payout(accepted.payout.id)
    assert (await running.status(stored.id), stored.crashes, alpha.sent) == (Status.PAID, 0, [])


async def test_a_reload_waits_for_orders_that_have_chosen_their_channel(running: Running) -> None:
    """A channel that is replaced is closed after them: what they chose may be about to leave by it."""
    alpha = running.gateway.channels["alpha"]
    alpha.submits.extend([HANG, an_answer(K.SUCCEEDED)])
    stored, through = asyncio.Event(), asyncio.Event()

    @dataclass
    class Waits(Named):
        async def run(self, unit: Callable[[Tx], T]) -> T:
            if isinstance(unit, Unit) and unit.name == Commit.BEGUN:
                await stored.wait()
            return await super().run(unit)

    async def retire() -> None:
        await running.worker.through()
        through.set()

    running.services = replace(running.services, store=Waits(running.gateway.store))
    ordering = asyncio.ensure_future(accept(running.services, ORDER))
    await settle()
    retiring = asyncio.ensure_future(retire())
    await settle()
    assert not through.is_set(), "the order has chosen, and is not stored yet"
    stored.set()
    await alpha.called.wait()
    await settle()
    assert not through.is_set(), "its call is under way"
    alpha.release.set()
    accepted = await ordering
    await retiring
    assert await ended(running, accepted) is Status.PAID
    await running.stop()
