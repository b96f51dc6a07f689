"""Where the gateway dies and comes back: one folder, one address, sandboxes that live on, and an app that listens.

The configuration is the shipped one with addresses of this stage and short waits. Which channel carries a payout is
plain: a WeChat payee goes by wechat, a bank payout of up to 1000 CNY by mock, a larger one by the bank line.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import tomlkit

from adapters.mock.book import read_book
from examples.sign_request import authorization
from gateway.demo.stage import Stage
from gateway.domain.principal import FIRST_TOKEN_FILE
from gateway.failpoints import VARIABLE
from tests.support.chaos_app import App
from tests.support.chaos_books import Autopsy, autopsy
from tests.support.chaos_process import Forked, GatewayProcess, Started

SANDBOXES = ("wechat", "bank")
SIGNER_KEY = b"the secret of an app that signs its requests"
_READY_S = 120.0

Overlay = Mapping[str, object]
"""Dotted keys of config.toml and their values."""

SHORT: Overlay = {
    "routing.retry_every": "300ms",
    "worker.rescue_every": "1s",
    "callbacks.timeout": "1s",
    "channels.wechat.poll": ["200ms", "500ms", "1s"],
    "channels.bank.poll": ["200ms", "500ms", "1s"],
    "channels.mock.poll": ["200ms", "500ms", "1s"],
    "channels.wechat.limits": {"min": 10, "max": 2_000_000, "rps": 1000, "in_flight": 500},
    "channels.mock.limits": {"min": 1, "max": 100_000, "rps": 1000, "in_flight": 500},
    "channels.bank.limits": {"min": 100_001, "max": 500_000_000, "rps": 1000, "in_flight": 500},
    "channels.mock.methods": ["bank_account"],
    "channels.mock.settings.slow_s": 1.2,
    "apps.signer.keys": [{"id": "signer-1", "algorithm": "hmac-sha256", "secret": "file:signer.secret"}],
}


class Died(Exception):
    """The gateway did not answer: it is dead, or died while it was asked."""


@dataclass(slots=True)
class ChaosStage:
    """Made by `stage`. One gateway at a time; the sandboxes and the app outlive it."""

    inner: Stage
    app: App
    fork: bool
    gateway: GatewayProcess | None = None
    lives: int = 0
    tokens: list[str] = field(default_factory=list)
    """Of two people, once `add_people` was called."""
    _headers: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.inner.folder

    @property
    def database(self) -> Path:
        return self.folder / "state/paymux.db"

    # The gateway's lives -----------------------------------------------------------------------------------------

    async def start(self, overlay: Overlay | None = None, failpoint: str | None = None) -> bool:
        """A new life. False: it died before it was ready.

        Raises:
            RuntimeError: it did not come up, and was not killed by its failpoint either.
        """
        self.configure(overlay or {})
        make = Forked if self.fork else Started
        gateway = self.gateway = make(self.folder, {VARIABLE: failpoint} if failpoint else {})
        self.lives += 1
        async with asyncio.timeout(_READY_S):
            while not await self._is_ready():
                code = gateway.exit_code()
                if code == -signal.SIGKILL:
                    return False
                if code is not None:
                    raise RuntimeError(f"the gateway ended with {code}:\n{self.log_tail()}")
                await asyncio.sleep(0.02)
        return True

    async def _is_ready(self) -> bool:
        try:
            async with self.inner.session.get(f"{self.inner.admin}/readyz") as response:
                return response.status == 200
        except (aiohttp.ClientError, ConnectionError):
            return False

    async def until_dead(self, timeout_s: float) -> bool:
        """Wait for the gateway to kill itself; False when it is still alive after `timeout_s`."""
        gateway = self.gateway
        assert gateway is not None
        try:
            async with asyncio.timeout(timeout_s):
                while (code := gateway.exit_code()) is None:  # noqa: ASYNC110 - a process rings no bell
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return False
        if code != -signal.SIGKILL:
            raise RuntimeError(f"the gateway ended with {code}:\n{self.log_tail()}")
        return True

    def kill(self) -> None:
        """End this life, if it has not ended."""
        if self.gateway is not None:
            self.gateway.kill()
            self.gateway = None

    def autopsy(self) -> Autopsy:
        return autopsy(self.database)

    def log_tail(self) -> str:
        return (self.folder / "gateway.log").read_text(errors="replace")[-3000:]

    def configure(self, overlay: Overlay) -> None:
        """Write config.toml for the next life."""
        document: Any = tomlkit.parse(self.inner.config.with_name("base.toml").read_text(encoding="utf-8"))
        for key, value in {**SHORT, **overlay}.items():
            *tables, name = key.split(".")
            table = document
            for each in tables:
                table = table.setdefault(each, tomlkit.table())
            table[name] = value
        self.inner.config.write_text(tomlkit.dumps(document), encoding="utf-8")

    # The sandboxes -----------------------------------------------------------------------------------------------

    async def start_sandboxes(self) -> None:
        ports = self.inner.ports
        controls = {"wechat": ports.wechat_control, "bank": ports.bank_control}
        for name in SANDBOXES:
            await self.inner._start(
                name, "gateway", "sandbox", name, f"--control-port={controls[name]}", "--config=config.toml"
            )
        async with asyncio.timeout(_READY_S):
            for port in controls.values():
                while not await self.inner._answers(f"http://127.0.0.1:{port}/health"):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.05)

    async def set_line(self, name: str, *, open_: bool) -> None:
        """Whether anybody listens at a channel's address. Without sandboxes nobody does anyway."""
        if name in self.inner.parts:
            await self.inner.control(name, "/listener", {"open": open_})

    async def set_notifications(self, name: str, *, never: bool) -> None:
        """Whether a sandbox tells what it did. The mock always does."""
        if name in self.inner.parts:
            await self.inner.control(name, "/notifications", {"never": never})

    def pause_sandbox(self, name: str, *, paused: bool) -> None:
        """SIGSTOP and SIGCONT: what was sent to it waits in its socket meanwhile, and is worked on later."""
        self.inner.parts[name].process.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    async def books(self) -> list[dict[str, Any]]:
        """Every book there is, as those who keep them show them."""
        found: list[dict[str, Any]] = []
        ports = self.inner.ports
        for name, port in (("wechat", ports.wechat_control), ("bank", ports.bank_control)):
            if name in self.inner.parts:
                async with self.inner.session.get(f"http://127.0.0.1:{port}/books") as response:
                    found += await response.json()
        mock = self.folder / "state/mock.book"
        return found + ([dict(row) for row in read_book(mock)] if mock.exists() else [])

    # The app -----------------------------------------------------------------------------------------------------

    async def order(self, body: Mapping[str, object], *, signed: bool = False) -> dict[str, Any]:
        """Order a payout. Raises `Died` when there was no answer, RuntimeError for a refusal."""
        raw = json.dumps(body).encode()
        status, told = await self._call("POST", "/v1/payouts", raw, signed=signed)
        if status not in (200, 201):
            raise RuntimeError(f"the order was answered {status}: {told}")
        return told

    async def cancel(self, payout_id: str) -> int:
        """Ask to cancel; the status of the answer. Raises `Died`."""
        status, _ = await self._call("POST", f"/v1/payouts/{payout_id}/cancel", b"")
        return status

    async def payout(self, payout_id: str, *, signed: bool = False) -> dict[str, Any]:
        """The payout with its attempts. Raises `Died`."""
        status, told = await self._call("GET", f"/v1/payouts/{payout_id}?expand=attempts", b"", signed=signed)
        if status != 200:
            raise RuntimeError(f"{payout_id} was answered {status}: {told}")
        return told

    async def add_people(self) -> None:
        """Two people who may act, once. Raises `Died`."""
        while len(self.tokens) < 2:
            first = self.tokens[0] if self.tokens else self._first_token()
            person = {"name": f"person{len(self.tokens)}", "role": "admin"}
            told = await self.ask_as(first, "/admin/v1/principals", person)
            self.tokens.append(str(told["token"]))

    def _first_token(self) -> str:
        return (self.folder / "state" / FIRST_TOKEN_FILE).read_text().strip()

    async def ask_as(self, token: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """One POST to the admin API. Raises `Died`, RuntimeError for a refusal."""
        return await self._as(token, "POST", path, body)

    async def look_as(self, token: str, path: str) -> dict[str, Any]:
        """One GET from it, likewise."""
        return await self._as(token, "GET", path, None)

    async def _as(self, token: str, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        headers, session = {"Authorization": f"Bearer {token}"}, self.inner.session
        try:
            async with session.request(method, f"{self.inner.admin}{path}", json=body, headers=headers) as response:
                told: dict[str, Any] = await response.json()
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Died(str(error)) from error
        if response.status not in (200, 201, 202):
            raise RuntimeError(f"{path} was answered {response.status}: {told}")
        return told

    async def payouts(self, wanted: str = "", *, signed: bool = False) -> list[dict[str, Any]]:
        """Every payout of the app that is `wanted` (more of the query), with its attempts. Raises `Died`."""
        found: list[dict[str, Any]] = []
        target = f"/v1/payouts?limit=100&expand=attempts{wanted}"
        more = ""
        while True:
            status, page = await self._call("GET", target + more, b"", signed=signed)
            if status != 200:
                raise RuntimeError(f"the list was answered {status}: {page}")
            found += page["data"]
            if not page["has_more"]:
                return found
            more = f"&cursor={page['next_cursor']}"

    async def _call(self, method: str, target: str, body: bytes, *, signed: bool = False) -> tuple[int, dict[str, Any]]:
        url = f"http://127.0.0.1:{self.inner.ports.public}{target}"
        headers = self._headers
        if signed:
            own = authorization("hmac-sha256", "signer-1", SIGNER_KEY, method, target, body)
            headers = {"Authorization": own}
        if body:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            async with self.inner.session.request(method, url, data=body or None, headers=headers) as response:
                return response.status, await response.json()
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Died(str(error)) from error


@asynccontextmanager
async def stage(folder: Path, *, sandboxes: bool, fork: bool = True) -> AsyncIterator[ChaosStage]:
    """A stage in `folder`; everything on it is stopped at the end."""
    async with Stage(folder) as inner:
        inner.config.rename(inner.config.with_name("base.toml"))
        secret = folder / "signer.secret"
        secret.write_bytes(SIGNER_KEY)
        secret.chmod(0o600)
        async with App(inner.ports.upstream) as app:
            made = ChaosStage(inner, app, fork)
            made.configure({})
            if sandboxes:
                await made.start_sandboxes()
            try:
                await made.start()
                made._headers.update(inner.headers())
                made.kill()
                yield made
            finally:
                made.kill()
                for name in SANDBOXES:
                    if name in inner.parts:
                        made.pause_sandbox(name, paused=False)
