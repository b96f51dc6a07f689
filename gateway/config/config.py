"""A configuration that holds: frozen, whole, ready for the composition root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.spec import AdapterSpec
from gateway.config.app_part import AppPart
from gateway.config.channel_part import ChannelPart
from gateway.config.errors import Fault, Loc, dotted
from gateway.config.lines import Lines
from gateway.config.model import (
    CallbacksPart,
    GatewayPart,
    HoldsPart,
    LimitsPart,
    Mode,
    RoutingPart,
    SafetyPart,
    WorkerPart,
)
from gateway.config.routes import CalendarPart, RoutePart
from gateway.secret import SecretResolver

SQLITE = "sqlite:"
"""Begins the name of a database that is a file."""


@dataclass(frozen=True, slots=True)
class Config:
    """One config.toml, read and checked. Paths in it are relative to its own folder, `base`."""

    path: Path
    base: Path
    sha256: str
    """Of the file's bytes: which configuration this is."""
    gateway: GatewayPart
    limits: LimitsPart
    routing: RoutingPart
    holds: HoldsPart
    safety: SafetyPart
    worker: WorkerPart
    callbacks: CallbacksPart
    channels: Mapping[str, ChannelPart]
    apps: Mapping[str, AppPart]
    calendars: Mapping[str, CalendarPart]
    routes: tuple[RoutePart, ...]
    adapters: Mapping[str, AdapterSpec] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    lines: Lines = field(repr=False)

    @property
    def sandbox(self) -> bool:
        return self.gateway.mode is Mode.SANDBOX

    @property
    def state_dir(self) -> Path:
        """Database, lock and minted keys."""
        return self.base / self.gateway.state_dir

    @property
    def keys_dir(self) -> Path:
        """Where a sandbox keeps what it mints."""
        return self.state_dir / "keys"

    @property
    def on_postgres(self) -> bool:
        """Whether the store is a PostgreSQL, which other nodes may share."""
        return not (self.gateway.database or SQLITE).startswith(SQLITE)

    @property
    def database_path(self) -> Path:
        """The SQLite file; on PostgreSQL, what the files beside it are named after."""
        if self.on_postgres:
            return self.state_dir / "postgres"
        name = self.gateway.database
        return self.base / name.removeprefix(SQLITE) if name else self.state_dir / "paymux.db"

    @property
    def zone(self) -> ZoneInfo:
        """Whose calendar days and months limits and prices go by."""
        return ZoneInfo(self.gateway.timezone)

    @property
    def public_url(self) -> str:
        """What channels can reach, without a slash at the end."""
        return (self.gateway.public_url or f"http://{self.gateway.listen}").rstrip("/")

    def resolver(self) -> SecretResolver:
        """Resolves this configuration's secret references."""
        return SecretResolver(self.base, self.environ)

    def fault(self, loc: Loc, what: str) -> Fault:
        """A fault found later, at its line."""
        return Fault(str(self.path), self.lines(loc), dotted(loc), what)
