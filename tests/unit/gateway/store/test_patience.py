"""A group waits for company while it comes, a little longer, and never for ever."""

from __future__ import annotations

from itertools import count

import pytest

from gateway.store.patience import QUIET_MAX, TURNS_MAX, Patience


def _turns(patience: Patience, *came: int) -> list[bool]:
    return [patience.goes_on(each) for each in came]


def test_nobody_comes() -> None:
    """A lone unit waits for as many quiet turns as there are, and no more."""
    assert _turns(Patience(), *[0] * QUIET_MAX) == [True] * (QUIET_MAX - 1) + [False]


@pytest.mark.parametrize("quiet", range(QUIET_MAX))
def test_company_is_worth_some_more_quiet_turns(quiet: int) -> None:
    """Whoever comes in time makes the others worth waiting for again."""
    assert _turns(Patience(), *[0] * quiet, 1, *[0] * QUIET_MAX) == [True] * (quiet + QUIET_MAX) + [False]


def test_they_keep_coming() -> None:
    """The first do not wait for ever."""
    patience = Patience()
    assert next(turn for turn in count(1) if not patience.goes_on(1)) == TURNS_MAX


def test_the_next_group_waits_as_long() -> None:
    """What the last one had to wait for is forgotten."""
    patience = Patience()
    first = _turns(patience, *[0] * QUIET_MAX)
    patience.begin()
    assert _turns(patience, *[0] * QUIET_MAX) == first
