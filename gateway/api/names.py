"""What a name may be made of (docs/reliability.md 4, row 40): nothing invisible, for people compare names by eye.

The same ranges check and are published, and they do not change with the Unicode tables of a Python version.
"""

from __future__ import annotations

import re

HIDDEN: tuple[tuple[int, int], ...] = (
    (0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F),
    (0x890, 0x891), (0x8E2, 0x8E2), (0x180B, 0x180F), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F),
    (0xE000, 0xF8FF), (0xFDD0, 0xFDEF), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB), (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1345F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
    (0xE0000, 0x10FFFF),
)  # fmt: skip
"""Controls, formats, private use, variation selectors, line separators and what is no character. Lone surrogates never
get as far as this."""

_SPACES = ((0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F),
           (0x3000, 0x3000))  # fmt: skip


def _class(ranges: tuple[tuple[int, int], ...]) -> str:
    """The inside of a character class that every dialect of regular expressions reads the same way."""
    return "".join(f"{_character(first)}-{_character(last)}" for first, last in ranges)


def _character(code: int) -> str:
    """Beyond four digits the dialects differ, so there the character stands for itself."""
    return f"\\u{code:04x}" if code <= 0xFFFF else chr(code)


_NEAR = tuple(each for each in HIDDEN if each[1] <= 0xFFFF)
_FAR = tuple(each for each in HIDDEN if each[1] > 0xFFFF)
_EDGE = _class((*_NEAR, *_SPACES))

NAME_PATTERN = f"^(?!.*[{_class(_FAR)}])[^{_EDGE}]([^{_class(_NEAR)}]*[^{_EDGE}])?$"
"""A name: nothing hidden, and no space at either end. The planes of private use stand apart: readers that spell a class
out would otherwise spell out 200,000 characters each time."""

_HIDDEN = re.compile(f"[{_class(HIDDEN)}]")


def has_hidden(name: str) -> bool:
    return _HIDDEN.search(name) is not None
