"""The payout and its attempts: frozen values. How they change is in `states`, what they want next in `steps`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.domain.beneficiary import Beneficiary
from gateway.domain.hold import Hold
from gateway.domain.money import Money
from gateway.domain.outcome import Absence, NextAction
from gateway.domain.payer import Payer
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.terms import NO_TERMS, Terms


class AttemptState(StrEnum):
    """Where one try of one payout through one channel stands (docs/states.md)."""

    PLANNED = "planned"
    SENDING = "sending"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    RETURNED = "returned"


LIVE = frozenset({AttemptState.PLANNED, AttemptState.SENDING, AttemptState.PENDING, AttemptState.UNKNOWN})
"""States in which an attempt may still pay: each bars a new one."""

OPEN = LIVE - {AttemptState.PLANNED}
"""Live states in which the channel may have heard of it: its outcome is open."""


class DuplicateMode(StrEnum):
    """What a channel does with the same order sent again under the same id."""

    SAME_RESOURCE = "same_resource"
    """It is one order, however often it is sent."""
    REFUSE = "refuse"
    """The repeat is refused as a duplicate; the first stands."""
    NONE = "none"
    """It would pay a second time: never repeated."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What an attempt was sent on, pinned for its lifetime (R16): queries and repeats use this, not the config."""

    adapter: str
    adapter_version: str
    base_address: str
    account_id: str
    key_ids: tuple[str, ...]
    duplicate_mode: DuplicateMode
    absence: Absence
    repeat_window_s: int
    """For how long after the first transmission the same id may be sent again (row 30)."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The business bytes of one order, made once and stored before the first send; only the signature is made anew.

    `headers` are those that belong to the bytes (content type, the key a field was encrypted to).
    """

    target: str
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one payout through one channel."""

    number: int
    """1, 2, 3 within the payout."""
    channel: str
    ordinal: int
    """The n-th attempt of this payout on this channel; part of what `channel_reference` is derived from (R5)."""
    channel_reference: str
    uetr: str
    state: AttemptState
    ground: Ground
    prepared: Prepared
    opened_at: datetime
    transmissions: int = 0
    """How often it may have left us: raised in the intent commit, lowered only by proof (R13)."""
    first_sent_at: datetime | None = None
    last_sent_at: datetime | None = None
    channel_payout_id: str | None = None
    reason: RejectReason | None = None
    channel_code: str | None = None
    action: NextAction | None = None
    returned: Money | None = None
    verdict_as_of: datetime | None = None
    """The channel's own date of the folded verdict, where it gave one (R14)."""
    settled_at: datetime | None = None
    """When it became succeeded, rejected or returned."""
    asks: int = 0
    """Queries since the last change of state: the place in the poll schedule."""
    due_at: datetime | None = None
    """When the next question, repeat or follow-up is due; None when nothing is."""
    repeat_due: bool = False
    """What is due is the same bytes again, not a question."""
    cancel_asked: bool = False
    was_unknown: bool = False
    decision: str = field(default="", repr=False)
    """Why this channel: the router's decision in its own compact form."""

    @property
    def live(self) -> bool:
        return self.state in LIVE

    @property
    def transmitted(self) -> bool:
        return self.transmissions > 0


@dataclass(frozen=True, slots=True)
class Closure:
    """The recorded decision that nothing more will be tried: the payout is failed for `code`."""

    code: StatusCode
    at: datetime
    channel_code: str | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What two people established of a payout whose channel could not be believed, or did not speak (R20)."""

    paid: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Payout:
    """An app's order to pay, with everything that was decided about it."""

    id: str
    shard: int
    app: str
    reference: str
    amount: Money
    beneficiary: Beneficiary
    created_at: datetime
    give_up_at: datetime
    """Past this, with no attempt live, waiting for a channel ends: `send_by`, or else `[routing] give_up_after`."""
    purpose: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    terms: Terms = NO_TERMS
    payer: Payer | None = None
    """The end user on whose behalf it is paid, as far as its app says."""
    version: int = 1
    """Raised by every save; a save whose version was not the stored one changes nothing."""
    last_event: int = 0
    """The number of the newest event row: 1, 2, 3 without a gap."""
    callback_sequence: int = 0
    """The sequence of the newest callback, so that a receiver can drop what is old."""
    attempts: tuple[Attempt, ...] = ()
    cancel_requested_at: datetime | None = None
    frozen: bool = False
    """A contradiction was recorded (R14): only queries run until two people lift it."""
    hold: Hold | None = None
    """It waits for people (R12)."""
    patient_since: datetime | None = None
    """From when the patience of `[holds]` counts anew: the last time people took a hold off."""
    resolution: Resolution | None = None
    closure: Closure | None = None
    retry_of: str | None = None
    """The failed payout that this one orders again."""
    batch_id: str | None = None
    """The batch that it was ordered in."""
    retried_as: str | None = None
    """The payout that orders this failed one again: at most one, named before it is there."""
    erased_at: datetime | None = None
    """Since then it is not known any more whom it was for (`gateway.domain.erasure`)."""
    crashes: int = 0
    """How often in a row whoever worked on it vanished with its lease (row 64); kept by the store."""
    retry_at: datetime | None = None
    """No channel was usable: look again then."""
    waiting_for: StatusCode | None = None
    """Why it waits, when it waits for a channel."""

    def attempt(self, number: int) -> Attempt:
        """The attempt of that number; raises IndexError when there is none."""
        if number < 1:
            raise IndexError(number)
        return self.attempts[number - 1]

    def with_attempt(self, attempt: Attempt) -> Payout:
        """The same payout with `attempt` in its place, or appended when its number is the next."""
        kept = list(self.attempts)
        if attempt.number == len(kept) + 1:
            kept.append(attempt)
        else:
            kept[attempt.number - 1] = attempt
        return replace(self, attempts=tuple(kept))

    @property
    def begins_at(self) -> datetime:
        """When a channel is chosen for it at the earliest: its `send_at`, or at once."""
        return max(self.terms.send_at or self.created_at, self.created_at)

    @property
    def live_attempt(self) -> Attempt | None:
        """The one attempt that may still pay, if there is one."""
        return next((attempt for attempt in reversed(self.attempts) if attempt.live), None)

    @property
    def paying_attempt(self) -> Attempt | None:
        """The attempt that paid (its money may have come back since)."""
        paid = (AttemptState.SUCCEEDED, AttemptState.RETURNED)
        return next((attempt for attempt in reversed(self.attempts) if attempt.state in paid), None)

    @property
    def current_attempt(self) -> Attempt | None:
        """The one that people and apps are shown: which paid, else which may still pay, else the newest."""
        return self.paying_attempt or self.live_attempt or (self.attempts[-1] if self.attempts else None)
