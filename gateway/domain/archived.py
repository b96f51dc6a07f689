"""What is kept for ever of a payout that was moved out of the store, and when one may be moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.beneficiary import BankBeneficiary, Beneficiary, BeneficiaryKind, WechatBeneficiary
from gateway.domain.errors import PaymuxError
from gateway.domain.money import Money
from gateway.domain.payout import LIVE, AttemptState, Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.status import FINAL, Status, StatusReason
from gateway.domain.view import Json, money_view, payout_view, reason_view, timestamp


@dataclass(frozen=True, slots=True)
class ArchivedPayout:
    """Its identity, and how it ended. To whom it went, and how, stands in the archive."""

    id: str
    shard: int
    app: str
    reference: str
    status: Status
    reason: StatusCode | None
    amount: Money
    returned: Money | None
    beneficiary_kind: BeneficiaryKind
    channel: str | None
    batch_id: str | None
    retry_of: str | None
    retried_as: str | None
    created_at: datetime
    settled_at: datetime | None
    archived_at: datetime
    archive: str
    """The name of the archive that it was moved to."""


class PayoutArchived(PaymuxError):
    """The payout was moved to an archive: only `payout` is known of it here."""

    def __init__(self, payout: ArchivedPayout) -> None:
        super().__init__(f"the payout is {payout.status}, and was archived at {timestamp(payout.archived_at)}")
        self.payout = payout


def archived_view(kept: ArchivedPayout) -> Json:
    """The payout object of docs/api.md with what is still known; all else in it is null or empty."""
    bare = Payout(
        id=kept.id,
        shard=kept.shard,
        app=kept.app,
        reference=kept.reference,
        amount=kept.amount,
        beneficiary=_nobody(kept.beneficiary_kind),
        created_at=kept.created_at,
        give_up_at=kept.created_at,
        batch_id=kept.batch_id,
        retry_of=kept.retry_of,
        retried_as=kept.retried_as,
    )
    return payout_view(bare) | {
        "status": str(kept.status),
        "status_reason": None if kept.reason is None else reason_view(StatusReason(kept.reason)),
        "channel": kept.channel,
        "returned_amount": None if kept.returned is None else money_view(kept.returned),
        "settled_at": None if kept.settled_at is None else timestamp(kept.settled_at),
        "archived_at": timestamp(kept.archived_at),
    }


def _nobody(kind: BeneficiaryKind) -> Beneficiary:
    if kind is BeneficiaryKind.WECHAT:
        return WechatBeneficiary("")
    return BankBeneficiary("", "", "", "")


class Stays(StrEnum):
    """Why a payout is not moved, for now."""

    NOT_FINAL = "not_final"
    FOLLOWED = "followed"
    """Something of it is live, or due."""
    UNDER_REVIEW = "under_review"
    """Held or frozen: an incident that is open."""
    CALLBACKS_DUE = "callbacks_due"
    RETRY_HALF_MADE = "retry_half_made"
    RECENT = "recent"
    """Something happened to it since."""
    BATCH_OPEN = "batch_open"
    RETRY_STAYS = "retry_stays"
    """The payout that it orders again, or that orders it again, stays."""
    OLD_SEAL = "old_seal"
    """A value of it is under a sealing key itself: `keys rotate` first."""
    UNREADABLE = "unreadable"
    """Its beneficiary does not open with our keys."""
    NOT_WHOLE = "not_whole"
    """There is a gap in its history: `db check`."""
    NEWEST = "newest"
    """It has the newest event, by which an older copy of the store is known."""
    CHANGED = "changed"
    """Since it was written to the archive."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a payout stands, as far as the question goes whether it may be moved."""

    status: str
    frozen: bool
    held: bool
    due: bool
    attempt_states: tuple[str, ...]
    attempts_due: bool
    callbacks_due: bool
    retry_half_made: bool
    readable: bool
    whole: bool
    """Its history and its attempts are numbered without a gap."""
    newest: bool
    old_seal: bool
    touched_at: datetime
    """The latest time that anything of it names: when a lease, or a request of two people, runs out, too."""


_RULES: tuple[tuple[Stays, Callable[[Standing], bool]], ...] = (
    (Stays.NOT_FINAL, lambda it: it.status not in FINAL),
    (Stays.FOLLOWED, lambda it: it.due or it.attempts_due),
    (Stays.FOLLOWED, lambda it: any(AttemptState(each) in LIVE for each in it.attempt_states)),
    (Stays.UNDER_REVIEW, lambda it: it.frozen or it.held),
    (Stays.CALLBACKS_DUE, lambda it: it.callbacks_due),
    (Stays.RETRY_HALF_MADE, lambda it: it.retry_half_made),
    (Stays.UNREADABLE, lambda it: not it.readable),
    (Stays.NOT_WHOLE, lambda it: not it.whole),
    (Stays.NEWEST, lambda it: it.newest),
    (Stays.OLD_SEAL, lambda it: it.old_seal),
)


def stays(standing: Standing, until: datetime) -> Stays | None:
    """Why it is not moved; None: it has ended, is whole, and nothing happened to it from `until` on."""
    for why, holds in _RULES:
        if holds(standing):
            return why
    return Stays.RECENT if standing.touched_at >= until else None
