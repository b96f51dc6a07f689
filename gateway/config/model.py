"""The shape of config.toml: every key, its type, its default. The shipped config.toml says what each one means.

Strict: a string is not a number, `"false"` is not a bool, an unknown key is a fault. Names here carry their unit
(`lease_s`, `min_minor`); the alias is the word in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from gateway.ciphers import Cipher
from gateway.config.durations import Duration
from gateway.config.fields import (
    Count,
    CurrencyCode,
    DatabaseText,
    Listen,
    Minor,
    Network,
    PathText,
    PolicyReason,
    TimeZone,
    Url,
    Words,
    fault,
)
from gateway.config.routes import Part, PreferencePart
from gateway.config.urls import Address
from gateway.secret import SecretRef
from routing.score import PREFERENCES, Preference

NAME = r"^[a-z][a-z0-9_-]{0,31}$"
"""Names of channels and apps: they stand in URLs, file names and metrics."""


class Mode(StrEnum):
    """Stamped into the store at its creation (R21)."""

    SANDBOX = "sandbox"
    LIVE = "live"


class SignerPlace(StrEnum):
    """Where the RSA keys of channels sign."""

    INLINE = "inline"
    PROCESS = "process"
    """In a process beside each gateway, on another core."""


class Tls(Part):
    """Certificate chain and key of the public listener, PEM. The key must not be readable by others."""

    cert: PathText
    key: Annotated[str, StringConstraints(pattern=r"^(file|credential):\S+$")]


class GatewayPart(Part):
    """`[gateway]`."""

    mode: Annotated[Mode, Words] = Mode.SANDBOX
    listen: Listen = Address("127.0.0.1", 8080)
    admin_listen: Listen = Address("127.0.0.1", 9090)
    health_listen: Listen | None = None
    public_url: Url | None = None
    state_dir: PathText = "state"
    database: DatabaseText | None = None
    shutdown_grace_s: Duration = Field(default=30.0, alias="shutdown_grace")
    signer: Annotated[SignerPlace, Words] = SignerPlace.INLINE
    timezone: TimeZone = "UTC"
    tls: Tls | None = None
    trusted_proxies: Annotated[tuple[Network, ...], Words] = ()
    sealing_key: SecretRef | None = None
    old_sealing_keys: Annotated[tuple[SecretRef, ...], Words, Field(max_length=8)] = ()
    cipher: Annotated[Cipher, Words] = Cipher.AES_256_GCM
    identity_key: SecretRef | None = None
    fingerprint_key: SecretRef | None = None


class LimitsPart(Part):
    """`[limits]`: how much may come in at once."""

    connections: Count = 10_000
    connections_per_address: Count = 256
    notifications: Annotated[int, Field(ge=1, le=10_000)] = 256
    orders: Annotated[int, Field(ge=1, le=10_000)] = 128
    reads: Annotated[int, Field(ge=1, le=10_000)] = 64
    streams: Annotated[int, Field(ge=1, le=10_000)] = 100
    batches: Annotated[int, Field(ge=1, le=1000)] = 8
    commit_queue: Annotated[int, Field(ge=100, le=100_000)] = 2000
    commit_wait_s: Duration = Field(default=1.0, alias="commit_wait")
    paused: Annotated[int, Field(ge=1, le=10_000)] = 2000
    pause_s: Duration = Field(default=0.5, alias="pause")
    waiting: Annotated[int, Field(ge=1, le=100_000_000)] = 2_000_000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.connections_per_address > self.connections:
            raise fault("connections_per_address is more than connections")
        return self


class RoutingPart(Part):
    """`[routing]`."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    give_up_after_s: Duration = Field(default=72 * 3600.0, alias="give_up_after")
    retry_every_s: Duration = Field(default=5.0, alias="retry_every")
    quote_for_s: Duration = Field(default=300.0, alias="quote_for")
    failover_also_on: Annotated[frozenset[PolicyReason], Words] = frozenset()
    preference: str = "balanced"
    preferences: Mapping[str, PreferencePart] = Field(default_factory=dict)
    explore: bool = True

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        known = sorted({*PREFERENCES, *self.preferences})
        if self.preference not in known:
            raise fault(f"there is no preference {self.preference!r}; there are {', '.join(known)}")
        return self

    def chosen(self) -> Preference:
        """What payouts are ranked by whose app asks for nothing else."""
        return self.named()[self.preference]

    def named(self) -> dict[str, Preference]:
        """All that there are, by name: ours, and the operator's own, which may stand in for them."""
        return PREFERENCES | {name: part.preference(name) for name, part in self.preferences.items()}


class HoldsPart(Part):
    """`[holds]`: how long we wait before people are wanted (R12)."""

    unknown_after_s: Duration = Field(default=24 * 3600.0, alias="unknown_after")
    pending_after_s: Duration = Field(default=96 * 3600.0, alias="pending_after")
    alarm_after_s: Duration = Field(default=3600.0, alias="alarm_after")


class SafetyPart(Part):
    """`[safety]`."""

    ask_first_for_s: Duration = Field(default=30 * 86_400.0, alias="ask_first_for")
    confirm_success_above: Mapping[CurrencyCode, Minor] = Field(default_factory=dict)


class WorkerPart(Part):
    """`[worker]`. At least two places: one of them is kept for what is due."""

    concurrency: Annotated[int, Field(ge=2, le=10_000)] = 24
    waiting: Annotated[int, Field(ge=1, le=100_000)] = 2000
    rescue_every_s: Duration = Field(default=10.0, alias="rescue_every")
    lease_s: Duration = Field(default=60.0, alias="lease")


class CallbacksPart(Part):
    """`[callbacks]`."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 64
    per_endpoint: Annotated[int, Field(ge=1, le=1000)] = 4
    timeout_s: Duration = Field(default=15.0, alias="timeout")
