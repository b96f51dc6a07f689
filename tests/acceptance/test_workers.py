"""`serve --workers 2` on a real PostgreSQL, as processes: one gateway to everybody outside, whoever of them is up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.demo.stage import Stage
from tests.support import postgres
from tests.support.live_gateway import FILE

VARIABLE = "PAYMUX_TEST_WORKERS_DATABASE"
WAIT_S = 240.0
"""Long: processes that start on a machine with much else to do take their time."""
QUICK = "6222000000000001"

Samples = dict[str, list[tuple[dict[str, str], float]]]


class TwoWorkers:
    """The gateway and its file."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        text = FILE.replace("[gateway]\n", f'[gateway]\ndatabase = "env:{VARIABLE}"\n')
        for port in (stage.ports.public, stage.ports.admin):
            text = text.replace("127.0.0.1:0", f"127.0.0.1:{port}", 1)
        self.file = text
        stage.config.write_text(text)

    async def start(self) -> None:
        await self.stage._start("gateway", "gateway", "serve", "--config=config.toml", "--workers=2")
        await self.until(self.ready)

    async def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until it does; what it gave."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not (found := await holds()):
                    assert self.process.returncode is None, self.log()
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pytest.fail(self.log()[-5000:])
        return found

    @property
    def process(self) -> asyncio.subprocess.Process:
        return self.stage.parts["gateway"].process

    def log(self) -> str:
        return (self.stage.folder / "gateway.log").read_text(errors="replace")

    def said(self, event: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log().splitlines() if f'"event": "{event}"' in line]

    def workers(self) -> list[int]:
        """Process ids, the first worker's first."""
        parent = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    async def ready(self) -> bool:
        return await self.stage._answers(f"{self.stage.admin}/readyz")

    async def metrics(self) -> Samples:
        async with self.stage.session.get(f"{self.stage.admin}/metrics") as response:
            families = text_string_to_metric_families(await response.text())
            found: Samples = {}
            for sample in (each for family in families for each in family.samples):
                found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
            return found

    async def value(self, name: str, **labels: str) -> float | None:
        return next((value for told, value in (await self.metrics()).get(name, ()) if told == labels), None)

    async def order(self, reference: str) -> str:
        """A payout's id, ordered on a connection of its own: the kernel deals them out."""
        payee = {"type": "bank_account", "account_number": QUICK, "name": "张三"}
        body = {
            "reference": reference,
            "amount": {"value": 5000, "currency": "CNY"},
            "beneficiary": {**payee, "bank_code": "000200000002", "country": "CN"},
        }
        token = (self.stage.folder / "state/keys/app-demo.test_key").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.stage.api}/payouts", json=body, headers=headers) as response,
        ):
            assert response.status == 201, await response.text()
            return str((await response.json())["id"])

    async def pay(self, name: str, number: int) -> None:
        """Order so many, and wait until each is paid."""
        ids = await asyncio.gather(*(self.order(f"{name}-{each}") for each in range(number)))
        assert len(set(ids)) == number

        async def all_paid() -> bool:
            heard = self.said("attempt.heard")
            return {each["payout"] for each in heard if each["state"] == "succeeded"} >= set(ids)

        await self.until(all_paid)

    async def ask(self, method: str, path: str, token: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.stage.session.request(
            method, f"{self.stage.admin}{path}", json=body, headers=headers
        ) as response:
            return response.status, await response.json()


@pytest.fixture
async def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TwoWorkers]:
    with postgres.fresh_database() as url:
        monkeypatch.setenv(VARIABLE, url.set(drivername="postgresql").render_as_string(hide_password=False))
        async with Stage(tmp_path) as stage:
            made = TwoWorkers(stage)
            await made.start()
            yield made


@pytest.mark.timeout(900)
async def test_two_workers_are_one_gateway(two: TwoWorkers) -> None:
    """Both take orders, one admin listener speaks for both, one that is killed comes back and nothing it counted is
    lost, a file is in force on both or on none, people reach both, and both drain at the end.
    """
    await two.pay("both", 40)
    assert {each["worker"] for each in two.said("payout.accepted")} == {1, 2}
    accepted = {"currency": "CNY", "status": "accepted"}
    assert await two.value("paymux_payouts_total", **accepted) == 40
    assert await two.value("paymux_worker_processes") == 2
    await _one_is_killed(two)
    assert await two.value("paymux_payouts_total", **accepted) == 40
    await two.pay("after", 10)
    await _files_come_and_go(two)
    await _people_reach_both(two)
    two.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WAIT_S):
        assert await two.process.wait() == 0
    assert {each["worker"] for each in two.said("gateway.stopped")} == {1, 2}
    assert len(two.said("workers.stopped")) == 1
    assert two.said("worker.killed") == []


async def _one_is_killed(two: TwoWorkers) -> None:
    os.kill(two.workers()[1], signal.SIGKILL)

    async def back() -> bool:
        return bool(two.said("worker.back")) and await two.ready()

    await two.until(back)
    (death,) = two.said("worker.died")
    assert (death["worker"], death["code"]) == (2, -9)
    assert await two.value("paymux_worker_restarts_total") == 1
    assert await two.value("paymux_worker_processes") == 2


async def _files_come_and_go(two: TwoWorkers) -> None:
    before = [labels["sha256"] for labels, _ in (await two.metrics())["paymux_config_info"]]
    assert len(before) == 1
    two.stage.config.write_text(two.file.replace("amount = 200", "amount = 300"))

    async def other() -> bool:
        now = [labels["sha256"] for labels, _ in (await two.metrics())["paymux_config_info"]]
        return len(now) == 1 and now != before

    await two.until(other)
    assert {each["worker"] for each in two.said("config.reloaded")} == {1, 2}
    two.stage.config.write_text(two.file.replace("amount = 200", "amount = -1"))

    async def refused() -> bool:
        return await two.value("paymux_config_last_reload_successful") == 0

    await two.until(refused)
    assert await other()
    two.stage.config.write_text(two.file)

    async def as_before() -> bool:
        return [labels["sha256"] for labels, _ in (await two.metrics())["paymux_config_info"]] == before

    await two.until(as_before)


async def _people_reach_both(two: TwoWorkers) -> None:
    first = (two.stage.folder / "state/first_admin_token").read_text().strip()
    status, ada = await two.ask("POST", "/admin/v1/principals", first, {"name": "ada"})
    assert status == 201, ada
    assert (await two.ask("GET", "/admin/v1/channels", "nobody"))[0] == 401
    token = ada["token"]
    assert (await two.ask("POST", "/admin/v1/config/reload", token, {}))[1]["outcome"] == "unchanged"

    async def met() -> bool:
        _, told = await two.ask("GET", "/admin/v1/channels", token)
        return [node["same_config"] for node in told["nodes"]] == [True, True]

    await two.until(met)
    hold = {"state": "draining", "reason": "it answers slowly"}
    status, told = await two.ask("POST", "/admin/v1/channels/alpha/overrides", token, hold)
    assert status == 201, told

    async def drained() -> bool:
        return await two.value("paymux_channel_state", channel="alpha", state="enabled") == 0

    await two.until(drained)
