"""Apps that asked for it are told when a channel degrades and recovers: once, whoever dies on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.callbacks.endpoint import Endpoint
from gateway.domain.channel_news import DEGRADED_AFTER, RECOVERED_AFTER
from gateway.domain.endpoint import AppEndpoint, KeyKind, SigningKey
from gateway.domain.errors import StoreUnavailable
from gateway.operations.channel_news import tell_of_channels
from gateway.operations.services import Services
from gateway.secret import Secret
from gateway.store.app_events import EventFilter
from gateway.store.port import Store, Tx
from gateway.store.records import Callback
from routing.breaker import BreakerState, Verdict
from routing.policy import ChannelState
from tests.support.builders import NOW
from tests.support.scripted import ScriptedGateway, scripted_gateway

NOBODY: frozenset[str] = frozenset()
ALPHA = frozenset({"alpha"})
CHANNEL_EVENTS = frozenset({"channel.degraded", "channel.recovered"})


def an_endpoint(name: str, app: str, events: frozenset[str] = CHANNEL_EVENTS) -> Endpoint:
    return Endpoint(name, app, f"https://{app}.example/{name}", (Secret(b"whsec_" + b"A" * 32),), events=events)


def listening(gateway: ScriptedGateway, *endpoints: Endpoint) -> Services:
    by_app: dict[str, tuple[Endpoint, ...]] = {"acme": (), "other": ()}
    for endpoint in endpoints:
        by_app[endpoint.app] = (*by_app[endpoint.app], endpoint)
    return replace(gateway.services, endpoints=by_app)


async def told(services: Services, app: str) -> list[tuple[Callback, ...]]:
    """Its channel events, the oldest first."""
    wanted = EventFilter(types=CHANNEL_EVENTS)
    found = await services.store.read(lambda tx: tx.app_events(app, wanted, None, 100))
    return sorted(found, key=lambda event: event[0].created_at)


async def watch(gateway: ScriptedGateway, services: Services, resting: frozenset[str], time: timedelta) -> None:
    """Looks, one every five seconds, for so long."""
    for _ in range(int(time.total_seconds()) // 5 + 1):
        await tell_of_channels(services, resting)
        gateway.clock.move(5)


async def test_trouble_and_its_end_reach_those_who_asked() -> None:
    """By name only: who asked for all, or for something else, hears nothing of channels."""
    gateway = scripted_gateway()
    made = AppEndpoint(
        "ep_made", "acme", "https://acme.example/made", CHANNEL_EVENTS,
        (SigningKey(KeyKind.HMAC_SHA256, b"whsec_" + b"A" * 32, NOW),), NOW,
    )  # fmt: skip
    await gateway.store.run(lambda tx: tx.add_endpoint(made))
    services = listening(
        gateway,
        an_endpoint("ep_all", "acme", frozenset()),
        an_endpoint("ep_paid", "acme", frozenset({"payout.paid"})),
        an_endpoint("ep_other", "other", frozenset({"channel.degraded"})),
    )
    await watch(gateway, services, ALPHA, DEGRADED_AFTER)
    await watch(gateway, services, NOBODY, RECOVERED_AFTER)
    degraded, recovered = await told(services, "acme")
    assert [each.endpoint for each in (*degraded, *recovered)] == ["ep_made", "ep_made"]
    bodies = [json.loads(each[0].body) for each in (degraded, recovered)]
    assert [(each["type"], each["sequence"]) for each in bodies] == [("channel.degraded", 1), ("channel.recovered", 2)]
    about: dict[str, Any] = bodies[0]["data"]["object"]
    assert (about["object"], about["name"], about["condition"]) == ("channel", "alpha", "resting")
    assert bodies[1]["data"]["object"]["condition"] == "sound"
    (elsewhere,) = await told(services, "other")
    assert elsewhere[0].type == "channel.degraded"
    assert elsewhere[0].id != degraded[0].id
    assert degraded[0].due_at is not None


async def test_our_own_breaker_and_health_count() -> None:
    """An open breaker here, with no word of another node."""
    gateway = scripted_gateway()
    services = listening(gateway, an_endpoint("ep_1", "acme"))
    guard = gateway.services.channels["beta"].guard
    for _ in range(5):
        guard.admit().release(Verdict.CHANNEL_FAULT)
    assert guard.breaker_state is BreakerState.OPEN
    await watch(gateway, services, NOBODY, DEGRADED_AFTER)
    (event,) = await told(services, "acme")
    assert json.loads(event[0].body)["data"]["object"]["name"] == "beta"


async def test_a_channel_that_is_switched_off_is_no_news() -> None:
    """The operator's switch is not the channel's health."""
    gateway = scripted_gateway()
    gateway.change("alpha", state=ChannelState.DISABLED)
    services = listening(gateway, an_endpoint("ep_1", "acme"))
    await watch(gateway, services, ALPHA, DEGRADED_AFTER)
    assert await told(services, "acme") == []


class Dying:
    """A store whose units fail from the chosen one on: the node is dead then."""

    def __init__(self, store: Store, units: int) -> None:
        self._store = store
        self._left = units
        self.read = store.read

    async def run(self, unit: Callable[[Tx], Any]) -> Any:
        if self._left == 0:
            raise StoreUnavailable("dead")
        self._left -= 1
        return await self._store.run(unit)


@pytest.mark.parametrize("units", range(1, 5))
async def test_whoever_dies_on_the_way_the_event_comes_once(units: int) -> None:
    """After any of its units: the next node goes on with the same event, for the same time, to those who lack it."""
    gateway = scripted_gateway()
    whole = listening(gateway, an_endpoint("ep_1", "acme"), an_endpoint("ep_2", "other"))
    await tell_of_channels(whole, ALPHA)  # trouble begins
    gateway.clock.move(DEGRADED_AFTER.total_seconds())
    dying = replace(whole, store=Dying(gateway.store, units))  # type: ignore[arg-type]  # of the port, what is used
    if units < 4:
        with pytest.raises(StoreUnavailable):
            await tell_of_channels(dying, ALPHA)
    else:
        await tell_of_channels(dying, ALPHA)
    for _ in range(3):
        gateway.clock.move(5)
        await tell_of_channels(whole, ALPHA)
    for app in ("acme", "other"):
        (event,) = await told(whole, app)
        assert len(event) == 1
        assert event[0].created_at == NOW + DEGRADED_AFTER
