"""One line of a payout's history: what changed, when, and who or what caused it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """Every kind of change a payout can go through."""

    ACCEPTED = "payout.accepted"
    ATTEMPT_OPENED = "attempt.opened"
    ATTEMPT_REPEATED = "attempt.repeated"
    ATTEMPT_MOVED = "attempt.moved"
    ATTEMPT_GIVEN_UP = "attempt.given_up"
    CANCEL_REQUESTED = "payout.cancel_requested"
    CANCEL_SENT = "attempt.cancel_sent"
    WAITING = "payout.waiting"
    CLOSED = "payout.closed"
    FROZEN = "payout.frozen"
    HELD = "payout.held"
    RELEASED = "payout.released"
    FREEZE_LIFTED = "payout.freeze_lifted"
    RESOLVED = "payout.resolved"
    RETRIED = "payout.retried"
    ERASED = "payout.erased"


@dataclass(frozen=True, slots=True)
class Event:
    """One change. `detail` holds short facts for people, never personal data."""

    sequence: int
    """1, 2, 3 within the payout."""
    at: datetime
    type: EventType
    actor: str
    """`app:NAME`, `gateway`, `channel:NAME` or `person:NAME`."""
    attempt: int | None = None
    detail: Mapping[str, str | int | bool | None] = field(default_factory=dict)
