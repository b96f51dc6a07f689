"""The two big moments: a backup is restored, and the world ends."""

from __future__ import annotations

from datetime import datetime

from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books, Case
from gateway.simulation.audit.evidence import findable, raised_for
from gateway.simulation.audit.fates import Look
from gateway.simulation.audit.ledger import enqueue
from gateway.store.port import ReadTx


def restore(books: Books, look: Look) -> None:
    """Read every payout anew. What the backup does not hold is not there any more; banks and apps forget nothing."""
    before, books.cases = books.cases, {}
    books.by_order.clear()
    for case in before.values():
        kept = look(lambda tx, case=case: _read(tx, case))  # type: ignore[misc]  # the default binds it
        case.order.restored = case.order.restored or kept is None or kept.payout.version < case.payout.version
        if kept is None:
            continue
        books.cases[case.payout.id] = kept
        books.by_order[case.order.key] = case.payout.id
        for callback in look(lambda tx, case=case: tx.callbacks(case.payout.id)):  # type: ignore[misc]  # as above
            _keep_sending(books, case, kept, callback.id, callback.endpoint)
            if (callback.id, callback.endpoint) not in kept.sendings:
                enqueue(books, kept, callback)
            kept.sendings[(callback.id, callback.endpoint)].callback = callback
            kept.sendings[(callback.id, callback.endpoint)].done = (
                callback.delivered_at is not None or callback.parked_at is not None
            )
    books.noted.clear()


def _read(tx: ReadTx, case: Case) -> Case | None:
    stored = tx.payout(case.payout.id)
    if stored is None:
        return None
    # When it is due stands in no answer of the store's: of what was set back to its end, we know nothing of a question.
    due_at = None if graph.final(stored) and stored.version != case.payout.version else case.due_at
    kept = Case(stored, case.first, case.order, 0, due_at)
    kept.events = stored.last_event
    kept.evidence = list(tx.evidence(stored.id))
    kept.incidents = list(tx.incidents(stored.id))
    return kept


def _keep_sending(books: Books, case: Case, kept: Case, event_id: str, endpoint: str) -> None:
    """What its app has seen of an event stays seen."""
    sending = case.sendings.get((event_id, endpoint))
    if sending is not None:
        kept.sendings[(event_id, endpoint)] = sending


def count_late(books: Books, at: datetime) -> None:
    """Late successes, and how many of them were found. Past the last follow-up, or of a bank that denies
    its own order, nobody promised to."""
    books.counts["late_successes"] = books.counts["late_successes_detected"] = 0
    books.counts["late_successes_denied"] = books.counts["late_successes_past_follow_up"] = 0
    for line in books.lines.values():
        case = books.case_of(line.order)
        if not line.late or case is None:
            continue
        raised = raised_for(case, line) > 0
        if raised or findable(case, line, at):
            books.counts["late_successes"] += 1
            books.counts["late_successes_detected"] += raised
        else:
            books.counts["late_successes_denied" if line.denied else "late_successes_past_follow_up"] += 1
