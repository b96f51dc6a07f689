"""A group waits for company while it comes, a little longer, and never for long."""

from __future__ import annotations

from itertools import count

import pytest

from gateway.store.company import LONG_S, QUIET_MAX, TURNS_MAX, Company


class Waiting:
    """A group whose turns take `turn_s` each."""

    def __init__(self, turn_s: float = 0.0) -> None:
        self.now_s, self.turn_s = 100.0, turn_s
        self.company = Company(lambda: self.now_s)

    def turns(self, *came: int) -> list[bool]:
        return [self._turn(each) for each in came]

    def _turn(self, came: int) -> bool:
        self.now_s += self.turn_s
        return self.company.is_awaited(came)


def test_nobody_comes() -> None:
    """A lone unit waits for as many quiet turns as there are, and no more."""
    assert Waiting().turns(*[0] * QUIET_MAX) == [True] * (QUIET_MAX - 1) + [False]


@pytest.mark.parametrize("quiet", range(QUIET_MAX))
def test_company_is_worth_some_more_quiet_turns(quiet: int) -> None:
    """Whoever comes in time makes the others worth waiting for again."""
    came = [*[0] * quiet, 1, *[0] * QUIET_MAX]
    assert Waiting().turns(*came) == [True] * (quiet + QUIET_MAX) + [False]


def test_they_keep_coming() -> None:
    """The first do not wait for ever."""
    company = Waiting().company
    assert next(turn for turn in count(1) if not company.is_awaited(1)) == TURNS_MAX


def test_turns_that_are_long() -> None:
    """On a loop that is busy few of them are waited for: the disk is not what would be blamed for the delay."""
    assert Waiting(0.6 * LONG_S).turns(1, 1) == [True, False]
    assert Waiting(LONG_S).turns(1) == [False]


def test_the_next_group_waits_as_long() -> None:
    """What the last one had to wait for is forgotten."""
    waiting = Waiting(LONG_S / QUIET_MAX)
    first = waiting.turns(*[0] * QUIET_MAX)
    waiting.company.begin()
    assert waiting.turns(*[0] * QUIET_MAX) == first
