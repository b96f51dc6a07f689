"""Rows in an archive: what is written is what is read, in a form that PostgreSQL's COPY knows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.archive.lines import Damaged, head, line, records, values
from gateway.store.schema import EPOCH
from tests.support.builders import NOW

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
cells = st.one_of(st.none(), st.booleans(), st.integers(), st.binary(max_size=9), texts)


@given(st.lists(st.lists(texts, min_size=2, max_size=4), max_size=5))
def test_texts_come_back(rows: list[list[str]]) -> None:
    """With quotes, commas and line feeds in them, each row whole and by itself."""
    written = "".join(map(line, rows))
    found = list(records(written.splitlines(keepends=True) if "\r" not in written else _split(written)))
    assert [values(each) for each in found] == rows


def _split(text: str) -> list[str]:
    """By line feeds alone, as a file is read."""
    return [f"{each}\n" for each in text.split("\n")[:-1]]


@given(st.lists(cells, min_size=1, max_size=6), st.lists(cells, min_size=1, max_size=6))
def test_different_rows_are_different_lines(one: list[object], two: list[object]) -> None:
    """Nothing is not the empty text, a number not its digits as text: a digest of lines is one of rows."""

    def kinds(row: list[object]) -> list[tuple[str, object]]:
        return [(type(each).__name__, each) for each in row]

    assert (line(one) == line(two)) is (kinds(one) == kinds(two))


def test_the_forms() -> None:
    """As docs/operations.md has them."""
    row = (None, "", 'a "b", c', 7, True, b"\x00\xff", EPOCH, NOW)
    assert line(row) == ',"","a ""b"", c",7,true,\\x00ff,0,1767225600000000\n'
    assert head(("id", "at")) == "id,at\n"
    with pytest.raises(TypeError):
        line((1.5,))


def test_half_a_row_is_noticed() -> None:
    """A file that was cut inside of a value."""
    with pytest.raises(Damaged):
        list(records(['1,"two\n']))
    with pytest.raises(Damaged):
        values('1,"two"three\n')
