"""The ledger of feedback: whatever is heard of an attempt, and however often, it counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.feedback import FAILURE, LATE_MAX, NOTHING, SUCCESS, UNKNOWN, Evidence, Standing, lateness, worth

standings = st.tuples(st.sampled_from(Standing), st.booleans())


def folded(heard: list[tuple[Standing, bool]]) -> Evidence:
    """What a record is handed in all: the differences between one standing and the next."""
    before = total = NOTHING
    for standing, was_unknown in heard:
        now = worth(standing, was_unknown)
        total, before = total + (now - before), now
    return total


@given(st.lists(standings, max_size=12), standings)
def test_each_attempt_counts_as_it_stands_last(
    before: list[tuple[Standing, bool]], last: tuple[Standing, bool]
) -> None:
    """However it came there, and whatever was counted on the way: at most one outcome and one time of not knowing."""
    total = folded([*before, last])
    assert total == worth(*last) == folded([*before, last, last])
    assert 0.0 <= total.success + total.failure <= 1.0
    assert total.unknown == float(last[1])


@pytest.mark.parametrize(
    ("standing", "comes_to"),
    [
        (Standing.OPEN, NOTHING),
        (Standing.PAID, SUCCESS),
        (Standing.FAILED, FAILURE),
        (Standing.NOT_ITS_FAULT, NOTHING),
    ],
)
def test_what_each_standing_comes_to(standing: Standing, comes_to: Evidence) -> None:
    """The beneficiary's fault is nothing; that nobody knew for a while is counted beside the outcome, not for it."""
    assert worth(standing, False) == comes_to
    assert worth(standing, True) == comes_to + UNKNOWN


def test_a_payout_that_comes_late_after_all_is_a_plain_success() -> None:
    """Growing evidence of failure first, all of it given back in the end."""
    steps = [worth(Standing.OPEN, False, late) for late in (0.3, 0.7, 5.0)]
    assert [step.failure for step in steps] == [0.3, 0.7, LATE_MAX]
    assert steps[0] + (steps[1] - steps[0]) + (worth(Standing.PAID, False, 5.0) - steps[1]) == SUCCESS
    assert worth(Standing.NOT_ITS_FAULT, False, 5.0) == NOTHING


def test_lateness_grows_with_age_and_never_is_a_whole_failure() -> None:
    """Nothing while it is usual, half a failure at twice that, and at most nine tenths."""
    assert [lateness(age_s, 60.0) for age_s in (0.0, 60.0, 120.0)] == [0.0, 0.0, 0.5]
    assert lateness(90.0, 60.0) < lateness(100.0, 60.0)
    assert lateness(1e9, 60.0) == LATE_MAX < 1.0
