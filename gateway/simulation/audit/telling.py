"""Invariants 37, 38, 42: what apps are told, and that it changes nothing here."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.simulation.audit.books import Books, Case, digest
from gateway.simulation.audit.deeds import CallbackTried, Inserted, Saved, Unit
from gateway.simulation.audit.facts import Told

_GRACE = timedelta(hours=1)
"""A callback enqueued as late as this before the end may still be under way."""


def told_as_committed(books: Books, told: Told) -> str | None:
    """37: an event that is committed, with its bytes."""
    sendings = books.events.get(told.event_id)
    if not sendings:
        return f"{told.event_id} was sent and is not committed"
    if any(sending.digest != digest(told.body) for sending in sendings):
        return f"{told.event_id} came with another body"
    return None


def numbered_in_order(books: Books, case: Case) -> str | None:
    """37: sequences are one a event, so that a receiver can tell which is newer."""
    seen: dict[int, str] = {}
    for (event_id, _endpoint), sending in case.sendings.items():
        other = seen.setdefault(sending.callback.sequence, event_id)
        if other != event_id:
            return f"{event_id} and {other} have the same sequence {sending.callback.sequence}"
        if sending.callback.sequence > case.payout.callback_sequence:
            return f"{event_id} is numbered {sending.callback.sequence}, the payout {case.payout.callback_sequence}"
    return None


def tries_change_nothing(_books: Books, unit: Unit) -> str | None:
    """38: whatever becomes of a callback."""
    if any(isinstance(deed, CallbackTried) for deed in unit.deeds):
        changed = [deed.after.id for deed in unit.deeds if isinstance(deed, Saved)]
        changed += [deed.payout.id for deed in unit.deeds if isinstance(deed, Inserted)]
        if changed:
            return f"the try of a callback changed {changed}"
    return None


def delivered_is_true(_books: Books, case: Case, _at: datetime) -> str | None:
    """37: what is booked as delivered its app has."""
    for (event_id, endpoint), sending in case.sendings.items():
        if sending.callback.delivered_at is not None and sending.received == 0:
            return f"{event_id} is booked as delivered, and {endpoint} never got it"
    return None


def due_is_tried(_books: Books, case: Case, at: datetime) -> str | None:
    """42: every event is delivered, parked, or due at a time that has not long passed."""
    for (event_id, endpoint), sending in case.sendings.items():
        due = sending.callback.due_at
        if sending.done:
            continue
        if due is None:
            return f"{event_id} for {endpoint} is neither delivered nor parked, and due at no time"
        if due + _GRACE < at:
            return f"{event_id} for {endpoint} was due at {due:%d %H:%M:%S}, and nobody tried"
    return None
