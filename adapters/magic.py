"""The magic endings: how a beneficiary's account tells a sandbox what to do (docs/sandbox.md is drawn from here).

The mock channel and both sandboxes obey them, so that an upstream team can try every fate of a payout without asking
anyone for anything.
"""

from __future__ import annotations

from enum import StrEnum


class Fate(StrEnum):
    """What becomes of an order in a sandbox."""

    PAID_AT_ONCE = "0001"
    PAID_LATER = "0002"
    """Taken in, then paid and told by a notification."""
    ACCOUNT_CLOSED = "0003"
    DROPPED_AND_PAID = "0004"
    """The connection breaks before the answer; the money moves all the same."""
    DROPPED_UNPAID = "0005"
    """The first transmission is lost before any work; a repeat is a new order to the channel."""
    PAID_THEN_RETURNED = "0006"
    NOTIFIED_BADLY = "0007"
    """Paid; notifications come twice and out of order."""
    STORM_OF_500 = "0008"
    """HTTP 500 on the first transmissions, then it works."""
    SLOW = "0009"
    BALANCE_LOW = "0010"
    SUCCESS_THAT_IS_NOT = "0011"
    """The channel says paid, its statement says otherwise."""
    NEVER_HEARD_OF_AGAIN = "0012"
    """Accepted, and then silence."""
    USUAL = "usual"
    """Paid after the channel's usual time."""


def fate(account: str) -> Fate:
    """The fate that `account`'s last four characters choose."""
    try:
        return Fate(account[-4:])
    except ValueError:
        return Fate.USUAL
