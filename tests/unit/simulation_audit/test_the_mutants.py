"""The catalogue of mutants: complete, distinct, and gone when they are over."""

from __future__ import annotations

import pytest

from gateway.simulation.audit import INVARIANTS
from tests.mutants.catalogue import MUTANTS, Mutant
from tests.mutants.mutant import everywhere, mutant, swapped

RULES = {f"R{number}" for number in range(13, 20)}


def test_the_catalogue_is_complete() -> None:
    """Thirty at least, one name each, R13 to R19 among them, and each broken invariant is one of ours."""
    assert len(MUTANTS) >= 30
    assert len({each.name for each in MUTANTS}) == len(MUTANTS)
    assert {each.rule for each in MUTANTS} >= RULES
    for each in MUTANTS:
        assert each.breaks
        assert each.breaks <= INVARIANTS.keys(), each.name


class _Thing:
    word = "sound"


def test_a_mutant_is_over_when_it_is_over() -> None:
    """Inside it the decision is another, outside it is not, and it can be made again."""
    bent = mutant("bent", "1", "R1", swapped(_Thing, "word", "bent"))
    for _ in range(2):
        with bent.patch():
            assert _Thing.word == "bent"
        assert _Thing.word == "sound"


def test_a_mutant_that_would_raise_is_none() -> None:
    """A replacement that cannot be called as the original breaks the program, not a decision: it is refused."""
    from gateway.domain import states

    with pytest.raises(TypeError), swapped(states, "_is_stale", lambda _attempt: False)():
        pass


def test_a_function_is_bent_wherever_it_was_imported() -> None:
    """Those who know it by name get the other one too."""
    from gateway.domain import states, steps

    with everywhere(states, "may_repeat", lambda _sound: bool)():
        assert steps.may_repeat is states.may_repeat is bool
    assert steps.may_repeat is states.may_repeat is not bool


@pytest.mark.parametrize("each", MUTANTS, ids=lambda each: each.name)
def test_a_mutant_finds_what_it_bends(each: Mutant) -> None:
    """Whatever was renamed since is noticed here, and not by a mutant that lives because it bends nothing."""
    with each.patch():
        pass
