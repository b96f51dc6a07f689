"""The auditor's own books: what the apps wanted, what was committed, what the banks did. Nothing of it is asked of the
gateway; it is written down as it happens, on the far side of every port."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from adapters.sandbox.books import BookEntry
from gateway.domain.money import Money
from gateway.domain.payout import Attempt, Payout
from gateway.domain.review import Request
from gateway.store.records import Callback, Evidence, Incident

OrderKey = tuple[str, str]
"""(app, reference): one order for ever, whatever happens to our database."""


@dataclass(slots=True, eq=False)
class Line:
    """One `channel_reference`: what was meant to be sent under it, what left, what the bank made of it.

    Lines outlive a restore of the database: the bank does not forget because we did.
    """

    channel_reference: str
    channel: str
    order: Order
    number: int
    prepared: set[bytes]
    """Digests of the bytes stored for it: one, unless a restore made it be prepared a second time."""
    intents: int = 0
    """Transmissions committed and not proved to have stayed here."""
    intent_by: tuple[str, int] = ("", 0)
    """(node, its how-manieth start) that committed the newest intent."""
    seen: int = 0
    """Submits of which a byte reached the bank's side."""
    seen_digest: bytes | None = None
    entry: BookEntry | None = None
    """The bank's own book."""
    paid_at: datetime | None = None
    """When the bank first paid."""
    late: bool = False
    """Paid although we hold it rejected."""
    denied: bool = False
    """The bank has forgotten it."""

    @property
    def paid_times(self) -> int:
        return self.entry.paid_times if self.entry is not None else 0


@dataclass(slots=True, eq=False)
class Order:
    """What one app wants done under one reference, and what it was told of it."""

    app: str
    reference: str
    amount: Money | None = None
    account: str | None = field(default=None, repr=False)
    payout_id: str | None = None
    """As acknowledged; None while no 2xx reached the app."""
    lines: list[Line] = field(default_factory=list)
    failed_told: bool = False
    """A `payout.failed` reached the app."""
    disputed_told: bool = False
    false_failed: bool = False
    contract_broken: bool = False
    """A bank broke its word on this order: then only finding out is required."""
    restored: bool = False
    earlier: set[tuple[int, str, str | None]] = field(default_factory=set, repr=False)
    """Amount in minor units, currency and account that it was taken in with in a time that a restore undid: a bank may
    still book that, although the app has ordered something else under the reference since."""
    """A restore took its payout back in time, or out of the store."""

    @property
    def key(self) -> OrderKey:
        return self.app, self.reference

    @property
    def paid_times(self) -> int:
        """By all banks together."""
        return sum(line.paid_times for line in self.lines)


@dataclass(slots=True)
class Sending:
    """One callback event as it was committed, and what the app saw of it."""

    callback: Callback
    digest: bytes
    received: int = 0
    done: bool = False
    """Delivered or parked, as committed."""


@dataclass(slots=True, eq=False)
class Case:
    """One payout as committed, with its history."""

    payout: Payout
    first: Payout
    """As it was taken in."""
    order: Order
    fence: int
    due_at: datetime | None
    events: int = 0
    leased_by: str | None = None
    crashes: int = 0
    """How often in a row its lease was never let go of."""
    let_go: bool = False
    """People let it go, in a step that is not yet over."""
    free_since: datetime | None = None
    """When they last did: until then nothing of it could be settled."""
    evidence: list[Evidence] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    sendings: dict[tuple[str, str], Sending] = field(default_factory=dict)
    """By (event id, endpoint)."""

    def incidents_about(self, number: int) -> list[Incident]:
        return [incident for incident in self.incidents if incident.attempt == number]


class Books:
    """Everything the auditor knows. Dictionaries only: their order is the order of events, the same in every run."""

    def __init__(self, broken_contract: bool, channels: tuple[str, ...]) -> None:
        self.broken_contract = broken_contract
        self.channels = frozenset(channels)
        self.orders: dict[OrderKey, Order] = {}
        self.cases: dict[str, Case] = {}
        self.by_order: dict[OrderKey, str] = {}
        """The payout id of a stored reference."""
        self.lines: dict[str, Line] = {}
        self.events: dict[str, list[Sending]] = {}
        """Committed callback events by event id, one for each endpoint."""
        self.noted: set[tuple[str, str, str | None]] = set()
        """(channel, event id, payout id) of the notifications taken in."""
        self.noted_bodies: set[bytes] = set()
        self.false_bodies: set[bytes] = set()
        """Digests of notifications that were made up, or say what is not so."""
        self.requests: dict[str, tuple[Request, tuple[object, ...] | None]] = {}
        """By request id, as last kept, with the facts of its payout when it was made."""
        self.taints: dict[str, None] = {}
        """What must appear nowhere: accounts, names, keys."""
        self.odd_taints: dict[str, None] = {}
        """Those of them that are no single word."""
        self.starts: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.named_broken = False
        """The world says which orders a bank broke its word on."""
        self.calm_since: datetime | None = None
        """When the faults were over."""
        self.now: datetime | None = None
        self.identity_key: bytes | None = None
        """What ids are derived under, if the world told."""

    def order(self, app: str, reference: str) -> Order:
        key = (app, reference)
        if key not in self.orders:
            self.orders[key] = Order(app, reference)
        return self.orders[key]

    def case_of(self, order: Order) -> Case | None:
        """The stored payout of an order."""
        found = self.by_order.get(order.key)
        return self.cases.get(found) if found is not None else None

    def line_of(self, attempt: Attempt) -> Line | None:
        return self.lines.get(attempt.channel_reference)

    def excused(self, order: Order) -> bool:
        """A bank broke its contract here: a second payment is its doing; ours is to find out (21)."""
        return self.broken_contract and (order.contract_broken or not self.named_broken)


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
