"""The demo's stage: every part a process of its own, on free loopback ports, in a scratch folder.

It runs on the shipped config.toml. What it overlays is what any machine must (addresses, the folder) and one setting,
`poll`, so that questions are asked within seconds; no timer that proves anything is shortened.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import aiohttp
import tomlkit

from adapters.mock.book import read_book
from gateway.config.load import load
from gateway.config.mint import callback_secret_path, test_key_path
from gateway.demo.report import Booked, booked
from gateway.shipped import shipped_config

POLL = ["500ms", "1s", "2s"]
"""The overlaid poll schedule of every channel."""

APP = "demo"
_PACKAGES = Path(__file__).parents[2]
_READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of everything on the stage."""

    public: int
    admin: int
    wechat: int
    wechat_control: int
    bank: int
    bank_control: int
    upstream: int


def free_ports() -> Ports:
    """Ports nobody listens on at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(7)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return Ports(*ports)


def write_config(folder: Path, ports: Ports) -> Path:
    """The shipped config.toml with the overlay, in `folder`."""
    document: Any = tomlkit.parse(shipped_config().read_text(encoding="utf-8"))
    document["gateway"]["listen"] = f"127.0.0.1:{ports.public}"
    document["gateway"]["admin_listen"] = f"127.0.0.1:{ports.admin}"
    for name in ("wechat", "bank", "mock"):
        document["channels"][name]["poll"] = POLL
    document["channels"]["wechat"]["settings"]["base_url"] = f"http://127.0.0.1:{ports.wechat}"
    document["channels"]["bank"]["settings"]["base_url"] = f"http://127.0.0.1:{ports.bank}"
    document["apps"][APP]["callbacks"][0]["url"] = f"http://127.0.0.1:{ports.upstream}/callbacks"
    path = folder / "config.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path


@dataclass(slots=True)
class Part:
    """One running process."""

    name: str
    process: asyncio.subprocess.Process
    log: IO[bytes]


@dataclass(slots=True)
class Stage:
    """Starts the parts, speaks to them, and stops them again."""

    folder: Path
    ports: Ports = field(default_factory=free_ports)
    parts: dict[str, Part] = field(default_factory=dict)
    session: aiohttp.ClientSession = field(init=False)
    config: Path = field(init=False)

    async def __aenter__(self) -> Stage:
        self.config = write_config(self.folder, self.ports)
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        for part in reversed(list(self.parts.values())):
            await self._end(part)

    # Parts -------------------------------------------------------------------------------------------------------

    async def start_all(self) -> None:
        """Sandboxes and upstream app, then the gateway; all are ready when this returns."""
        await self.start_gateway(wait=False)
        ports = self.ports
        for name, control in (("wechat", ports.wechat_control), ("bank", ports.bank_control)):
            await self._start(name, "gateway", "sandbox", name, f"--control-port={control}", "--config=config.toml")
        await self._until_ready("gateway", f"{self.admin}/readyz")
        secret = callback_secret_path(load(self.config), APP)
        await self._start("app", "gateway.demo.upstream", f"--port={ports.upstream}", f"--secret-file={secret}")
        for name, port in (("wechat", ports.wechat_control), ("bank", ports.bank_control)):
            await self._until_ready(name, f"http://127.0.0.1:{port}/health")
        await self._until_ready("app", f"http://127.0.0.1:{ports.upstream}/seen")

    async def start_gateway(self, *, wait: bool = True) -> None:
        await self._start("gateway", "gateway", "serve", "--config=config.toml")
        if wait:
            await self._until_ready("gateway", f"{self.admin}/readyz")

    async def kill_gateway(self) -> None:
        """SIGKILL: no goodbye, no flush."""
        part = self.parts.pop("gateway")
        part.process.kill()
        await part.process.wait()
        part.log.close()

    async def _start(self, name: str, module: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(_PACKAGES)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self.parts[name] = Part(name, process, log)

    async def _end(self, part: Part) -> None:
        if part.process.returncode is None:
            part.process.terminate()
        try:
            async with asyncio.timeout(10):
                await part.process.wait()
        except TimeoutError:
            part.process.kill()
            await part.process.wait()
        part.log.close()

    async def _until_ready(self, name: str, url: str) -> None:
        """Raises RuntimeError with the end of the part's log when it does not come up."""
        try:
            async with asyncio.timeout(_READY_S):
                while not await self._answers(url):
                    if self.parts[name].process.returncode is not None:
                        break
                    await asyncio.sleep(0.05)
                else:
                    return
        except TimeoutError:
            pass
        tail = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{name} did not start:\n{tail}")

    async def _answers(self, url: str) -> bool:
        try:
            async with self.session.get(url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    # Speaking ----------------------------------------------------------------------------------------------------

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self.ports.admin}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports.public}/v1"

    def headers(self) -> dict[str, str]:
        token = test_key_path(load(self.config), APP).read_text().strip()
        return {"Authorization": f"Bearer {token}"}

    async def control(self, channel: str, path: str, order: dict[str, object]) -> None:
        port = self.ports.bank_control if channel == "bank" else self.ports.wechat_control
        async with self.session.post(f"http://127.0.0.1:{port}{path}", json=order) as response:
            response.raise_for_status()

    async def books(self) -> list[Booked]:
        """The books of all three, as they keep them themselves."""
        found: list[Booked] = []
        for name, port in (("wechat", self.ports.wechat_control), ("bank", self.ports.bank_control)):
            async with self.session.get(f"http://127.0.0.1:{port}/books") as response:
                found += booked(name, await response.json())
        return found + booked("mock", read_book(self.folder / "state/mock.book"))

    async def seen(self) -> dict[str, Any]:
        """What the upstream app has seen."""
        async with self.session.get(f"http://127.0.0.1:{self.ports.upstream}/seen") as response:
            told: dict[str, Any] = await response.json()
        return told

    def breaker_openings(self) -> int:
        """How often a breaker opened, by the gateway's own log."""
        opened = 0
        for line in (self.folder / "gateway.log").read_text(errors="replace").splitlines():
            if '"channel.breaker"' in line:
                opened += json.loads(line).get("new") == "open"
        return opened
