"""T20, row 57, I35: clocks that jump, stand still or disagree cost time: no second attempt, no payout lost."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.channel import Sent, Signed
from gateway.api.signed_request import WINDOW_S
from gateway.clock import Clock
from gateway.domain.outcome import Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.states import CLOCK_ALLOWANCE
from gateway.domain.status import Status, status
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.advance import advance
from gateway.operations.services import Services
from gateway.worker.payouts import PayoutWorker
from routing.breaker import BreakerState
from tests.support.api_server import ApiServer, make_server
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.clock import FakeClock, settle
from tests.support.scripted import HANG, MONEY, ScriptedChannel, ScriptedGateway, scripted_gateway

K = OutcomeKind
UNCLEAR = an_answer(K.UNCLEAR, channel_fault=True)
PAID = an_answer(K.SUCCEEDED)
HOUR_S = 3600.0
TEN_MINUTES_S = 600.0


def says(kind: OutcomeKind) -> Answer:
    return an_answer(kind, How.QUERY)


async def only_payout(gateway: ScriptedGateway, reference: str = "order-1") -> Payout:
    found = await gateway.store.read(lambda tx: tx.reference("acme", reference))
    assert found is not None
    return await gateway.payout(found.payout_id)


# --- steps

STEPS_S = (HOUR_S, -HOUR_S, 80 * HOUR_S, -80 * HOUR_S)
"""An hour; and more than the time a payout may wait for a channel."""


@pytest.mark.parametrize("step_s", STEPS_S)
@pytest.mark.parametrize("when", range(4))
async def test_a_step_at_any_moment_changes_only_when(step_s: float, when: int) -> None:
    """Unknown, asked, taken in, paid: with a step before any of them it is the same one attempt, sent once."""
    gateway = scripted_gateway()
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    alpha.submits.append(UNCLEAR)
    alpha.queries.extend([says(K.UNCLEAR), says(K.PENDING), says(K.SUCCEEDED)])
    if when == 0:
        gateway.clock.step_wall(step_s)
    payout = await gateway.accept()
    for moment in range(1, 4):
        if moment == when:
            gateway.clock.step_wall(step_s)
        assert status(await gateway.payout(payout.id)) is Status.PROCESSING, "no clock ends what may still be paid"
        await gateway.pass_time(minutes=6)
    for _ in range(90):  # a clock that was set back has to come forward again
        await gateway.pass_time(hours=1)
    after = await gateway.payout(payout.id)
    assert (status(after), len(after.attempts), after.attempt(1).transmissions) == (Status.PAID, 1, 1)
    assert len(alpha.sent) == 1
    assert beta.sent == []


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_a_step_while_the_order_is_with_the_bank(step_s: float) -> None:
    """The lease looks long over, or hardly begun: whoever takes it up asks, and the answer still counts."""
    gateway = scripted_gateway()
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    alpha.submits.append(HANG)
    alpha.queries.extend([says(K.UNCLEAR)] * 9)
    sending = asyncio.ensure_future(gateway.accept())
    await alpha.called.wait()
    gateway.clock.step_wall(step_s)
    await gateway.run()
    assert len(alpha.sent) == 1
    alpha.submits.append(PAID)
    alpha.release.set()
    await sending
    alpha.queries.clear()
    alpha.queries.extend([says(K.SUCCEEDED)] * 9)
    for _ in range(90):
        await gateway.pass_time(hours=1)
    after = await only_payout(gateway)
    assert (status(after), len(after.attempts)) == (Status.PAID, 1)
    assert len(alpha.sent) == 1
    assert beta.sent == []
    assert not after.frozen


async def test_a_step_forward_ends_only_what_was_never_sent() -> None:
    """The deadline for finding a channel is the wall clock's; an attempt that was sent knows no deadline (R8)."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([UNCLEAR, an_answer(K.NOT_SENT, channel_fault=True)])
    sent, waiting = await gateway.accept("sent"), await gateway.accept("waiting")
    gateway.clock.step_wall(80 * HOUR_S)
    await gateway.run()
    await gateway.run()
    assert status(await gateway.payout(sent.id)) is Status.PROCESSING
    ended = await gateway.payout(waiting.id)
    assert status(ended) is Status.FAILED
    assert not any(attempt.transmitted for attempt in ended.attempts)


async def test_an_hour_either_way_fails_nothing_that_waits() -> None:
    """A payout that waits for a channel outlives steps of an hour, and goes out when the channel is there."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([an_answer(K.NOT_SENT, channel_fault=True)] * 3)
    payout = await gateway.accept()
    for step_s in (HOUR_S, -HOUR_S, -HOUR_S, HOUR_S):
        gateway.clock.step_wall(step_s)
        await gateway.pass_time(seconds=11)
        assert status(await gateway.payout(payout.id)) in (Status.ACCEPTED, Status.PROCESSING, Status.PAID)
    alpha.submits.extend([PAID] * 9)
    for _ in range(3):
        await gateway.pass_time(minutes=61)
    after = await gateway.payout(payout.id)
    assert status(after) is Status.PAID
    assert sum(attempt.transmissions for attempt in after.attempts) == 1


# --- a clock that stands still


class Frozen(FakeClock):
    """A wall clock that stands still while `frozen`; sleeping and measuring work as ever."""

    frozen = True

    def __init__(self) -> None:
        super().__init__()
        self._stood_at = super().now()

    def now(self) -> datetime:
        return self._stood_at if self.frozen else super().now()


async def test_a_frozen_clock_takes_and_sends_and_asks_later() -> None:
    """New payouts go out; what is due "later" waits, without a busy loop; when the clock runs again it is asked."""
    gateway = scripted_gateway()
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    clock = Frozen()
    worker = PayoutWorker(concurrency=8, rescue_every_s=10.0)
    services = replace(gateway.services, clock=clock, hand_over=worker.hand_over, wake=worker.bell.ring)
    gateway.services = services
    worker.attach(gateway)
    loop = asyncio.ensure_future(worker.run())
    alpha.submits.extend([PAID, UNCLEAR])
    made = []
    for reference in ("paid", "unclear"):
        made.append((await accept(services, PayoutRequest("acme", reference, MONEY, BENEFICIARY))).payout.id)
        await settle()
    await clock.advance(TEN_MINUTES_S)
    paid, unclear = [await gateway.payout(each) for each in made]
    assert (status(paid), unclear.attempt(1).state) == (Status.PAID, AttemptState.UNKNOWN)
    assert (len(alpha.sent), alpha.asked, beta.sent) == (2, [], [])
    clock.frozen = False
    alpha.queries.append(says(K.SUCCEEDED))
    await clock.advance(60.0)
    assert status(await gateway.payout(made[1])) is Status.PAID
    assert (len(alpha.sent), len(alpha.asked), beta.sent) == (2, 1, [])
    await worker.stop(5)
    await loop


# --- two nodes that disagree


@dataclass
class Skewed:
    """A node's own clock: somebody else's, and so many seconds off."""

    true: Clock
    by_s: float

    def now(self) -> datetime:
        return self.true.now() + timedelta(seconds=self.by_s)

    def monotonic(self) -> float:
        return self.true.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self.true.sleep(seconds)


def node(gateway: ScriptedGateway, name: str, by_s: float) -> Services:
    return replace(gateway.services, node=name, clock=Skewed(gateway.clock, by_s))


async def take_what_is_due(services: Services, limit: int = 100) -> None:
    now = services.clock.now()
    claimed = await services.store.run(lambda tx: tx.claim(services.node, now, services.lease_s, limit))
    await asyncio.gather(*(advance(services, payout, lease) for payout, lease in claimed))


SKEWS_S = [(TEN_MINUTES_S, -TEN_MINUTES_S), (-TEN_MINUTES_S, TEN_MINUTES_S), (0.0, TEN_MINUTES_S), (0.0, 0.0)]


@pytest.mark.parametrize(("first_s", "second_s"), SKEWS_S)
async def test_a_node_that_takes_over_too_early_only_asks(first_s: float, second_s: float) -> None:
    """While the first still sends, the second may think the lease is over: it asks, and both end at the same truth."""
    gateway = scripted_gateway()
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    first, second = node(gateway, "first", first_s), node(gateway, "second", second_s)
    alpha.submits.append(HANG)
    accepted = await accept(first, PayoutRequest("acme", "order-1", MONEY, BENEFICIARY))
    sending = asyncio.ensure_future(gateway.run_handed())
    await alpha.called.wait()
    for _ in range(3):
        await take_what_is_due(second)
    assert len(alpha.sent) == 1
    alpha.submits.append(PAID)
    alpha.release.set()
    await sending
    alpha.queries.extend([says(K.SUCCEEDED)] * 9)
    for _ in range(10):
        gateway.clock.move(400.0)
        await take_what_is_due(second)
        await take_what_is_due(first)
    after = await gateway.payout(accepted.payout.id)
    assert (status(after), len(after.attempts), after.hold) == (Status.PAID, 1, None)
    assert len(alpha.sent) == 1
    assert beta.sent == []


class Bank(ScriptedChannel):
    """A channel that draws what it says, and keeps a book: one payment for one id, however often it is sent."""

    dice: random.Random
    booked: dict[str, bytes]

    async def submit(self, signed: Signed) -> Answer:
        self.sent.append(signed)
        await asyncio.sleep(0)  # the other node has a turn in the middle of it
        if self.dice.random() < 0.3:
            return UNCLEAR  # it never got it
        assert self.booked.setdefault(signed.sent.order.channel_reference, signed.body) == signed.body
        return UNCLEAR if self.dice.random() < 0.5 else self.dice.choice([PAID, an_answer(K.PENDING)])

    async def query(self, sent: Sent) -> Answer:
        self.asked.append(sent)
        await asyncio.sleep(0)
        if self.dice.random() < 0.3:
            return says(K.UNCLEAR)
        return says(K.SUCCEEDED if sent.order.channel_reference in self.booked else K.ABSENT)


@pytest.mark.parametrize("seed", range(4))
async def test_two_nodes_twenty_minutes_apart_pay_each_once(seed: int) -> None:
    """A dozen payouts, two nodes in each other's way on one store, steps now and then: one attempt, one payment."""
    gateway = scripted_gateway()
    dice = random.Random(seed)
    bank = Bank("alpha")
    bank.dice, bank.booked = dice, {}
    handles = {**gateway.services.channels}
    handles["alpha"] = replace(handles["alpha"], channel=bank)
    gateway.services = replace(gateway.services, channels=handles)
    nodes = [node(gateway, "ahead", TEN_MINUTES_S), node(gateway, "behind", -TEN_MINUTES_S)]
    ids = []
    for number in range(12):
        request = PayoutRequest("acme", f"order-{number}", MONEY, BENEFICIARY)
        ids.append((await accept(dice.choice(nodes), request)).payout.id)
    working = asyncio.ensure_future(gateway.run_handed())
    for _ in range(60):
        gateway.clock.move(dice.choice([0.0, 1.0, 45.0, 400.0]))
        if dice.random() < 0.05:
            gateway.clock.step_wall(dice.choice([HOUR_S, -HOUR_S]))
        await asyncio.gather(*(take_what_is_due(each, 10) for each in nodes))
    await working
    for _ in range(30):
        await gateway.pass_time(minutes=30)
    payouts = [await gateway.payout(each) for each in ids]
    assert [(p.reference, status(p), p.hold) for p in payouts if status(p) is not Status.PAID] == []
    assert {len(payout.attempts) for payout in payouts} == {1}
    assert len(bank.booked) == len(payouts)
    assert len(bank.sent) > len(payouts), "some were sent again, and are still one payment"
    assert gateway.channels["beta"].sent == []


# --- the window for repeats


async def transmissions_s(skews_s: tuple[float, float], step_s: float = 0.0) -> list[float]:
    """When an order that the bank never finds was sent, in true seconds after the first time. Nodes take turns."""
    gateway = scripted_gateway("alpha")
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([UNCLEAR] * 10_000)
    alpha.queries.extend([says(K.ABSENT)] * 10_000)
    nodes = [node(gateway, str(number), by_s) for number, by_s in enumerate(skews_s)]
    began_s, sent_at_s = gateway.clock.monotonic(), []
    await accept(nodes[0], PayoutRequest("acme", "order-1", MONEY, BENEFICIARY))
    payout, lease = gateway.handed.pop()
    await advance(nodes[0], payout, lease)
    gateway.clock.step_wall(step_s)
    for turn in range(90):
        sent_at_s += [gateway.clock.monotonic() - began_s] * (len(alpha.sent) - len(sent_at_s))
        gateway.clock.move(1201.0)
        await take_what_is_due(nodes[turn % 2])
    return sent_at_s


WINDOW_OF_A_REPEAT_S = 86_400.0
"""What the scripted channel declares."""


@pytest.mark.parametrize("skews_s", SKEWS_S)
@pytest.mark.parametrize("step_s", [0.0, -CLOCK_ALLOWANCE.total_seconds() / 2])
async def test_no_repeat_leaves_the_window_of_its_id(skews_s: tuple[float, float], step_s: float) -> None:
    """Nodes twenty minutes apart and a clock set back by half the allowance: the last repeat is within the window."""
    sent_at_s = await transmissions_s(skews_s, step_s)
    assert len(sent_at_s) > 12, "it was repeated, all along"
    assert sent_at_s[-1] < WINDOW_OF_A_REPEAT_S


async def test_a_clock_set_back_further_moves_the_window_by_no_more_than_that() -> None:
    """What is not promised, in numbers: set back by more than the allowance, the window is longer by the rest."""
    for step_s in (2 * HOUR_S, 5 * HOUR_S):
        sent_at_s = await transmissions_s((0.0, 0.0), -step_s)
        assert sent_at_s[-1] < WINDOW_OF_A_REPEAT_S + step_s - CLOCK_ALLOWANCE.total_seconds()


async def test_a_clock_set_forward_only_ends_repeats_early() -> None:
    """The window seems to be over: it is asked about and not sent again, for ever if need be."""
    sent_at_s = await transmissions_s((0.0, 0.0), 2 * WINDOW_OF_A_REPEAT_S)
    assert sent_at_s == [0.0]


# --- breaker and guard


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
async def test_a_breaker_counts_its_own_seconds(step_s: float) -> None:
    """T12: a step neither closes an open breaker early nor keeps it open: its twenty seconds are monotonic ones."""
    gateway = scripted_gateway()
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    alpha.submits.extend([UNCLEAR] * 5 + [PAID] * 9)
    beta.submits.extend([PAID] * 9)
    guard = gateway.services.channels["alpha"].guard
    for number in range(5):
        await gateway.accept(f"order-{number}")
    assert guard.breaker_state is BreakerState.OPEN
    gateway.clock.step_wall(step_s)
    assert (await gateway.accept("while open")).attempt(1).channel == "beta"
    gateway.clock.move(19.0)
    assert (await gateway.accept("still open")).attempt(1).channel == "beta"
    gateway.clock.move(1.0)
    assert (await gateway.accept("its trial")).attempt(1).channel == "alpha"
    assert guard.breaker_state is BreakerState.CLOSED


# --- signatures and nonces


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    server = make_server(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.mark.parametrize("off_s", [0, WINDOW_S, -WINDOW_S, WINDOW_S + 1, -WINDOW_S - 1, 3600, -3600])
async def test_a_signed_request_lives_five_minutes_either_way(api: ApiServer, off_s: int) -> None:
    """The window is the documented one, and a clock an hour off says so: nothing is accepted, nothing stored."""
    body = b'{"reference":"order-1"}'
    head = api.auth("POST", "/v1/payouts", body, at_s=off_s)
    answered = await api.send("POST", "/v1/payouts", body, head)
    if abs(off_s) <= WINDOW_S:
        assert answered.status == 400, "proved to be the app's; it is the order that is incomplete"
    else:
        assert answered.status == 401
    assert await api.store.read(lambda tx: tx.counts()) == {}


@pytest.mark.parametrize("there_and_back_s", [(HOUR_S, -HOUR_S), (-HOUR_S, HOUR_S), (TEN_MINUTES_S, -TEN_MINUTES_S)])
async def test_a_replay_around_a_step_orders_nothing(api: ApiServer, there_and_back_s: tuple[float, float]) -> None:
    """A nonce may be forgotten by a clock that runs ahead and is set back; the reference never is: no second payout."""
    body = json.dumps(api.order("mine")).encode()
    head = api.auth("POST", "/v1/payouts", body)
    first = await api.send("POST", "/v1/payouts", body, head)
    assert first.status == 201
    for step_s in there_and_back_s:
        api.clock.step_wall(step_s)
        await api.create(api.order())  # which also clears away old nonces
        replayed = await api.send("POST", "/v1/payouts", body, head)
        assert replayed.status in (200, 401)
        assert replayed.status == 401 or replayed.json()["id"] == first.json()["id"]
    assert sum((await api.store.read(lambda tx: tx.counts())).values()) == 3
