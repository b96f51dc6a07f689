"""How much of an answer is believed: the whole table, pair by pair."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.domain.outcome import BELIEF, Absence, Answer, Finality, Heard, OutcomeKind, classify

K, H, F = OutcomeKind, Heard, Finality
EVERYTHING = list(product(Heard, OutcomeKind, Finality, [(1, 1), (1, 2), (2, 2), (0, 1), (0, 3)], Absence))


def test_rejected_needs_proof() -> None:
    """Of all answers: `rejected` is believed of a final code sent once, or of one final for the order (R4, R13)."""
    believed = set()
    for heard, kind, finality, (number, count), absence in EVERYTHING:
        outcome = classify(Answer(heard, kind, finality), number, count, absence)
        if outcome.kind is K.REJECTED:
            believed.add((heard, finality, count == 1))
            assert kind is K.REJECTED
    assert believed == {
        (H.SUBMIT, F.FINAL, True),
        (H.SUBMIT, F.FINAL_ON_REPEAT, True),
        (H.SUBMIT, F.FINAL_ON_REPEAT, False),
        (H.QUERY, F.FINAL, True),
        (H.QUERY, F.FINAL_ON_REPEAT, False),
        (H.QUERY, F.FINAL_ON_REPEAT, True),
    }


def test_not_sent_needs_transmission_one_of_one() -> None:
    """Proof that a transmission never left is proof about the attempt only when it was the only one (R13)."""
    for heard, kind, finality, (number, count), absence in EVERYTHING:
        outcome = classify(Answer(heard, kind, finality), number, count, absence)
        if outcome.kind is K.NOT_SENT:
            assert (heard, kind, number, count) == (H.SUBMIT, K.NOT_SENT, 1, 1)


def test_absent_needs_the_pinned_ground() -> None:
    """Not found is proof only where the ground says so; elsewhere it asks for a repeat (R6)."""
    for heard, kind, finality, (number, count), absence in EVERYTHING:
        outcome = classify(Answer(heard, kind, finality), number, count, absence)
        if outcome.kind is K.ABSENT:
            assert (heard, absence) == (H.QUERY, Absence.AUTHORITATIVE)
    never = classify(Answer(H.QUERY, K.ABSENT), 0, 1, Absence.NEVER)
    assert (never.kind, never.repeat) == (K.UNCLEAR, True)


@pytest.mark.parametrize(("heard", "kind"), [pair for pair in product(Heard, OutcomeKind) if pair not in BELIEF])
def test_a_missing_pair_is_unclear(heard: Heard, kind: OutcomeKind) -> None:
    """What the table does not name proves nothing."""
    outcome = classify(Answer(heard, kind, F.FINAL_ON_REPEAT), 1, 1, Absence.AUTHORITATIVE)
    assert (outcome.kind, outcome.repeat, outcome.ask_now) == (K.UNCLEAR, False, False)


@pytest.mark.parametrize("kind", [K.REJECTED, K.UNCLEAR])
def test_a_notification_of_failure_asks(kind: OutcomeKind) -> None:
    """Failure by notification never folds by itself: it makes us ask at once (R8)."""
    outcome = classify(Answer(H.NOTIFICATION, kind, F.FINAL_ON_REPEAT), 0, 1)
    assert (outcome.kind, outcome.ask_now) == (K.UNCLEAR, True)


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_a_cancels_answer_is_never_proof(kind: OutcomeKind) -> None:
    """Whatever a channel answers to a cancel, the attempt's state is for a query to say (R19)."""
    assert classify(Answer(H.CANCEL, kind, F.FINAL), 1, 1, Absence.AUTHORITATIVE).kind is K.UNCLEAR


def test_retry_under_the_same_id() -> None:
    """Codes to be retried fold as unclear and want the same bytes again, however often they were sent (R13)."""
    for number, count in [(1, 1), (2, 2)]:
        outcome = classify(Answer(H.SUBMIT, K.REJECTED, F.RETRY_SAME_ID), number, count)
        assert (outcome.kind, outcome.repeat) == (K.UNCLEAR, True)
