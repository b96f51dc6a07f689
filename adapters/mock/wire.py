"""Pure translation: our order to the bank's bytes, its book to our `Answer`, a posted event to our `Notice`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from adapters.channel import Notice, Notification, Order
from adapters.json_text import read_object
from adapters.mock.book import Booked
from adapters.mock.plays import State, Tell, Trouble, play
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind
from gateway.domain.payout import DuplicateMode
from gateway.domain.reasons import RejectReason


class Unreadable(ValueError):
    """Bytes that are not what they should be."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """What the bank reads out of an order's bytes."""

    channel_reference: str
    amount: Money
    account: str = field(repr=False)


def order_bytes(order: Order) -> bytes:
    """The order as canonical JSON: the same order gives the same bytes."""
    fields = {
        "channel_reference": order.channel_reference,
        "uetr": order.uetr,
        "amount": asdict(order.amount),
        "beneficiary": {
            "kind": order.beneficiary.kind,
            "account": order.beneficiary.account,
            "name": order.beneficiary.name,
            "bank_code": order.beneficiary.bank_code if isinstance(order.beneficiary, BankBeneficiary) else None,
        },
        "purpose": order.purpose,
        "description": order.description,
    }
    return canonical(fields)


def read_order(body: bytes) -> Ordered:
    """Raises `Unreadable`."""
    try:
        fields = read_members(body)
        return Ordered(
            channel_reference=_text(fields["channel_reference"]),
            amount=Money(fields["amount"]["minor"], fields["amount"]["currency"]),
            account=_text(fields["beneficiary"]["account"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"not an order: {error}") from error


MEANING: dict[State, OutcomeKind] = {
    State.LOST: OutcomeKind.ABSENT,
    State.PENDING: OutcomeKind.PENDING,
    State.PAID: OutcomeKind.SUCCEEDED,
    State.CLAIMED: OutcomeKind.SUCCEEDED,
    State.REJECTED: OutcomeKind.REJECTED,
    State.CANCELLED: OutcomeKind.REJECTED,
    State.RETURNED: OutcomeKind.RETURNED,
}
"""What each state of the book is in our words."""


def answer(heard: Heard, order: Booked | None, mode: DuplicateMode) -> Answer:
    """What the book says of an order; None, or one that was lost, is no such order."""
    if order is None or order.state is State.LOST:
        return Answer(heard, OutcomeKind.ABSENT, channel_code="NOT_FOUND", raw=b"mock 404")
    kind = MEANING[order.state]
    reason = _reason(order)
    return Answer(
        heard,
        kind,
        _finality(kind, mode),
        reason,
        channel_code=(reason or order.state).upper(),
        channel_payout_id=order.channel_payout_id,
        returned=order.amount if order.state is State.RETURNED else None,
        as_of=order.changed_at,
        raw=b"mock 200\n" + canonical({"id": order.channel_payout_id, "state": order.state, "reason": reason}),
    )


def _finality(kind: OutcomeKind, mode: DuplicateMode) -> Finality:
    """A refusal is for good. Where a repeat is one more order, it is the refusal of one of them only."""
    if kind is not OutcomeKind.REJECTED:
        return Finality.UNKNOWN
    return Finality.FINAL_ON_REPEAT if mode is DuplicateMode.SAME_RESOURCE else Finality.FINAL


def _reason(order: Booked) -> RejectReason | None:
    match order.state:
        case State.REJECTED:
            return play(order.account).reason or RejectReason.PAYEE_ACCOUNT_CLOSED  # it was made to refuse
        case State.CANCELLED:
            return RejectReason.CANCELLED
        case _:
            return None


NO_ORDER: dict[Trouble, tuple[str | None, str]] = {
    Trouble.DROPPED: (None, "no answer (sent): the connection broke"),
    Trouble.HTTP_500: ("500", "mock 500"),
    Trouble.BOOK: ("503", "mock 503: the bank cannot get at its book"),
    Trouble.CONFLICT: ("409", "mock 409: this id was used for another order"),
    Trouble.UNREADABLE: ("400", "mock 400: this is not an order"),
}
"""What comes back instead of an order: the channel's code, and the words that are kept as evidence."""


def trouble(heard: Heard, found: Trouble) -> Answer:
    """The answer that does not get as far as an order."""
    code, detail = NO_ORDER[found]
    if found in (Trouble.CONFLICT, Trouble.UNREADABLE):
        # Our bytes changed under the same id, or never were an order: a fault of ours that a person must see.
        kind, reason = OutcomeKind.REJECTED, RejectReason.INVALID_REQUEST
        return Answer(
            heard,
            kind,
            reason=reason,
            channel_code=code,
            detail=detail,
            alarm=True,
            conflict=found is Trouble.CONFLICT,
            raw=detail.encode(),
        )
    kind = OutcomeKind.UNCLEAR
    return Answer(heard, kind, channel_code=code, detail=detail, channel_fault=True, raw=detail.encode())


_TOLD: dict[Tell, OutcomeKind] = {
    Tell.PROCESSING: OutcomeKind.PENDING,
    Tell.PAID: OutcomeKind.SUCCEEDED,
    Tell.RETURNED: OutcomeKind.RETURNED,
}


def event_bytes(order: Booked, tell: Tell) -> bytes:
    """One event as it is posted; the same bytes and the same id however often."""
    as_of = order.taken_at if tell is Tell.PROCESSING else order.changed_at
    return canonical(
        {
            "event_id": f"{order.channel_payout_id}-{tell}",
            "type": tell,
            "channel_reference": order.channel_reference,
            "channel_payout_id": order.channel_payout_id,
            "amount": asdict(order.amount),
            "as_of": as_of.isoformat(),
        }
    )


def read_event(body: bytes) -> Notification:
    """Raises `Unreadable`."""
    try:
        fields = read_members(body)
        tell = Tell(fields["type"])
        amount = Money(fields["amount"]["minor"], fields["amount"]["currency"])
        said = Answer(
            Heard.NOTIFICATION,
            _TOLD[tell],
            channel_code=tell.upper(),
            channel_payout_id=_text(fields["channel_payout_id"]),
            returned=amount if tell is Tell.RETURNED else None,
            as_of=_time(fields["as_of"]),
            raw=body,
        )
        notice = Notice(said, _text(fields["channel_reference"]), said.channel_payout_id, amount)
        return Notification(_text(fields["event_id"]), (notice,))
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"not an event: {error}") from error


def read_members(body: bytes) -> Mapping[str, Any]:
    """The members of a JSON object, of whatever kinds. Raises `NotJson`, which is a ValueError."""
    return read_object(body)


def canonical(fields: Mapping[str, object]) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8."""
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None or not 2000 <= time.year < 9000:
        raise ValueError("not a time with its offset")
    return time


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text is missing")
    return value
