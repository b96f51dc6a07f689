"""Allowances: reserved with the intent, given back with the proof that nothing was paid."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.allowance import Allowances, Used
from gateway.domain.errors import StoreUnavailable
from gateway.domain.event import EventType
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.reasons import RejectReason
from gateway.domain.status import Status, status
from gateway.failpoints import Unit
from gateway.operations.usage import BELIEVED_FOR
from gateway.store.port import Tx
from tests.support.builders import an_answer
from tests.support.scripted import HANG, MONEY, ScriptedGateway, scripted_gateway

K = OutcomeKind
PAID = an_answer(K.SUCCEEDED)
REFUSED = an_answer(K.REJECTED, finality=Finality.FINAL, reason=RejectReason.INSUFFICIENT_FUNDS)
ONE = MONEY.minor


def limit(gateway: ScriptedGateway, allowances: Allowances, name: str = "alpha") -> ScriptedGateway:
    handles = dict(gateway.services.channels)
    handles[name] = replace(handles[name], allowances=allowances)
    gateway.services = replace(gateway.services, channels=handles)
    return gateway


def another_node(gateway: ScriptedGateway) -> ScriptedGateway:
    """With the same store and clock, its own channels' lines and its own memory."""
    other = scripted_gateway()
    services = replace(other.services, store=gateway.store, clock=gateway.clock, node="other")
    # Ids of the two must not collide.
    services = replace(services, new_uuid=gateway.services.new_uuid)
    other.services, other.store, other.clock = services, gateway.store, gateway.clock
    return limit(other, gateway.services.channels["alpha"].allowances)


async def used(gateway: ScriptedGateway, window: str = "funding") -> Used:
    sums = await gateway.store.read(lambda tx: tx.usage("alpha"))
    return sums.get(("CNY", window), Used())


async def test_two_nodes_cannot_spend_the_last_money() -> None:
    """Both believe that one more fits, and both sign at once; the store lets one through, the other goes elsewhere."""
    first = limit(scripted_gateway(), Allowances(funding_minor=ONE))
    second = another_node(first)
    for gateway in (first, second):
        gateway.channels["alpha"].submits.append(PAID)
        gateway.channels["beta"].submits.append(PAID)
        assert gateway.services.usage.is_old(gateway.clock.now())
    made = await asyncio.gather(first.accept("order-1"), second.accept("order-2"))
    assert [status(payout) for payout in made] == [Status.PAID, Status.PAID]
    assert sorted(payout.attempts[-1].channel for payout in made) == ["alpha", "beta"]
    assert sorted(len(gateway.channels["alpha"].sent) for gateway in (first, second)) == [0, 1]
    assert await used(first) == Used(ONE, 1)
    assert [len(payout.attempts) for payout in made] == [1, 1]


async def test_a_belief_that_is_old_costs_one_more_look_and_no_money() -> None:
    """The other node looked when nothing was used yet: the store refuses, and it learns."""
    first = limit(scripted_gateway(), Allowances(funding_minor=ONE))
    second = another_node(first)
    await second.store.read(lambda tx: second.services.usage.look(tx, ["alpha"], second.clock.now()))
    first.channels["alpha"].submits.append(PAID)
    await first.accept("order-1")
    second.channels["beta"].submits.append(PAID)
    payout = await second.accept("order-2")
    assert [attempt.channel for attempt in payout.attempts] == ["beta"]
    assert second.channels["alpha"].sent == []


async def test_what_was_reserved_is_believed_after_the_commit_and_not_before() -> None:
    """A commit that fails leaves nobody believing that the money is taken; one that stands is known at once."""
    gateway = limit(scripted_gateway("alpha"), Allowances(funding_minor=ONE))
    usage, opening = gateway.services.usage, []

    class Failing:
        """A store whose disk is full when an attempt is opened."""

        def __getattr__(self, name: str) -> object:
            return getattr(gateway.store, name)

        async def run(self, unit: Unit[object]) -> object:
            if unit.name != EventType.ATTEMPT_OPENED:
                return await gateway.store.run(unit)

            def undone(tx: Tx) -> object:
                opening.append(unit(tx))
                raise StoreUnavailable("disk full")

            return await gateway.store.run(undone)

    whole = gateway.services
    gateway.services = replace(whole, store=Failing())  # type: ignore[arg-type]  # the same store, but for one unit
    with pytest.raises(StoreUnavailable):
        await gateway.accept("order-1")
    assert opening
    assert usage.of("alpha") == {}
    gateway.services = whole
    gateway.channels["alpha"].submits.append(PAID)
    await gateway.pass_time(minutes=2)
    assert usage.of("alpha")["CNY", "funding"] == Used(ONE, 1)


async def test_a_rejection_gives_the_money_back() -> None:
    """And the next payout has it."""
    gateway = limit(scripted_gateway(), Allowances(funding_minor=ONE))
    gateway.channels["alpha"].submits.extend([REFUSED, PAID])
    gateway.channels["beta"].submits.append(PAID)
    first = await gateway.accept("order-1")
    assert [attempt.channel for attempt in first.attempts] == ["alpha", "beta"]
    assert await used(gateway) == Used(0, 0)
    gateway.clock.move(BELIEVED_FOR.total_seconds())
    second = await gateway.accept("order-2")
    assert [attempt.channel for attempt in second.attempts] == ["alpha"]
    assert await used(gateway) == Used(ONE, 1)


async def test_nothing_is_given_back_before_it_is_proved() -> None:
    """No answer is not a no: while an outcome is unknown its money is reserved."""
    gateway = limit(scripted_gateway(), Allowances(funding_minor=ONE))
    alpha, beta = gateway.channels["alpha"], gateway.channels["beta"]
    unknown = await gateway.accept("order-1")
    assert await used(gateway) == Used(ONE, 1)
    beta.submits.append(PAID)
    assert (await gateway.accept("order-2")).attempts[-1].channel == "beta"
    alpha.queries.append(an_answer(K.REJECTED, How.QUERY, finality=Finality.FINAL, reason=RejectReason.UNKNOWN))
    await gateway.pass_time(seconds=30)
    assert (await gateway.payout(unknown.id)).attempt(1).state == "rejected"
    assert await used(gateway) == Used(0, 0)


async def test_a_days_money_is_there_again_the_next_day() -> None:
    """By the calendar of the configured zone; until then what fits nowhere waits."""
    zone = ZoneInfo("Asia/Shanghai")
    gateway = limit(scripted_gateway("alpha"), Allowances(day_minor=ONE, zone=zone))
    gateway.channels["alpha"].submits.extend([PAID, PAID])
    assert status(await gateway.accept("order-1")) is Status.PAID
    second = await gateway.accept("order-2")
    assert status(second) is Status.ACCEPTED
    local = gateway.clock.now().astimezone(zone)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    await gateway.pass_time(seconds=(midnight - local).total_seconds() - 11)
    assert status(await gateway.payout(second.id)) is Status.ACCEPTED
    await gateway.pass_time(seconds=12)
    assert status(await gateway.payout(second.id)) is Status.PAID


@pytest.mark.parametrize("allowances", [Allowances(), Allowances(day_minor=10 * ONE)], ids=["none", "plenty"])
async def test_what_is_not_near_its_limit_goes_as_ever(allowances: Allowances) -> None:
    """One attempt, one reservation where anything is counted, none where not."""
    gateway = limit(scripted_gateway(), allowances)
    gateway.channels["alpha"].submits.append(PAID)
    assert status(await gateway.accept()) is Status.PAID
    day = f"day:{gateway.clock.now():%Y-%m-%d}"
    assert await used(gateway, day) == (Used(ONE, 1) if allowances.counts else Used())


async def test_a_payout_whose_send_is_under_way_has_its_money_reserved() -> None:
    """From the intent on, not from the answer on."""
    gateway = limit(scripted_gateway("alpha"), Allowances(funding_minor=5 * ONE))
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([HANG, PAID])
    task = asyncio.create_task(gateway.accept())
    await alpha.called.wait()
    assert await used(gateway) == Used(ONE, 1)
    alpha.release.set()
    assert status(await task) is Status.PAID
