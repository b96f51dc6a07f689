"""Funding over the wire: whether it is low for everybody, how much for whoever may see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.api.balances import BalanceList
from gateway.api.server import PUBLIC_STATE
from gateway.domain.allowance import Allowances
from gateway.domain.money import Money
from gateway.domain.payout import Payout
from gateway.operations.services import ChannelHandle
from gateway.store.port import Tx
from routing.policy import ChannelState
from tests.support.api_server import READER, RIVAL, WRITER, ApiServer, Signer

FUNDING = 100_000


def change(api: ApiServer, **fields: Any) -> ChannelHandle:
    channels: Any = api.services.channels
    channels["ear"] = made = replace(channels["ear"], **fields)
    return made


async def ask(api: ApiServer, by: Signer = READER) -> list[dict[str, Any]]:
    answer = await api.signed("GET", "/v1/balances", by=by)
    assert answer.status == 200
    BalanceList.model_validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def give(api: ApiServer, handle: ChannelHandle, minor: int) -> None:
    """An attempt has reserved so much."""
    made = (await api.create(api.order())).json()["id"]

    def unit(tx: Tx) -> None:
        payout = tx.payout(made)
        assert isinstance(payout, Payout)
        wanted = handle.allowances.reservation("ear", Money(minor, "CNY"), api.clock.now())
        assert wanted is not None
        tx.reserve(payout, 1, wanted)

    await api.store.run(unit)


@pytest.fixture
def funded(api: ApiServer) -> ChannelHandle:
    policy = replace(api.services.channels["ear"].policy, balance_low_minor=20_000)
    return change(api, policy=policy, allowances=Allowances(funding_minor=FUNDING))


async def test_without_funding_nothing_is_known(api: ApiServer) -> None:
    """No guess: null, and still the time."""
    (told,) = await ask(api)
    assert (told["channel"], told["currency"]) == ("ear", "CNY")
    assert (told["low"], told["available"]) == (None, None)
    assert told["as_of"] == "2026-01-02T03:04:05.000Z"
    assert (await api.signed("GET", "/v1/balances", by=WRITER)).json()["code"] == "scope_missing"


async def test_it_is_low_when_nothing_more_is_taken(api: ApiServer, funded: ChannelHandle) -> None:
    """To the cent of what must be left; how much there is stays with the operator."""
    assert [(each["low"], each["available"]) for each in await ask(api)] == [(False, None)]
    await give(api, funded, FUNDING - 20_001)
    assert [each["low"] for each in await ask(api)] == [False]
    await give(api, funded, 1)
    assert [(each["low"], each["available"]) for each in await ask(api)] == [(True, None)]


async def test_who_may_see_it_is_told_how_much_is_left(api: ApiServer, funded: ChannelHandle) -> None:
    """What was reserved is taken off; another app is not told."""
    state = api.app[PUBLIC_STATE]
    doors = replace(state.doors, funding_seen_by=frozenset({"shop"}))
    state.in_force.snapshot = replace(state.in_force.snapshot, doors=doors)
    await give(api, funded, 30_000)
    assert [each["available"] for each in await ask(api)] == [{"value": FUNDING - 30_000, "currency": "CNY"}]
    assert [each["available"] for each in await ask(api, RIVAL)] == [None]


async def test_a_channel_that_is_switched_off_is_not_there(api: ApiServer, funded: ChannelHandle) -> None:
    """Whatever is left on it."""
    change(api, policy=replace(funded.policy, state=ChannelState.DISABLED))
    assert await ask(api) == []
