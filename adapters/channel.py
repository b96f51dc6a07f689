"""The port: what every channel must be able to do. Adapter authors read this file and docs/adding-a-channel.md.

The life of one submit, and who owns which step:

1. `prepare` (pure): our order becomes the channel's business bytes. Refuse early (`Unsendable`) what it cannot carry.
2. the gateway stores the bytes with the attempt and commits: the *intent*. From here on the outcome is unknown.
3. `sign` (no I/O): a fresh signature over the stored bytes, once per transmission.
4. `submit`: exactly one HTTP call, never retried, never redirected. It returns an `Answer`, and raises nothing for
   anything that can happen on a network or in the channel's head.

A repeat is steps 3 and 4 again with the same bytes. `query`, `cancel` and notifications return the same `Answer`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from adapters.http import HttpClientFactory
from adapters.signer import HERE, Headers, Heading, Later, Signer
from gateway.clock import Clock
from gateway.domain.beneficiary import Beneficiary, BeneficiaryKind
from gateway.domain.money import Money
from gateway.domain.outcome import Answer
from gateway.domain.payout import Ground, Prepared
from gateway.domain.reasons import RejectReason
from gateway.secret import Secret


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do, declared once and read by router, tests and docs."""

    kinds: frozenset[BeneficiaryKind]
    currencies: frozenset[str]
    can_query: bool = True
    can_look_up: bool = True
    """Knows an order by our own id alone. One that does not cannot be asked first after a restore (R15)."""
    can_cancel: bool = False
    notifies: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt's order, as a channel needs it."""

    payout_id: str
    reference: str
    channel_reference: str
    """26 upper-case letters and digits, derived, unique; the channel's idempotency key."""
    uetr: str
    """The same identity as a version-4 UUID in lower case."""
    amount: Money
    beneficiary: Beneficiary = field(repr=False)
    purpose: str | None = None
    description: str | None = None


class Unsendable(Exception):
    """The channel cannot carry this order: found before anything was stored or sent. The router tries the next."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Sent:
    """What an attempt looks like from the channel's side: enough to sign, repeat, query, cancel and check echoes."""

    order: Order
    ground: Ground
    prepared: Prepared
    channel_payout_id: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """One transmission, ready to leave: signed once, not touched again."""

    sent: Sent
    method: str
    url: str
    headers: Headers
    """Those that are ready: all of them, unless a signer elsewhere is still about one."""
    body: bytes = field(repr=False)
    later: Later | None = None

    async def whole_headers(self) -> Headers:
        """All of them, for whoever sends it. Never fails."""
        return await Heading(self.headers, self.later).whole()


@dataclass(frozen=True, slots=True)
class RawNotification:
    """A notification exactly as it came in."""

    method: str
    target: str = field(repr=False)
    """The raw request target: path and query as on the wire, token included."""
    headers: tuple[tuple[str, str], ...]
    """Every header in order, repeated ones repeated."""
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """What one notification says of one attempt. One of the two ids is given."""

    answer: Answer
    channel_reference: str | None = None
    channel_payout_id: str | None = None
    amount: Money | None = None
    """The amount it speaks of; it must equal the payout's, or the notice is kept as refused evidence."""
    account: str | None = field(default=None, repr=False)
    """The receiving account it speaks of, where it names one; likewise."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A verified notification: its identity for de-duplication, and what it says."""

    event_id: str
    """The channel's own id of the event, the same over its retries."""
    notices: tuple[Notice, ...]
    """Empty: verified, but nothing we act on."""
    nonce: tuple[str, str] | None = None
    """(key id, nonce) to be used up with it, where the scheme forbids replays."""


class NotificationRefused(Exception):
    """Not verified, or not readable: nothing changes but a counter. `code` is the first check that failed."""

    def __init__(self, code: str, detail: str, status: int = 401) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """How the channel wants its notification answered."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Channel(Protocol):
    """One configured channel. Stateless but for its HTTP connections and its keys."""

    name: str
    capabilities: Capabilities
    ground: Ground
    """What a new attempt would be pinned to."""

    def prepare(self, order: Order, now: datetime) -> Prepared:
        """The business bytes of `order`. Raises `Unsendable`."""
        ...

    def sign(self, sent: Sent) -> Signed:
        """One transmission of the stored bytes, freshly signed."""
        ...

    async def submit(self, signed: Signed) -> Answer:
        """Send it, once. Only a cancellation may escape from here."""
        ...

    async def query(self, sent: Sent) -> Answer:
        """Ask what became of it. Safe to repeat."""
        ...

    async def cancel(self, sent: Sent) -> Answer:
        """Ask the channel to drop it. The answer is never proof."""
        ...

    async def read_notification(self, raw: RawNotification) -> Notification:
        """Verify, then parse. Raises `NotificationRefused`."""
        ...

    def reply(self, status: int, code: str) -> Reply:
        """The channel's own form of an answer to its notification; `status` 200 means stored, `code` says why not."""
        ...

    async def start(self) -> None:
        """Fetch what is needed before the first payout (certificates). Failing here must not stop the gateway."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelContext:
    """What the composition root hands to every channel: the world, as ports."""

    clock: Clock
    random_bytes: Callable[[int], bytes]
    http: HttpClientFactory
    secret: Callable[[str], Secret]
    """Resolves a `SecretRef`; raises `gateway.secret.SecretError`."""
    notify_url: str = field(repr=False)
    """Where this channel may post notifications, token included; empty when it is not reachable from outside."""
    timeouts: Timeouts
    deliver: Callable[[RawNotification], Awaitable[int]]
    """Hands a notification to the gateway in-process, as if it had come in over HTTP; returns the HTTP status.
    For channels that live inside the gateway (the mock); real ones post to `notify_url`."""
    signer: Signer = HERE
    """Where its RSA keys sign."""
    base: Path = Path()
    """The folder of config.toml: what a relative path in a channel's settings is relative to."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `total` is the deadline of one call: past it the outcome is unknown and the worker goes on."""

    connect_s: float = 2.0
    read_s: float = 10.0
    total_s: float = 20.0


ChannelSettings = Mapping[str, object]
"""The `[channels.NAME.settings]` table, validated by the adapter's own model."""
