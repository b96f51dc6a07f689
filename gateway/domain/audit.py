"""The audit: what people did to the gateway, each line bound to the one before by a hash.

A line that is changed, taken out or put in breaks the chain from there on, and `audit verify` says where. What a chain
cannot show by itself is that its end was cut off: for that its head (sequence and hash) stands in every line of the log
`audit.kept`, which is kept elsewhere.

What happened to payouts is not here: that is their own history (`gateway.domain.event`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

GENESIS = b"\0" * 32
"""What the first line is bound to."""

Detail = Mapping[str, str | int | bool | None]


class Act(StrEnum):
    """Everything that is audited."""

    PERSON_ADDED = "principal.added"
    PERSON_CONFIRMED = "principal.confirmed"
    PERSON_REVOKED = "principal.revoked"
    TOKEN_RENEWED = "principal.token_renewed"  # noqa: S105 - the name of an act
    REQUEST_MADE = "request.made"
    REQUEST_APPROVED = "request.approved"
    REQUEST_WITHDRAWN = "request.withdrawn"
    CALLBACK_REDELIVERED = "callback.redelivered"
    CONFIG_TAKEN_UP = "config.taken_up"
    OVERRIDE_SET = "override.set"
    OVERRIDE_LIFTED = "override.lifted"
    KEYS_ROTATED = "keys.rotated"
    PAYOUT_ERASED = "payout.erased"
    PAYOUTS_ARCHIVED = "payouts.archived"


@dataclass(frozen=True, slots=True)
class Deed:
    """One act of one person, or of the gateway itself."""

    at: datetime
    actor: str
    """`person:NAME`, `first_token`, `file` for what came by a changed file, `command` for what was done on the machine
    itself, or `gateway`."""
    act: Act
    subject: str
    """Of whom or what: a person, a request, a channel, an event."""
    detail: Detail = field(default_factory=dict)
    """Short facts for people, never personal data, never a secret."""


@dataclass(frozen=True, slots=True)
class Line:
    """A deed in its place."""

    sequence: int
    """1, 2, 3 …"""
    deed: Deed
    hash: bytes
    """32 bytes, of this line and the hash before it."""


def link(previous: bytes, sequence: int, deed: Deed) -> bytes:
    """SHA-256 of the hash before, and of everything this line says in one canonical form."""
    said = [sequence, deed.at.isoformat(), deed.actor, str(deed.act), deed.subject, dict(deed.detail)]
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(previous + text.encode()).digest()


def after(last: Line | None, deed: Deed) -> Line:
    """The next line."""
    sequence, previous = (1, GENESIS) if last is None else (last.sequence + 1, last.hash)
    return Line(sequence, deed, link(previous, sequence, deed))


@dataclass(frozen=True, slots=True)
class Verified:
    """How far a chain holds."""

    lines: int
    """As many were found to be sound."""
    head: bytes
    """The hash of the last of them."""
    broken_at: int | None = None
    """The sequence of the first one that is not what it was."""


def verify(lines: Iterable[Line]) -> Verified:
    """Follow the chain from its first line."""
    count, head = 0, GENESIS
    for line in lines:
        if line.sequence != count + 1 or link(head, line.sequence, line.deed) != line.hash:
            return Verified(count, head, count + 1)
        count, head = line.sequence, line.hash
    return Verified(count, head)
