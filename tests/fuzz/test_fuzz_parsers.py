"""Every parser, with the small budget; the large one is `python -m tests.fuzz.parsers --seconds 600`."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import mutate
from tests.fuzz.targets import TARGETS

EXAMPLES = {"config": 60}
"""Fewer where one run is long; 300 for the others."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_value_or_an_error_of_its_own(name: str) -> None:
    """Whatever bytes come: nothing escapes that the reader does not declare."""
    target = TARGETS[name]
    seeds = target.seeds()
    changed = st.integers(0, 2**32).map(lambda number: mutate(number, seeds))

    @settings(
        max_examples=EXAMPLES.get(name, 300),
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(changed, changed, changed, st.binary(max_size=512)))
    def strike(data: bytes) -> None:
        target.strike(data)

    strike()


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_are_honest(name: str) -> None:
    """At least one seed is taken: what is changed below is not refused by its first byte."""
    target = TARGETS[name]
    taken = []
    for seed in target.seeds():
        try:
            target.run(seed)
        except target.declared:
            continue
        taken.append(seed)
    assert taken


def test_changes_are_drawn_from_their_number() -> None:
    """The same number makes the same input, so that a finding can be made again; other numbers make others."""
    seeds = [b"abc" * 40, b"xyz" * 40]
    made = [mutate(number, seeds) for number in range(200)]
    assert made == [mutate(number, seeds) for number in range(200)]
    assert len(set(made)) > 150
