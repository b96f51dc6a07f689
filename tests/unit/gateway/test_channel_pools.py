"""Each channel's HTTP pool is as large as what it may have under way, and a few questions more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.channel import Channel, ChannelContext, ChannelSettings
from adapters.http import AiohttpFactory
from gateway.channels import Maker, build_channels
from gateway.world import system_world
from tests.support.config_files import CHANNEL, SPECS, load_text
from tests.support.scripted import ScriptedChannel


@pytest.mark.parametrize("in_flight", [1, 16, 500])
def test_orders_under_way_never_wait_for_a_connection_of_ours(tmp_path: Path, in_flight: int) -> None:
    """Waiting for one would look like a silent channel; and questions still have connections beside them."""
    text = f"version = 1\n{CHANNEL}limits = {{ in_flight = {in_flight} }}\n"
    built: list[ChannelContext] = []

    def build(name: str, _settings: ChannelSettings, context: ChannelContext) -> Channel:
        built.append(context)
        return ScriptedChannel(name)

    config = load_text(tmp_path, text)
    specs = {name: replace(spec, build=build) for name, spec in SPECS.items()}

    async def deliver(_name: str, _raw: object) -> int:
        return 200

    build_channels(replace(config, adapters=specs), Maker(system_world(), b"identity", deliver))
    [context] = built
    assert isinstance(context.http, AiohttpFactory)
    assert context.http.connections > in_flight
