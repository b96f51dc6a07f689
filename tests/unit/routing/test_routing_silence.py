"""Silence of a channel: only the run of unanswered attempts since the last answer counts."""

from __future__ import annotations

import pytest

from routing.feedback import lateness
from routing.silence import LATE_MAX, Silence

USUAL_S = 2.0


def sent(*times_s: float) -> Silence:
    silence = Silence()
    for at_s in times_s:
        silence.sent(at_s, at_s)
    return silence


def test_what_is_younger_than_usual_is_no_silence() -> None:
    """Attempts under way are the normal state."""
    assert sent(10.0, 11.0).late(12.0, USUAL_S) == 0.0


def test_the_longer_and_the_more_the_worse() -> None:
    """The sum of the lateness of each, the oldest first."""
    silence = sent(0.0, 1.0, 9.5)
    assert silence.late(10.0, USUAL_S) == pytest.approx(lateness(10.0, USUAL_S) + lateness(9.0, USUAL_S))
    assert silence.late(4.0, USUAL_S) < silence.late(6.0, USUAL_S)


def test_an_answer_ends_the_run_for_everything_sent_before_it() -> None:
    """A stuck payout among answered ones says nothing of now; those sent later still wait."""
    silence = sent(0.0, 1.0, 2.0, 3.0)
    silence.answered(2.0, 2.0)
    assert silence.late(60.0, USUAL_S) == pytest.approx(lateness(57.0, USUAL_S))
    silence.answered(3.0, 3.0)
    assert silence.late(60.0, USUAL_S) == 0.0


def test_an_old_answer_does_not_end_a_newer_run() -> None:
    """What was sent after it is as silent as before."""
    silence = sent(0.0, 1.0, 2.0)
    silence.answered(0.0, 0.0)
    assert silence.late(60.0, USUAL_S) == pytest.approx(lateness(59.0, USUAL_S) + lateness(58.0, USUAL_S))


def test_what_is_dropped_is_not_suspected() -> None:
    """Its fate is unknown for another reason."""
    silence = sent(0.0)
    silence.dropped(0.0)
    silence.dropped("never sent")
    assert silence.late(60.0, USUAL_S) == 0.0


def test_suspicion_is_bounded() -> None:
    """However many it swallowed."""
    assert sent(*map(float, range(1000))).late(10_000.0, USUAL_S) <= LATE_MAX + 1.0
