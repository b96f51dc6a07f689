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
from gateway.domain.hold import HoldCode
from gateway.domain.payout import OPEN, AttemptState, Payout
from gateway.domain.status import Status, is_disputed, is_final, status

REQUEST_LIVES = timedelta(hours=24)
"""An approval that nobody gave by then must be asked for again."""


class RequestKind(StrEnum):
    """What can be asked for."""

    RESOLVE_PAID = "resolve_paid"
    RESOLVE_NOT_PAID = "resolve_not_paid"
    RELEASE = "release"
    REJECT = "reject"
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

    now: datetime
    paid_attempts: frozenset[int] = frozenset()
    """Attempts of which some channel said that they were paid, or that their money came back."""
    paid_evidence: int = 0
    """How often that was said: once more is news that nobody looked at."""
    incidents: int = 0
    """Likewise: each contradiction is looked at by people."""
    call_lasts: timedelta = timedelta(0)
    """For how long after a transmission began its call may still be under way."""

    def paid_elsewhere(self, payout: Payout) -> bool:
        """A channel says that it paid an attempt which our books call rejected."""
        rejected = {attempt.number for attempt in payout.attempts if attempt.state is AttemptState.REJECTED}
        return bool(rejected & self.paid_attempts)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it cannot be granted: a stable code, and words."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Rule:
    check: Callable[[Payout, Facts], Refusal | None]
    change: Callable[[Payout, Facts], Payout]
    event: EventType


def state_hash(payout: Payout, facts: Facts) -> str:
    """What a person looked at when asking: everything that decides, nothing that only counts or waits."""
    hold = [str(payout.hold.code), payout.hold.at.isoformat()] if payout.hold else None
    attempts = [(a.number, str(a.state), a.transmissions, str(a.reason) if a.reason else None) for a in payout.attempts]
    wish = payout.cancel_requested_at is not None
    news = [facts.incidents, facts.paid_evidence]
    seen = [payout.id, str(status(payout)), payout.frozen, hold, wish, attempts, news]
    return hashlib.sha256(json.dumps(seen, separators=(",", ":")).encode()).hexdigest()


def refusal(kind: RequestKind, payout: Payout, facts: Facts) -> Refusal | None:
    """Why `kind` cannot be granted for this payout as it stands; None when it can."""
    rule = RULES.get(kind)
    return (
        Refusal("not_about_a_payout", f"{kind} is not about one payout") if rule is None else rule.check(payout, facts)
    )


def granted(kind: RequestKind, payout: Payout, facts: Facts) -> Payout:
    """The payout after an approved request."""
    return RULES[kind].change(payout, facts)


def event_of(kind: RequestKind) -> EventType:
    """The event that records it."""
    return RULES[kind].event


def _may_resolve(payout: Payout, facts: Facts) -> Refusal | None:
    live = payout.live_attempt
    if is_final(payout) and not is_disputed(payout):
        return Refusal("already_final", f"the payout is {status(payout)}")
    if live is not None and live.last_sent_at is not None and facts.now < live.last_sent_at + facts.call_lasts:
        return Refusal("being_sent", f"{live.channel} was sent it moments ago: wait until the call is over")
    open_live = live is not None and live.state in OPEN
    if payout.hold is None and not payout.frozen and not open_live:
        return Refusal("not_held", "it is not held, not frozen, and nothing about it is unknown")
    return None


def _may_resolve_paid(payout: Payout, facts: Facts) -> Refusal | None:
    if payout.live_attempt is not None and facts.paid_elsewhere(payout):
        return Refusal("may_pay_twice", "one channel says that it paid, and another one may still: wait for that one")
    return _may_resolve(payout, facts)


def _may_resolve_not_paid(payout: Payout, facts: Facts) -> Refusal | None:
    live = payout.live_attempt
    if live is not None and live.state is AttemptState.PENDING:
        return Refusal("channel_says_pending", f"{live.channel} says that it is working on it")
    return _may_resolve(payout, facts)


_FOUND = frozenset({HoldCode.FOUND_AT_CHANNEL, HoldCode.CHANNEL_REMOVED})


def _may_release(payout: Payout, _facts: Facts) -> Refusal | None:
    if payout.hold is None:
        return Refusal("not_held", "it is not held")
    if payout.hold.code in _FOUND and payout.cancel_requested_at is not None and payout.live_attempt is None:
        return Refusal("cancel_requested", "released it would be canceled, and a channel may have paid: resolve it")
    return None


def _may_reject(payout: Payout, facts: Facts) -> Refusal | None:
    """Only what no channel can pay any more: of everything else the outcome has to be shown (`resolve`)."""
    if payout.hold is None:
        return Refusal("not_held", "it is not held")
    live = payout.live_attempt
    if live is not None and live.state is not AttemptState.PLANNED:
        return Refusal("attempt_open", f"{live.channel} may pay it: resolve it, with evidence")
    if payout.paying_attempt is not None or facts.paid_attempts:
        return Refusal("channel_says_paid", "a channel says that it paid: resolve it as paid or not paid instead")
    return _may_resolve(payout, facts)


def _may_lift(payout: Payout, facts: Facts) -> Refusal | None:
    if not payout.frozen:
        return Refusal("not_frozen", "it is not frozen")
    if facts.paid_elsewhere(payout) and status(payout) not in (Status.PAID, Status.RETURNED):
        return Refusal("channel_says_paid", "a channel says that it paid: resolve it as paid or not paid instead")
    return None


def _resolve_paid(payout: Payout, facts: Facts) -> Payout:
    return changes.resolve(payout, True, facts.now, sorted(facts.paid_attempts))


RULES: dict[RequestKind, _Rule] = {
    RequestKind.RESOLVE_PAID: _Rule(_may_resolve_paid, _resolve_paid, EventType.RESOLVED),
    RequestKind.RESOLVE_NOT_PAID: _Rule(
        _may_resolve_not_paid, lambda payout, facts: changes.resolve(payout, False, facts.now), EventType.RESOLVED
    ),
    RequestKind.RELEASE: _Rule(
        _may_release, lambda payout, facts: changes.release(payout, facts.now), EventType.RELEASED
    ),
    RequestKind.REJECT: _Rule(
        _may_reject, lambda payout, facts: changes.resolve(payout, False, facts.now), EventType.RESOLVED
    ),
    RequestKind.LIFT_FREEZE: _Rule(
        _may_lift, lambda payout, facts: changes.lift_freeze(payout, facts.now), EventType.FREEZE_LIFTED
    ),
}
"""What must be so, and what is done then. Leaving quarantine is not about a payout and is not here."""
