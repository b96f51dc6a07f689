"""What the public API works with: one object that a reload gives new contents, so that no request is dropped for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.api.auth import Authenticator
from gateway.operations.services import Services


@dataclass(slots=True)
class PublicState:
    """Handed to the handlers; each request reads it afresh."""

    services: Services
    auth: Authenticator
    notify_tokens: Mapping[str, str] = field(repr=False)
    """Channel name -> the token in the path of its notifications."""
    cursor_key: bytes = field(repr=False)
