"""Where gateways die and come back: one database, sandboxes that live on, and an app that listens.

Each gateway has a folder and addresses of its own; on a SQLite file there is one, on a PostgreSQL there may be more.
The configuration is the shipped one with addresses of this stage and short waits. Which channel carries a payout is
plain: a WeChat payee goes by wechat, a bank payout of up to 1000 CNY by mock, a larger one by the bank line.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import tomlkit

from adapters.mock.book import read_book
from examples.sign_request import authorization
from gateway.demo.stage import Stage, free_ports
from gateway.domain.principal import FIRST_TOKEN_FILE
from gateway.failpoints import VARIABLE
from tests.support.chaos_app import App
from tests.support.chaos_books import Autopsy
from tests.support.chaos_process import Forked, GatewayProcess, Started
from tests.support.chaos_stores import ChaosStore, FileStore

SANDBOXES = ("wechat", "bank")
SIGNER_KEY = b"the secret of an app that signs its requests"
_READY_S = 300.0

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


MOCK_BOOK = "state/mock.book"
"""The pretended bank's, in the first one's folder: all nodes have the same bank."""
OVERLOADED_TRIES = 30
"""How often an order is sent again that was turned away because there was more to do than could be done."""


class Died(Exception):
    """There was no answer, or none that says what became of it: ask again. It is dead, or its database is away."""


@dataclass(slots=True)
class ChaosNode:
    """The place of one gateway, whoever lives in it at the moment."""

    folder: Path
    public: int
    admin: int
    process: GatewayProcess | None = None


@dataclass(slots=True)
class ChaosStage:
    """Made by `stage`. The sandboxes and the app outlive the gateways."""

    inner: Stage
    app: App
    fork: bool
    store: ChaosStore
    nodes: list[ChaosNode]
    lives: int = 0
    tokens: list[str] = field(default_factory=list)
    """Of two people, once `add_people` was called."""
    _headers: dict[str, str] = field(default_factory=dict)
    _asked: int = 0

    @property
    def folder(self) -> Path:
        return self.inner.folder

    @property
    def gateway(self) -> GatewayProcess | None:
        """The first one."""
        return self.nodes[0].process

    # The gateway's lives -----------------------------------------------------------------------------------------

    async def start(self, overlay: Overlay | None = None, failpoint: str | None = None, number: int = 0) -> bool:
        """A new life of one of them. False: it died before it was ready.

        Raises:
            RuntimeError: it did not come up, and was not killed by its failpoint either.
        """
        node = self.nodes[number]
        self.configure(overlay or {}, number)
        make = Forked if self.fork else Started
        gateway = node.process = make(node.folder, {VARIABLE: failpoint} if failpoint else {})
        self.lives += 1
        async with asyncio.timeout(_READY_S):
            while not await self._is_ready(node):
                code = gateway.exit_code()
                if code == -signal.SIGKILL:
                    return False
                if code is not None:
                    raise RuntimeError(f"the gateway ended with {code}:\n{self.log_tail(number)}")
                await asyncio.sleep(0.02)
        return True

    async def _is_ready(self, node: ChaosNode) -> bool:
        try:
            async with self.inner.session.get(f"http://127.0.0.1:{node.admin}/readyz") as response:
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

    def kill(self, number: int = 0) -> None:
        """End this life, if it has not ended. Where nobody else is at work, nobody has to wait for its leases."""
        node = self.nodes[number]
        if node.process is not None:
            node.process.kill()
            node.process = None
            if len(self.nodes) == 1:
                self.store.let_leases_run_out()

    def kill_all(self) -> None:
        for number in range(len(self.nodes)):
            self.kill(number)

    def autopsy(self) -> Autopsy:
        return self.store.autopsy()

    def log_tail(self, number: int = 0) -> str:
        return (self.nodes[number].folder / "gateway.log").read_text(errors="replace")[-3000:]

    def configure(self, overlay: Overlay, number: int = 0) -> None:
        """Write config.toml for the next life."""
        node = self.nodes[number]
        document: Any = tomlkit.parse(self.inner.config.with_name("base.toml").read_text(encoding="utf-8"))
        own: Overlay = {
            "gateway.listen": f"127.0.0.1:{node.public}",
            "gateway.admin_listen": f"127.0.0.1:{node.admin}",
            "channels.mock.settings.book": str(self.folder / MOCK_BOOK),
        }
        for key, value in {**SHORT, **own, **self.store.move_in(node.folder), **overlay}.items():
            *tables, name = key.split(".")
            table = document
            for each in tables:
                table = table.setdefault(each, tomlkit.table())
            table[name] = value
        (node.folder / "config.toml").write_text(tomlkit.dumps(document), encoding="utf-8")

    async def add_node(self) -> None:
        """One more gateway on the same database, with the keys of the first one. It lives for a moment, so that later
        it finds a high-water file of its own."""
        ports = free_ports()
        number = len(self.nodes)
        folder = self.folder / f"node-{number + 1}"
        self.nodes.append(ChaosNode(folder, ports.public, ports.admin))
        for part in ("keys", "sandbox"):
            if (self.folder / "state" / part).exists():
                shutil.copytree(self.folder / "state" / part, folder / "state" / part)
        folder.mkdir(exist_ok=True)
        shutil.copy(self.folder / "signer.secret", folder)
        await self.start(number=number)
        self.kill(number)

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
        mock = self.folder / MOCK_BOOK
        return found + ([dict(row) for row in read_book(mock)] if mock.exists() else [])

    # The app -----------------------------------------------------------------------------------------------------

    async def order(self, body: Mapping[str, object], *, signed: bool = False) -> dict[str, Any]:
        """Order a payout. Raises `Died` when there was no answer, RuntimeError for a refusal."""
        raw = json.dumps(body).encode()
        status, told = await self._call("POST", "/v1/payouts", raw, signed=signed)
        for _ in range(OVERLOADED_TRIES):  # a slow machine's disk: nothing was begun, and an app asks again
            if told.get("code") != "overloaded":
                break
            await asyncio.sleep(1.0)
            status, told = await self._call("POST", "/v1/payouts", raw, signed=signed)
        if status == 503 or told.get("code") == "commit_unknown":
            raise Died(f"{status}: {told}")
        if status not in (200, 201):
            raise RuntimeError(f"the order was answered {status}: {told}")
        return told

    async def cancel(self, payout_id: str) -> int:
        """Ask to cancel; the status of the answer. Raises `Died`."""
        status, _ = await self._call("POST", f"/v1/payouts/{payout_id}/cancel", b"")
        return status

    async def retry(self, payout_id: str, reference: str) -> int:
        """Order a failed one again; the status of the answer. Raises `Died`."""
        body = json.dumps({"reference": reference}).encode()
        status, _ = await self._call("POST", f"/v1/payouts/{payout_id}/retry", body)
        return status

    async def batch(self, reference: str, items: Sequence[object]) -> int:
        """Order many in one call; the status of the answer. Raises `Died`."""
        body = json.dumps({"reference": reference, "items": items}).encode()
        status, _ = await self._call("POST", "/v1/batches", body)
        return status

    async def save(self, beneficiary: object) -> int:
        """Have a beneficiary kept; the status of the answer. Raises `Died`."""
        status, _ = await self._call("POST", "/v1/beneficiaries", json.dumps({"beneficiary": beneficiary}).encode())
        return status

    async def listen_at(self, url: str) -> int:
        """Have callbacks sent there, too; the status of the answer. Raises `Died`."""
        status, _ = await self._call("POST", "/v1/callback_endpoints", json.dumps({"url": url}).encode())
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
        self._asked += 1
        url = f"http://127.0.0.1:{self.nodes[self._asked % len(self.nodes)].public}{target}"  # in turn, whoever lives
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
async def stage(
    folder: Path, *, sandboxes: bool, fork: bool = True, store: ChaosStore | None = None, nodes: int = 1
) -> AsyncIterator[ChaosStage]:
    """A stage in `folder`, by default on a SQLite file; everything on it is stopped at the end."""
    async with Stage(folder) as inner:
        inner.config.rename(inner.config.with_name("base.toml"))
        secret = folder / "signer.secret"
        secret.write_bytes(SIGNER_KEY)
        secret.chmod(0o600)
        async with App(inner.ports.upstream) as app:
            first = ChaosNode(folder, inner.ports.public, inner.ports.admin)
            made = ChaosStage(inner, app, fork, store or FileStore(folder / "state/paymux.db"), [first])
            made.configure({})
            if sandboxes:
                await made.start_sandboxes()
            try:
                await made.start()
                made._headers.update(inner.headers())
                for _ in range(nodes - 1):
                    await made.add_node()
                made.kill()
                yield made
            finally:
                made.kill_all()
                for name in SANDBOXES:
                    if name in inner.parts:
                        made.pause_sandbox(name, paused=False)
