"""Invariants 30 to 33 and 44: once the faults are over, everything comes to an end, and nothing is left behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.domain.payout import AttemptState
from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books, Case, Order
from gateway.simulation.audit.evidence import raised_for
from gateway.simulation.audit.facts import Change

STUCK_AFTER = timedelta(minutes=5)
"""A send has its deadline, a lost lease its length, a rescue its round: together well under this."""
WRONG_CLOCK = timedelta(hours=1)
"""The furthest that a clock of the world is stepped. A lease that was taken under it, or a due time that was set, holds
for so much longer. In the world only: nodes that share a database take its clock (R9), and a node that is alone breaks
the leases of its earlier run."""
KNOWN_AFTER = timedelta(hours=30)
"""Longer than the longest wait between two questions, the follow-up of a day included."""
OVERDUE_AFTER = timedelta(hours=1)


def ends_or_waits(_books: Books, case: Case, at: datetime) -> str | None:
    """30: ended, held, frozen, or still due at a time to come."""
    payout = case.payout
    if graph.final(payout) or payout.hold is not None or payout.frozen:
        return None
    if case.due_at is None:
        return f"{graph.shown(payout)} at the end, and due at no time"
    return None


def not_forgotten(_books: Books, case: Case, at: datetime) -> str | None:
    """44: what was due was looked at: nobody waits behind others for ever."""
    due = case.due_at
    if due is None or due + OVERDUE_AFTER >= at or case.payout.hold is not None:
        return None
    return f"{graph.shown(case.payout)}, due since {at - due}"


def sends_are_settled(books: Books, case: Case) -> str | None:
    """31: in calm times no send stays open: whatever a crash left behind was asked about, sent again, or is held."""
    if books.calm_since is None or books.now is None or case.payout.hold is not None:
        return None
    right_since = books.calm_since + WRONG_CLOCK  # also for a lease of whose commit nobody was told
    free_since = max(case.free_since or right_since, right_since)
    for attempt in case.payout.attempts:
        since = max(attempt.last_sent_at or free_since, free_since)
        if attempt.state is AttemptState.SENDING and books.now - since > STUCK_AFTER:
            return f"attempt {attempt.number} is still being sent after {books.now - since}"
    return None


def payments_are_known(books: Books, order: Order, at: datetime) -> str | None:
    """32: what a bank did becomes known without a single notification."""
    case = books.case_of(order)
    if case is None or books.excused(order) or case.payout.hold is not None:
        return None
    numbered = {attempt.channel_reference: attempt for attempt in case.payout.attempts}
    for line in order.lines:
        if line.paid_at is None or line.paid_at + KNOWN_AFTER > at:
            continue
        attempt = numbered.get(line.channel_reference)
        known = attempt is not None and attempt.state in graph.PAID
        told = raised_for(case, line) > 0 or case.payout.frozen or case.payout.resolution is not None
        if not known and not told:
            return f"{line.channel} paid at {line.paid_at:%d %H:%M:%S}, and we do not know"
    return None


def channel_can_be_asked(books: Books, change: Change) -> str | None:
    """33: no live attempt at a channel that nobody can ask."""
    for attempt in change.after.attempts:
        if attempt.live and attempt.channel not in books.channels:
            return f"attempt {attempt.number} is at {attempt.channel}, which is not configured"
    return None
