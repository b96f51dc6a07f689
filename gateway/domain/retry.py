"""A failed payout ordered again: a new payout, linked to the first one, and at most one of it.

It would be the same money twice if the first one had been paid after all. So only what is proved not to have been paid
may be ordered again, and whatever comes to contradict that proof stops the second one (`HoldCode.RETRIED_PAID`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.beneficiary import Beneficiary
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import Status, is_disputed, status
from gateway.domain.terms import OnExpiry


@dataclass(frozen=True, slots=True)
class Retry:
    """The intent to order a failed payout again: written down with that payout, before there is a new one."""

    payout_id: str
    """Of the new one."""
    reference: str
    beneficiary: Beneficiary
    send_by: datetime | None
    on_expiry: OnExpiry
    made_at: datetime
    ended_at: datetime | None = None
    """When the new payout was known to be there."""

    def asks_the_same(self, other: Retry) -> bool:
        """Whether it is the same wish said again."""
        return self._wish == other._wish

    @property
    def _wish(self) -> tuple[object, ...]:
        return self.reference, self.beneficiary, self.send_by, self.on_expiry


class Refusal(StrEnum):
    """Why a payout may not be ordered again."""

    NOT_FAILED = "not_failed"
    UNDER_REVIEW = "under_review"
    DECIDED_BY_PEOPLE = "decided_by_people"
    NOT_FOR_THIS_REASON = "not_for_this_reason"
    ALREADY_RETRIED = "already_retried"
    ERASED = "erased"


WORDS: dict[Refusal, str] = {
    Refusal.NOT_FAILED: "only a failed payout is ordered again",
    Refusal.UNDER_REVIEW: "people are looking at it: it may have been paid",
    Refusal.DECIDED_BY_PEOPLE: "people ended it; a channel's proof that it was not paid is not there",
    Refusal.NOT_FOR_THIS_REASON: "it failed for a reason that does not go away by ordering it again",
    Refusal.ALREADY_RETRIED: "it was ordered again, and that happens once",
    Refusal.ERASED: "whom it was for is not known any more",
}

NOT_AGAIN: frozenset[StatusCode] = frozenset({StatusCode.REVIEW_REJECTED, StatusCode.INTERNAL_ERROR})
NEVER_AGAIN: frozenset[RejectReason] = frozenset(
    {RejectReason.COMPLIANCE_REJECTED, RejectReason.FRAUD_SUSPECTED, RejectReason.DUPLICATE}
)
"""Compliance and fraud are not asked twice; a duplicate means that a channel knows more of it than we do."""


def refusal(payout: Payout) -> Refusal | None:
    """Why it may not be ordered again; None when it may."""
    if payout.retried_as is not None:
        return Refusal.ALREADY_RETRIED
    if payout.erased_at is not None:
        return Refusal.ERASED
    if status(payout) is not Status.FAILED or any(each.state is not AttemptState.REJECTED for each in payout.attempts):
        return Refusal.NOT_FAILED
    if payout.frozen or payout.hold is not None:
        return Refusal.UNDER_REVIEW
    if payout.resolution is not None:
        return Refusal.DECIDED_BY_PEOPLE
    barred = payout.closure is not None and payout.closure.code in NOT_AGAIN
    if barred or any(attempt.reason in NEVER_AGAIN for attempt in payout.attempts):
        return Refusal.NOT_FOR_THIS_REASON
    return None


def is_doubtful(retried: Payout) -> bool:
    """Whether what a retry rests on no longer stands: its first payout was paid, or may have been."""
    return status(retried) is not Status.FAILED or is_disputed(retried)
