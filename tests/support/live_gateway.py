"""A whole gateway in this process: a real file, a real database, mock channels, no listener but where asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.app import Gateway
from gateway.config.load import load
from gateway.domain.money import Money
from gateway.domain.payout import Payout
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.panel import Wanted
from gateway.world import system_world
from tests.support.builders import BENEFICIARY
from tests.support.clock import FakeClock
from tests.support.config_files import write

FILE = """version = 1
[gateway]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[channels.alpha]
adapter = "mock"
currencies = ["CNY"]
methods = ["bank_account"]
fees = [{ kind = "flat", currency = "CNY", amount = 100 }]
[channels.beta]
adapter = "mock"
currencies = ["CNY"]
methods = ["bank_account"]
fees = [{ kind = "flat", currency = "CNY", amount = 200 }]
[apps.demo]
"""
"""Two channels, the first one cheaper."""


@dataclass
class LiveGateway:
    """The gateway and its file."""

    folder: Path
    gateway: Gateway

    @property
    def path(self) -> Path:
        return self.folder / "config.toml"

    def write(self, text: str) -> None:
        """In place, as an editor does."""
        write(self.folder, text)

    def rename_over(self, text: str) -> None:
        """Whole or not at all: a new file takes the old one's name."""
        write(self.folder, text, "config.toml.new").replace(self.path)

    async def accept(self, reference: str, minor: int = 10_000, *, begins: bool = True) -> Payout:
        """A payout, as an app orders it; begun along with that, where there is a place for it."""
        request = PayoutRequest("demo", reference, Money(minor, "CNY"), BENEFICIARY)
        services = self.gateway.services
        services = services if begins else replace(services, keep_place=lambda: None)
        return (await accept(services, request)).payout

    async def accept_waiting(self, *references: str) -> None:
        """Payouts that find every channel drained, and wait."""
        for name in self.gateway.services.channels:
            drain = Wanted(name, "draining", None, "so that they wait", "person:ada", None, force=True)
            await self.gateway.panel.set(drain, lambda _tx: None)
        for reference in references:
            await self.accept(reference)
        await self.gateway._workers.payouts.through()


@asynccontextmanager
async def live_gateway(
    folder: Path, text: str | None = FILE, clock: FakeClock | None = None
) -> AsyncIterator[LiveGateway]:
    """Opened, not started: nothing is worked on and nobody listens. Without `text` the file is there already."""
    config = load(folder / "config.toml" if text is None else write(folder, text), {})
    world = system_world()
    opened = await Gateway.open(config, world if clock is None else replace(world, clock=clock))
    try:
        yield LiveGateway(folder, opened)
    finally:
        await opened.stop()
