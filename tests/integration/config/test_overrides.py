"""Overrides take traffic away and nothing else; they outlive a restart and end by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.audit import Act
from gateway.domain.errors import NotFound, RequestRefused
from gateway.domain.override import Override
from gateway.operations.panel import Wanted
from gateway.store.port import Tx
from routing.policy import ChannelState
from tests.support.admin_api import AdminServer
from tests.support.clock import FakeClock
from tests.support.live_gateway import FILE, LiveGateway, live_gateway
from tests.support.patience import PATIENCE_S

CHANNELS = "/admin/v1/channels"
BETA_OFF = FILE.replace("[channels.beta]\n", '[channels.beta]\nstate = "disabled"\n')


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def live(tmp_path: Path, clock: FakeClock) -> AsyncIterator[LiveGateway]:
    async with live_gateway(tmp_path, clock=clock) as opened:
        yield opened


def anybody(_tx: Tx) -> None:
    """The right was looked at elsewhere."""


def wanted(live: LiveGateway, channel: str = "alpha", *, lasts_s: float | None = None, **fields: object) -> Wanted:
    now = live.gateway.world.clock.now()
    until = None if lasts_s is None else now + timedelta(seconds=lasts_s)
    given: dict[str, object] = {"state": "draining", "weight": None, **fields}
    return Wanted(channel=channel, reason="it limps", by="person:ada", expires_at=until, **given)  # type: ignore[arg-type]  # by name


def state(live: LiveGateway, channel: str = "alpha") -> ChannelState:
    return live.gateway.services.channels[channel].policy.state


async def set_(live: LiveGateway, channel: str = "alpha", **fields: object) -> Override:
    return await live.gateway.panel.set(wanted(live, channel, **fields), anybody)  # type: ignore[arg-type]  # by name


async def test_it_is_in_force_at_once_and_lifted_again(live: LiveGateway) -> None:
    """With its line in the audit; lifting gives back what the file says."""
    before = live.gateway.services.channels["alpha"]
    made = await set_(live, state="disabled")
    assert state(live) is ChannelState.DISABLED
    assert live.gateway.services.steps.disabled_channels == {"alpha"}
    assert live.gateway.reloads.state.overrides_active == 1
    assert [each.id for each in await live.gateway.panel.lift("alpha", "person:bob", anybody)] == [made.id]
    assert live.gateway.services.channels["alpha"] is before
    lines = await live.gateway.services.store.read(lambda tx: tx.audit(0, 9))
    assert [(line.deed.act, line.deed.actor, line.deed.subject) for line in lines] == [
        (Act.OVERRIDE_SET, "person:ada", "alpha"),
        (Act.OVERRIDE_LIFTED, "person:bob", "alpha"),
    ]
    assert lines[0].deed.detail["reason"] == "it limps"


async def test_lifting_never_enables_what_the_file_disables(tmp_path: Path, clock: FakeClock) -> None:
    """The file says the most that a channel may do."""
    async with live_gateway(tmp_path, BETA_OFF, clock) as live:
        await set_(live, "beta", weight=50, state=None)
        await live.gateway.panel.lift("beta", "person:ada", anybody)
        assert state(live, "beta") is ChannelState.DISABLED


async def test_it_ends_by_the_clock(live: LiveGateway, clock: FakeClock) -> None:
    """To the moment, whoever looks; and a later one that was set meanwhile goes on."""
    keeper = asyncio.create_task(live.gateway.reloader.keep_time())
    await set_(live, lasts_s=30.0)
    await set_(live, state=None, weight=40, lasts_s=300.0)

    async def pass_time(seconds: float) -> None:
        await clock.advance(seconds)
        await live.gateway.reloader.refresh()  # a store's thread is not waited for by the clock

    await pass_time(29.0)
    assert state(live) is ChannelState.DRAINING
    await pass_time(1.0)
    assert state(live) is ChannelState.ENABLED
    assert live.gateway.services.channels["alpha"].policy.weight == 40
    await pass_time(270.0)
    assert live.gateway.services.channels["alpha"].policy.weight == 100
    keeper.cancel()


async def test_the_keeper_of_time_ends_it_by_itself(live: LiveGateway, clock: FakeClock) -> None:
    """Nobody has to look."""
    ended = asyncio.Event()
    refresh = live.gateway.reloader.refresh

    async def told() -> None:
        await refresh()
        if state(live) is ChannelState.ENABLED:
            ended.set()

    live.gateway.reloader.refresh = told  # type: ignore[method-assign]  # to be told
    await set_(live, lasts_s=30.0)
    keeper = asyncio.create_task(live.gateway.reloader.keep_time())
    await clock.advance(30.0)
    async with asyncio.timeout(PATIENCE_S):
        while not ended.is_set():  # the bell of the change itself may have made it look a moment too early
            await clock.advance_to_next()
    keeper.cancel()


async def test_it_survives_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    """What holds a channel back is in the store, and is read before anything is sent; what has expired is not."""
    async with live_gateway(tmp_path, clock=clock) as live:
        made = await set_(live, lasts_s=3600.0)
        await set_(live, "beta", state=None, weight=10, lasts_s=60.0)
    clock.move(120.0)
    async with live_gateway(tmp_path, clock=clock) as live:
        assert state(live) is ChannelState.DRAINING
        assert live.gateway.services.channels["beta"].policy.weight == 100
        assert [each.overrides for each in live.gateway.panel.shown()] == [(made,), ()]


async def test_a_reload_keeps_them(live: LiveGateway) -> None:
    """The file changes, the override stands: the least of both."""
    await set_(live, state=None, weight=40)
    live.write(FILE.replace("[channels.alpha]\n", "[channels.alpha]\nweight = 70\n"))
    await live.gateway.reloader.reload("person:ada")
    (alpha, _) = live.gateway.panel.shown()
    assert (alpha.by_file.policy.weight, alpha.in_force.policy.weight) == (70, 40)


async def test_the_last_usable_channel_stays_unless_forced(live: LiveGateway) -> None:
    """By override as by file: nobody would be left who pays CNY to bank accounts."""
    await set_(live, "alpha")
    with pytest.raises(RequestRefused) as refused:
        await set_(live, "beta", state="disabled")
    assert refused.value.code == "last_channel"
    assert "CNY to bank_account" in refused.value.detail
    assert state(live, "beta") is ChannelState.ENABLED
    await set_(live, "beta", state="disabled", force=True)
    assert state(live, "beta") is ChannelState.DISABLED


async def test_an_unknown_channel(live: LiveGateway) -> None:
    """There is nothing to hold back, or to let go."""
    with pytest.raises(NotFound):
        await set_(live, "gamma")
    with pytest.raises(NotFound):
        await live.gateway.panel.lift("gamma", "person:ada", anybody)


async def test_the_calls(live: LiveGateway, tmp_path: Path) -> None:
    """Over HTTP: hold back, list, lift, reload; each fault told, each right asked for."""
    admin = AdminServer(tmp_path / "other", live.gateway.services, live.gateway.panel)
    await admin.start()
    ada, _ = await admin.two()
    body = {"state": "disabled", "weight": 30, "reason": "it limps", "expires_in_s": 3600}
    made = await admin.send("POST", f"{CHANNELS}/alpha/overrides", body, token=ada)
    assert (made.status, made.json()["created_by"], made.json()["weight"]) == (201, "person:ada", 30)
    listed = (await admin.send("GET", CHANNELS, token=ada)).json()["data"]
    assert [(each["name"], each["state"], each["weight"]) for each in listed] == [
        ("alpha", "disabled", 30), ("beta", "enabled", 100),
    ]  # fmt: skip
    assert listed[0]["file"] == {"state": "enabled", "weight": 100}
    assert listed[0]["overrides"] == [made.json()]
    refused = await admin.send("POST", f"{CHANNELS}/beta/overrides", body, token=ada)
    assert (refused.status, refused.json()["errors"][0]["code"]) == (409, "last_channel")
    assert (await admin.send("POST", f"{CHANNELS}/gamma/overrides", body, token=ada)).status == 404
    empty = await admin.send("POST", f"{CHANNELS}/beta/overrides", {"reason": "why not"}, token=ada)
    assert (empty.status, empty.json()["errors"][0]["pointer"]) == (400, "/state")
    lifted = await admin.send("DELETE", f"{CHANNELS}/alpha/overrides", token=ada)
    assert [each["lifted_by"] for each in lifted.json()["data"]] == ["person:ada"]
    live.write("version = 2")
    broken = await admin.send("POST", "/admin/v1/config/reload", {}, token=ada)
    assert broken.status == 409
    assert f"{live.path}:1: version: " in broken.json()["errors"][0]["detail"]
    assert not (await admin.send("GET", "/admin/v1/config", token=ada)).json()["last_reload_ok"]
    live.write(BETA_OFF)
    done = (await admin.send("POST", "/admin/v1/config/reload", {}, token=ada)).json()
    assert (done["outcome"], done["changes"]) == ("reloaded", ['channels.beta.state: "enabled" -> "disabled"'])
    await admin.listener.stop()
