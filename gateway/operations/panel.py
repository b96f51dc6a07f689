"""What people see and change of a running gateway's channels and configuration: the values, and the port to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.domain.override import Override
from gateway.operations.nodes import Node
from gateway.operations.reload_state import ReloadState
from gateway.operations.services import ChannelHandle
from gateway.store.port import Tx

StillMay = Callable[[Tx], None]
"""Raises `RequestRefused` inside the unit when whoever asked may no longer."""


class Outcome(StrEnum):
    """What became of a file that was not refused."""

    RELOADED = "reloaded"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """How a reload ended."""

    outcome: Outcome
    sha256: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """An override that somebody asks for. At least one of `state` and `weight` is given."""

    channel: str
    state: str | None
    weight: int | None
    reason: str
    by: str
    expires_at: datetime | None
    force: bool = False
    """Even if it leaves a currency without a channel."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A channel as it stands: by the file, in force, and what holds it back."""

    name: str
    by_file: ChannelHandle
    in_force: ChannelHandle
    overrides: tuple[Override, ...]


class Panel(Protocol):
    """The switches."""

    @property
    def state(self) -> ReloadState:
        """Of the configuration."""
        ...

    def nodes(self) -> tuple[Node, ...]:
        """Those at work on the store, this one first."""
        ...

    def shown(self) -> tuple[Shown, ...]:
        """Every channel, by name."""
        ...

    async def set(self, wanted: Wanted, still_may: StillMay) -> Override:
        """Hold a channel back.

        Raises:
            NotFound: there is no such channel.
            RequestRefused: last_channel (with what nobody would pay any more), too_many, no_longer_allowed.
            StoreError: it is not known to be written down, so it is not in force.
        """
        ...

    async def lift(self, channel: str, by: str, still_may: StillMay) -> tuple[Override, ...]:
        """Take back all that holds a channel back beside the file; those that did.

        Raises:
            NotFound: there is no such channel.
            RequestRefused: no_longer_allowed.
            StoreError: nothing is known to have changed.
        """
        ...

    async def reload(self, by: str, *, force: bool = False) -> Reloaded:
        """Put the file in force as it is now.

        Raises:
            ConfigError: it is refused; nothing has changed.
        """
        ...
