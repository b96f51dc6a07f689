"""Invariants 39 to 41: what people or an app decided, and what waits for people."""

from __future__ import annotations

from gateway.domain.event import EventType
from gateway.domain.payout import AttemptState
from gateway.domain.review import Request
from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books
from gateway.simulation.audit.deeds import RequestKept
from gateway.simulation.audit.evidence import facts
from gateway.simulation.audit.facts import Change

CRASHES_MAX = 3
_BY_TWO = (EventType.RESOLVED, EventType.RELEASED, EventType.FREEZE_LIFTED)


def two_people(books: Books, change: Change) -> str | None:
    """39: two of them, a reason, and the state it was asked on."""
    decided = [event for event in change.events if event.type in _BY_TWO]
    if not decided:
        return _decided_by_nobody(change)
    (event, known) = (decided[0], change.known)
    asked = books.requests.get(str(event.detail.get("request")))
    if asked is None:
        return f"{event.type} without a request on record"
    request, seen = asked
    approver = _approver(change, request)
    if not approver or approver == request.made_by:
        return f"{event.type}: asked for by {request.made_by}, approved by {approver}"
    if not request.reason:
        return f"{event.type} without a reason"
    if known is None or seen != facts(known):
        return f"{event.type}: the payout is not as it was when it was asked for"
    refused = change.after.closure is not None and known.closure is None
    if refused and any(attempt.state is AttemptState.PENDING for attempt in known.attempts):
        return "called not paid while its channel says pending"
    return None


def _approver(change: Change, request: Request) -> str | None:
    """Who said yes in the commit that did it."""
    kept = [deed.request for deed in change.unit.deeds if isinstance(deed, RequestKept)]
    return next((each.approved_by for each in kept if each.id == request.id), None)


def _decided_by_nobody(change: Change) -> str | None:
    """Nobody else resolves or lifts a freeze; a hold may also come off by proof (R12)."""
    known = change.known
    if known is None:
        return None
    if known.resolution != change.after.resolution:
        return "resolved by nobody"
    if known.frozen and not change.after.frozen:
        return "a freeze was lifted by nobody"
    taken_off = known.hold is not None and change.after.hold is None
    return "a hold was taken off by nobody, and without news" if taken_off and not any(change.moves()) else None


def canceled_pays_nothing(_books: Books, change: Change) -> str | None:
    """40: canceled only when every attempt is proved rejected."""
    told = any(callback.type == "payout.canceled" for callback in change.callbacks)
    if not told and graph.shown(change.after) != "canceled":
        return None
    open_ = [attempt.number for attempt in change.after.attempts if attempt.state is not AttemptState.REJECTED]
    return f"canceled with attempts {open_} not rejected" if open_ else None


def ended_pays_nothing(_books: Books, change: Change) -> str | None:
    """40, for every end: nothing is closed while an attempt may still pay (R8)."""
    closure, known = change.after.closure, change.known
    if closure is None or (known is not None and known.closure is not None):
        return None
    live = [attempt.number for attempt in change.after.attempts if attempt.state not in (AttemptState.REJECTED,)]
    if live and not any(event.type is EventType.RESOLVED for event in change.events):
        return f"closed for {closure.code} with attempts {live} not rejected"
    return None


def unwanted_is_not_sent(_books: Books, change: Change) -> str | None:
    """40: with the wish to cancel on record nothing is sent for the first time (R19)."""
    known = change.known
    if known is None or known.cancel_requested_at is None:
        return None
    for was, now in change.intents():
        if was is None or was.transmissions == 0:
            return f"attempt {now.number} may be sent although it is no longer wanted"
    return None


def poison_is_held(_books: Books, change: Change) -> str | None:
    """41: whoever works on it died three times in a row: people look first."""
    case = change.case
    if case is None or case.crashes < CRASHES_MAX or case.payout.hold is not None:
        return None
    if change.lease is None or graph.final(case.payout) or change.after.hold is not None:
        return None  # what is heard unasked is taken in all the same
    return f"worked on after {case.crashes} crashes, and not held"
