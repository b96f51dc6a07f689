"""`serve`, as a process: the README's quickstart, what is refused at start, and how it stops."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from gateway.config.load import load
from gateway.config.mint import callback_secret_path
from gateway.demo.stage import APP, Stage
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path) as opened:
        yield opened


class Receiver:
    """An upstream app's callback address, which trusts nobody but the `standardwebhooks` package."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.verified: list[dict[str, Any]] = []
        self.paid = asyncio.Event()

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/callbacks", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.stage.ports.upstream).start()
        return runner

    async def take(self, request: web.Request) -> web.Response:
        secret = callback_secret_path(load(self.stage.config), APP).read_text().strip()
        event = Webhook(secret).verify(await request.read(), dict(request.headers))
        self.verified.append(event)
        if event["type"] == "payout.paid":
            self.paid.set()
        return web.Response(status=204)


def readme_curl() -> list[str]:
    """The README's first curl, as words."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(
        block for block in text.split("```")[1::2] if "curl" in block and "/v1/payouts" in block and "-d" in block
    )
    start = block.index("curl")
    words = shlex.split(block[start:].replace("\\\n", " "), comments=True)
    assert words[0] == "curl"
    return words


def pointed(stage: Stage, words: list[str]) -> list[str]:
    key = stage.headers()["Authorization"]
    there = [word.replace("127.0.0.1:8080", f"127.0.0.1:{stage.ports.public}") for word in words]
    return [f"Authorization: {key}" if word.startswith("Authorization:") else word for word in there]


async def run_curl(stage: Stage, words: list[str]) -> dict[str, Any]:
    """Run it against the stage's port, with the minted test key where the README has a `$(cat …)`."""
    if shutil.which("curl") is None:
        return await as_curl_would(stage, pointed(stage, words))
    process = await asyncio.create_subprocess_exec(
        *pointed(stage, words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    body = out.decode()
    told: dict[str, Any] = json.loads(body[body.index("{") : body.rindex("}") + 1])
    return told


async def as_curl_would(stage: Stage, words: list[str]) -> dict[str, Any]:
    """On a machine without curl the same request is sent: its URL, its -H headers, its -d body, nothing else."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-i", action="store_true")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d", required=True)
    parser.add_argument("url")
    told = parser.parse_args(words[1:])
    headers = dict(each.split(": ", 1) for each in told.H)
    async with stage.session.post(told.url, data=told.d.encode(), headers=headers) as response:
        assert response.status in (200, 201)
        answer: dict[str, Any] = await response.json()
    return answer


@pytest.mark.timeout(90)
async def test_the_readmes_curl_makes_a_payout_and_its_callback_verifies(stage: Stage) -> None:
    """One curl creates a payout; the signed callback that follows verifies with the independent library."""
    receiver = Receiver(stage)
    runner = await receiver.start()
    await stage.start_gateway()
    payout = await run_curl(stage, readme_curl())
    assert payout["object"] == "payout"
    async with asyncio.timeout(PATIENCE_S):
        await receiver.paid.wait()
    sequences = [event["sequence"] for event in receiver.verified]
    assert sorted(sequences) == list(range(1, len(sequences) + 1))
    assert {event["data"]["object"]["id"] for event in receiver.verified} == {payout["id"]}
    for again in (run_curl(stage, readme_curl()), as_curl_would(stage, pointed(stage, readme_curl()))):
        replayed = await again
        assert (replayed["id"], replayed["status"]) == (payout["id"], "paid")
    await runner.cleanup()


async def exit_of(stage: Stage, config: str = "config.toml") -> tuple[int, str]:
    """Start `serve` and wait for it to give up: exit code and what it said."""
    await stage._start("refused", "gateway", "serve", f"--config={config}")
    part = stage.parts["refused"]
    async with asyncio.timeout(PATIENCE_S):
        code = await part.process.wait()
    return code, (stage.folder / "refused.log").read_text()


async def test_a_second_gateway_on_the_same_file_is_refused(stage: Stage) -> None:
    """It says why and leaves the first one running."""
    await stage.start_gateway()
    text = stage.config.read_text()
    other = text.replace(f":{stage.ports.public}", ":0").replace(f":{stage.ports.admin}", ":0")
    (stage.folder / "other.toml").write_text(other)
    code, said = await exit_of(stage, "other.toml")
    assert code == 1
    assert "another gateway" in said
    assert "Traceback" not in said
    assert await stage._answers(f"{stage.admin}/readyz")


async def test_a_broken_configuration_is_refused_with_every_fault(stage: Stage) -> None:
    """File, line, key and the nearest known key, all faults at once, no traceback."""
    text = stage.config.read_text().replace('mode = "sandbox"', 'mode = "sandbox"\nlisten_on = "x"')
    stage.config.write_text(text.replace("[channels.mock]", '[channels.mock]\nstate = "enabeld"'))
    code, said = await exit_of(stage)
    assert code == 1
    lines = [line for line in said.splitlines() if line.startswith("config.toml:")]
    assert len(lines) == 2
    assert any("gateway.listen_on" in line and "did you mean 'listen'" in line for line in lines)
    assert any("channels.mock.state" in line and "did you mean 'enabled'" in line for line in lines)
    assert "Traceback" not in said


async def submit(stage: Stage, reference: str, account: str) -> dict[str, Any]:
    payee = {"type": "bank_account", "account_number": account, "name": "张三"}
    body = {
        "reference": reference,
        "amount": {"value": 5000, "currency": "CNY"},
        "beneficiary": {**payee, "bank_code": "000200000002", "country": "CN"},
    }
    async with stage.session.post(f"{stage.api}/payouts", json=body, headers=stage.headers()) as response:
        assert response.status == 201
        told: dict[str, Any] = await response.json()
    return told


async def until(stage: Stage, payout_id: str, *statuses: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with stage.session.get(f"{stage.api}/payouts/{payout_id}", headers=stage.headers()) as response:
                told: dict[str, Any] = await response.json()
            if told["status"] in statuses:
                return told
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)
async def test_sigterm_stops_gracefully_and_a_start_goes_on(stage: Stage) -> None:
    """SIGTERM ends with 0 and a word; what was open then is finished by the next start."""
    await stage.start_gateway()
    payout = await submit(stage, "slow-1", "6222000000000009")
    part = stage.parts.pop("gateway")
    part.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        assert await part.process.wait() == 0
    assert '"gateway.stopped"' in (stage.folder / "gateway.log").read_text()
    part.log.close()
    await stage.start_gateway()
    assert (await until(stage, payout["id"], "paid"))["status"] == "paid"


@pytest.mark.timeout(120)
async def test_removing_a_channel_with_live_attempts_is_refused(stage: Stage) -> None:
    """Row 52: the start names the channel and how many attempts would be orphaned."""
    await stage.start_gateway()
    payout = await submit(stage, "stuck-1", "6222000000000012")
    async with asyncio.timeout(PATIENCE_S):
        while (await until(stage, payout["id"], "processing"))["channel"] != "mock":
            await asyncio.sleep(0.05)
    await stage.kill_gateway()
    text = stage.config.read_text()
    stage.config.write_text(text.replace("[channels.mock", "[channels.mock2"))
    code, said = await exit_of(stage)
    assert code == 1
    assert "channels.mock: was removed with 1 live attempts" in said


@pytest.mark.timeout(120)
async def test_a_dead_callback_address_and_dead_channels_lose_nothing(stage: Stage) -> None:
    """Nobody listens anywhere: payouts stay visible with their reason, and a usable channel still pays."""
    await stage.start_gateway()
    payout = await submit(stage, "alone-1", "6222000000000001")
    assert (await until(stage, payout["id"], "paid"))["channel"] == "mock"
    body = {
        "reference": "wechat-1",
        "amount": {"value": 30_000_000, "currency": "CNY"},
        "beneficiary": {"type": "bank_account", "account_number": "6222000000000012", "name": "张三"}
        | {"bank_code": "000200000002", "country": "CN"},
    }
    async with stage.session.post(f"{stage.api}/payouts", json=body, headers=stage.headers()) as response:
        large = await response.json()
    seen = await until(stage, large["id"], "processing")
    assert seen["status_reason"] is None or seen["status_reason"]["code"] in ("outcome_unknown", "channel_unavailable")


async def test_probes_and_banner(stage: Stage) -> None:
    """Live and ready on the admin listener only; no `Server` banner on the public one."""
    await stage.start_gateway()
    async with stage.session.get(f"{stage.admin}/livez") as response:
        assert response.status == 200
    async with stage.session.get(f"{stage.admin}/readyz", params={"verbose": ""}) as response:
        assert {check["name"] for check in (await response.json())["checks"]} == {
            "store",
            "worker",
            "review",
            "quarantine",
            "config",
        }
    async with stage.session.get(f"http://127.0.0.1:{stage.ports.public}/readyz") as response:
        assert response.status == 404
        assert "Server" not in response.headers
    with pytest.raises(aiohttp.ClientError):
        await stage.session.get(f"http://127.0.0.1:{stage.ports.bank}/")
