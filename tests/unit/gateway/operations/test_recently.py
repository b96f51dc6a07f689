"""What was seen last, within a bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.operations.recently import Recently


def test_a_name_is_new_once() -> None:
    """Another app's order of the same reference is another name."""
    seen = Recently()
    assert [seen.is_new("acme", "1"), seen.is_new("bolt", "1"), seen.is_new("acme", "1")] == [True, True, False]


@given(st.lists(st.integers(0, 30), max_size=200), st.integers(1, 10))
def test_it_remembers_the_newest_and_no_more(names: list[int], most: int) -> None:
    """Of different names the last `most` are known, and those before are new again: memory stays flat."""
    seen = Recently(most)
    kept: list[int] = []
    for name in names:
        assert seen.is_new(str(name)) == (name not in kept)
        kept = kept if name in kept else [*kept, name][-most:]
