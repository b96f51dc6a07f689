"""The ledger of feedback: whatever is heard of an attempt, and however often, it counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.feedback import FAILURE, LATE_MAX, NOTHING, SUCCESS, Counted, Evidence, Heard, count, lateness

news = st.lists(st.tuples(st.sampled_from(Heard), st.floats(0.0, 1.0)), max_size=12)


def folded(heard: list[tuple[Heard, float]]) -> tuple[Counted, Evidence]:
    counted, total = Counted(), NOTHING
    for each, late in heard:
        counted, difference = count(counted, each, late)
        total = total + difference
    return counted, total


@given(news)
def test_each_attempt_counts_once(heard: list[tuple[Heard, float]]) -> None:
    """The differences add up to at most one outcome and one unknown, and to what is noted as counted."""
    counted, total = folded(heard)
    for part, noted in zip(
        (total.success, total.failure, total.unknown),
        (counted.evidence.success, counted.evidence.failure, counted.evidence.unknown),
        strict=True,
    ):
        assert part == pytest.approx(noted, abs=1e-12)
        assert -1e-12 <= part <= 1.0 + 1e-12
    assert total.success + total.failure <= 1.0 + 1e-12


@given(news, st.sampled_from([Heard.SUCCEEDED, Heard.FAILED, Heard.NOT_ITS_FAULT]), news)
def test_the_first_definite_outcome_is_the_whole_evidence(
    before: list[tuple[Heard, float]], outcome: Heard, after: list[tuple[Heard, float]]
) -> None:
    """What was counted for lateness is given back, and what comes later (a repeat, a contradiction) changes nothing."""
    pending = [(heard, late) for heard, late in before if heard in (Heard.LATE, Heard.UNKNOWN)]
    _, total = folded([*pending, (outcome, 0.0), *after])
    expected = {Heard.SUCCEEDED: (1.0, 0.0), Heard.FAILED: (0.0, 1.0), Heard.NOT_ITS_FAULT: (0.0, 0.0)}[outcome]
    assert (total.success, total.failure) == pytest.approx(expected, abs=1e-12)
    assert total.unknown == float(any(heard is Heard.UNKNOWN for heard, _ in pending))


def test_lateness_grows_with_age_and_never_is_a_whole_failure() -> None:
    """Nothing while it is usual, half a failure at twice that, and at most nine tenths."""
    assert [lateness(age_s, 60.0) for age_s in (0.0, 60.0, 120.0)] == [0.0, 0.0, 0.5]
    assert lateness(90.0, 60.0) < lateness(100.0, 60.0)
    assert lateness(1e9, 60.0) == LATE_MAX < 1.0


def test_a_payout_that_comes_late_after_all_is_a_plain_success() -> None:
    """Growing evidence of failure first, all of it given back in the end."""
    counted, first = count(Counted(), Heard.LATE, 0.3)
    counted, second = count(counted, Heard.LATE, 0.7)
    counted, third = count(counted, Heard.LATE, 0.5)
    assert (first.failure, second.failure, third.failure) == pytest.approx((0.3, 0.4, 0.0))
    _, last = count(counted, Heard.SUCCEEDED)
    assert (first + second + third + last).failure == pytest.approx(0.0)
    assert (first + second + third + last).success == 1.0
    assert count(Counted(), Heard.FAILED)[1] == FAILURE
    assert count(Counted(), Heard.SUCCEEDED)[1] == SUCCESS
