"""One reading or none. The rows themselves are in tests/integration/api/test_api_hostile_json.py, over a socket."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.strict_json import DEPTH_MAX, BadJson, escape, parse

PLAIN_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | PLAIN_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_TEXT, inner, max_size=3),
    max_leaves=5,
)


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(VALUES.filter(lambda value: depth(value) <= DEPTH_MAX))
def test_ordinary_json_is_read_as_it_is(value: object) -> None:
    """What an ordinary library writes within the limits comes out equal, without a fault."""
    assert parse(json.dumps(value).encode()) == (value, [])


@given(st.binary(max_size=200))
def test_bytes_never_do_more_than_be_refused(body: bytes) -> None:
    """Any bytes are read or refused with `BadJson`; nothing else escapes."""
    with contextlib.suppress(BadJson):
        parse(body)


@given(st.text(max_size=50).map(lambda text: json.dumps({"a": [text]}).encode()))
def test_strings_come_out_encodable(body: bytes) -> None:
    """Whatever a string held, what is passed on can be stored as UTF-8 and holds no control character."""
    value, faults = parse(body)
    assert isinstance(value, dict)
    text = value["a"][0]
    text.encode()
    assert not any(ord(character) < 0x20 for character in text)
    assert all(fault.pointer == "/a/0" for fault in faults)


@pytest.mark.parametrize(
    ("token", "value"), [("1.0", 1), ("1e2", 100), ("-0", 0), ("-0.0", 0), ("12e-1", Decimal("1.2"))]
)
def test_numbers(token: str, value: int | Decimal) -> None:
    """Whole numbers are ints, others exact decimals; never a float."""
    read, _ = parse(token.encode())
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_depth(brackets: str) -> None:
    """Eight levels are read, nine are not; brackets within strings are no levels."""
    opening = "[" if brackets == "[]" else '{"a":'
    inner = '"[[[[{{{{"'
    deep = opening * DEPTH_MAX + inner + brackets[1] * DEPTH_MAX
    parse(deep.encode())
    with pytest.raises(BadJson) as refused:
        parse((opening + deep + brackets[1]).encode())
    assert refused.value.code == "too_deep"


def test_keys_equal_in_normal_form() -> None:
    """Two spellings of one key are the same key twice."""
    with pytest.raises(BadJson) as refused:
        parse('{"\u00e9":1,"e\u0301":2}'.encode())
    assert refused.value.code == "duplicate_key"


def test_pointer_steps() -> None:
    """RFC 6901 escapes, and no echo longer than a name."""
    assert escape("a/b~c") == "a~1b~0c"
    assert len(escape("x" * 500)) == 64
