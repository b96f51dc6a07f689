"""Invariants 2, 8, 13, 15, 24: the banks' books and ours. The ones that cost money."""

from __future__ import annotations

from gateway.domain.payout import AttemptState
from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books, Case, Line
from gateway.simulation.audit.facts import Change


def paid_once(books: Books, line: Line) -> str | None:
    """2: over all banks, whatever our store says."""
    order = line.order
    if order.paid_times <= 1 or books.excused(order):
        return None
    paid = ", ".join(f"{each.channel} {each.paid_times}x" for each in order.lines if each.paid_times)
    return f"{order.reference} was paid {order.paid_times} times: {paid}"


def as_ordered(books: Books, line: Line) -> str | None:
    """8: to the minor unit, in the currency, to the account."""
    entry, order = line.entry, line.order
    if entry is None or order.amount is None:
        return None
    booked = (entry.amount, entry.currency, entry.account)
    if booked not in {(order.amount.minor, order.amount.currency, order.account), *order.earlier}:
        return (
            f"{line.channel} booked {entry.amount} {entry.currency}, ordered {order.amount.minor}, or another account"
        )
    return None


def rejected_never_pays(books: Books, line: Line) -> str | None:
    """13: what we call rejected the bank does not pay, before or after."""
    return f"{line.channel} paid what we hold rejected" if line.late and not books.excused(line.order) else None


def rejected_was_not_paid(books: Books, case: Case) -> str | None:
    """13, seen from our side: none of its rejected attempts is paid."""
    for attempt in case.payout.attempts:
        line = books.line_of(attempt)
        if attempt.state is AttemptState.REJECTED and line is not None and (said := rejected_never_pays(books, line)):
            return said
    return None


def succeeded_was_paid(books: Books, case: Case) -> str | None:
    """15: one attempt paid, and the bank agrees. Unless two people know better."""
    if books.excused(case.order) or (case.payout.resolution is not None and case.payout.resolution.paid):
        return None
    paid = [attempt for attempt in case.payout.attempts if attempt.state in graph.PAID]
    if len(paid) > 1:
        return f"{len(paid)} attempts of it are paid"
    for attempt in paid:
        line = books.line_of(attempt)
        if line is None or line.paid_times == 0:
            return f"attempt {attempt.number} is {attempt.state}, and {attempt.channel} never paid it"
    return None


def returned_within_paid(_books: Books, change: Change) -> str | None:
    """24: what comes back is at most what was paid."""
    for _was, now in change.attempts():
        if now.state is not AttemptState.RETURNED:
            continue
        back, amount = now.returned, change.after.amount
        if back is None or back.currency != amount.currency or not 0 < back.minor <= amount.minor:
            return f"attempt {now.number} returned {back}, paid {amount}"
    return None


def returned_stays(_books: Books, change: Change) -> str | None:
    """24: money that came back is not sent out again by itself."""
    known = change.known
    paid = known is not None and any(attempt.state in graph.PAID for attempt in known.attempts)
    for _was, now in change.intents():
        if paid:
            return f"attempt {now.number} may be sent although the payout was paid"
    return None
