"""How a committed change is taken into the auditor's books, and what it counts as."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from adapters.sandbox.books import BookEntry
from gateway.domain.payout import OPEN, Attempt, AttemptState
from gateway.simulation.audit.books import Books, Case, Line, Order, Sending, digest
from gateway.simulation.audit.deeds import (
    CallbackTried,
    Claimed,
    EvidenceKept,
    IncidentRaised,
    NotificationNoted,
    OpenCounted,
    Released,
    RequestKept,
    Unit,
)
from gateway.simulation.audit.evidence import facts
from gateway.simulation.audit.facts import Change
from gateway.store.records import Callback, Novelty


def take_change(books: Books, change: Change) -> Case:
    """The payout as it is from now on."""
    case = change.case or _open(books, change)
    for was, now in change.attempts():
        _take_attempt(books, case, change, was, now)
    case.let_go |= case.payout.hold is not None and change.after.hold is None
    case.payout = change.after
    case.due_at = change.due_at
    case.events += len(change.events)
    if change.lease is not None:
        case.fence = max(case.fence, change.lease.fence)
    for callback in change.callbacks:
        enqueue(books, case, callback)
    return case


def _open(books: Books, change: Change) -> Case:
    payout, lease = change.after, change.lease
    order = books.order(payout.app, payout.reference)
    if order.restored:
        if order.amount is not None:
            order.earlier.add((order.amount.minor, order.amount.currency, order.account))
        order.amount, order.account = payout.amount, payout.beneficiary.account
    case = Case(payout, payout, order, lease.fence if lease else 0, change.due_at)
    case.leased_by = lease.owner if lease else None
    books.cases[payout.id] = case
    books.by_order[order.key] = payout.id
    books.counts["accepted"] += 1
    return case


def _take_attempt(books: Books, case: Case, change: Change, was: Attempt | None, now: Attempt) -> None:
    line = books.line_of(now) or open_line(books, case.order, now)
    if was is None:
        line.number = now.number
        line.prepared.add(digest(now.prepared.body))
        earlier = change.after.attempts[: now.number - 1]
        books.counts["failovers"] += any(each.transmissions for each in earlier)
    sent_before = was.transmissions if was is not None else 0
    if now.transmissions > sent_before:
        line.intents += now.transmissions - sent_before
        line.intent_by = (change.unit.node, change.unit.start)
        books.counts["intents"] += 1
        books.counts["repeats"] += now.transmissions > 1
    elif now.transmissions < sent_before:
        line.intents -= sent_before - now.transmissions
    if now.state is AttemptState.REJECTED and line.paid_times:
        mark_late(books, line)


def open_line(books: Books, order: Order, attempt: Attempt) -> Line:
    line = Line(attempt.channel_reference, attempt.channel, order, attempt.number, {digest(attempt.prepared.body)})
    books.lines[attempt.channel_reference] = line
    order.lines.append(line)
    return line


def mark_late(books: Books, line: Line) -> None:
    """Money moved under a line that we hold rejected."""
    if not line.late:
        line.late = True
        books.counts["late_successes"] += 1


def enqueue(books: Books, case: Case, callback: Callback) -> None:
    sending = Sending(callback, digest(callback.body))
    case.sendings[(callback.id, callback.endpoint)] = sending
    books.events.setdefault(callback.id, []).append(sending)


def take_rest(books: Books, unit: Unit) -> None:
    """Deeds that change no payout: evidence, leases, callbacks, notifications, requests."""
    for deed in unit.deeds:
        match deed:
            case EvidenceKept(payout_id, kept) if payout_id in books.cases:
                books.cases[payout_id].evidence.append(kept)
            case IncidentRaised(payout_id, raised) if payout_id in books.cases:
                books.cases[payout_id].incidents.append(raised)
            case Claimed(payout_id, lease, crashes) if payout_id in books.cases:
                case = books.cases[payout_id]
                taken_over = case.leased_by is not None and case.leased_by != lease.owner
                books.counts["takeovers"] += taken_over
                case.fence, case.leased_by, case.crashes = lease.fence, lease.owner, crashes
            case Released(payout_id, lease) if payout_id in books.cases:
                case = books.cases[payout_id]
                if lease.fence == case.fence:
                    case.leased_by, case.crashes = None, 0
            case CallbackTried(callback):
                _take_try(books, callback)
            case NotificationNoted(seen, Novelty.NEW):
                books.noted.add((seen.channel, seen.event_id, seen.payout_id))
                books.noted_bodies.add(digest(seen.raw))
                books.counts["orphans"] += seen.payout_id is None
            case OpenCounted():
                count_open(books)
            case RequestKept(request):
                known = books.requests.get(request.id)
                about = books.cases.get(request.payout_id or "")
                seen_facts = known[1] if known else facts(about.payout) if about else None
                made_by = known[0].made_by if known else request.made_by
                books.requests[request.id] = (replace(request, made_by=made_by), seen_facts)
            case _:
                pass


def count_open(books: Books) -> None:
    """One transmission more for every open attempt: nobody knows what was sent in the time that a restore lost."""
    for case in books.cases.values():
        for attempt in case.payout.attempts:
            if attempt.state in OPEN:
                more = replace(attempt, transmissions=attempt.transmissions + 1)
                case.payout = case.payout.with_attempt(more)


def _take_try(books: Books, callback: Callback) -> None:
    case = books.cases.get(callback.payout_id or "")
    sending = case.sendings.get((callback.id, callback.endpoint)) if case is not None else None
    if sending is not None:
        sending.callback = callback
        sending.done = callback.delivered_at is not None or callback.parked_at is not None


def take_booking(books: Books, line: Line, entry: BookEntry, at: datetime) -> None:
    """A bank's book says something new of one line."""
    if entry.paid_times and line.paid_at is None:
        line.paid_at = at
    line.entry = entry
    order = line.order
    case = books.case_of(order)
    held = case.payout.attempts[line.number - 1] if case and line.number <= len(case.payout.attempts) else None
    mine = held is not None and held.channel_reference == line.channel_reference
    if entry.paid_times and mine and held is not None and held.state is AttemptState.REJECTED:
        mark_late(books, line)
    if order.failed_told and order.paid_times:
        mark_false_failed(books, order)


def mark_false_failed(books: Books, order: Order) -> None:
    """The app heard "failed", and a bank paid."""
    if not order.false_failed:
        order.false_failed = True
        broken = books.excused(order)
        books.counts["false_failed_callbacks_broken" if broken else "false_failed_callbacks"] += 1
