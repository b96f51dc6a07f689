"""The wait for a commit is foretold from the last groups, and a disk that hangs is noticed while it hangs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.commit_wait import CommitWait
from tests.support.clock import FakeClock

GROUP_MAX = 256


def worked(unit_s: float, commit_s: float, groups: list[int]) -> tuple[FakeClock, CommitWait]:
    clock = FakeClock()
    wait = CommitWait(clock.monotonic, GROUP_MAX)
    for units in groups:
        wait.began(units)
        clock.move(units * unit_s)
        wait.committing()
        clock.move(commit_s)
        wait.ended()
    return clock, wait


@given(
    st.integers(1, 50),
    st.integers(1, 200),
    st.lists(st.integers(1, GROUP_MAX), min_size=1, max_size=20),
    st.integers(0, 5000),
)
def test_in_a_steady_world_the_estimate_is_the_wait(
    unit_tenths_ms: int, commit_ms: int, groups: list[int], waiting: int
) -> None:
    """Whatever the groups were: so many units and so many commits from now the queue is empty."""
    unit_s, commit_s = unit_tenths_ms / 1e4, commit_ms / 1e3
    _, wait = worked(unit_s, commit_s, groups)
    exact = waiting * unit_s + -(-waiting // wait.group) * commit_s
    assert wait.estimate_s(waiting) == pytest.approx(exact, rel=1e-3, abs=1e-4)


@given(st.lists(st.integers(1, GROUP_MAX), max_size=9), st.integers(0, 3000), st.integers(0, 3000))
def test_a_longer_queue_is_never_a_shorter_wait(groups: list[int], one: int, other: int) -> None:
    """The estimate grows with the queue."""
    _, wait = worked(0.0003, 0.004, groups)
    assert wait.estimate_s(min(one, other)) <= wait.estimate_s(max(one, other))


def test_an_idle_writer_is_no_wait() -> None:
    """Nothing queued, nothing to wait for, however slow the last commit was."""
    _, wait = worked(0.001, 30.0, [1])
    assert wait.estimate_s(0) == 0.0


def test_a_commit_that_hangs_counts_while_it_hangs() -> None:
    """It has taken three seconds, so it takes at least as long for one more; afterwards the queue is empty again."""
    clock, wait = worked(0.0003, 0.004, [10] * 5)
    wait.began(10)
    clock.move(3.0)
    assert wait.under_way == 10
    assert wait.estimate_s(0) >= 3.0
    wait.committing()
    wait.ended()
    assert (wait.under_way, wait.estimate_s(0)) == (0, 0.0)


def test_a_slower_disk_is_believed_after_some_groups() -> None:
    """The newest groups count most: a fsync twenty times slower shows within a dozen commits."""
    clock, wait = worked(0.0003, 0.004, [10] * 50)
    for _ in range(12):
        wait.began(10)
        wait.committing()
        clock.move(0.08)
        wait.ended()
    assert 0.07 < wait.estimate_s(1) < 0.09


def test_a_group_that_committed_nothing_teaches_nothing() -> None:
    """Every unit of it was refused: how long a commit takes is known no better."""
    clock, wait = worked(0.0003, 0.004, [10] * 5)
    before = wait.estimate_s(100)
    wait.began(10)
    clock.move(60.0)
    wait.ended()
    assert wait.estimate_s(100) == before


def test_whoever_joins_a_group_is_part_of_it() -> None:
    """One that was taken as ten and came to be fifteen is as if fifteen had been taken."""
    clock, grown = worked(0.0003, 0.004, [10] * 5)
    grown.began(10)
    grown.joined(5)
    assert grown.under_way == 15
    clock.move(15 * 0.0003)
    grown.committing()
    clock.move(0.004)
    grown.ended()
    _, whole = worked(0.0003, 0.004, [10] * 5 + [15])
    assert (grown.under_way, grown.estimate_s(100)) == (0, pytest.approx(whole.estimate_s(100)))


def test_what_a_group_waits_before_its_statements_is_not_its_units_fault() -> None:
    """Company, or a lock, costs a group so much whatever is in it: as if its commit had taken that longer."""
    clock, waited = worked(0.0003, 0.004, [10] * 5)
    for _ in range(40):
        waited.began(5)
        clock.move(0.002)
        waited.joined(5)
        clock.move(0.004)
        waited.joined(0)
        clock.move(10 * 0.0003)
        waited.committing()
        clock.move(0.004)
        waited.ended()
    _, slower = worked(0.0003, 0.010, [10] * 45)
    assert waited.group == slower.group
    assert waited.estimate_s(1000) == pytest.approx(slower.estimate_s(1000), rel=1e-2)
