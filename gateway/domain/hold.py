"""Holds (R12): a payout that waits for people. A state with a reason, an age and a way out, not an error.

A hold takes nothing back and decides nothing: while it lies on a payout nothing new is sent for it, and no deadline,
limit or wish ends it. Where an attempt is live its channel is still asked, and what it says is folded as ever; proof
of the outcome makes most holds needless and takes them off. Otherwise two people do (`gateway.domain.review`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.reasons import StatusCode


class HoldCode(StrEnum):
    """Why a payout is held."""

    OUTCOME_UNKNOWN = "outcome_unknown"
    """Asked about for as long as `[holds]` allows, and nobody knows whether it was paid (rows 30, 31, 33)."""
    CONTENT_CONFLICT = "content_conflict"
    """The channel knows our id with other content: our bytes changed, which is a bug (row 29)."""
    CRASHED = "crashed"
    """Whoever worked on it died, three times in a row (row 64)."""
    FOUND_AT_CHANNEL = "found_at_channel"
    """After a restore: a channel knows an order of this payout that our books do not (R15)."""
    CHANNEL_REMOVED = "channel_removed"
    """After a restore: a channel that may know the payout is no longer configured, or cannot be asked (R15)."""
    RETURN_MISMATCH = "return_mismatch"
    """Money came back more than once, or in amounts that do not add up (row 45)."""
    RETRIED_PAID = "retried_paid"
    """The failed payout that it orders again may have been paid after all."""


@dataclass(frozen=True, slots=True)
class HoldRule:
    """What a hold means for the work on its payout."""

    text: str
    """For people."""
    told: StatusCode = StatusCode.OUTCOME_UNKNOWN
    """The reason an app is given."""
    asks: bool = True
    """Whether the channel of a live attempt is still asked."""
    until_settled: bool = True
    """Whether proof that the payout was paid or came back takes it off."""
    until_known: bool = False
    """Whether proof of a refusal takes it off too, so that another channel may follow."""


HOLDS: dict[HoldCode, HoldRule] = {
    HoldCode.OUTCOME_UNKNOWN: HoldRule("nobody can say whether it was paid", until_known=True),
    HoldCode.CONTENT_CONFLICT: HoldRule("the channel knows its id with other content"),
    HoldCode.CRASHED: HoldRule(
        "working on it crashed three times in a row", told=StatusCode.INTERNAL_ERROR, asks=False
    ),
    HoldCode.FOUND_AT_CHANNEL: HoldRule("a channel knows an order of it that our books do not"),
    HoldCode.CHANNEL_REMOVED: HoldRule("a channel that may know it cannot be asked"),
    HoldCode.RETRIED_PAID: HoldRule("the payout that it orders again may have been paid after all"),
    HoldCode.RETURN_MISMATCH: HoldRule("what came back does not add up", until_settled=False),
}


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold on one payout."""

    code: HoldCode
    at: datetime

    @property
    def rule(self) -> HoldRule:
        return HOLDS[self.code]
