"""Every check of the auditor is silent on a good story and speaks up in the one story that it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.domain.changes import begin_repeat, close, hold, release, request_cancel
from gateway.domain.event import EventType
from gateway.domain.hold import HoldCode
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, Heard, OutcomeKind
from gateway.domain.payout import AttemptState, Resolution
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.review import Request, RequestKind
from gateway.domain.status import StatusReason
from gateway.simulation.audit import INVARIANTS, auditor
from gateway.simulation.audit.deeds import (
    CallbackEnqueued,
    CallbackTried,
    EvidenceKept,
    NotificationNoted,
    RequestKept,
    Saved,
)
from gateway.simulation.audit.finding import Check, When
from gateway.store.records import Delivery, Evidence, Incident, Novelty, SeenNotification
from tests.support.audited import LEASE, Story
from tests.support.builders import an_opening

S = AttemptState
Bad = Callable[[Story], object]


def seen(raw: bytes = b"1", payout_id: str | None = None, event_id: str = "e-1", channel: str = "alpha"):
    return SeenNotification(channel, event_id, 0, payout_id, LEASE.until, raw)


def told_of(story: Story, kind: OutcomeKind = OutcomeKind.SUCCEEDED, *, judged: bool = True) -> EvidenceKept:
    answer = Answer(Heard.NOTIFICATION, kind)
    return EvidenceKept(story.payout.id, Evidence(1, 0, story.now, answer, judged))


def in_state(story: Story, state: AttemptState, **fields: object) -> object:
    """The newest attempt is simply in that state now."""
    moved = replace(story.newest, state=state, **fields)
    return story.saved(story.payout.with_attempt(moved))


# The stories, by the name of the check they are for ------------------------------------------------------------------


def acknowledged_is_stored(story: Story) -> None:
    story.wanted().acknowledged()


def acknowledged_as_ordered(story: Story) -> None:
    story.accepted().acknowledged(amount=Money(1, "CNY"))


def acknowledged_stays(story: Story) -> None:
    story.accepted()
    story.auditor.books.cases.clear()
    _end(story)


def somebody_looks(story: Story) -> None:
    story.accepted().opened(due=False)


def one_payout_a_reference(story: Story) -> None:
    story.accepted()
    story.accepted(replace(story.payout, id="po_another"))


def order_unchanged(story: Story) -> None:
    story.accepted().saved(replace(story.payout, amount=Money(1, "CNY")))


def paid_once(story: Story) -> None:
    story.paid().booked(paid_times=2)


def as_ordered(story: Story) -> None:
    story.accepted().opened().sent().booked(amount=story.payout.amount.minor + 1)


def rejected_never_pays(story: Story) -> None:
    story.accepted().opened().sent().rejected().booked()


def rejected_was_not_paid(story: Story) -> None:
    story.accepted().opened().sent().booked().rejected().looked()


def succeeded_was_paid(story: Story) -> None:
    story.accepted().opened().sent().succeeded().looked()


def returned_within_paid(story: Story) -> None:
    story.paid()
    back = Answer(Heard.QUERY, OutcomeKind.RETURNED)
    story.heard(back, S.RETURNED, returned=story.payout.amount + Money(1, "CNY"))


def returned_stays(story: Story) -> None:
    story.paid().opened("beta")


def status_follows(story: Story) -> None:
    story.accepted().opened(told="payout.paid")


def change_is_told(story: Story) -> None:
    story.accepted().opened().sent().booked()
    paid = story.payout.with_attempt(replace(story.newest, state=S.SUCCEEDED))
    after = replace(paid, version=story.payout.version + 1)
    story.commit(Saved(story.payout, after, story.now, LEASE))


def intent_first(story: Story) -> None:
    story.accepted().opened().sent().sent()


def same_bytes(story: Story) -> None:
    story.accepted().opened().sent(body=b"other")


def not_relabelled(story: Story) -> None:
    story.accepted().opened()
    story.auditor.node_started("a", story.now)
    in_state(story, S.PLANNED, transmissions=0)


def not_sent_is_true(story: Story) -> None:
    story.accepted().opened().sent()
    in_state(story, S.PLANNED, transmissions=0)


def not_sent_is_proved(story: Story) -> None:
    story.accepted().opened()
    in_state(story, S.PLANNED, transmissions=0)


def taken_off_the_count(story: Story) -> None:
    story.accepted().opened()
    in_state(story, S.UNKNOWN, transmissions=0)


def one_at_a_time(story: Story) -> None:
    story.accepted().opened().unknown().opened("beta")


def held_is_not_sent(story: Story) -> None:
    story.accepted().opened().sent().rejected().saved(replace(story.payout, frozen=True), EventType.FROZEN)
    story.opened("beta")


def along_the_graph(story: Story) -> None:
    story.accepted().opened().rejected()
    in_state(story, S.SUCCEEDED)


def given_up_unsent(story: Story) -> None:
    story.accepted().opened()
    story.payout = story.payout.with_attempt(replace(story.newest, state=S.PLANNED))
    story.auditor.books.cases[story.payout.id].payout = story.payout
    in_state(story, S.REJECTED)


def duplicate_is_no_refusal(story: Story) -> None:
    story.accepted().opened().sent().heard(
        Answer(Heard.SUBMIT, OutcomeKind.REJECTED), S.REJECTED, reason=RejectReason.DUPLICATE
    )


def same_attempt_same_ground(story: Story) -> None:
    story.accepted().opened()
    in_state(story, S.UNKNOWN, ground=replace(story.newest.ground, account_id="another"))


def ids_are_unique(story: Story) -> None:
    story.accepted().opened().rejected()
    opening = an_opening(story.payout, "beta")
    same = replace(opening.ids, channel_reference=story.newest.channel_reference)
    _open_as(story, replace(opening, ids=same))


def ids_are_derived(story: Story) -> None:
    story.accepted()
    opening = an_opening(story.payout, "alpha")
    _open_as(story, replace(opening, ids=replace(opening.ids, channel_reference="Z" * 26)))


def _open_as(story: Story, opening: object) -> None:
    from gateway.domain.changes import open_attempt

    story.saved(open_attempt(story.payout, opening, story.now), EventType.ATTEMPT_OPENED)  # type: ignore[arg-type]


def repeated_as_allowed(story: Story) -> None:
    story.accepted().opened().sent().unknown().wait(days=2)
    story.saved(begin_repeat(story.payout, 1, story.now), EventType.ATTEMPT_REPEATED)


def moved_by_proof(story: Story) -> None:
    story.accepted().opened().sent()
    in_state(story, S.REJECTED)


def not_by_notification(story: Story) -> None:
    story.accepted().opened().sent().heard(Answer(Heard.NOTIFICATION, OutcomeKind.REJECTED), S.REJECTED)


def old_news_stops_nothing(story: Story) -> None:
    story.accepted().opened().sent().booked()
    story.heard(Answer(Heard.QUERY, OutcomeKind.SUCCEEDED), S.SUCCEEDED, verdict_as_of=story.now)
    old = Answer(Heard.QUERY, OutcomeKind.REJECTED, as_of=story.now - timedelta(hours=1))
    story.saved(
        replace(story.payout, frozen=True), EventType.FROZEN, evidence=[Evidence(1, 0, story.now, old, judged=True)]
    )


def false_changes_nothing(story: Story) -> None:
    story.accepted().opened()
    story.auditor.notification_false(b"forged")
    story.commit(NotificationNoted(seen(b"forged", story.payout.id), Novelty.NEW), told_of(story))


def once_however_often(story: Story) -> None:
    story.accepted().opened()
    story.commit(NotificationNoted(seen(payout_id=story.payout.id), Novelty.SEEN), told_of(story))


def no_lost_update(story: Story) -> None:
    story.accepted()
    old = story.payout
    story.opened().unknown().saved(replace(old, waiting_for=StatusCode.CHANNEL_UNAVAILABLE), before=old)


def late_successes_are_raised(story: Story) -> None:
    story.auditor.books.broken_contract = True
    story.accepted().opened().sent().rejected().booked().wait(hours=80)
    _end(story)


def one_event_a_change(story: Story) -> None:
    story.accepted().saved(replace(story.payout, frozen=True), None)


def fences_rise(story: Story) -> None:
    story.accepted().claimed(fence=1)


def stale_lease_writes_nothing(story: Story) -> None:
    story.accepted().claimed(fence=2).opened(lease=LEASE)


def told_as_committed(story: Story) -> None:
    story.accepted().got(story.callback("payout.paid", "evt_nobody"))


def numbered_in_order(story: Story) -> None:
    story.accepted()
    story.saved(story.payout, deeds=[CallbackEnqueued(story.callback("payout.accepted", "evt_again"))]).looked()


def delivered_is_true(story: Story) -> None:
    story.accepted()
    story.tried(replace(story.callback("payout.accepted"), delivered_at=story.now, due_at=None))
    _end(story)


def due_is_tried(story: Story) -> None:
    story.accepted().wait(hours=2)
    _end(story)


def tries_change_nothing(story: Story) -> None:
    story.accepted()
    callback = story.callback("payout.accepted")
    story.commit(
        CallbackTried(callback, Delivery(story.now, 500, "HTTP 500", 1)),
        Saved(story.payout, replace(story.payout, version=2), story.now, LEASE),
    )


def two_people(story: Story) -> None:
    story.accepted().opened().unknown()
    request = _request(made_by="ann", approved_by="ann")
    story.commit(RequestKept(replace(request, approved_by=None)))
    resolved = replace(story.payout, resolution=Resolution(True, story.now))
    story.saved(resolved, EventType.RESOLVED, actor="ann", detail={"request": request.id}, deeds=[RequestKept(request)])


def _request(kind: RequestKind = RequestKind.RESOLVE_PAID, *, made_by: str, approved_by: str | None) -> Request:
    now = LEASE.until
    return Request("rq_1", kind, Story().payout.id, "seen", None, made_by, now, "x", now, approved_by, now)


def canceled_pays_nothing(story: Story) -> None:
    story.accepted().opened().saved(request_cancel(story.payout, story.now), told="payout.canceled")


def ended_pays_nothing(story: Story) -> None:
    story.accepted().opened().unknown()
    story.saved(close(story.payout, StatusReason(StatusCode.EXPIRED), story.now), EventType.CLOSED)


def unwanted_is_not_sent(story: Story) -> None:
    story.accepted().saved(request_cancel(story.payout, story.now), EventType.CANCEL_REQUESTED)
    story.opened()


def poison_is_held(story: Story) -> None:
    story.accepted().claimed(2, "b", 1).claimed(3, "a", 2).claimed(4, "b", 3).opened()


def ends_or_waits(story: Story) -> None:
    story.accepted().opened(due=False)
    _end(story)


def not_forgotten(story: Story) -> None:
    story.accepted().opened().wait(hours=2)
    _end(story)


def sends_are_settled(story: Story) -> None:
    story.accepted().opened()
    story.auditor.faults_over(story.now)
    story.wait(hours=2).looked()


def payments_are_known(story: Story) -> None:
    story.accepted().opened().sent().booked().wait(days=2)
    _end(story)


def channel_can_be_asked(story: Story) -> None:
    story.accepted().opened("gamma")


def line_is_clean(story: Story) -> None:
    story.accepted()
    story.auditor.log_line(f'{{"event": "x", "to": "{story.payout.beneficiary.account}"}}')


def change_is_clean(story: Story) -> None:
    story.accepted().opened(detail={"to": story.payout.beneficiary.account})


def _end(story: Story) -> None:
    """The checks of the end, without the comparison with a store."""
    books, at = story.auditor.books, story.now
    for case in list(books.cases.values()):
        story.auditor._run(When.END, case.payout.id, case, at)
    for order in books.orders.values():
        story.auditor._run(When.END_ORDER, books.by_order.get(order.key), order, at)


CHECKS = [(number, when, check) for number, each in INVARIANTS.items() for when, check in each.checks]


@pytest.mark.parametrize(("number", "when", "check"), CHECKS, ids=[f"{n}-{c.__name__}" for n, _, c in CHECKS])
def test_the_check_finds_its_story(number: int, when: When, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """With this one check alone the bad story is found, and found under the invariant's number."""
    only = {moment: ((number, check),) if moment is when else () for moment in When}
    monkeypatch.setattr(auditor, "_CHECKS", only)
    story = Story()
    globals()[check.__name__](story)
    assert story.found == {number}, story.auditor.violations


def good_failover(story: Story) -> None:
    """Refused by one, paid by the next, told, and looked at to the end."""
    story.accepted().opened().sent().rejected().opened("beta").sent().booked().succeeded().looked()


def good_repeat(story: Story) -> None:
    """No answer, the same bytes again, paid once."""
    story.accepted().opened().sent().unknown().wait(minutes=1)
    story.saved(begin_repeat(story.payout, 1, story.now), EventType.ATTEMPT_REPEATED).sent().booked()
    story.heard(Answer(Heard.QUERY, OutcomeKind.SUCCEEDED), S.SUCCEEDED, transmission_no=0).looked()


def good_not_sent(story: Story) -> None:
    """Proved not to have left, and sent by another channel in its place."""
    story.accepted().opened()
    story.heard(Answer(Heard.SUBMIT, OutcomeKind.NOT_SENT), S.PLANNED, transmissions=0)
    given_up = replace(story.newest, state=S.REJECTED, settled_at=story.now)
    story.payout, before = story.payout.with_attempt(given_up), story.payout
    story.opened("beta", before=before).sent().booked().succeeded().looked()


def good_last_word(story: Story) -> None:
    """A stopping process knows that nothing left; its commit lands when the next one has begun already."""
    story.accepted().opened()
    story.start = story.auditor.books.starts["a"]
    story.auditor.node_started("a", story.now)
    story.heard(Answer(Heard.SUBMIT, OutcomeKind.NOT_SENT), S.PLANNED, transmissions=0)


def good_release(story: Story) -> None:
    """Held with a send open, in calm times; what people let go has its five minutes from then."""
    story.accepted().opened()
    story.saved(hold(story.payout, HoldCode.CRASHED, story.now), EventType.HELD)
    story.auditor.faults_over(story.now)
    story.wait(hours=1)
    request = _request(RequestKind.RELEASE, made_by="ann", approved_by=None)
    story.commit(RequestKept(request))
    approved = RequestKept(replace(request, approved_by="ben"))
    released = release(story.payout, story.now)
    story.saved(released, EventType.RELEASED, actor="ben", detail={"request": request.id}, deeds=[approved]).looked()


def good_lease_of_a_wrong_clock(story: Story) -> None:
    """Its node's clock was 50 minutes ahead, and it crashed: the lease holds so long, and then it is settled."""
    story.accepted().opened().claimed(lasts=timedelta(minutes=50))
    story.auditor.faults_over(story.now)
    story.wait(minutes=40).looked()
    story.wait(minutes=11).claimed(3).unknown().looked()


def good_takeover(story: Story) -> None:
    """A crash, another node, a question."""
    story.accepted().opened().sent()
    story.auditor.node_crashed("a", story.now)
    story.wait(minutes=2).claimed(2, "b", 1)
    story.heard(Answer(Heard.SUBMIT, OutcomeKind.UNCLEAR), S.UNKNOWN)
    story.booked().heard(Answer(Heard.QUERY, OutcomeKind.SUCCEEDED), S.SUCCEEDED, transmission_no=0).released().looked()


def good_return(story: Story) -> None:
    """Paid, told, and the money came back."""
    story.paid().booked(returned=story.payout.amount.minor)
    story.heard(Answer(Heard.NOTIFICATION, OutcomeKind.RETURNED), S.RETURNED, returned=story.payout.amount).looked()


def good_late_success(story: Story) -> None:
    """In a world that breaks its word: found, raised once, frozen, disputed."""
    story.auditor.books.broken_contract = True
    story.accepted().opened().sent().rejected()
    story.saved(close(story.payout, StatusReason(StatusCode.EXPIRED), story.now), EventType.CLOSED)
    failed = story.callback("payout.failed")
    story.got(failed).booked().wait(hours=2)
    what = "the channel says succeeded of an attempt that is rejected"
    said = Evidence(1, 0, story.now, Answer(Heard.QUERY, OutcomeKind.SUCCEEDED), judged=True)
    case = story.auditor.books.cases[story.payout.id]
    story.saved(replace(story.payout, frozen=True), EventType.FROZEN, evidence=[said], told="payout.disputed")
    case.incidents.append(Incident(story.now, "contradiction", what, 1))
    story.got(story.callback("payout.disputed")).looked()


def good_hold(story: Story) -> None:
    """Nobody knows for too long: people look at it, two of them say paid."""
    story.accepted().opened().sent().unknown().wait(days=1)
    story.saved(hold(story.payout, HoldCode.OUTCOME_UNKNOWN, story.now), EventType.HELD).booked()
    request = _request(made_by="ann", approved_by=None)
    story.commit(RequestKept(request))
    approved = RequestKept(replace(request, approved_by="ben"))
    paid = replace(story.newest, state=S.SUCCEEDED)
    resolved = replace(story.payout.with_attempt(paid), resolution=Resolution(True, story.now), hold=None)
    story.saved(resolved, EventType.RESOLVED, actor="ben", detail={"request": request.id}, deeds=[approved]).looked()


GOOD: tuple[Bad, ...] = (
    good_failover,
    good_repeat,
    good_not_sent,
    good_last_word,
    good_release,
    good_lease_of_a_wrong_clock,
    good_takeover,
    good_return,
    good_late_success,
    good_hold,
)


@pytest.mark.parametrize("tell", GOOD)
def test_a_sound_story_is_passed_over_in_silence(tell: Bad) -> None:
    """None of the checks has anything to say about what a sound gateway does."""
    story = Story()
    tell(story)
    case = story.auditor.books.cases[story.payout.id]
    for sending in case.sendings.values():
        story.got(sending.callback)
        delivered = replace(sending.callback, delivered_at=story.now, due_at=None)
        story.tried(delivered)
    _end(story)
    assert story.auditor.violations == []


def test_every_invariant_is_held_somewhere() -> None:
    """Forty-eight of them, each with words, and with a check here, in the auditor, or in a test that is named."""
    assert list(INVARIANTS) == list(range(1, 49))
    root = Path(__file__).parents[3]
    by_the_auditor = {6, 25, 35, 45, 46}
    for number, each in INVARIANTS.items():
        assert each.text
        assert each.checks or each.elsewhere or number in by_the_auditor, number
        assert not each.elsewhere.startswith("tests/") or (root / each.elsewhere).exists(), each.elsewhere


def test_a_question_to_the_wrong_channel_is_noticed() -> None:
    """Asked where it was sent, or about an id nobody sent: fine; asked elsewhere: 33."""
    story = Story().accepted().opened()
    story.auditor.asked("alpha", story.newest.channel_reference)
    story.auditor.asked("beta", "NOBODYS")
    assert story.auditor.violations == []
    story.auditor.asked("beta", story.newest.channel_reference)
    assert story.found == {33}


def test_an_order_of_an_honest_bank_is_held_to_everything() -> None:
    """In a broken-contract world that names its broken orders, the others are not excused."""
    story = Story(broken_contract=True)
    story.auditor.books.named_broken = True
    story.paid().booked(paid_times=2)
    assert story.found == {2}


def test_a_broken_promise_is_only_to_be_found_out() -> None:
    """The named order may be paid twice by its bank's doing; a false "failed" is counted apart."""
    story = Story(broken_contract=True).paid()
    story.auditor.contract_broken(story.newest.channel_reference)
    story.booked(paid_times=2)
    assert story.auditor.violations == []
