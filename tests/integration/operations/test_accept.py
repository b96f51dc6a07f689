"""Taking payouts in: once, durably, and the same answer for the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from gateway.domain.beneficiary import WechatBeneficiary
from gateway.domain.errors import CommitUnknown, ReferenceReused, StoreUnavailable
from gateway.domain.event import EventType
from gateway.domain.money import Money
from gateway.operations.accept import PayoutRequest, accept
from gateway.store.port import Tx
from tests.support.builders import BENEFICIARY
from tests.support.flaky_store import Flaky
from tests.support.scripted import MONEY, scripted_gateway

T = TypeVar("T")
REQUEST = PayoutRequest("acme", "order-1", MONEY, BENEFICIARY, "salary", "December", {"k": "v"})


async def test_the_same_request_is_the_same_payout() -> None:
    """A replay answers with the present payout and changes nothing; metadata is not content."""
    gateway = scripted_gateway()
    first = await accept(gateway.services, REQUEST)
    again = await accept(gateway.services, replace(REQUEST, metadata={"other": "x"}))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.payout == first.payout
    assert len(gateway.handed) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": Money(12346, "CNY")},
        {"amount": Money(12345, "USD")},
        {"beneficiary": replace(BENEFICIARY, account_number="6222000000000299")},
        {"beneficiary": replace(BENEFICIARY, name="李四")},
        {"beneficiary": WechatBeneficiary("openid-1")},
        {"purpose": None},
        {"description": "January"},
    ],
    ids=str,
)
async def test_the_same_reference_with_other_content_is_refused(changed: dict[str, object]) -> None:
    """Row 4: one altered field is a conflict, and the stored payout is untouched."""
    gateway = scripted_gateway()
    first = await accept(gateway.services, REQUEST)
    with pytest.raises(ReferenceReused) as caught:
        await accept(gateway.services, replace(REQUEST, **changed))  # type: ignore[arg-type]
    assert caught.value.payout_id == first.payout.id
    assert await gateway.payout(first.payout.id) == first.payout


async def test_fifty_at_once_make_one() -> None:
    """Concurrent identical requests make one payout; forty-nine are replays."""
    gateway = scripted_gateway()
    accepted = await asyncio.gather(*(accept(gateway.services, REQUEST) for _ in range(50)))
    assert len({one.payout.id for one in accepted}) == 1
    assert sum(not one.replayed for one in accepted) == 1


async def test_acceptance_is_told_in_the_same_transaction() -> None:
    """The payout, its first event and its first callback are stored together."""
    gateway = scripted_gateway()
    payout = (await accept(gateway.services, REQUEST)).payout
    events = await gateway.store.read(lambda tx: tx.events(payout.id))
    assert [(e.sequence, e.type, e.actor) for e in events] == [(1, EventType.ACCEPTED, "app:acme")]
    assert await gateway.callback_types(payout) == ["payout.accepted"]


@pytest.mark.parametrize("happened", [True, False])
async def test_an_unknown_commit_is_settled_by_repeating_it(happened: bool) -> None:
    """Row 3, R18: whether or not the first commit happened, there is one payout afterwards and the app learns of it."""
    gateway = scripted_gateway()
    services = replace(gateway.services, store=Flaky(gateway.store, happened=happened))
    accepted = await accept(services, REQUEST)
    assert await gateway.payout(accepted.payout.id) == accepted.payout
    assert await gateway.store.read(lambda tx: tx.counts()) == {"accepted": 1}


async def test_a_commit_that_stays_unknown_is_said() -> None:
    """When repeating does not settle it either, the app is told to say the same thing again."""
    gateway = scripted_gateway()
    services = replace(gateway.services, store=Flaky(gateway.store, happened=False, failures=2))
    with pytest.raises(CommitUnknown):
        await accept(services, REQUEST)
    assert gateway.handed == []


async def test_what_is_not_stored_is_not_accepted() -> None:
    """A store that is gone refuses; nothing is handed to the worker."""
    gateway = scripted_gateway()

    class Gone(Flaky):
        async def run(self, unit: Callable[[Tx], T]) -> T:
            raise StoreUnavailable("disk full")

    with pytest.raises(StoreUnavailable):
        await accept(replace(gateway.services, store=Gone(gateway.store, happened=False)), REQUEST)
    assert gateway.handed == []
