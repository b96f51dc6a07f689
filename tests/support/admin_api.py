"""The admin listener on a real socket, over real operations and a real store, and people who talk to it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.api.health import Finding, Health
from gateway.api.server import admin_app, start_listener
from gateway.domain.principal import FIRST_TOKEN_FILE
from gateway.operations.first_token import prepare_first_token
from gateway.operations.panel import Panel
from gateway.operations.services import Services
from tests.support.api_server import Answered, ApiServer, http, make_server, parse_answer
from tests.support.patience import PATIENCE_S

PRINCIPALS = "/admin/v1/principals"
REQUESTS = "/admin/v1/requests"


class AdminServer:
    """A running admin listener over `services`; a gateway of its own if there are none."""

    def __init__(self, folder: Path, services: Services | None = None, panel: Panel | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.panel = panel
        self.api: ApiServer = make_server(folder)
        self.services = services or self.api.services
        self.clock, self.store = self.api.clock, self.api.store
        self.finding = Finding(True, "3 ms")
        self.health = Health({"store": self.check})
        self.first_token = folder / FIRST_TOKEN_FILE

    async def check(self) -> Finding:
        return self.finding

    async def start(self) -> None:
        app = admin_app(self.health, self, secrets.token_bytes, self.first_token, panel=self.panel)
        self.listener = await start_listener(app, "127.0.0.1", 0)
        self.port = self.listener.port

    async def stop(self) -> None:
        await self.listener.stop()
        await self.store.close()

    async def raw(self, data: bytes) -> Answered:
        """Send these bytes, and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            async with asyncio.timeout(PATIENCE_S):
                return parse_answer(await reader.read())
        finally:
            writer.close()

    async def send(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """One request; `body` as JSON, if there is one."""
        named = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if data:
            named["Content-Type"] = "application/json"
        return await self.raw(http(method, target, data, {**named, **(headers or {})}))

    async def mint_first(self) -> str:
        """What a start does; the token from its file."""
        assert await prepare_first_token(self.services, secrets.token_bytes, self.first_token)
        return self.first_token.read_text().strip()

    async def add(self, name: str, token: str, **fields: object) -> str:
        """A new person's token."""
        answer = await self.send("POST", PRINCIPALS, {"name": name, "role": "admin", **fields}, token=token)
        assert answer.status == 201, answer.body
        told: dict[str, Any] = answer.json()
        return str(told["token"])

    async def two(self) -> tuple[str, str]:
        """Ada and Bob, as a new gateway gets its first people; their tokens."""
        ada = await self.add("ada", await self.mint_first())
        return ada, await self.add("bob", ada)
