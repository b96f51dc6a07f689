"""What the public API works with: one object that a reload gives new contents, so that no request is dropped for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.api.auth import Authenticator
from gateway.api.connections import Networks
from gateway.api.flags import Alikes
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


@dataclass(slots=True)
class PublicState:
    """Handed to the handlers; each request reads it afresh."""

    services: Services
    auth: Authenticator
    notify_tokens: Mapping[str, str] = field(repr=False)
    """Channel name -> the token in the path of its notifications."""
    cursor_key: bytes = field(repr=False)
    doors: Doors = field(default_factory=lambda: Doors())
    alikes: Alikes = field(default_factory=Alikes)
