"""What an app is told, and when: pure. A change of a payout becomes event types, an event becomes a body."""

from __future__ import annotations

import json
from datetime import datetime

from gateway.domain.outcome import NextAction
from gateway.domain.payout import Payout
from gateway.domain.status import Status, is_disputed, status
from gateway.domain.view import masked_view, timestamp

ACCEPTED = "payout.accepted"
ACTION_REQUIRED = "payout.action_required"
DISPUTED = "payout.disputed"

_BY_STATUS = {
    Status.SCHEDULED: "payout.scheduled",
    Status.HELD: "payout.held",
    Status.PROCESSING: "payout.processing",
    Status.PAID: "payout.paid",
    Status.FAILED: "payout.failed",
    Status.CANCELED: "payout.canceled",
    Status.RETURNED: "payout.returned",
}
"""Told when the public status becomes this. Accepted is missing: it is told once, at creation."""

EVENT_TYPES = frozenset({ACCEPTED, ACTION_REQUIRED, DISPUTED, *_BY_STATUS.values()})
"""Every type that is sent: what an endpoint's `events` filter may name."""


def announcements(before: Payout | None, after: Payout) -> tuple[str, ...]:
    """The event types one change causes, in the order they are told. `before` is None at creation."""
    told = [ACCEPTED] if before is None else []
    known = Status.ACCEPTED if before is None else status(before)
    if status(after) is not known and status(after) in _BY_STATUS:
        told.append(_BY_STATUS[status(after)])
    action = _action(after)
    if action is not None and (before is None or action != _action(before)):
        told.append(ACTION_REQUIRED)
    if is_disputed(after) and not (before is not None and is_disputed(before)):
        told.append(DISPUTED)
    return tuple(told)


def corrects(before: Payout | None, after: Payout) -> Status | None:
    """The final word this change takes back: a failed or canceled payout that turns out paid (reliability rule R8)."""
    told = None if before is None else status(before)
    return told if told in (Status.FAILED, Status.CANCELED) and status(after) is not told else None


def event_body(
    event_id: str,
    event_type: str,
    sequence: int,
    now: datetime,
    payout: Payout,
    api_version: str,
    corrected: Status | None = None,
) -> bytes:
    """One event as every endpoint gets it, on every try: made once, stored, never rebuilt."""
    event: dict[str, object] = {
        "id": event_id,
        "type": event_type,
        "timestamp": timestamp(now),
        "sequence": sequence,
        "api_version": api_version,
        "data": {"object": masked_view(payout)},
    }
    if corrected is not None:
        event["corrects"] = str(corrected)
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _action(payout: Payout) -> NextAction | None:
    live = payout.live_attempt
    return live.action if live else None
