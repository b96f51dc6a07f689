"""Where an app wants its callbacks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from gateway.domain.endpoint import is_wanted
from gateway.secret import Secret


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One URL of one app, with the keys its callbacks are signed with (two at once during a rotation)."""

    id: str
    app: str
    url: str
    secrets: tuple[Secret, ...]
    """Standard Webhooks secrets, `whsec_` + base64; each gives a `v1` signature, the newest first."""
    signing_keys: tuple[Secret, ...] = ()
    """Ed25519 private keys in PEM; each gives a `v1a` signature."""
    events: frozenset[str] = frozenset()
    """Event types it wants; empty: all."""
    disabled: bool = False
    """Nothing is sent there; what is for it is kept as parked."""

    def wants(self, event_type: str) -> bool:
        return is_wanted(self.events, event_type)


def endpoint_id(app: str, url: str) -> str:
    """The endpoint's id: stable while app and URL are."""
    return "ep_" + hashlib.sha256(f"{app}\0{url}".encode()).hexdigest()[:12]
