"""What a unit of work did to the store, as the watch saw it: the raw material of the auditor's own books."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.domain.review import Request
from gateway.store.records import Callback, Delivery, Evidence, Incident, Lease, Novelty, SeenNotification


@dataclass(frozen=True, slots=True)
class Inserted:
    """A payout was taken in."""

    payout: Payout
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class Saved:
    """A payout was changed; `before` is what the gateway believed to be stored."""

    before: Payout
    after: Payout
    due_at: datetime | None
    lease: Lease | None


@dataclass(frozen=True, slots=True)
class EventAppended:
    payout_id: str
    event: Event


@dataclass(frozen=True, slots=True)
class EvidenceKept:
    payout_id: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class IncidentRaised:
    payout_id: str
    incident: Incident


@dataclass(frozen=True, slots=True)
class Claimed:
    """A worker took a lease by asking for what is due."""

    payout_id: str
    lease: Lease
    crashes: int
    """As the store counts them by now."""


@dataclass(frozen=True, slots=True)
class Released:
    payout_id: str
    lease: Lease


@dataclass(frozen=True, slots=True)
class CallbackEnqueued:
    callback: Callback


@dataclass(frozen=True, slots=True)
class CallbackTried:
    callback: Callback
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class NotificationNoted:
    seen: SeenNotification
    novelty: Novelty
    """What the store answered."""


@dataclass(frozen=True, slots=True)
class OpenCounted:
    """A quarantine began: every open attempt may have been sent once more than its row says."""


@dataclass(frozen=True, slots=True)
class RequestKept:
    """One of two people asked, approved or withdrew."""

    request: Request


Deed = (
    Inserted
    | Saved
    | EventAppended
    | EvidenceKept
    | IncidentRaised
    | Claimed
    | Released
    | CallbackEnqueued
    | CallbackTried
    | NotificationNoted
    | RequestKept
    | OpenCounted
)


@dataclass(slots=True, eq=False)
class Unit:
    """One unit of one node: its deeds in order. They count only once the unit is known to be committed."""

    node: str
    start: int
    """Which of the node's starts it belongs to: a commit under way outlives the process that asked for it."""
    deeds: list[Deed] = field(default_factory=list)
    settled: bool = False
    """Whether it was committed is known."""

    def of(self, payout_id: str) -> list[Deed]:
        """Its deeds that concern one payout."""
        return [deed for deed in self.deeds if payout_of(deed) == payout_id]


def payout_of(deed: Deed) -> str | None:
    """Whose deed it is; None for a notification that belongs to nobody."""
    match deed:
        case Inserted(payout):
            return payout.id
        case Saved(_, after):
            return after.id
        case CallbackEnqueued(callback) | CallbackTried(callback, _):
            return callback.payout_id
        case NotificationNoted(seen):
            return seen.payout_id
        case RequestKept(request):
            return request.payout_id
        case OpenCounted():
            return None
        case _:
            return deed.payout_id
