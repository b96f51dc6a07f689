"""What the public API works with: one object that a reload gives new contents, so that no request is dropped for it."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.admission.limits import IntakeLimits
from gateway.api.auth import Authenticator
from gateway.api.backlog import Backlog, BacklogLimits
from gateway.api.connections import Networks
from gateway.api.flags import Alikes
from gateway.api.intake import Intake
from gateway.api.keys import KeyRing
from gateway.operations.services import Services


@dataclass(frozen=True, slots=True)
class Doors:
    """What the configuration says about who and how much may come in."""

    trusted_proxies: Networks = ()
    """Whose `X-Forwarded-For` is believed."""
    max_amounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """App -> currency -> the most that one payout may be, in minor units; what is not named has no bound of its own."""
    notifications_max: int = 256
    """How many notifications are taken in at once."""
    intake: IntakeLimits = field(default_factory=IntakeLimits)
    """How much else, and each key's part of it."""
    backlog: BacklogLimits = field(default_factory=BacklogLimits)
    """How many accepted payouts may wait for a channel."""
    funding_seen_by: frozenset[str] = frozenset()
    """Apps that are told how much is left of channels' funding, which is also what other apps have used."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a configuration makes, as it serves. Frozen: a reload makes another one."""

    services: Services
    keys: KeyRing
    notify_tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Channel name -> the token in the path of its notifications."""
    doors: Doors = field(default_factory=Doors)


@dataclass(slots=True)
class InForce:
    """The one reference to the snapshot in force. Assigned whole, so nobody ever sees a part of a configuration."""

    snapshot: Snapshot

    @property
    def services(self) -> Services:
        return self.snapshot.services


@dataclass(slots=True)
class PublicState:
    """Handed to the handlers: what is in force, read afresh by each request, and what outlives every reload."""

    in_force: InForce
    auth: Authenticator
    intake: Intake
    cursor_key: bytes = field(repr=False)
    alikes: Alikes = field(default_factory=Alikes)
    backlog: Backlog = field(default_factory=Backlog)
    sandbox: bool = False
    """Whether what is only for trying may be called."""
    closing: Event = field(default_factory=Event)
    """The listener is being closed: what would stay open for long ends."""

    @property
    def services(self) -> Services:
        return self.in_force.services

    @property
    def keys(self) -> KeyRing:
        return self.in_force.snapshot.keys

    @property
    def notify_tokens(self) -> Mapping[str, str]:
        return self.in_force.snapshot.notify_tokens

    @property
    def doors(self) -> Doors:
        return self.in_force.snapshot.doors
