"""What an adapter package exports: `SPEC`. Built-in ones are listed in `registry`, others come by entry point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from adapters.channel import Channel, ChannelContext, ChannelSettings
from gateway.clock import Clock


@dataclass(frozen=True, slots=True)
class SandboxPlace:
    """Where a sandbox is to stand, and what it shares with the gateway."""

    keys: Path
    """The folder that `AdapterSpec.mint` fills."""
    port: int
    control_port: int
    notify_url: str = field(repr=False)
    """Where it posts its notifications, where the order does not say so itself."""
    tls: bool
    amount_magic: bool
    clock: Clock


class Sandbox(Protocol):
    """The other side of a channel's wire, as a server with books of its own."""

    @property
    def base_url(self) -> str: ...

    @property
    def control_url(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """One kind of channel: how it is configured and how it is built."""

    name: str
    """The word in `[channels.X] adapter = "..."`."""
    version: str
    """Pinned on every attempt; raised when the meaning of stored bytes changes."""
    settings: type[BaseModel]
    """Strict model of `[channels.X.settings]`; unknown keys are refused."""
    build: Callable[[str, ChannelSettings, ChannelContext], Channel]
    """(channel name, its settings table, the world) -> channel. Raises `SecretError` for a secret that is missing."""
    live_faults: Callable[[Any], list[str]]
    """Given validated settings: what forbids them in `mode = "live"` (test keys, plain http), in words."""
    mint: Callable[[Path], None] | None = None
    """Sandbox mode: put the throw-away keys that sandbox and shipped settings share into a folder. Idempotent."""
    sandbox: Callable[[SandboxPlace], Sandbox] | None = None
    """Builds the sandbox server that comes with the adapter (`paymux sandbox NAME`)."""
    conformance: str | None = None
    """Where its `adapters.conformance.world.ChannelUnderTest` stands, as `module:name`: only a check loads it."""
