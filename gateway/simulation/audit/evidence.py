"""Invariants 16, 17, 20 to 23, 25: what is believed, of whom, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.domain.event import EventType
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.domain.payout import Attempt, AttemptState, Payout
from gateway.simulation.audit import graph
from gateway.simulation.audit.books import Books, Case, Line, Order, digest
from gateway.simulation.audit.deeds import EvidenceKept, NotificationNoted, Saved, Unit, payout_of
from gateway.simulation.audit.facts import Change
from gateway.store.records import Evidence, Novelty

_JUDGED = (AttemptState.PENDING, AttemptState.SUCCEEDED, AttemptState.REJECTED, AttemptState.RETURNED)
"""States an attempt comes to only by what its channel said."""
_FOLLOWED_FOR = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24), timedelta(hours=72))
_SLACK = timedelta(hours=3)
"""Time for a question that is due to be asked and answered, clocks that were set wrong when it fell due included."""


def unproved(change: Change) -> Iterator[tuple[Attempt, Attempt, list[Heard]]]:
    """Moves that nothing in the same commit proves, with how it was heard."""
    if any(event.type is EventType.RESOLVED for event in change.events):
        return  # two people said so: invariant 39
    for was, now in change.moves():
        given_up = was.state is AttemptState.PLANNED
        if now.state not in _JUDGED or given_up:
            continue
        about = [kept for kept in change.evidence if kept.attempt == was.number and kept.judged]
        if not any(graph.proves(kept, was, now.state) for kept in about):
            yield was, now, [kept.answer.heard for kept in about]


def moved_by_proof(_books: Books, change: Change) -> str | None:
    """16: what is unlisted, unreadable or unasked for yields neither paid nor rejected."""
    for was, now, heard in unproved(change):
        if not _told_only(now, heard):
            said = ", ".join(
                f"{k.answer.heard} {k.answer.kind} {k.answer.finality} t{k.transmission_no}" for k in change.evidence
            )
            return f"attempt {now.number}: {was.state} to {now.state} on {said or 'nothing'}"
    return None


def not_by_notification(_books: Books, change: Change) -> str | None:
    """23: what a notification denies is asked about; by itself it ends nothing (R8)."""
    for was, now, heard in unproved(change):
        if _told_only(now, heard):
            return f"attempt {now.number}: {was.state} to {now.state} by a notification alone"
    return None


def old_news_stops_nothing(_books: Books, change: Change) -> str | None:
    """23: what its channel said before the verdict we hold contradicts nothing (R14)."""
    known = change.known
    if known is None or known.frozen or not change.after.frozen:
        return None
    judged = [kept for kept in change.evidence if 1 <= kept.attempt <= len(known.attempts)]
    if judged and all(_is_old(known, kept) for kept in judged):
        return f"frozen for what {judged[0].answer.heard} said before its verdict"
    return None


def _is_old(known: Payout, kept: Evidence) -> bool:
    answer, attempt = kept.answer, known.attempts[kept.attempt - 1]
    if answer.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED):
        return False
    if answer.heard is Heard.SUBMIT and answer.kind is OutcomeKind.PENDING:
        return attempt.settled_at is not None and known.resolution is None
    return answer.as_of is not None and attempt.verdict_as_of is not None and answer.as_of < attempt.verdict_as_of


def _told_only(now: Attempt, heard: list[Heard]) -> bool:
    return now.state is AttemptState.REJECTED and bool(heard) and set(heard) == {Heard.NOTIFICATION}


def false_changes_nothing(books: Books, unit: Unit) -> str | None:
    """17: what was forged, or speaks of another amount, account or order, is kept and not judged."""
    noted = [deed for deed in unit.deeds if isinstance(deed, NotificationNoted)]
    if not any(digest(deed.seen.raw) in books.false_bodies for deed in noted):
        return None
    if any(isinstance(deed, Saved) for deed in unit.deeds):
        return "a false notification changed a payout"
    if any(isinstance(deed, EvidenceKept) and deed.evidence.judged for deed in unit.deeds):
        return "a false notification was judged"
    return None


def no_lost_update(_books: Books, change: Change) -> str | None:
    """20: what was saved over is what was there, and every save is the next version."""
    known, before = change.known, change.before
    if known is None or before is None:
        return None if before is None else "a change of a payout that was never stored"
    if before.version != known.version:
        return f"version {before.version} was saved over version {known.version}"
    if change.after.version != known.version + 1:
        return f"version {known.version} became {change.after.version}"
    if before is not known and facts(before) != facts(known):
        return f"version {before.version} was saved over another content of that version"
    return None


def facts(payout: Payout) -> tuple[object, ...]:
    """What a version stands for. Schedules and counts of crashes are the store's own, and move between versions."""
    attempts = tuple((a.channel_reference, a.state, a.transmissions, a.reason) for a in payout.attempts)
    wish = payout.cancel_requested_at is not None
    return attempts, wish, payout.frozen, payout.hold, payout.closure, payout.resolution


def late_success_is_raised(books: Books, line: Line, case: Case, at: datetime) -> str | None:
    """21: exactly one incident for money that moved where we held "rejected"."""
    raised = raised_for(case, line)
    if raised > 1:
        return f"{raised} incidents for one late success of attempt {line.number}"
    if raised == 0 and findable(case, line, at):
        return f"{line.channel} paid attempt {line.number}, held rejected, and nobody was told"
    return None


def late_successes_are_raised(books: Books, order: Order, at: datetime) -> str | None:
    """21, for each order at the end."""
    case = books.case_of(order)
    for line in order.lines:
        if line.late and case is not None and (said := late_success_is_raised(books, line, case, at)):
            return said
    known = any(line.paid_times and not line.denied for line in order.lines)
    if order.false_failed and known and not order.disputed_told and case is not None and not disputed(case):
        return f"{order.reference}: the app was told failed, the bank paid, and it was never disputed"
    return None


def raised_for(case: Case, line: Line) -> int:
    """Incidents that tell of a payment under this line; that it came back besides is news of its own."""
    told = [each.detail for each in case.incidents_about(line.number)]
    paid = sum(f"says {OutcomeKind.SUCCEEDED} " in detail for detail in told)
    return paid or sum(f"says {OutcomeKind.RETURNED} " in detail for detail in told)


def disputed(case: Case) -> bool:
    """A `payout.disputed` is on its way, a payment by two people's word or a channel's included."""
    kinds = {sending.callback.type for sending in case.sendings.values()}
    return "payout.disputed" in kinds or "payout.paid" in kinds or not case.sendings


def findable(case: Case, line: Line, at: datetime) -> bool:
    """Whether one of the follow-ups (R17) came after the payment and is over by `at`, at a bank that forgot nothing."""
    if not 1 <= line.number <= len(case.payout.attempts) or line.paid_at is None or line.denied:
        return False
    settled_at = case.payout.attempts[line.number - 1].settled_at
    if settled_at is None:
        return True
    asked = [settled_at + wait for wait in _FOLLOWED_FOR if settled_at + wait > line.paid_at]
    return bool(asked) and asked[0] + _SLACK < at


def once_however_often(books: Books, unit: Unit) -> str | None:
    """22: a notification that comes again changes nothing again; with other content it is only asked about."""
    noted = [deed for deed in unit.deeds if isinstance(deed, NotificationNoted)]
    for deed in noted:
        seen = deed.seen
        if deed.novelty is Novelty.NEW and (seen.channel, seen.event_id, seen.payout_id) in books.noted:
            return f"{seen.channel} {seen.event_id} was taken for new a second time"
    known = {deed.seen.payout_id: deed.novelty for deed in noted if deed.novelty is not Novelty.NEW}
    for each in unit.deeds:
        novelty = known.get(payout_of(each))
        if novelty is Novelty.SEEN and isinstance(each, Saved | EvidenceKept):
            return "a notification that was known already was folded again"
        if novelty is not Novelty.CONFLICT or not isinstance(each, EvidenceKept):
            continue
        if each.evidence.answer.kind is not OutcomeKind.UNCLEAR:
            return "a notification's other content was believed"
    return None
