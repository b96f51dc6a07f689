"""What the gateway says, held against the books of the banks (reliability section 3)."""

from __future__ import annotations

from collections.abc import Callable

from gateway.domain.payout import AttemptState
from gateway.domain.status import Status
from tests.exhaustive.lane import Book, Lane


def _never_left(lane: Lane) -> str | None:
    known = lane.book is not Book.NEVER or lane.in_hand or lane.on_wire
    return "planned, and yet something of it left us (I11)" if known else None


def _never_pays(lane: Lane) -> str | None:
    return "rejected, and yet its bank paid (I13)" if lane.payments else None


def _paid_once(lane: Lane) -> str | None:
    return None if lane.payments == 1 else f"succeeded, and its bank paid {lane.payments} times (I15)"


def _came_back(lane: Lane) -> str | None:
    return None if lane.payments == 1 and lane.came_back else "returned, and no money came back (I24)"


def _open(_: Lane) -> str | None:
    return None


LAWS: dict[AttemptState, Callable[[Lane], str | None]] = {
    AttemptState.PLANNED: _never_left,
    AttemptState.SENDING: _open,
    AttemptState.PENDING: _open,
    AttemptState.UNKNOWN: _open,
    AttemptState.SUCCEEDED: _paid_once,
    AttemptState.REJECTED: _never_pays,
    AttemptState.RETURNED: _came_back,
}
"""What each state of an attempt says about the bank's truth."""


def wrong_status(said: Status, paid: int, back: bool) -> str | None:
    """What an app hears must be so: `paid` is how often the banks paid, `back` whether money came back."""
    match said:
        case Status.PAID if paid != 1:
            return "the app hears paid, and no bank paid (I15)"
        case Status.RETURNED if not back:
            return "the app hears returned, and no money came back (I24)"
        case Status.FAILED | Status.CANCELED if paid:
            return f"the app hears {said}, and money moved (I13, I40)"
        case _:
            return None
