"""What an app is told: which events a change causes, and what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product
from uuid import UUID

import pytest

from gateway.callbacks.body import EVENT_TYPES, announcements, corrects, event_body
from gateway.domain.hold import Hold, HoldCode
from gateway.domain.payout import AttemptState, Closure, Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.status import Status, status
from gateway.domain.terms import Terms
from gateway.operations.announce import make_callbacks
from tests.support.callbacks import ACTION, NOW, make_attempt, make_endpoint, make_payout

A = AttemptState

IN_STATUS: dict[Status, Payout] = {
    Status.ACCEPTED: make_payout(),
    Status.SCHEDULED: make_payout(terms=Terms(send_at=NOW + timedelta(days=1))),
    Status.HELD: make_payout(hold=Hold(HoldCode.FOUND_AT_CHANNEL, NOW)),
    Status.PROCESSING: make_payout(attempts=(make_attempt(A.PENDING),)),
    Status.PAID: make_payout(attempts=(make_attempt(A.SUCCEEDED, settled_at=NOW),)),
    Status.FAILED: make_payout(
        attempts=(make_attempt(A.REJECTED, settled_at=NOW),), closure=Closure(StatusCode.ACCOUNT_CLOSED, NOW)
    ),
    Status.CANCELED: make_payout(cancel_requested_at=NOW),
    Status.RETURNED: make_payout(attempts=(make_attempt(A.RETURNED, settled_at=NOW),)),
}
"""One payout in each public status."""

WAITING = make_payout(attempts=(make_attempt(A.PENDING, action=ACTION),))
DISPUTED = replace(IN_STATUS[Status.FAILED], frozen=True)


def test_the_examples_are_what_they_say() -> None:
    """Every status there is has its example here."""
    assert {name: status(payout) for name, payout in IN_STATUS.items()} == {name: name for name in Status}


@pytest.mark.parametrize(("old", "new"), list(product(Status, Status)))
def test_a_change_of_status_is_told_and_no_other(old: Status, new: Status) -> None:
    """`payout.<status>` exactly when the public status became another; accepted is never told by a change."""
    told = announcements(IN_STATUS[old], IN_STATUS[new])
    expected = () if old is new or new is Status.ACCEPTED else (f"payout.{new}",)
    assert told == expected
    assert EVENT_TYPES.issuperset(told)


@pytest.mark.parametrize("new", Status)
def test_creation_is_told_as_accepted_first(new: Status) -> None:
    """A payout that is processing as soon as it is stored was accepted all the same."""
    expected = ("payout.accepted",) if new is Status.ACCEPTED else ("payout.accepted", f"payout.{new}")
    assert announcements(None, IN_STATUS[new]) == expected


def test_an_action_is_told_when_it_appears() -> None:
    """Once, when the payee has something to do; again only when it is another thing."""
    processing = IN_STATUS[Status.PROCESSING]
    assert announcements(processing, WAITING) == ("payout.action_required",)
    assert announcements(IN_STATUS[Status.ACCEPTED], WAITING) == ("payout.processing", "payout.action_required")
    assert announcements(WAITING, WAITING) == ()
    assert announcements(WAITING, processing) == ()
    later = replace(ACTION, expires_at=ACTION.expires_at + timedelta(hours=1))
    changed = make_payout(attempts=(make_attempt(A.PENDING, action=later),))
    assert announcements(WAITING, changed) == ("payout.action_required",)
    assert announcements(None, WAITING) == ("payout.accepted", "payout.processing", "payout.action_required")


def test_a_dispute_is_told_when_it_turns_true() -> None:
    """A failed payout that proof contradicts is said loudly, once."""
    assert announcements(IN_STATUS[Status.FAILED], DISPUTED) == ("payout.disputed",)
    assert announcements(DISPUTED, DISPUTED) == ()
    assert announcements(DISPUTED, IN_STATUS[Status.FAILED]) == ()
    assert announcements(IN_STATUS[Status.PROCESSING], DISPUTED) == ("payout.failed", "payout.disputed")


def test_a_silent_change_tells_nothing() -> None:
    """A freeze of a live payout, a new version, a poll: nothing an app could see changed."""
    processing = IN_STATUS[Status.PROCESSING]
    assert announcements(processing, replace(processing, frozen=True, version=7)) == ()


def test_taking_back_a_failure_says_so() -> None:
    """Paid after failed `corrects` failed; nothing else corrects anything."""
    failed, paid = IN_STATUS[Status.FAILED], IN_STATUS[Status.PAID]
    assert corrects(DISPUTED, paid) is Status.FAILED
    pairs = [(None, paid), (IN_STATUS[Status.PROCESSING], paid), (failed, DISPUTED), (paid, IN_STATUS[Status.RETURNED])]
    assert [corrects(before, after) for before, after in pairs] == [None] * 4


def test_the_body_is_the_documented_one() -> None:
    """`{id, type, timestamp, sequence, api_version, data: {object}}`, in that order, with the payout masked."""
    payout = IN_STATUS[Status.PAID]
    body = event_body("evt_1", "payout.paid", 4, NOW, payout, "2026-01")
    event = json.loads(body)
    assert list(event) == ["id", "type", "timestamp", "sequence", "api_version", "data"]
    assert event["timestamp"] == "2026-01-02T03:04:05.000Z"
    assert (event["id"], event["type"], event["sequence"], event["api_version"]) == (
        "evt_1",
        "payout.paid",
        4,
        "2026-01",
    )
    assert event["data"]["object"]["status"] == "paid"
    assert event["data"]["object"]["id"] == payout.id
    assert json.loads(event_body("e", "t", 5, NOW, payout, "v", Status.FAILED))["corrects"] == "failed"


def test_the_body_has_nothing_private() -> None:
    """No account number, no full name, no free text, no token of an action."""
    text = event_body("evt_1", "payout.action_required", 1, NOW, WAITING, "v").decode()
    assert "6222********7890" in text
    for private in ("6222021234567890", "张三丰", "private words", "package_info", "token"):
        assert private not in text


def _uuids() -> Callable[[], UUID]:
    numbers = iter(range(1, 100))
    return lambda: UUID(int=next(numbers))


def test_one_event_is_the_same_for_all_endpoints() -> None:
    """Same id, same body, same sequence; one row each, due now."""
    one, two = make_endpoint("https://a.example/"), make_endpoint("https://b.example/")
    made = make_callbacks(None, make_payout(), (one, two), NOW, _uuids(), "2026-01", 0)
    first, second = made.callbacks
    assert (first.endpoint, second.endpoint) == (one.id, two.id)
    assert replace(second, endpoint=one.id) == first
    assert first.id == "evt_" + UUID(int=1).hex
    assert json.loads(first.body)["id"] == first.id
    assert json.loads(first.body)["sequence"] == first.sequence == made.sequence == 1
    assert (first.due_at, first.created_at, first.tries) == (NOW, NOW, 0)
    assert (first.app, first.payout_id, first.shard, first.type) == ("acme", make_payout().id, 0, "payout.accepted")


def test_several_events_of_one_change_have_their_own_ids_and_rising_sequences() -> None:
    """The order in which they are told is the order of their sequences, after the last one used."""
    endpoint = make_endpoint()
    made = make_callbacks(None, WAITING, (endpoint,), NOW, _uuids(), "v", 5)
    assert [(row.type, row.sequence) for row in made.callbacks] == [
        ("payout.accepted", 6),
        ("payout.processing", 7),
        ("payout.action_required", 8),
    ]
    assert made.sequence == 8
    assert len({row.id for row in made.callbacks}) == 3


def test_an_endpoint_gets_only_what_it_wants() -> None:
    """A filtered endpoint is left out, and the numbers do not depend on who listens."""
    picky = make_endpoint(events=frozenset({"payout.paid"}))
    creation = make_callbacks(None, make_payout(), (picky,), NOW, _uuids(), "v", 0)
    assert (creation.callbacks, creation.sequence) == ((), 1)
    nobody = make_callbacks(IN_STATUS[Status.PROCESSING], IN_STATUS[Status.PAID], (), NOW, _uuids(), "v", 1)
    assert (nobody.callbacks, nobody.sequence) == ((), 2)
    paid = make_callbacks(IN_STATUS[Status.PROCESSING], IN_STATUS[Status.PAID], (picky,), NOW, _uuids(), "v", 1)
    assert [(row.type, row.sequence) for row in paid.callbacks] == [("payout.paid", 2)]


def test_no_announcement_leaves_the_sequence() -> None:
    """Nothing told, nothing counted."""
    made = make_callbacks(WAITING, WAITING, (make_endpoint(),), NOW, _uuids(), "v", 3)
    assert (made.callbacks, made.sequence) == ((), 3)
