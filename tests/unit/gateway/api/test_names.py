"""The table of hidden characters against Unicode's own, and the published pattern against the check."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest

from gateway.api.names import HIDDEN, NAME_PATTERN, has_hidden


def test_every_hidden_character_is_in_the_table() -> None:
    """Controls, formats, private use and noncharacters, by this Python's tables; and no letter, mark or digit."""
    inside = {code for first, last in HIDDEN for code in range(first, last + 1)}
    for code in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(code))
        if category in ("Cc", "Cf", "Co", "Zl", "Zp"):
            assert code in inside, hex(code)
        elif category[0] in "LNPSZ":
            assert code not in inside, hex(code)


@pytest.mark.parametrize("name", ["A", "张三", "José María", "A\u3000B", "O’Neil-Smith", "𠮷田"])
def test_names_that_are_taken(name: str) -> None:
    """Spaces inside, marks, ideographs of every plane."""
    assert re.fullmatch(NAME_PATTERN, name)
    assert not has_hidden(name)


@pytest.mark.parametrize(
    "name", ["", " A", "A ", "\u3000A", "a\u202eb", "a\ufe0fb", "张\U000e0100", "a\U000e0041", "\ue000"]
)
def test_names_that_the_pattern_refuses(name: str) -> None:
    """What is published refuses what the check refuses, and the spaces around it."""
    assert not re.fullmatch(NAME_PATTERN, name)
