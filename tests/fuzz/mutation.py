"""Changing honest inputs into dishonest ones, from a seed: the same seed makes the same input."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

SIZE_MAX = 16 * 1024

TOKENS: tuple[bytes, ...] = (
    b"\x00", b"\n", b"\r\n", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"'",
    b"[", b"{", b"[" * 2000, b'{"a":' * 500, b"}", b"]", b",", b":", b"null", b"true", b"NaN", b"-Infinity", b"1e400",
    b"-0", b"0.5", b"1" * 5000, b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"2026-02-30", b"&amp;",
    b"<!DOCTYPE a>", b"<a/>", b"<!--", b"]]>", b"<![CDATA[", b"&x;", b"</", b' xmlns=""', b"%00", b"%2e%2e", b"=", b"(",
    b");", b":AAAA:", b"A" * 300, "é".encode(), "１".encode(), "٣".encode(), "²".encode(), b"..", b"@", b"://", b"[::]",
    b"99999999999999999999", b"-1", b"CNY", b"XXX", b"\x1f\x8b", b"Mon, 99 Foo 0000 99:99:99 +9999",
)  # fmt: skip
"""What parsers stumble over."""

Change = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def mutate(number: int, seeds: Sequence[bytes]) -> bytes:
    """One input: a seed with one to six changes."""
    dice = random.Random(number)
    data = dice.choice(seeds)
    for _ in range(dice.randint(1, 6)):
        data = dice.choice(_CHANGES)(dice, data, seeds)
    return data[:SIZE_MAX]


def _place(dice: random.Random, data: bytes) -> tuple[int, int]:
    start = dice.randint(0, len(data))
    return start, min(len(data), start + dice.choice((0, 1, 1, 2, 4, 8, 32, 128)))


def _insert(dice: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    at, _ = _place(dice, data)
    return data[:at] + dice.choice(TOKENS) + data[at:]


def _replace(dice: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    start, end = _place(dice, data)
    return data[:start] + dice.choice(TOKENS) + data[end:]


def _delete(dice: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    start, end = _place(dice, data)
    return data[:start] + data[end:]


def _repeat(dice: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    start, end = _place(dice, data)
    return data[:end] + data[start:end] * dice.choice((1, 2, 50)) + data[end:]


def _byte(dice: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    at, _ = _place(dice, data)
    return data[:at] + dice.randbytes(1) + data[at + 1 :]


def _cut(dice: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    return data[: dice.randint(0, len(data))]


def _splice(dice: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = dice.choice(seeds)
    return data[: dice.randint(0, len(data))] + other[dice.randint(0, len(other)) :]


_VALUES = (b'""', b"0", b"null", b"[]", b"{}", b"-1.5", b'"\\ud800"', b'"0001-01-01T00:00:00+14:00"')


def _value(dice: random.Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    """What stands between two marks is replaced: a JSON value, an element's text, a header's parameter."""
    marks = [at for at, byte in enumerate(data) if byte in b':>="']
    if not marks:
        return data
    start = dice.choice(marks) + 1
    ends = [at for at in (data.find(mark, start) for mark in (b",", b"<", b";", b"}", b"\n")) if at >= 0]
    return data[:start] + dice.choice((*_VALUES, *TOKENS)) + data[min(ends, default=len(data)) :]


_CHANGES: tuple[Change, ...] = (_insert, _replace, _delete, _repeat, _byte, _cut, _splice, _value, _value)
