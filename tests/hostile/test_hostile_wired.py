"""What config.toml says about who and how much may come in is what the running gateway does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from gateway.app import Gateway
from gateway.config.load import load
from gateway.config.mint import test_key_path as bearer_path
from gateway.demo.stage import free_ports, write_config
from gateway.world import system_world
from tests.support.api_server import Answered, http, parse_answer
from tests.support.patience import PATIENCE_S

ORDER = {
    "reference": "wired-1",
    "amount": {"value": 500, "currency": "CNY"},
    "beneficiary": {"type": "bank_account", "account_number": "6222000000000001", "name": "张三"}
    | {"bank_code": "000200000002", "country": "CN"},
}


class Running:
    """A gateway in this process, on the shipped configuration with a few keys more."""

    def __init__(self, folder: Path) -> None:
        self.ports = free_ports()
        self.path = write_config(folder, self.ports)
        document: Any = tomlkit.parse(self.path.read_text(encoding="utf-8"))
        document["limits"] = {"connections": 50, "connections_per_address": 3}
        for name in ("wechat", "bank"):
            del document["channels"][name]
        del document["apps"]["demo"]["callbacks"]
        document["apps"]["off"] = {"enabled": False}
        document["apps"]["small"] = {"max_amount": {"CNY": 499}}
        self.path.write_text(tomlkit.dumps(document), encoding="utf-8")
        self.path.chmod(0o600)

    async def start(self) -> None:
        self.config = load(self.path)
        self.gateway = await Gateway.open(self.config, system_world())
        await self.gateway.start()

    async def order(self, app: str) -> Answered:
        token = bearer_path(self.config, app).read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports.public)
        writer.write(http("POST", "/v1/payouts", json.dumps(ORDER).encode(), headers))
        async with asyncio.timeout(PATIENCE_S):
            told = await reader.read()
        writer.close()
        return parse_answer(told)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    started = Running(tmp_path)
    await started.start()
    yield started
    await started.gateway.stop()


async def test_apps_and_connections(running: Running) -> None:
    """An app that is switched off, an app with a limit, an app without either; and no fourth connection."""
    assert [(await running.order(app)).status for app in ("off", "small", "demo")] == [403, 400, 201]
    held = [await asyncio.open_connection("127.0.0.1", running.ports.public) for _ in range(4)]
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionResetError):
            assert await held[3][0].read() == b""
    assert not held[0][0].at_eof()
    for _, writer in held:
        writer.close()
