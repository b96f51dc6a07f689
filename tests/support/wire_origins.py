"""Real sandboxes at the far end of a line that is ours: a channel's whole wire, with its bank's own books."""

from __future__ import annotations

from dataclasses import replace

from adapters import bank
from adapters.bank.sandbox import BankSandbox, BankSandboxOptions
from adapters.channel import Channel
from adapters.http import ChannelHttp
from adapters.spec import Sandbox, SandboxPlace
from tests.conformance.channels import conftest
from tests.support.channel_kit import ChannelUnderTest, World


class FrontedBank(BankSandbox):
    """A bank behind a proxy. What it is called is part of what is signed, so it has to know the proxy's address."""

    front = ""

    @property
    def base_url(self) -> str:
        return self.front or self.real_url

    @property
    def real_url(self) -> str:
        return super().base_url


def fronted(place: SandboxPlace) -> Sandbox:
    options = BankSandboxOptions(keys=place.keys, notify_url=place.notify_url)
    return FrontedBank(options, place.clock)


CHANNELS: dict[str, ChannelUnderTest] = {
    "bank": replace(conftest.BANK, spec=replace(bank.SPEC, sandbox=fronted)),
    "wechat": conftest.WECHAT,
}


def origin_port(world: World) -> int:
    """Where the sandbox really listens."""
    url = world.sandbox.real_url if isinstance(world.sandbox, FrontedBank) else world.address
    return int(url.rsplit(":", 1)[1])


def known_as(world: World, base: str) -> None:
    """From now on the sandbox is called `base`."""
    if isinstance(world.sandbox, FrontedBank):
        world.sandbox.front = base


def channel_over(world: World, base: str, http: ChannelHttp) -> Channel:
    """The channel, pointed at `base`, speaking through `http`. The world closes it."""
    return world.build(base, over=http)
