"""Erasing what is personal of an ended payout: when that may be, and what is left. The books stay as they are.

Left are ids, amounts, times, states, reasons, and who did what: everything that says what was paid, through whom, and
why. Gone is to whom, and in whose words.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from gateway.domain.beneficiary import BankBeneficiary, Beneficiary
from gateway.domain.payout import Attempt, Payout, Prepared
from gateway.domain.retry import Retry
from gateway.domain.status import is_disputed, is_final


class Refusal(StrEnum):
    """Why it may not be, for now."""

    NOT_FINAL = "not_final"
    CALLBACKS_OPEN = "callbacks_open"


WORDS = {
    Refusal.NOT_FINAL: "it has not ended, or is still asked about, disputed, or being ordered again",
    Refusal.CALLBACKS_OPEN: "its app has not been told everything yet",
}

NOTHING = Prepared("", b"")


def refusal(payout: Payout, retry: Retry | None, *, callbacks_open: bool) -> Refusal | None:
    """Why it may not be erased as it stands; `retry` is the intent to order it again, if there is one."""
    followed = payout.frozen or payout.hold is not None or any(each.due_at is not None for each in payout.attempts)
    half_made = retry is not None and retry.ended_at is None
    if not is_final(payout) or is_disputed(payout) or followed or half_made:
        return Refusal.NOT_FINAL
    return Refusal.CALLBACKS_OPEN if callbacks_open else None


def erased(payout: Payout, at: datetime) -> Payout:
    """What is left of it."""
    return replace(
        payout,
        beneficiary=nobody(payout.beneficiary),
        purpose=None,
        description=None,
        metadata={},
        payer=None,
        attempts=tuple(_without_request(each) for each in payout.attempts),
        erased_at=at,
    )


def nobody(beneficiary: Beneficiary) -> Beneficiary:
    """The same kind of account, at the same bank, of nobody."""
    if isinstance(beneficiary, BankBeneficiary):
        return replace(beneficiary, account_number="", name="")
    return replace(beneficiary, openid="", name=None)


def _without_request(attempt: Attempt) -> Attempt:
    return replace(attempt, prepared=NOTHING, action=None)
