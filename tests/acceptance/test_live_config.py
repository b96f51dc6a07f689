"""config.toml as the panel of a running process: renamed over, broken, told by a signal, swapped by a link."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bench.ways import link_swapped, mounted, renamed_over
from gateway.demo.stage import Stage
from tests.support.config_files import line_of
from tests.support.live_gateway import FILE
from tests.support.patience import PATIENCE_S

SLOW, QUICK = "6222000000000009", "6222000000000001"
"""Accounts: the channel's answer takes seconds, or is there at once."""


class Panel:
    """A gateway with two channels, of which `alpha` is the cheaper one, and its file."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        listen, admin = (f"127.0.0.1:{port}" for port in (stage.ports.public, stage.ports.admin))
        self.enabled = FILE.replace("127.0.0.1:0", listen, 1).replace("127.0.0.1:0", admin, 1)
        self.drained = self.enabled.replace("[channels.alpha]\n", '[channels.alpha]\nstate = "draining"\n')
        stage.config.write_text(self.enabled)

    async def said(self, event: str, **facts: object) -> dict[str, Any]:
        """The line of the log, when it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for line in (self.stage.folder / "gateway.log").read_text().splitlines():
                    if f'"{event}"' in line and (told := json.loads(line)).items() >= facts.items():
                        return dict(told)
                await asyncio.sleep(0.05)

    async def state_of_alpha(self, state: str) -> None:
        """Wait until the metrics say that it is."""
        async with asyncio.timeout(PATIENCE_S):
            while f'paymux_channel_state{{channel="alpha",state="{state}"}} 1.0' not in await self.metrics():
                await asyncio.sleep(0.05)

    async def metrics(self) -> str:
        async with self.stage.session.get(f"{self.stage.admin}/metrics") as response:
            return await response.text()

    async def config_check(self) -> str:
        """What `/readyz?verbose` says of the configuration; the gateway is ready."""
        async with self.stage.session.get(f"{self.stage.admin}/readyz", params={"verbose": ""}) as response:
            assert response.status == 200
            checks = {check["name"]: check for check in (await response.json())["checks"]}
        return str(checks["config"]["detail"])

    @property
    def headers(self) -> dict[str, str]:
        """The stage's own look the key up through the file, which is broken for a while."""
        token = (self.stage.folder / "state/keys/app-demo.test_key").read_text().strip()
        return {"Authorization": f"Bearer {token}"}

    async def order(self, reference: str, account: str = QUICK) -> str:
        """A payout's id."""
        payee = {"type": "bank_account", "account_number": account, "name": "张三"}
        body = {
            "reference": reference,
            "amount": {"value": 5000, "currency": "CNY"},
            "beneficiary": {**payee, "bank_code": "000200000002", "country": "CN"},
        }
        async with self.stage.session.post(f"{self.stage.api}/payouts", json=body, headers=self.headers) as response:
            assert response.status == 201
            return str((await response.json())["id"])

    async def channel_of(self, payout_id: str, status: str = "paid") -> str:
        """The channel by which it has come so far, when it has."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                url = f"{self.stage.api}/payouts/{payout_id}"
                async with self.stage.session.get(url, headers=self.headers) as response:
                    told = await response.json()
                if told["status"] == status and told["channel"]:
                    return str(told["channel"])
                await asyncio.sleep(0.05)


@pytest.fixture
async def panel(tmp_path: Path) -> AsyncIterator[Panel]:
    async with Stage(tmp_path) as stage:
        yield Panel(stage)


@pytest.mark.timeout(180)
async def test_drained_by_a_rename_broken_and_told_by_a_signal(panel: Panel) -> None:
    """New payouts leave the channel, the one under way on it ends there; a broken file changes nothing and is told of
    in the log, in the metrics and at /readyz, and a signal tries it once more.
    """
    config = panel.stage.config
    await panel.stage.start_gateway()
    under_way = await panel.order("slow-1", SLOW)
    assert await panel.channel_of(under_way, "processing") == "alpha"

    renamed_over(config, panel.drained)
    assert (await panel.said("config.reloaded"))["actor"] == "file"
    await panel.state_of_alpha("draining")
    assert await panel.channel_of(await panel.order("quick-1")) == "beta"
    assert await panel.channel_of(under_way) == "alpha"

    broken = panel.enabled.replace("amount = 200", "amount = -200")
    renamed_over(config, broken)
    (fault,) = (await panel.said("config.refused", actor="file"))["faults"]
    assert fault.startswith(f"config.toml:{line_of(broken, 'amount = -200')}: channels.beta.fees.0.amount")
    assert "paymux_config_last_reload_successful 0.0" in await panel.metrics()
    assert fault in await panel.config_check()
    assert await panel.channel_of(await panel.order("quick-2")) == "beta"
    panel.stage.parts["gateway"].process.send_signal(signal.SIGHUP)
    assert (await panel.said("config.refused", actor="signal"))["faults"] == [fault]

    renamed_over(config, panel.enabled)
    await panel.state_of_alpha("enabled")
    assert "paymux_config_last_reload_successful 1.0" in await panel.metrics()
    assert "refused" not in await panel.config_check()
    assert await panel.channel_of(await panel.order("quick-3")) == "alpha"


@pytest.mark.timeout(180)
async def test_a_mounted_file_whose_link_is_swapped(panel: Panel) -> None:
    """As a ConfigMap changes: to and fro, and the state folder stays where the links stand."""
    config = panel.stage.config
    mounted(config, panel.enabled)
    await panel.stage.start_gateway()
    assert await panel.channel_of(await panel.order("quick-1")) == "alpha"
    link_swapped(config, panel.drained)
    await panel.state_of_alpha("draining")
    assert await panel.channel_of(await panel.order("quick-2")) == "beta"
    link_swapped(config, panel.enabled)
    await panel.state_of_alpha("enabled")
    assert await panel.channel_of(await panel.order("quick-3")) == "alpha"
    assert config.is_symlink()
    assert (panel.stage.folder / "state/paymux.db").is_file()
