"""What two people may do about one payout (R20): one asks with a reason, another one, authenticated, approves.

The rules are one table: a kind of request, and what must be so for it. They are looked at when it is made and again
when it is approved; in between the payout's state must not have changed (`state_hash`). Nothing here opens an
attempt: "not paid" ends a payout, "paid" ends it, and what is merely let go on goes through the same doors as ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain import changes
from gateway.domain.event import EventType
from gateway.domain.payout import OPEN, AttemptState, Payout
from gateway.domain.status import Status, is_disputed, is_final, status

REQUEST_LIVES = timedelta(hours=24)
"""An approval that nobody gave by then must be asked for again."""


class RequestKind(StrEnum):
    """What can be asked for."""

    RESOLVE_PAID = "resolve_paid"
    RESOLVE_NOT_PAID = "resolve_not_paid"
    RELEASE = "release"
    LIFT_FREEZE = "lift_freeze"
    LEAVE_QUARANTINE = "leave_quarantine"


NEEDS_EVIDENCE = frozenset({RequestKind.RESOLVE_PAID, RequestKind.RESOLVE_NOT_PAID})
"""A statement line, a letter of the bank: what the two people go by is kept."""

EVIDENCE_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person asks for."""

    kind: RequestKind
    payout_id: str | None
    """None for what is not about one payout."""
    reason: str
    evidence: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """An `Ask` on record, and what became of it."""

    id: str
    kind: RequestKind
    payout_id: str | None
    reason: str
    evidence_sha256: str | None
    made_by: str
    made_at: datetime
    state_hash: str
    """The state it was made on; approved on another one it is refused."""
    expires_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    withdrawn_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.approved_at is None and self.withdrawn_at is None


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether a request can be granted, besides the payout itself."""

    channel_says_paid: bool = False
    """There is evidence that a channel paid an attempt which our books call rejected."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it cannot be granted: a stable code, and words."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Rule:
    check: Callable[[Payout, Facts], Refusal | None]
    change: Callable[[Payout, datetime], Payout]
    event: EventType


def state_hash(payout: Payout) -> str:
    """What a person looked at when asking: everything that decides, nothing that only counts or waits."""
    hold = [str(payout.hold.code), payout.hold.at.isoformat()] if payout.hold else None
    attempts = [(a.number, str(a.state), a.transmissions, str(a.reason) if a.reason else None) for a in payout.attempts]
    seen = [payout.id, str(status(payout)), payout.frozen, hold, payout.cancel_requested_at is not None, attempts]
    return hashlib.sha256(json.dumps(seen, separators=(",", ":")).encode()).hexdigest()


def refusal(kind: RequestKind, payout: Payout, facts: Facts) -> Refusal | None:
    """Why `kind` cannot be granted for this payout as it stands; None when it can."""
    rule = RULES.get(kind)
    return (
        Refusal("not_about_a_payout", f"{kind} is not about one payout") if rule is None else rule.check(payout, facts)
    )


def granted(kind: RequestKind, payout: Payout, now: datetime) -> Payout:
    """The payout after an approved request."""
    return RULES[kind].change(payout, now)


def event_of(kind: RequestKind) -> EventType:
    """The event that records it."""
    return RULES[kind].event


def _may_resolve(payout: Payout, paid: bool) -> Refusal | None:
    live = payout.live_attempt
    if is_final(payout) and not (paid and is_disputed(payout)):
        return Refusal("already_final", f"the payout is {status(payout)}")
    if live is not None and live.state is AttemptState.SENDING:
        return Refusal("being_sent", "an attempt is being sent at this moment")
    open_live = live is not None and live.state in OPEN
    if payout.hold is None and not payout.frozen and not open_live:
        return Refusal("not_held", "it is not held, not frozen, and nothing about it is unknown")
    return None


def _may_resolve_paid(payout: Payout, _facts: Facts) -> Refusal | None:
    return _may_resolve(payout, paid=True)


def _may_resolve_not_paid(payout: Payout, _facts: Facts) -> Refusal | None:
    live = payout.live_attempt
    if live is not None and live.state is AttemptState.PENDING:
        return Refusal("channel_says_pending", f"{live.channel} says that it is working on it")
    return _may_resolve(payout, paid=False)


def _may_release(payout: Payout, _facts: Facts) -> Refusal | None:
    return Refusal("not_held", "it is not held") if payout.hold is None else None


def _may_lift(payout: Payout, facts: Facts) -> Refusal | None:
    if not payout.frozen:
        return Refusal("not_frozen", "it is not frozen")
    if facts.channel_says_paid and status(payout) not in (Status.PAID, Status.RETURNED):
        return Refusal("channel_says_paid", "a channel says that it paid: resolve it as paid or not paid instead")
    return None


RULES: dict[RequestKind, _Rule] = {
    RequestKind.RESOLVE_PAID: _Rule(
        _may_resolve_paid, lambda payout, now: changes.resolve(payout, True, now), EventType.RESOLVED
    ),
    RequestKind.RESOLVE_NOT_PAID: _Rule(
        _may_resolve_not_paid, lambda payout, now: changes.resolve(payout, False, now), EventType.RESOLVED
    ),
    RequestKind.RELEASE: _Rule(_may_release, changes.release, EventType.RELEASED),
    RequestKind.LIFT_FREEZE: _Rule(_may_lift, changes.lift_freeze, EventType.FREEZE_LIFTED),
}
"""What must be so, and what is done then. Leaving quarantine is not about a payout and is not here."""
