"""Invariants 4, 28, 29: the status follows from the facts, every change has its event, old leases write nothing."""

from __future__ import annotations

import json

from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books
from gateway.simulation.audit.deeds import Claimed, Unit
from gateway.simulation.audit.evidence import facts
from gateway.simulation.audit.facts import Change

_STATUS_OF = {
    "payout.held": "held",
    "payout.processing": "processing",
    "payout.paid": "paid",
    "payout.failed": "failed",
    "payout.canceled": "canceled",
    "payout.returned": "returned",
}


def status_follows(_books: Books, change: Change) -> str | None:
    """4: what an app is told is what the attempts and decisions come to, worked out from scratch."""
    if not change.callbacks:
        return None
    due = graph.shown(change.after)
    for callback in change.callbacks:
        told = json.loads(callback.body)["data"]["object"]["status"]
        if told != due:
            return f"told {told}, and it is {due}"
        if _STATUS_OF.get(callback.type, due) != due:
            return f"{callback.type} told, and it is {due}"
    return None


def change_is_told(_books: Books, change: Change) -> str | None:
    """4: an app that hears callbacks hears that its payout has ended."""
    known = change.known
    if known is None or not known.callback_sequence:
        return None
    was, now = graph.shown(known), graph.shown(change.after)
    if was != now and now in graph.FINAL and change.after.callback_sequence == known.callback_sequence:
        return f"{was} became {now}, and no callback has it"
    return None


def one_event_a_change(_books: Books, change: Change) -> str | None:
    """28: one event row in the same commit, numbered without a gap."""
    known = change.known
    newest = known.last_event if known is not None else 0
    numbers = [event.sequence for event in change.events]
    if numbers != list(range(newest + 1, newest + 1 + len(numbers))):
        return f"events {numbers} after {newest}"
    if change.after.last_event != newest + len(numbers):
        return f"{len(numbers)} events after {newest}, and the payout says {change.after.last_event}"
    if len(numbers) > 1:
        return f"{len(numbers)} events for one change"
    if not numbers and (known is None or facts(known) != facts(change.after)):
        return "a change without an event"
    return None


def fences_rise(books: Books, unit: Unit) -> str | None:
    """29: every claim of a payout has a higher token than the last."""
    for deed in unit.deeds:
        if isinstance(deed, Claimed):
            case = books.cases.get(deed.payout_id)
            if case is not None and deed.lease.fence <= case.fence:
                return f"{deed.payout_id}: claimed with token {deed.lease.fence} after {case.fence}"
    return None


def stale_lease_writes_nothing(_books: Books, change: Change) -> str | None:
    """29: a worker that lost its lease keeps evidence and changes nothing."""
    case, lease = change.case, change.lease
    if case is not None and lease is not None and lease.fence < case.fence:
        return f"saved under token {lease.fence}, the newest is {case.fence}"
    return None
