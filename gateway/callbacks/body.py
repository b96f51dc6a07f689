"""What an app is told, and when: pure. A change of a payout becomes event types, an event becomes a body.

A few events are about no payout: a batch that is completed, an endpoint that is disabled, a channel that degrades.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from gateway.domain.endpoint import BY_NAME_ONLY
from gateway.domain.outcome import NextAction
from gateway.domain.payout import Payout
from gateway.domain.status import Status, is_disputed, status
from gateway.domain.view import masked_view, timestamp

ACCEPTED = "payout.accepted"
ACTION_REQUIRED = "payout.action_required"
DISPUTED = "payout.disputed"
BATCH_COMPLETED = "batch.completed"
ENDPOINT_DISABLED = "endpoint.disabled"
ENDPOINT_TEST = "endpoint.test"
"""Sent when it is asked for, stored nowhere, and so nothing that a filter could name."""

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

EVENT_TYPES = BY_NAME_ONLY | {
    ACCEPTED, ACTION_REQUIRED, DISPUTED, *_BY_STATUS.values(), BATCH_COMPLETED, ENDPOINT_DISABLED,
}  # fmt: skip
"""Every type that is sent: what an endpoint's `events` filter may name."""


PERSONAL = ("openid", "account_number", "name")
"""Of a beneficiary in a body, masked there."""


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
    more = {} if corrected is None else {"corrects": str(corrected)}
    return body_about(event_id, event_type, sequence, now, masked_view(payout), api_version, more)


def body_about(
    event_id: str,
    event_type: str,
    sequence: int,
    now: datetime,
    about: Mapping[str, object],
    api_version: str,
    more: Mapping[str, object] | None = None,
) -> bytes:
    """The same of any object that apps know; `sequence` counts the events about it."""
    event: dict[str, object] = {
        "id": event_id,
        "type": event_type,
        "timestamp": timestamp(now),
        "sequence": sequence,
        "api_version": api_version,
        "data": {"object": about},
        **(more or {}),
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def without_personal(body: bytes) -> bytes:
    """What is left of an event's body when its payout is erased: as much as the payout itself says from then on."""
    event = json.loads(body)
    payout = event["data"]["object"]
    payout["beneficiary"] |= {name: "" for name in PERSONAL if payout["beneficiary"].get(name)}
    payout |= {"metadata": {}, "purpose": None}
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _action(payout: Payout) -> NextAction | None:
    live = payout.live_attempt
    return live.action if live else None
