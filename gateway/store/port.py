"""The store as operations see it. tests/conformance/store is what every store must pass.

Work is done in *units*: plain functions that get a transaction, read and write through it and return a value. A unit
runs whole or not at all, is never cancelled (its caller may be), and `Store.run` returns only after it is durable.
Units run in some order, one after the other, as far as anybody can tell: so a unit loads, decides and saves without
a race. What was decided *outside* a unit is guarded by the version it was decided on (`StaleWrite`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from gateway.domain.allowance import Reservation, Used
from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.domain.review import Request
from gateway.store.app_events import AppEventReads
from gateway.store.archiving import ArchiveReads, ArchiveWrites
from gateway.store.auditing import AuditReads, AuditWrites
from gateway.store.batches import BatchReads, BatchWrites
from gateway.store.beneficiaries import BeneficiaryReads, BeneficiaryWrites
from gateway.store.census import CensusReads
from gateway.store.data_keys import DataKeyWrites
from gateway.store.endpoints import EndpointReads, EndpointWrites
from gateway.store.erasing import EraseWrites
from gateway.store.idempotency import IdempotencyReads, IdempotencyWrites
from gateway.store.overrides import OverrideReads, OverrideWrites
from gateway.store.parked import ParkedReads
from gateway.store.picking import Pick
from gateway.store.principals_port import PrincipalReads, PrincipalWrites
from gateway.store.records import (
    Callback,
    Delivery,
    Duty,
    Evidence,
    Incident,
    Lease,
    LiveGround,
    Novelty,
    PayoutFilter,
    Position,
    Reference,
    SeenNotification,
    UnderReview,
)
from gateway.store.resealing import ResealWrites
from gateway.store.retries import RetryReads, RetryWrites

T = TypeVar("T")


class ReadTx(
    PrincipalReads, CensusReads, OverrideReads, AuditReads, ParkedReads, AppEventReads, RetryReads, BeneficiaryReads,
    IdempotencyReads, BatchReads, EndpointReads, ArchiveReads, Protocol,
):  # fmt: skip
    """What can be asked inside a unit or a read."""

    def payout(self, payout_id: str) -> Payout | None: ...

    def reference(self, app: str, reference: str) -> Reference | None: ...

    def payouts(self, app: str, wanted: PayoutFilter, after: Position | None, limit: int) -> Sequence[Payout]:
        """Newest first; whatever their metadata say."""
        ...

    def payouts_saying(
        self, app: str, wanted: PayoutFilter, after: Position | None, limit: int, look_at: int
    ) -> tuple[Sequence[Payout], Position | None]:
        """The same of those whose metadata say so: opened one after the other, `look_at` at most. And how far it came,
        when it did not come to the end: there may be fewer than `limit`, or none, and more of them further on.
        """
        ...

    def payouts_at(self, account_index: bytes, limit: int) -> Sequence[Payout]:
        """Of all apps, to the beneficiary's account of that blind index, newest first."""
        ...

    def find_attempt(self, channel_reference: str) -> tuple[str, int] | None:
        """(payout id, attempt number) of one of our own ids."""
        ...

    def find_channel_payout(self, channel: str, channel_payout_id: str) -> tuple[str, int] | None: ...

    def events(self, payout_id: str, after: int = 0) -> Sequence[Event]:
        """Oldest first, from the one after that number."""
        ...

    def evidence(self, payout_id: str) -> Sequence[Evidence]: ...

    def incidents(self, payout_id: str) -> Sequence[Incident]: ...

    def callbacks(self, payout_id: str) -> Sequence[Callback]: ...

    def deliveries(self, callback: Callback) -> Sequence[Delivery]: ...

    def live_grounds(self) -> Sequence[LiveGround]:
        """What attempts that are still followed stand on (R16)."""
        ...

    def next_due_at(self) -> datetime | None:
        """The earliest time at which a payout that nobody holds wants something; None when none does."""
        ...

    def next_callback_due_at(self) -> datetime | None:
        """The earliest time at which a callback is due; None when none is."""
        ...

    def under_review(self, limit: int) -> Sequence[UnderReview]:
        """Held and frozen payouts, the longest waiting first."""
        ...

    def request(self, request_id: str) -> Request | None: ...

    def open_requests(self) -> Sequence[Request]:
        """Neither approved nor withdrawn, the oldest first; expired ones too."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Payouts by status."""
        ...

    def usage(self, channel: str) -> Mapping[tuple[str, str], Used]:
        """By (currency, window): what is reserved at the channel."""
        ...

    def meta(self, name: str) -> str | None:
        """A word the store keeps about itself."""
        ...

    def words(self, beginning: str) -> Mapping[str, str]:
        """Those whose names begin so."""
        ...

    def high_water(self) -> int:
        """A number that every event raises and nothing lowers: an older copy of the store has a smaller one."""
        ...

    def neighbours(self) -> int:
        """How many other nodes have joined this store and are still there, by what the store itself knows."""
        ...

    def unasked_since(self, since: datetime) -> int:
        """Open attempts sent before `since` whose channel has not been asked about them after it.

        Those of payouts on a hold that forbids asking do not count."""
        ...


class Tx(
    ReadTx, PrincipalWrites, OverrideWrites, AuditWrites, RetryWrites, BeneficiaryWrites, IdempotencyWrites,
    BatchWrites, EndpointWrites, DataKeyWrites, ResealWrites, EraseWrites, ArchiveWrites, Protocol,
):  # fmt: skip
    """One transaction of the writer."""

    def insert(
        self, payout: Payout, reference: Reference, lease: Lease | None, account_index: bytes | None = None
    ) -> None:
        """A new payout with its reference for ever, to be found by its beneficiary's account (`gateway.blind_index`).

        Raises:
            StaleWrite: the reference was taken meanwhile.
        """
        ...

    def save(self, before: Payout, after: Payout, due_at: datetime | None, lease: Lease | None = None) -> Payout:
        """Store `after` if the stored version is still `before`'s (and the fence `lease`'s). Returns it as stored.

        Raises:
            StaleWrite: nothing was changed.
        """
        ...

    def reserve(self, payout: Payout, number: int, reservation: Reservation) -> Mapping[str, Used]:
        """Add the attempt's amount to each of its windows; what is used of them then. An attempt reserves once.

        Raises:
            AllowanceSpent: a window has too little left; the unit is to be given up as a whole.
        """
        ...

    def release_reservation(self, payout: Payout, number: int, at: datetime) -> str | None:
        """Give back what the attempt reserved, if it did and has not been given back; the channel's name then."""
        ...

    def append_event(self, payout: Payout, event: Event) -> None: ...

    def append_evidence(self, payout: Payout, evidence: Evidence) -> None: ...

    def append_incident(self, payout: Payout, incident: Incident) -> None: ...

    def freeze(self, payout: Payout, at: datetime, why: str) -> None:
        """A freeze row; the payout's own `frozen` is saved with it (R14)."""
        ...

    def claim(
        self, owner: str, now: datetime, lease_s: float, limit: int, pick: Pick | None = None
    ) -> Sequence[tuple[Payout, Lease]]:
        """Payouts that are due and that nobody holds, each now leased to `owner`; the longest due first, and where
        there are more than `limit`, apps by turns (`gateway.store.turns`).

        One whose last owner never let go of it has crashed once more (`Payout.crashes`)."""
        ...

    def renew(self, payout_id: str, lease: Lease, until: datetime) -> Lease:
        """Hold it longer. Raises `StaleWrite` when the fence has moved on."""
        ...

    def release(self, payout_id: str, lease: Lease) -> None:
        """Let go, if it is still ours; whoever held it did not crash."""
        ...

    def enqueue_callback(self, callback: Callback) -> None: ...

    def claim_callbacks(
        self,
        now: datetime,
        until: datetime,
        limit: int,
        busy_endpoints: frozenset[str],
        busy_apps: frozenset[str] = frozenset(),
    ) -> Sequence[Callback]:
        """Due callbacks, oldest first, each not due again before `until` (so a crash re-sends them)."""
        ...

    def record_delivery(self, callback: Callback, delivery: Delivery) -> None:
        """The try, and the callback's new tries, due, delivered and parked, as `callback` carries them."""
        ...

    def use_nonce(self, scope: str, key_id: str, nonce: str, now: datetime, until: datetime) -> bool:
        """True the first time; false for a replay before `until`."""
        ...

    def note_notification(self, seen: SeenNotification) -> Novelty:
        """Whether this (channel, event) was seen for this payout before; kept if not."""
        ...

    def set_meta(self, name: str, value: str | None) -> None:
        """Keep a word; None forgets it."""
        ...

    def join(self) -> None:
        """This node has looked whether the store is the one it left: from now on it counts as a neighbour."""
        ...

    def lead(self, duty: Duty) -> bool:
        """Whether this node does it: it stays so for as long as it is there, and then another one does, who asks."""
        ...

    def ask_live_at(self, at: datetime) -> int:
        """Make every open attempt due at `at` at the latest; how many there are."""
        ...

    def lift_freezes(self, payout: Payout, at: datetime) -> None:
        """Mark every freeze row of it as lifted."""
        ...

    def add_request(self, request: Request, evidence: bytes | None) -> None: ...

    def save_request(self, request: Request) -> None:
        """Its approval or withdrawal. Raises `StaleWrite` when it is no longer open."""
        ...


class Store(Protocol):
    """A database, seen from the event loop."""

    async def run(self, unit: Callable[[Tx], T]) -> T:
        """Run a unit, durably. A cancelled caller does not cancel the unit.

        Raises:
            CommitUnknown: COMMIT failed; the unit may or may not have happened.
            StoreUnavailable: it did not happen.
            Whatever the unit raised: it did not happen.
        """
        ...

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        """Ask something of one consistent snapshot."""
        ...

    async def close(self) -> None:
        """Finish the units already queued, then close."""
        ...
