"""Every place in a TOML document has its line, however the document is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.config.errors import Loc
from gateway.config.lines import Lines

DOCUMENT = '''# a comment

a.b = 1
[x.y]  # the header of x.y
c = 1
[[z.f]]
k = 1
[q]

[x.y.w]
d = """
two
lines"""
e = 3
[[z.f]]
k = [
  1,  # one
  { a = 1, b.c = 2 },
    [ 1,
    2],
]
[z.f.s]
t = 1
[[z.f.s.u]]
v = 1
[x]
m.n = 2
m.o = \'\'\'
raw\'\'\'
"q.r" = { s = [ "{", "]", """
""", 4 ] }
last = true
'''

EXPECTED: dict[Loc, int] = {
    ("a", "b"): 3,
    ("x", "y"): 4,
    ("x", "y", "c"): 5,
    ("z", "f", 0): 6,
    ("z", "f", 0, "k"): 7,
    ("q",): 8,
    ("x", "y", "w"): 10,
    ("x", "y", "w", "d"): 11,
    ("x", "y", "w", "e"): 14,
    ("z", "f", 1): 15,
    ("z", "f", 1, "k"): 16,
    ("z", "f", 1, "k", 0): 17,
    ("z", "f", 1, "k", 1, "b", "c"): 18,
    ("z", "f", 1, "k", 2, 0): 19,
    ("z", "f", 1, "k", 2, 1): 20,
    ("z", "f", 1, "s"): 22,
    ("z", "f", 1, "s", "t"): 23,
    ("z", "f", 1, "s", "u", 0, "v"): 25,
    ("x",): 26,
    ("x", "m", "n"): 27,
    ("x", "m", "o"): 28,
    ("x", "q.r"): 30,
    ("x", "q.r", "s", 2): 30,
    ("x", "q.r", "s", 3): 31,
    ("x", "last"): 32,
}


def test_lines_of_every_way_to_write_a_key() -> None:
    """Dotted keys, arrays of tables that are continued, multi-line strings and arrays, tables out of order."""
    lines = Lines(DOCUMENT)
    assert {loc: lines(loc) for loc in EXPECTED} == EXPECTED


def test_lines_are_the_same_with_windows_line_ends() -> None:
    """A file from Windows has the same line numbers."""
    lines = Lines(DOCUMENT.replace("\n", "\r\n"))
    assert {loc: lines(loc) for loc in EXPECTED} == EXPECTED


def test_a_place_that_is_not_in_the_file_has_the_line_of_what_is_around_it() -> None:
    """A missing key is reported at its table's header; a missing table at the top."""
    lines = Lines(DOCUMENT)
    assert lines(("x", "y", "absent", 3, "deeper")) == 4
    assert lines(("absent",)) == 1
    assert lines(()) == 1


def test_a_document_that_cannot_be_walked_still_has_line_one() -> None:
    """Looking a line up never fails: the fault matters more than its place."""
    assert Lines("= nonsense")(("a",)) == 1
    assert Lines("a = " + "[" * 5000)(("a",)) == 1


KEYS = st.text("abcde-_1", min_size=1, max_size=4)
VALUES = st.recursive(
    st.one_of(st.integers(0, 99).map(str), st.sampled_from(['"x"', '"""a\nb\n"""', "'''\n\nz'''", "true", '"[{#"'])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n # c ]\n " + ",\n\n ".join(items) + "\n]"),
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
    ),
    max_leaves=4,
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[tuple[tuple[str, ...], int]]]:
    """A document, and the line of each key in it, counted while it is written."""
    text, places = "", []
    for header in draw(st.lists(st.tuples(KEYS, KEYS), max_size=5, unique=True)):
        text += draw(st.sampled_from(["", "\n", "# note\n\n", "  "])) + f"[{'.'.join(header)}]"
        places.append((header, text.count("\n") + 1))
        text += draw(st.sampled_from(["\n", "  # c\n", "\n\n"]))
        for key in draw(st.lists(KEYS, max_size=3, unique=True)):
            dotted = draw(st.booleans())
            loc = (*header, f"k{key}", "z") if dotted else (*header, f"k{key}")
            places.append((loc, text.count("\n") + 1))
            text += f"k{key}{'.z' if dotted else ''} = {draw(VALUES)}" + draw(st.sampled_from(["\n", " # c\n", "\n\n"]))
    return text, places


@given(documents())
def test_lines_of_generated_documents(document: tuple[str, list[tuple[tuple[str, ...], int]]]) -> None:
    """Whatever is between the keys, each is found on the line on which it was written."""
    text, places = document
    tomllib.loads(text)
    lines = Lines(text)
    assert {loc: lines(loc) for loc, _ in places} == dict(places)


@given(documents())
def test_every_place_of_a_generated_document_is_known(document: tuple[str, Any]) -> None:
    """No value stands nowhere: every key and every element has a line inside the file, not before its parent's."""
    text, _ = document
    lines = Lines(text)
    for loc in _places(tomllib.loads(text), ()):
        assert 1 <= lines(loc) <= text.count("\n") + 1
        assert lines(loc[:2]) <= lines(loc)


def _places(value: Any, loc: Loc) -> Iterator[Loc]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*loc, key)
        yield from _places(inner, (*loc, key))
