"""How much may come in at once, as values: `[limits]` and `[apps.NAME] limits` of config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Load(StrEnum):
    """Kinds of work that do not take each other's places."""

    ORDERS = "orders"
    READS = "reads"
    """Reads and cancels of apps."""
    STREAMS = "streams"
    """Timelines that are followed: open for minutes, with little to do."""
    BATCHES = "batches"
    """Batches being taken in: seconds each, and megabytes."""
    NOTIFICATIONS = "notifications"


QUEUE_SHARE: dict[Load, float] = {
    Load.ORDERS: 0.5, Load.READS: 0.7, Load.STREAMS: 0.7, Load.BATCHES: 0.5, Load.NOTIFICATIONS: 1.0
}  # fmt: skip
"""How full the commit queue may be for one more of a kind: its last 30 % are kept for notifications, and the 20 %
before them for these and for reads."""


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """`[apps.NAME] limits`, for each key of the app by itself; the weight is the app's."""

    rps: int = 1000
    """Requests a second; so many at once after a quiet second."""
    in_flight: int = 256
    """Requests being served at once."""
    weight: int = 1
    """Its share where several apps want more than there is."""


USUAL = KeyLimits()


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """`[limits]`."""

    orders: int = 128
    """New payouts being taken in at once."""
    reads: int = 64
    """Reads and cancels being served at once."""
    streams: int = 100
    """Timelines being followed at once."""
    batches: int = 8
    """Batches being taken in at once; their bodies are the only large ones."""
    commit_queue: int = 2000
    """Changes that may wait for their commit."""
    commit_wait_s: float = 1.0
    """How long a new payout may have to wait for its commit, about."""
    paused: int = 2000
    """Refusals that are held back at once."""
    pause_s: float = 0.5
    """For how long each."""
    apps: Mapping[str, KeyLimits] = field(default_factory=dict)

    def of(self, app: str) -> KeyLimits:
        return self.apps.get(app, USUAL)

    def weight_of(self, app: str) -> int:
        return self.of(app).weight
