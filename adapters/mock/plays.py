"""The script: what the bank does with an order of each magic ending, as a table (`adapters.magic`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from adapters.magic import Fate, fate
from gateway.domain.reasons import RejectReason


class State(StrEnum):
    """What the bank's book says of an order."""

    LOST = "lost"
    """It came to the door and was dropped before any work: not in the book as far as anyone can ask."""
    PENDING = "pending"
    PAID = "paid"
    CLAIMED = "claimed"
    """The bank says paid; no money moved."""
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    RETURNED = "returned"


class Tell(StrEnum):
    """What a notification speaks of."""

    PROCESSING = "processing"
    PAID = "paid"
    RETURNED = "returned"


class Trouble(StrEnum):
    """Why there is no order to speak of in the bank's answer."""

    DROPPED = "dropped"
    """The connection breaks without an answer."""
    HTTP_500 = "http_500"
    CONFLICT = "conflict"
    """The same id with other content."""
    UNREADABLE = "unreadable"
    """The order's bytes are not an order."""
    BOOK = "book"
    """The bank cannot get at its own book."""


@dataclass(frozen=True, slots=True)
class Play:
    """The part of one order."""

    taken_as: State
    """The state it is booked in when it is taken."""
    moves_on: bool = False
    """Pending becomes paid after `usual_s`, paid becomes returned after `return_s`."""
    tells: tuple[Tell, ...] = ()
    """Notifications, in the order they are posted, once the money has moved for the last time."""
    lost_first: int = 0
    """So many transmissions come to nothing before any work is done."""
    lost_as: Trouble = Trouble.DROPPED
    answer_lost: bool = False
    """The first transmission is worked on, and its answer never arrives."""
    slow: bool = False
    """The first transmission is worked on at once and answered after `slow_s`."""
    reason: RejectReason | None = None


_F, _S = Fate, State
_LATER = Play(_S.PENDING, moves_on=True, tells=(Tell.PAID,))

PLAYS: dict[Fate, Play] = {
    _F.USUAL: _LATER,
    _F.PAID_AT_ONCE: Play(_S.PAID),
    _F.PAID_LATER: _LATER,
    _F.ACCOUNT_CLOSED: Play(_S.REJECTED, reason=RejectReason.PAYEE_ACCOUNT_CLOSED),
    _F.DROPPED_AND_PAID: Play(_S.PAID, answer_lost=True),
    _F.DROPPED_UNPAID: Play(_S.PENDING, moves_on=True, tells=(Tell.PAID,), lost_first=1),
    _F.PAID_THEN_RETURNED: Play(_S.PAID, moves_on=True, tells=(Tell.RETURNED,)),
    _F.NOTIFIED_BADLY: Play(_S.PENDING, moves_on=True, tells=(Tell.PAID, Tell.PROCESSING, Tell.PAID, Tell.PROCESSING)),
    _F.STORM_OF_500: Play(_S.PENDING, moves_on=True, tells=(Tell.PAID,), lost_first=2, lost_as=Trouble.HTTP_500),
    _F.SLOW: Play(_S.PAID, slow=True),
    _F.BALANCE_LOW: Play(_S.REJECTED, reason=RejectReason.INSUFFICIENT_FUNDS),
    _F.SUCCESS_THAT_IS_NOT: Play(_S.CLAIMED),
    _F.NEVER_HEARD_OF_AGAIN: Play(_S.PENDING),
}


def play(account: str) -> Play:
    """The play that the account's ending chooses."""
    return PLAYS[fate(account)]
