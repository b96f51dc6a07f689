"""A reference belongs to its content: another value in any field is a conflict, and nothing is changed by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.idempotency.fields import (
    BANK,
    BY_THE_SERVER,
    IDENTITY,
    KINDS,
    OTHERWISE,
    UNSAID,
    WECHAT,
    Json,
    altered,
    leaves,
    left_out,
    whole,
)
from tests.idempotency.flood import STORES, Doors, doors


def test_every_field_of_an_order_is_altered() -> None:
    """A field that is added to the schema must get another value here, or this fails."""
    said = {IDENTITY, UNSAID, *BY_THE_SERVER, *OTHERWISE}
    assert leaves() == said


@pytest.fixture(params=STORES)
async def there(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Doors]:
    async with doors(tmp_path, request.param) as opened:
        yield opened


class Known:
    """A payout that was ordered, as it is now: everything that an app can see of it but for what time brings."""

    def __init__(self, there: Doors, order: Json) -> None:
        self.there = there
        self.order = order

    async def settled(self) -> Any:
        """When nothing more happens to it."""
        while True:
            status, found = await self.there.ask("GET", f"/v1/payouts/by-reference/{self.order['reference']}")
            assert status == 200
            if found["status"] in ("failed", "paid"):
                events = await self.there.ask("GET", f"/v1/payouts/{found['id']}/timeline")
                return found, events

    async def refuses(self, other: Json, door: int) -> None:
        """It is refused under the same reference, by any node."""
        status, told = await self.there.ask("POST", "/v1/payouts", other, door=door)
        assert (status, told.get("code")) == (409, "reference_reused"), other


async def ordered(there: Doors, order: Json) -> tuple[Known, Any]:
    status, told = await there.ask("POST", "/v1/payouts", order)
    assert status == 201, told
    known = Known(there, order)
    return known, await known.settled()


async def saved(there: Doors, beneficiary: Json) -> str:
    status, told = await there.ask("POST", "/v1/beneficiaries", {"beneficiary": beneficiary})
    assert status == 201, told
    made: str = told["id"]
    return made


async def quoted(there: Doors) -> str:
    asked = {"amount": {"value": 12_345, "currency": "CNY"}, "method": "bank_account", "preference": "cheapest"}
    status, told = await there.ask("POST", "/v1/quotes", asked)
    assert status == 201, told
    made: str = told["id"]
    return made


async def test_each_altered_field_is_a_conflict_and_changes_nothing(there: Doors) -> None:
    """For each kind of beneficiary, every field by itself, altered or left out; and of metadata nothing is known."""
    ids = {"saved": await saved(there, BANK), "other": await saved(there, {**BANK, "name": "李四"})}
    payees = {"wechat": WECHAT, "bank_account": BANK, "saved": {"type": "saved", "id": ids["saved"]}}
    door = 0
    for kind in KINDS:
        order = whole(f"altered-{kind}", payees[kind])
        known, before = await ordered(there, order)
        mine = {leaf: value for leaf, value in OTHERWISE.items() if ":" not in leaf or f":{kind}/" in leaf}
        others = [altered(order, leaf, value) for leaf, value in mine.items()]
        others += [without for _, without in left_out(order)]
        if kind == "saved":
            others.append(altered(order, "/beneficiary:saved/id", ids["other"]))
        for door, other in enumerate(others):
            await known.refuses(other, door)
        assert len(others) >= 20
        for same in (order, {**order, "metadata": {"other": "words"}}):
            status, told = await there.ask("POST", "/v1/payouts", same, door=door)
            assert (status, told) == (200, before[0])
        assert await known.settled() == before
    assert await there.payouts() == len(KINDS)


async def test_another_quote_is_another_order(there: Doors) -> None:
    """An order with a quote, with another one, and with none are three orders."""
    order = whole("altered-quote", BANK) | {"quote_id": await quoted(there)}
    known, before = await ordered(there, order)
    while (another := await quoted(there)) == order["quote_id"]:
        pass  # a quote is known by its expiry, in seconds
    await known.refuses({**order, "quote_id": another}, 1)
    await known.refuses({name: order[name] for name in order if name != "quote_id"}, 0)
    assert await known.settled() == before
    assert await there.payouts() == 1
