"""The payout's public status: derived by one function, never stored as a fact of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.payout import AttemptState, Payout
from gateway.domain.reasons import StatusCode, public_code


class Status(StrEnum):
    """What an app sees. Final ones are listed in `FINAL`."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    """Its app wants it sent later, and that time was not looked at yet."""
    HELD = "held"
    """It waits for people, and no attempt of it is live."""
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"
    RETURNED = "returned"


FINAL = frozenset({Status.PAID, Status.FAILED, Status.CANCELED, Status.RETURNED})
"""Nothing more is tried. A paid one may still become returned, a failed one may turn out disputed."""


def status(payout: Payout) -> Status:
    """The status as a function of attempts, freeze, hold and recorded decisions, and of nothing else (R7)."""
    states = {attempt.state for attempt in payout.attempts}
    if AttemptState.RETURNED in states:
        return Status.RETURNED
    if AttemptState.SUCCEEDED in states or (payout.resolution is not None and payout.resolution.paid):
        return Status.PAID
    if payout.live_attempt is not None:
        return Status.PROCESSING
    if payout.closure is not None:
        return Status.CANCELED if payout.closure.code is StatusCode.CANCELED_BY_APP else Status.FAILED
    if payout.frozen:
        return Status.PROCESSING
    if payout.hold is not None:
        return Status.HELD
    if payout.cancel_requested_at is not None:
        return Status.CANCELED
    if payout.attempts:
        return Status.PROCESSING
    return Status.SCHEDULED if is_scheduled(payout) else Status.ACCEPTED


def is_scheduled(payout: Payout) -> bool:
    """Nothing was tried for it yet, because it is not to be sent at once."""
    return payout.begins_at > payout.created_at and payout.waiting_for is None and not payout.attempts


def is_final(payout: Payout) -> bool:
    return status(payout) in FINAL


def is_disputed(payout: Payout) -> bool:
    """A payout we called failed or canceled and that proof contradicts (R8): said loudly, corrected by two people."""
    return payout.frozen and status(payout) in (Status.FAILED, Status.CANCELED)


def under_review(payout: Payout) -> bool:
    """People are wanted: it is held, or frozen without having ended."""
    return payout.hold is not None or (payout.frozen and not is_final(payout))


@dataclass(frozen=True, slots=True)
class StatusReason:
    """Why the status is what it is; `channel_code` is the channel's own word, kept beside ours."""

    code: StatusCode
    channel_code: str | None = None


def status_reason(payout: Payout) -> StatusReason | None:
    """The reason an app is shown with the status, where there is one."""
    match status(payout):
        case Status.FAILED:
            assert payout.closure is not None  # noqa: S101 - what FAILED means
            return StatusReason(payout.closure.code, payout.closure.channel_code)
        case Status.CANCELED:
            return StatusReason(StatusCode.CANCELED_BY_APP)
        case Status.RETURNED:
            paying = payout.paying_attempt
            return StatusReason(StatusCode.RETURNED_BY_BANK, paying.channel_code if paying else None)
        case Status.HELD:
            assert payout.hold is not None  # noqa: S101 - what HELD means
            return StatusReason(payout.hold.rule.told)
        case Status.PROCESSING if payout.frozen or payout.hold or _is_unknown(payout):
            return StatusReason(StatusCode.OUTCOME_UNKNOWN)
        case Status.PROCESSING if payout.live_attempt and payout.live_attempt.action:
            return StatusReason(StatusCode.BENEFICIARY_ACTION_REQUIRED)
        case Status.ACCEPTED | Status.PROCESSING if payout.waiting_for and payout.live_attempt is None:
            return StatusReason(payout.waiting_for)
        case _:
            return None


def _is_unknown(payout: Payout) -> bool:
    live = payout.live_attempt
    return live is not None and live.state is AttemptState.UNKNOWN


def closing_code(payout: Payout) -> StatusReason:
    """Why a payout whose attempts are all rejected ends: the newest refusal by a channel that heard of it, else what it
    waited for; one that was never looked at in its time has expired."""
    for attempt in reversed(payout.attempts):
        if attempt.reason is not None and attempt.transmitted:
            return StatusReason(public_code(attempt.reason), attempt.channel_code)
    if payout.terms.send_by is not None and not payout.attempts and payout.waiting_for is None:
        return StatusReason(StatusCode.EXPIRED)
    return StatusReason(payout.waiting_for or StatusCode.CHANNEL_UNAVAILABLE)
