"""Invariants 1, 3, 5, 7: a payout that was taken in is there, once, as it was ordered, and somebody looks after it."""

from __future__ import annotations

from datetime import datetime

from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books, Order
from gateway.simulation.audit.facts import Acknowledgement, Change


def acknowledged_is_stored(books: Books, told: Acknowledgement) -> str | None:
    """1: whoever says 201 has committed."""
    case = books.cases.get(told.payout_id)
    if case is None:
        return "acknowledged, and not in the store"
    if (case.order.app, case.order.reference) != (told.app, told.reference):
        return f"acknowledged for {told.reference}, stored for {case.order.reference}"
    return None


def acknowledged_as_ordered(books: Books, told: Acknowledgement) -> str | None:
    """7: the reference with other content is refused, never taken for the one that is stored."""
    case = books.cases.get(told.payout_id)
    if case is None:
        return None
    stored = (case.payout.amount, case.payout.beneficiary.account)
    return "acknowledged with other content than stored" if stored != (told.amount, told.account) else None


def acknowledged_stays(books: Books, order: Order, _at: datetime) -> str | None:
    """1: and it is still there at the end. What a restored backup did not hold is its app's to say again."""
    lost = order.payout_id is not None and order.payout_id not in books.cases
    return f"{order.reference}: acknowledged as {order.payout_id}, and gone" if lost and not order.restored else None


def somebody_looks(_books: Books, change: Change) -> str | None:
    """3: unfinished means due at some time, or waiting for people."""
    payout = change.after
    waits_for_people = payout.hold is not None or payout.frozen
    if change.due_at is None and not graph.final(payout) and not waits_for_people:
        return f"{graph.shown(payout)}, not held, and due at no time"
    return None


def one_payout_a_reference(books: Books, change: Change) -> str | None:
    """5: for ever."""
    if change.before is not None:
        return None
    payout = change.after
    other = books.by_order.get((payout.app, payout.reference))
    return f"reference {payout.reference} has {other} already" if other not in (None, payout.id) else None


def order_unchanged(books: Books, change: Change) -> str | None:
    """7: amount, currency, payee and app are the ones that were ordered."""
    payout = change.after
    if change.case is not None:
        first = change.case.first
        same = (payout.amount, payout.beneficiary, payout.app, payout.reference)
        if same != (first.amount, first.beneficiary, first.app, first.reference):
            return "amount, payee, app or reference changed after accept"
        return None
    order = books.orders.get((payout.app, payout.reference))
    if order is None or order.amount is None:
        return f"{payout.reference}: nobody ordered it"
    if order.restored:
        return None  # its first content was forgotten with the store: what the app says now is a first time
    if (payout.amount, payout.beneficiary.account) != (order.amount, order.account):
        return "stored with another amount or account than ordered"
    return None
