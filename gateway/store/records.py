"""What goes into the store and comes out of it beside payouts: the frozen values that its port is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.domain.outcome import Answer
from gateway.domain.payout import Payout


@dataclass(frozen=True, slots=True)
class Reference:
    """What is kept for ever of an app's reference."""

    payout_id: str
    fingerprint: bytes
    """Keyed HMAC over the canonical request; its first byte is the version."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's time-limited claim on a payout. Liveness only: safety never depends on it (R9)."""

    owner: str
    fence: int
    """Rises with every claim; a write that carries an old one changes nothing."""
    until: datetime
    lasts_until_s: float = field(default=float("-inf"), compare=False)
    """By its owner's monotonic clock; not stored. Nothing is sent later, and nothing at all where it was not said."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An answer, query result or notification as it came, kept whether or not it was judged (R7)."""

    attempt: int
    transmission_no: int
    at: datetime
    answer: Answer
    judged: bool
    """False: stored only (stale, or refused as not matching)."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that must not happen, for a person to look at."""

    at: datetime
    kind: str
    detail: str
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """One event for one endpoint of an app: due, delivered, or parked."""

    id: str
    """`evt_…`: the event's id, the same over all its deliveries and endpoints."""
    shard: int
    payout_id: str | None
    """None: it is about an endpoint or a channel."""
    app: str
    endpoint: str
    type: str
    sequence: int
    body: bytes = field(repr=False)
    created_at: datetime
    tries: int = 0
    due_at: datetime | None = None
    """None: delivered or parked."""
    delivered_at: datetime | None = None
    parked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try of a callback."""

    at: datetime
    status: int | None
    """The HTTP status, or None when there was no answer."""
    detail: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class PayoutFilter:
    """Which payouts a list shows; newest first. Empty means any."""

    statuses: frozenset[str] = frozenset()
    currency: str | None = None
    channel: str | None = None
    reference: str | None = None
    batch_id: str | None = None
    created_gte: datetime | None = None
    created_lt: datetime | None = None
    metadata: tuple[tuple[str, str], ...] = ()
    """Keys with their values. Metadata is sealed, so no index leads to it (`payouts_saying`)."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ends: the next one starts after it."""

    created_at: datetime
    payout_id: str


@dataclass(frozen=True, slots=True)
class SeenNotification:
    """A channel's notification as it was taken in, for de-duplication and for the record."""

    channel: str
    event_id: str
    shard: int
    payout_id: str | None
    """None: an orphan, nobody's order as far as we know."""
    at: datetime
    raw: bytes = field(repr=False)
    said: bytes = b""
    """A digest of what it says of this payout, the same over honest retries."""


class Novelty(StrEnum):
    """Whether a notification was taken before."""

    NEW = "new"
    SEEN = "seen"
    CONFLICT = "conflict"
    """The same event id was taken before and said something else (row 39)."""


@dataclass(frozen=True, slots=True)
class UnderReview:
    """A payout that waits for people, since when, and why."""

    payout: Payout
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class LiveGround:
    """The pinned ground of `count` attempts of one channel that are still followed; 100,000 are counted at most."""

    channel: str
    adapter: str
    base_address: str
    account_id: str
    duplicate_mode: str
    key_ids: tuple[str, ...]
    count: int


class Duty(StrEnum):
    """What one node does for all."""

    ALARM = "alarm"
    """Complains of what has waited for people for too long."""
    RETRIES = "retries"
    """Finishes orders of failed payouts that were left half made."""
    CHANNEL_NEWS = "channel_news"
    """Tells apps how channels do."""
    CLEARING = "clearing"
    """Forgets nodes that are gone."""
