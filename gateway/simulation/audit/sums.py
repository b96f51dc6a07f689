"""Invariant 46: the store's books, ours and the banks' are the same books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.domain.payout import Payout
from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books, Case
from gateway.simulation.audit.evidence import facts
from gateway.store.port import ReadTx
from gateway.store.records import PayoutFilter, Position

_PAGE = 500
_HISTORY_EVERY = 8
"""The whole history of one payout in so many is read back, and of each that had an incident."""


def differences(books: Books, tx: ReadTx) -> Iterator[tuple[int, str | None, str]]:
    """(invariant, payout id, what differs) between the store as it is and the auditor's books."""
    stored = {payout.id: payout for payout in _all(books, tx)}
    for payout_id in books.cases:
        if payout_id not in stored:
            yield 1, payout_id, "committed, and no longer in the store"
    for number, payout in enumerate(stored.values()):
        case = books.cases.get(payout.id)
        if case is None:
            yield 46, payout.id, "in the store, and nobody committed it"
            continue
        if (payout.version, facts(payout)) != (case.payout.version, facts(case.payout)):
            yield 20, payout.id, f"stored as version {payout.version}, committed as {case.payout.version}"
        if number % _HISTORY_EVERY == 0 or case.incidents:
            yield from _history(tx, case)
    yield from _statuses(books, tx)
    yield from _totals(books)


def _all(books: Books, tx: ReadTx) -> Iterator[Payout]:
    for app in dict.fromkeys(app for app, _ in books.orders):
        after: Position | None = None
        while page := tx.payouts(app, PayoutFilter(), after, _PAGE):
            yield from page
            after = Position(page[-1].created_at, page[-1].id)


def _history(tx: ReadTx, case: Case) -> Iterator[tuple[int, str | None, str]]:
    payout = case.payout
    numbers = [event.sequence for event in tx.events(payout.id)]
    if numbers != list(range(1, payout.last_event + 1)):
        yield 28, payout.id, f"its event rows are {numbers}, its newest is {payout.last_event}"
    if len(tx.incidents(payout.id)) < len(case.incidents):
        yield 21, payout.id, "an incident is gone"
    if len(tx.evidence(payout.id)) < len(case.evidence):
        yield 25, payout.id, "evidence is gone"


def _statuses(books: Books, tx: ReadTx) -> Iterator[tuple[int, str | None, str]]:
    """The status column, which lists and counts go by, is the function of the facts."""
    due = Counter(graph.shown(case.payout) for case in books.cases.values())
    counted = {status: number for status, number in tx.counts().items() if number}
    if counted != dict(due):
        yield 4, None, f"the store counts {dict(sorted(counted.items()))}, the facts give {dict(sorted(due.items()))}"


def _totals(books: Books) -> Iterator[tuple[int, str | None, str]]:
    """What we call paid and what the banks paid, by app and currency, to the minor unit."""
    ours: Counter[tuple[str, str]] = Counter()
    banks: Counter[tuple[str, str]] = Counter()
    for case in books.cases.values():
        order, amount = case.order, case.payout.amount
        if books.excused(order) or order.restored or case.payout.frozen or case.payout.resolution is not None:
            continue
        if not graph.final(case.payout):
            continue
        key = (order.app, amount.currency)
        ours[key] += amount.minor * (graph.shown(case.payout) in ("paid", "returned"))
        banks[key] += sum(line.entry.amount * line.paid_times for line in order.lines if line.entry is not None)
    for key in ours:
        if ours[key] != banks[key]:
            yield 46, None, f"{key}: we say {ours[key]} was paid, the banks say {banks[key]}"
