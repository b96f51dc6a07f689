"""GET /v1/channels: what is published of a channel is what is routed by, and nothing that is not the app's business."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.api.channels import ChannelList, ChannelReply, channel_view
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.operations.published import Condition, published
from routing.arrival import Arrivals, Promise
from routing.breaker import BreakerState
from routing.feedback import FAILURE, SUCCESS
from routing.guard import Verdict
from routing.health_book import health_class
from routing.policy import ChannelState, FeeKind, FeeRule
from routing.schedule import Once
from tests.support.api_server import READER, WRITER, ApiServer
from tests.support.scripted import ScriptedGateway, scripted_gateway

BANK = BeneficiaryKind.BANK_ACCOUNT


def with_policy(gateway: ScriptedGateway, **fields: Any) -> ScriptedGateway:
    """The same gateway, its first channel's policy changed."""
    handles = dict(gateway.services.channels)
    handles["alpha"] = replace(handles["alpha"], policy=replace(handles["alpha"].policy, **fields))
    return replace(gateway, services=replace(gateway.services, channels=handles))


def shown(gateway: ScriptedGateway) -> dict[str, Any]:
    """Channel alpha as an app is told of it; the published model holds."""
    found = published(gateway.services)[0]
    view: dict[str, Any] = channel_view(found, "2026-01-01T00:00:00.000Z")
    ChannelReply.model_validate(view)
    assert view.keys() == ChannelReply.model_fields.keys()
    return view


async def test_channels_are_listed_by_name(api: ApiServer) -> None:
    """Any key that may ask is told, and the answer is as published."""
    answer = await api.signed("GET", "/v1/channels", by=READER)
    assert answer.status == 200
    ChannelList.model_validate(answer.json())
    (ear,) = answer.json()["data"]
    assert (ear["name"], ear["available"], ear["not_now"]) == ("ear", True, [])
    assert ear["fees"][0]["fixed"] == {"value": 1, "currency": "CNY"}
    assert (await api.signed("GET", "/v1/channels", by=WRITER)).json()["code"] == "scope_missing"
    assert (await api.signed("GET", "/v1/channels?x=1")).status == 400


async def test_nothing_of_accounts_keys_and_loads() -> None:
    """What stands on our side of a channel stays there: no account, no address, no key, no funding, nobody's volume."""
    gateway = with_policy(scripted_gateway(), daily_minor=4711_0815, monthly_minor=4711_0816)
    text = repr(shown(gateway))
    for secret in (gateway.channels["alpha"].ground.base_address, "scripted", "47110815", "47110816"):
        assert secret not in text
    assert not {"account_id", "in_flight", "rps", "weight", "usage"} & shown(gateway).keys()


async def test_the_price_list_is_published_whole() -> None:
    """Every bound of every rule is there, so that an app can reckon the fee itself."""
    rules = (
        FeeRule(
            FeeKind.BOTH,
            "CNY",
            amount_minor=7,
            bps=25,
            min_minor=10,
            max_minor=900,
            amount_gte=100,
            amount_lte=200,
            volume_gte=1_000,
            volume_lte=2_000,
            free_count=3,
            free_minor=50,
            valid_from=date(2026, 1, 1),
            valid_until=date(2026, 12, 31),
            kinds=frozenset({BANK}),
        ),
        FeeRule(FeeKind.FLAT, "CNY", amount_minor=0),
        FeeRule(FeeKind.PERCENT, "CNY", bps=60),
    )
    both, flat, percent = shown(with_policy(scripted_gateway(), fees=rules))["fees"]

    def money(value: int) -> dict[str, object]:
        return {"value": value, "currency": "CNY"}

    assert both == {
        "kind": "both",
        "currency": "CNY",
        "fixed": money(7),
        "bps": 25,
        "min": money(10),
        "max": money(900),
        "amount_gte": money(100),
        "amount_lte": money(200),
        "month_volume_gte": money(1_000),
        "month_volume_lte": money(2_000),
        "free_count": 3,
        "free_amount": money(50),
        "valid_from": "2026-01-01",
        "valid_until": "2026-12-31",
        "methods": ["bank_account"],
    }
    assert (flat["fixed"], flat["bps"]) == (money(0), None)
    assert (percent["fixed"], percent["bps"]) == (None, 60)


async def test_arrival_is_the_promise_and_what_was_measured() -> None:
    """A channel that takes twice its promise says both; with settlement days the promise is for an order made now."""
    gateway = scripted_gateway()
    slow = Arrivals()
    for _ in range(200):
        slow = slow.after(2.0, 1.0)
    gateway.services.router.arrivals["alpha"] = slow
    arrival = shown(gateway)["arrival"]
    assert arrival["promised"]["usual_s"] == arrival["promised"]["now_s"] == 1.0
    assert arrival["measured"]["expected_s"] == pytest.approx(2.0, rel=0.1)
    assert arrival["measured"]["nearly_all_s"] >= arrival["measured"]["expected_s"]
    assert arrival["measured"]["outcomes"] > 100

    promise = Promise(1.0, days=1, cut_off=time(16, 30), zone=ZoneInfo("Asia/Shanghai"))
    promised = shown(with_policy(scripted_gateway(), promise=promise))["arrival"]["promised"]
    assert (promised["settles"], promised["cut_off"], promised["time_zone"]) == ("T+1", "16:30", "Asia/Shanghai")
    assert promised["now_s"] == promise_until(datetime(2026, 1, 2, 12, tzinfo=promise.zone))


def promise_until(there: datetime) -> float:
    return (there - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds()


async def test_health_is_what_is_routed_by() -> None:
    """The chance is the router's own; a class that does worse than it used to makes the channel degraded."""
    gateway = scripted_gateway()
    assert shown(gateway)["health"]["condition"] == Condition.SOUND
    book, cls = gateway.services.router.book, health_class(0, BANK)
    for second in range(60):
        book.observe("alpha", cls, SUCCESS, float(second))
    good = record_of(gateway)
    assert good["chance"] > 0.9
    assert good["evidence"] > 10
    for second in range(60, 75):
        book.observe("alpha", cls, FAILURE, float(second))
    assert record_of(gateway)["chance"] < good["chance"] / 2
    assert record_of(gateway)["chance"] == book.posterior("alpha", cls).mean
    assert shown(gateway)["health"]["condition"] == Condition.DEGRADED
    assert shown(gateway)["available"]


def record_of(gateway: ScriptedGateway) -> dict[str, Any]:
    found: dict[str, Any] = shown(gateway)["health"]["records"][0]
    assert (found["method"], found["amount_gte"], found["amount_lt"]) == ("bank_account", 0, 10_000)
    return found


async def test_a_channel_that_takes_nothing_says_why() -> None:
    """Switched off, in maintenance, given a rest: each is told, and no order has to be made to find out."""
    now = scripted_gateway().clock.now()
    closed = shown(
        with_policy(scripted_gateway(), state=ChannelState.DRAINING, schedule=(Once(now, now + timedelta(hours=1)),))
    )
    assert (closed["available"], closed["not_now"]) == (False, ["state_draining", "maintenance"])
    gateway = scripted_gateway()
    guard = gateway.services.channels["alpha"].guard
    while guard.breaker_state is BreakerState.CLOSED:
        guard.admit().release(Verdict.CHANNEL_FAULT)
    resting = shown(gateway)
    assert (resting["available"], resting["not_now"]) == (False, ["breaker_open"])
    assert resting["health"]["condition"] == Condition.RESTING
