"""A tiny truthful bank for one attempt, and everything that is on its way between it and us.

The bank keeps its contract, whatever the network does. Within it, it is as unpleasant as it may be: it pays at once,
later, or not at all; it refuses an order for good, or only this transmission, or only for now; it says "no such order"
of one it has; it forgets an id when its window is over; it returns money. Its notifications and answers are lost,
delayed, said twice and overtake each other.

What one is told is one of `SAID`: an `Answer` as an adapter would read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind
from gateway.domain.payout import DuplicateMode
from gateway.domain.reasons import RejectReason

_K, _H, _F = OutcomeKind, Heard, Finality
_REASON = RejectReason.CHANNEL_UNAVAILABLE
"""The refusals of these banks are such that another channel may follow: the most dangerous ones."""


class Say(IntEnum):
    """What there is to be heard. 0 is nothing."""

    NOTHING = 0
    NOT_SENT = 1
    TAKEN = 2
    PAID = 3
    REFUSED = 4
    REFUSED_ONCE = 5
    """This transmission was refused: the order may be there all the same, or come with another one."""
    NOT_NOW = 6
    DUPLICATE = 7
    BACK = 8
    NO_ANSWER = 9
    ABSENT = 10
    CANCELED = 11


_SUBMIT = {
    Say.NOT_SENT: Answer(_H.SUBMIT, _K.NOT_SENT),
    Say.TAKEN: Answer(_H.SUBMIT, _K.PENDING),
    Say.PAID: Answer(_H.SUBMIT, _K.SUCCEEDED),
    Say.REFUSED: Answer(_H.SUBMIT, _K.REJECTED, _F.FINAL_ON_REPEAT, _REASON),
    Say.REFUSED_ONCE: Answer(_H.SUBMIT, _K.REJECTED, _F.FINAL, _REASON),
    Say.NOT_NOW: Answer(_H.SUBMIT, _K.REJECTED, _F.RETRY_SAME_ID, _REASON),
    Say.DUPLICATE: Answer(_H.SUBMIT, _K.REJECTED, _F.UNKNOWN, RejectReason.DUPLICATE),
    Say.BACK: Answer(_H.SUBMIT, _K.RETURNED),
    Say.NO_ANSWER: Answer(_H.SUBMIT, _K.UNCLEAR),
}
_QUERY = {
    Say.TAKEN: Answer(_H.QUERY, _K.PENDING),
    Say.PAID: Answer(_H.QUERY, _K.SUCCEEDED),
    Say.REFUSED: Answer(_H.QUERY, _K.REJECTED, _F.FINAL_ON_REPEAT, _REASON),
    Say.REFUSED_ONCE: Answer(_H.QUERY, _K.REJECTED, _F.FINAL, _REASON),
    Say.BACK: Answer(_H.QUERY, _K.RETURNED),
    Say.NO_ANSWER: Answer(_H.QUERY, _K.UNCLEAR),
    Say.ABSENT: Answer(_H.QUERY, _K.ABSENT),
}
_NOTIFICATION = {
    Say.PAID: Answer(_H.NOTIFICATION, _K.SUCCEEDED),
    Say.REFUSED: Answer(_H.NOTIFICATION, _K.REJECTED, _F.FINAL_ON_REPEAT, _REASON),
    Say.BACK: Answer(_H.NOTIFICATION, _K.RETURNED),
}
_CANCEL = {Say.CANCELED: Answer(_H.CANCEL, _K.REJECTED, _F.FINAL_ON_REPEAT, RejectReason.CANCELLED)}
"""What a bank says of a cancel, which is not a promise."""

SAID: dict[tuple[Heard, Say], Answer] = {
    (heard, say): answer
    for heard, table in (
        (_H.SUBMIT, _SUBMIT),
        (_H.QUERY, _QUERY),
        (_H.NOTIFICATION, _NOTIFICATION),
        (_H.CANCEL, _CANCEL),
    )
    for say, answer in table.items()
}


class Book(IntEnum):
    """What the bank's book says of the order."""

    NEVER = 0
    PENDING = 1
    PAID = 2
    REFUSED = 3
    RETURNED = 4


class Lane(NamedTuple):
    """One attempt seen from outside the gateway. Sets of transmissions are bit masks: 1 is the first."""

    mode: DuplicateMode
    book: Book = Book.NEVER
    payments: int = 0
    """How often the bank paid under this id. More than once is the end of the world."""
    came_back: bool = False
    refused_twin: bool = False
    """A repeat has a refused record of its own beside the order's."""
    in_hand: int = 0
    """Intents committed, the bytes still in the memory of a node."""
    on_wire: int = 0
    copies: int = 0
    """Of those on the wire, copies of one that the bank has already taken in."""
    said: tuple[Say, ...] = ()
    """Answers to submits under way to whoever sent them, by transmission."""
    news: int = 0
    """Notifications under way: bit per `NEWS`."""
    undo: bool = False
    """A request to cancel is under way."""
    undoing: bool = False
    """The bank's answer to it is."""

    @property
    def load(self) -> int:
        """How many things are under way."""
        answers = sum(1 for say in self.said if say)
        sent = self.in_hand.bit_count() + self.on_wire.bit_count()
        return sent + answers + self.news.bit_count() + self.undo + self.undoing


NEWS = (Say.PAID, Say.REFUSED, Say.BACK)

Move = tuple[str, Lane]


def opened(mode: DuplicateMode, transmissions_max: int) -> Lane:
    """The lane of an attempt that nothing left for yet."""
    return Lane(mode, said=(Say.NOTHING,) * transmissions_max)


def moves(lane: Lane) -> Iterator[Move]:
    """Everything that can happen to it without the gateway learning or deciding anything."""
    for number in _numbers(lane.in_hand):
        yield from _in_hand(lane, number)
    for number in _numbers(lane.on_wire):
        yield from _on_wire(lane, number)
    for number, say in enumerate(lane.said, 1):
        if say:
            yield f"the answer to transmission {number} is lost", _saying(lane, number, Say.NOTHING)
    for bit, say in enumerate(NEWS):
        if lane.news >> bit & 1:
            yield f"the notification '{say.name}' is lost", lane._replace(news=lane.news & ~(1 << bit))
    yield from _by_the_bank(lane)
    if lane.undo:
        yield from _undone(lane._replace(undo=False))
    if lane.undoing:
        yield "the answer to the cancel is lost", lane._replace(undoing=False)


def _in_hand(lane: Lane, number: int) -> Iterator[Move]:
    gone = lane._replace(in_hand=lane.in_hand & ~_bit(number))
    yield f"transmission {number} is sent", gone._replace(on_wire=gone.on_wire | _bit(number))
    yield f"the node dies before it sends transmission {number}", gone
    yield f"transmission {number} is proved not to have left", _saying(gone, number, Say.NOT_SENT)


def _on_wire(lane: Lane, number: int) -> Iterator[Move]:
    here = ~_bit(number)
    gone = lane._replace(on_wire=lane.on_wire & here, copies=lane.copies & here)
    yield f"transmission {number} is lost", gone
    if lane.copies & _bit(number):
        yield f"a copy of transmission {number} arrives", _saying(gone, number, _OF_BOOK[lane.book])
        return
    for what, taken, say in _received(gone):
        yield f"transmission {number} arrives and is {what}", _saying(taken, number, say)
        # The network says twice only what is one order however often it is sent; elsewhere TLS must not allow it.
        if lane.mode is DuplicateMode.SAME_RESOURCE and say in _OF_BOOK.values():
            copied = taken._replace(on_wire=lane.on_wire, copies=lane.copies | _bit(number))
            yield f"transmission {number} arrives, is copied, and is {what}", _saying(copied, number, say)


def _received(lane: Lane) -> Iterator[tuple[str, Lane, Say]]:
    """What the bank does with a submit, and what it answers."""
    if lane.book is Book.NEVER:
        refused = Say.REFUSED if lane.mode is DuplicateMode.SAME_RESOURCE else Say.REFUSED_ONCE
        yield "taken in", lane._replace(book=Book.PENDING), Say.TAKEN
        yield "paid at once", _paid(lane), Say.PAID
        yield "refused for good", lane._replace(book=Book.REFUSED), refused
    elif lane.mode is DuplicateMode.NONE:
        yield "paid as another order", _paid(lane), Say.PAID
    elif lane.mode is DuplicateMode.REFUSE:
        yield "refused as a duplicate", lane._replace(refused_twin=True), Say.DUPLICATE
    else:
        yield "known already", lane, _OF_BOOK[lane.book]
    yield "refused, this one", lane, Say.REFUSED_ONCE
    yield "not taken now", lane, Say.NOT_NOW


_OF_BOOK = {Book.PENDING: Say.TAKEN, Book.PAID: Say.PAID, Book.REFUSED: Say.REFUSED, Book.RETURNED: Say.BACK}


def _by_the_bank(lane: Lane) -> Iterator[Move]:
    """The bank moves an order on, and tells us or not."""
    if lane.book is Book.PENDING:
        yield from _telling("the bank pays", _paid(lane), Say.PAID)
        yield from _telling("the bank refuses it", lane._replace(book=Book.REFUSED), Say.REFUSED)
    if lane.book is Book.PAID:
        back = lane._replace(book=Book.RETURNED, came_back=True)
        yield from _telling("the money comes back", back, Say.BACK)


def _telling(what: str, lane: Lane, say: Say) -> Iterator[Move]:
    yield what, lane
    yield f"{what} and says so", lane._replace(news=lane.news | 1 << NEWS.index(say))


def _undone(lane: Lane) -> Iterator[Move]:
    yield "the cancel is lost", lane
    if lane.book is not Book.NEVER:
        yield "the bank will see whether it can be canceled, and says yes", lane._replace(undoing=True)
    if lane.book is Book.PENDING:
        yield "the bank cancels it, and says so", lane._replace(book=Book.REFUSED, undoing=True)


def forgotten(lane: Lane) -> Lane | None:
    """The id's window is over, and no transmission that was sent within it can still arrive: the bank forgets it."""
    settled = lane.book in (Book.PAID, Book.REFUSED, Book.RETURNED)
    if lane.in_hand or lane.on_wire or not settled:
        return None
    return lane._replace(book=Book.NEVER, refused_twin=False)


def asked(lane: Lane) -> Iterator[Say]:
    """What a query may be answered: the truth, an older truth, or that there is no such order."""
    own = Say.REFUSED if lane.mode is DuplicateMode.SAME_RESOURCE else Say.REFUSED_ONCE
    match lane.book:
        case Book.NEVER:
            yield Say.ABSENT
        case Book.PENDING:
            yield from (Say.TAKEN, Say.ABSENT)
        case Book.PAID:
            yield from (Say.PAID, Say.TAKEN, Say.ABSENT)
        case Book.REFUSED:
            yield own
        case Book.RETURNED:
            yield from (Say.BACK, Say.PAID)
    if lane.refused_twin:
        yield Say.REFUSED_ONCE


class Delivery(NamedTuple):
    """Something under way that reaches us."""

    text: str
    heard: Heard
    say: Say
    transmission_no: int
    lane: Lane
    """The lane after it."""


def deliveries(lane: Lane) -> Iterator[Delivery]:
    """What can be heard now, in any order; and once more later, but for what a node knows of itself."""
    for number, say in enumerate(lane.said, 1):
        if say:
            text, gone = f"the answer '{say.name}' to transmission {number} arrives", _saying(lane, number, Say.NOTHING)
            yield Delivery(text, Heard.SUBMIT, say, number, gone)
            if say is not Say.NOT_SENT:
                yield Delivery(f"{text} (and again)", Heard.SUBMIT, say, number, lane)
    if lane.undoing:
        gone = lane._replace(undoing=False)
        yield Delivery("the answer to the cancel arrives", Heard.CANCEL, Say.CANCELED, 0, gone)
    for bit, say in enumerate(NEWS):
        if lane.news >> bit & 1:
            text = f"the notification '{say.name}' arrives"
            yield Delivery(text, Heard.NOTIFICATION, say, 0, lane._replace(news=lane.news & ~(1 << bit)))
            yield Delivery(f"{text} (and again)", Heard.NOTIFICATION, say, 0, lane)


def _paid(lane: Lane) -> Lane:
    return lane._replace(book=Book.PAID, payments=min(lane.payments + 1, 2))


def _saying(lane: Lane, number: int, say: Say) -> Lane:
    """The newest answer to a transmission takes the place of one still under way."""
    said = list(lane.said)
    said[number - 1] = say
    return lane._replace(said=tuple(said))


def _bit(number: int) -> int:
    return 1 << (number - 1)


def _numbers(mask: int) -> Iterator[int]:
    return (number for number in range(1, mask.bit_length() + 1) if mask & _bit(number))
