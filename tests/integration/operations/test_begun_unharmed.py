"""What beginning at once must cost nobody: the order, its channel's limits, its callbacks' order, what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from gateway.domain.allowance import AllowanceSpent
from gateway.domain.errors import CommitUnknown, StaleWrite
from gateway.domain.outcome import OutcomeKind
from gateway.domain.status import Status
from gateway.failpoints import Commit, Unit
from gateway.metrics.port import Meter
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.first_use import FirstUse, NonceUsed
from gateway.store.port import ReadTx, Store, Tx
from gateway.worker.callbacks import CallbackWorker
from routing.guard import Guard, Limits, Verdict
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.clock import settle
from tests.support.loops import Running, SlowDelivery, seconds
from tests.support.scripted import MONEY

T = TypeVar("T")
K = OutcomeKind
ORDER = PayoutRequest("acme", "order-1", MONEY, BENEFICIARY)
NEXT = replace(ORDER, reference="order-2")


@pytest.fixture
async def running() -> Running:
    """Both channels pay whatever they are sent."""
    made = Running()
    for channel in made.gateway.channels.values():
        channel.submits.extend([an_answer(K.SUCCEEDED)] * 5)
    return made


def limited(running: Running, limits: Limits) -> Guard:
    """The first channel under these limits."""
    guard = Guard("alpha", limits, running.gateway.clock.monotonic)
    alpha = replace(running.services.channels["alpha"], guard=guard)
    running.services = replace(running.services, channels={**running.services.channels, "alpha": alpha})
    return guard


def sent(running: Running) -> dict[str, int]:
    return {name: len(channel.sent) for name, channel in running.gateway.channels.items()}


async def test_replays_use_up_no_rate(running: Running) -> None:
    """An app that repeats itself leaves its channel to the next order."""
    limited(running, Limits(rps=3))
    await accept(running.services, ORDER)
    await seconds(running.gateway, 5)
    assert all([(await accept(running.services, ORDER)).replayed for _ in range(10)])
    await accept(running.services, NEXT)
    await settle()
    assert sent(running) == {"alpha": 2, "beta": 0}
    await running.stop()


async def test_what_is_known_elsewhere_uses_up_no_rate(running: Running) -> None:
    """An order that another node has taken in is chosen for and signed here, and all of it given back."""
    guard = limited(running, Limits(rps=3))
    await accept(running.services, ORDER)
    await seconds(running.gateway, 5)
    for _ in range(10):
        fresh = type(running.services.recent_orders)()
        assert (await accept(replace(running.services, recent_orders=fresh), ORDER)).replayed
    assert (guard.in_flight, guard.live().rate_available) == (0, True)
    await accept(running.services, NEXT)
    await settle()
    assert sent(running) == {"alpha": 2, "beta": 0}
    await running.stop()


async def test_a_recorded_request_makes_nobody_sign(running: Running) -> None:
    """Whoever says somebody else's signed request again has no key, and costs no signature and no place."""
    alpha, signed = running.gateway.channels["alpha"], 0
    real = alpha.sign

    def sign(order: Any) -> Any:
        nonlocal signed
        signed += 1
        return real(order)

    alpha.sign = sign  # type: ignore[method-assign]  # to count
    until = running.gateway.clock.now() + timedelta(seconds=600)
    await accept(running.services, ORDER, FirstUse(running.services, "key", "nonce", until))
    await settle()
    for _ in range(3):
        with pytest.raises(NonceUsed):
            await accept(running.services, ORDER, FirstUse(running.services, "key", "nonce", until))
    assert (signed, running.services.channels["alpha"].guard.in_flight) == (1, 0)
    await running.stop()


async def test_a_replay_takes_no_trial_of_a_breaker(running: Running) -> None:
    """While it waits for its commit, the one order that tries the channel again is another."""
    guard, go_on, inner = limited(running, Limits(failures=1, open_s=5)), asyncio.Event(), running.services.store
    await accept(running.services, ORDER)
    await settle()
    guard.admit().release(Verdict.CHANNEL_FAULT)
    await seconds(running.gateway, 6)

    @dataclass
    class Slow:
        async def run(self, unit: Callable[[Tx], T]) -> T:
            await go_on.wait()
            return await inner.run(unit)

    slow: Any = Slow()
    replaying = asyncio.ensure_future(accept(replace(running.services, store=slow), ORDER))
    await settle()
    await accept(running.services, NEXT)
    await settle()
    go_on.set()
    assert (await replaying).replayed
    assert sent(running) == {"alpha": 2, "beta": 0}
    await running.stop()


@dataclass
class Failing:
    """A store whose runs fail as it is told, by their number: before they happen, or after."""

    inner: Store
    before: dict[int, Exception] = field(default_factory=dict)
    after: dict[int, Exception] = field(default_factory=dict)
    runs: int = 0

    async def run(self, unit: Callable[[Tx], T]) -> T:
        number, self.runs = self.runs, self.runs + 1
        if number in self.before:
            raise self.before[number]
        done = await self.inner.run(unit)
        if number in self.after:
            raise self.after[number]
        return done

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        return await self.inner.read(query)

    async def close(self) -> None:
        await self.inner.close()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({0: AllowanceSpent("alpha", "funding", 0), 1: CommitUnknown("x")}, {}),
        ({0: AllowanceSpent("alpha", "funding", 0)}, {1: CommitUnknown("x")}),
        ({0: AllowanceSpent("alpha", "funding", 0), 1: StaleWrite("taken")}, {}),
        ({0: StaleWrite("a quarantine"), 1: StaleWrite("a quarantine"), 2: CommitUnknown("x")}, {}),
        ({0: StaleWrite("a quarantine"), 1: StaleWrite("a quarantine")}, {2: CommitUnknown("x")}),
        ({0: RuntimeError("a bug")}, {}),
    ],
    ids=str,
)
async def test_what_keeps_the_intent_out_keeps_no_order_out(
    running: Running, before: dict[int, Exception], after: dict[int, Exception]
) -> None:
    """Whatever its intent failed of, the order is stored alone, with its own second say (R18); it is sent once."""
    running.services = replace(running.services, store=Failing(running.gateway.store, before, after))
    accepted = await accept(running.services, ORDER)
    await settle()
    assert (accepted.opened, await running.status(accepted.payout.id)) == (None, Status.PAID)
    assert sent(running) == {"alpha": 1, "beta": 0}
    await running.stop()


@pytest.mark.parametrize("where", ["tally_payout", "fingerprint"])
async def test_a_bug_around_it_keeps_no_permit(running: Running, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Before the commit nothing is sent; after it the worker has the call already, and nothing takes it back."""

    def broken(*_given: object, **_named: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(f"gateway.operations.accept.{where}", broken)
    with pytest.raises(RuntimeError):
        await accept(running.services, ORDER)
    await settle()
    assert (running.services.channels["alpha"].guard.in_flight, running.worker.taken) == (0, 0)
    assert sent(running) == {"alpha": 0 if where == "fingerprint" else 1, "beta": 0}
    await running.stop()


async def test_a_cancelled_request_keeps_nothing(running: Running) -> None:
    """Its client is gone while it is being stored: what was taken for it is given back."""
    inner = running.gateway.store

    @dataclass
    class Hangs:
        async def run(self, unit: Callable[[Tx], T]) -> T:
            done = await inner.run(unit)
            if isinstance(unit, Unit) and unit.name == Commit.BEGUN:
                await asyncio.Event().wait()
            return done

    hanging: Any = Hangs()
    ordering = asyncio.ensure_future(accept(replace(running.services, store=hanging), ORDER))
    await settle()
    ordering.cancel()
    await settle()
    assert (running.services.channels["alpha"].guard.in_flight, running.worker.taken) == (0, 0)
    await running.stop()


async def test_a_lease_counts_as_it_was_taken(running: Running) -> None:
    """Row 56: a reload that makes leases longer lengthens none that is under way."""
    clock, inner = running.gateway.clock, running.gateway.store

    @dataclass
    class Slow:
        async def run(self, unit: Callable[[Tx], T]) -> T:
            done = await inner.run(unit)
            if isinstance(unit, Unit) and unit.name == Commit.BEGUN:
                clock.move(running.services.lease_s + 30.0)
                running.services = replace(running.services, lease_s=300.0)
            return done

    slow: Any = Slow()
    running.services = replace(running.services, store=slow)
    await accept(running.services, ORDER)
    await settle()
    assert sent(running) == {"alpha": 0, "beta": 0}
    await running.stop()


async def test_an_app_hears_in_order(running: Running) -> None:
    """Both are in one commit: accepted, then processing."""
    delivery = SlowDelivery(running.gateway, lambda _callback: False)
    worker = CallbackWorker(16, 1000.0, 15.0, delivery)
    running.gateway.services = running.services = replace(
        running.services,
        wake_callbacks=worker.bell.ring,
        claim_callback=worker.claim,
        begin_callbacks=worker.begin,
    )
    loop = asyncio.ensure_future(worker.run(running.gateway))
    await settle()
    await accept(running.services, ORDER)
    await settle()
    assert [each.type for each in delivery.served] == ["payout.accepted", "payout.processing", "payout.paid"]
    await worker.stop(0)
    await loop
    await running.stop()


async def test_a_refusal_of_a_channel_is_counted_once(running: Running) -> None:
    """The choice that came to nothing is made again by the worker: that one counts."""
    skips: list[tuple[object, ...]] = []

    class Skips(Meter):
        def add(self, *named: object) -> None:  # type: ignore[override]  # whatever it is
            skips.extend([named] if "skip" in str(named[0]).lower() else [])

        def observe(self, *_named: object) -> None:  # type: ignore[override]
            """Nobody asks."""

    for channel in running.gateway.channels.values():
        channel.unsendable = "not today"
    running.services = replace(running.services, meter=Skips())
    await accept(running.services, ORDER)
    await settle()
    assert len(skips) == 2
    await running.stop()
