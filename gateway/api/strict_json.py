"""JSON as a money call needs it: one reading or none (docs/reliability.md 4, rows 24-28 and 33-36).

The standard parser keeps the last of two equal keys, takes NaN, turns `1e400` into infinity, guesses UTF-16 and dies of
200,000 brackets. Here each of these is a refusal. Numbers are read as Decimal, so that `1.0` is the int 1 and nothing
is ever a float; strings come out in Unicode normal form C.
"""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import Decimal, InvalidOperation

from gateway.api.problems import Fault

DEPTH_MAX = 8
NUMBER_CHARS_MAX = 40
"""No number of ours needs more; `int()` of a 5,000-digit token is slow or refuses."""
NUMBER_EXPONENT_MAX = 30

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_FORBIDDEN_RANGES = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff"
_FORBIDDEN = re.compile(rf"[\ud800-\udfff{_FORBIDDEN_RANGES}]")
"""C0, C1, line and paragraph separators, lone surrogates, and what Unicode says is no character."""

TEXT_PATTERN = f"^[^{_FORBIDDEN_RANGES}]*$"
"""The same for the published schema, without the surrogates: no text has a lone one, and readers whose strings are
Unicode drop an expression that names them."""


class BadJson(ValueError):
    """The body has no single reading. `code` is stable, `detail` repeats nothing of the body."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def parse(body: bytes) -> tuple[object, list[Fault]]:
    """The JSON value in `body`, its strings normalised, and the strings that hold what no text of ours may hold.

    Raises:
        BadJson: there is no single reading.
    """
    text = _decode(body)
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        raise BadJson("syntax", f"not JSON from character {error.pos}") from error
    faults: list[Fault] = []
    return _clean(value, "", faults), faults


def _decode(body: bytes) -> str:
    if body.startswith((b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")):
        raise BadJson("byte_order_mark", "the body must be UTF-8 without a byte order mark")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadJson("not_utf8", f"the body is not UTF-8 from byte {error.start}") from error


def _check_depth(text: str) -> None:
    """Refuse deep nesting before a recursive parser sees it."""
    if text.count("{") + text.count("[") <= DEPTH_MAX:
        return
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > DEPTH_MAX:
            raise BadJson("too_deep", f"more than {DEPTH_MAX} levels")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise BadJson("duplicate_key", "an object has the same key twice")
    return made


def _number(token: str) -> int | Decimal:
    """An int where the value is whole, however it was written; else the exact decimal."""
    if len(token) > NUMBER_CHARS_MAX:
        raise BadJson("number_out_of_range", f"a number has more than {NUMBER_CHARS_MAX} characters")
    try:
        number = Decimal(token)
    except InvalidOperation:  # an exponent that not even Decimal can hold
        number = Decimal("Infinity")
    if not number.is_finite() or abs(number.adjusted()) > NUMBER_EXPONENT_MAX:
        raise BadJson("number_out_of_range", "a number is far outside any range of ours")
    return int(number) if number == number.to_integral_value() else number


def _no_constant(token: str) -> object:
    raise BadJson("not_a_number", "NaN and Infinity are not JSON")


def cleaned(value: dict[str, object]) -> tuple[dict[str, object], list[Fault]]:
    """What came in another form than JSON, as strictly read: strings in normal form, and those that must not be."""
    faults: list[Fault] = []
    return _clean_object(value, "", faults), faults


def _clean(value: object, pointer: str, faults: list[Fault]) -> object:
    """The same value in normal form; a string that must not be is reported and emptied."""
    if isinstance(value, str):
        return _clean_text(value, pointer, faults)
    if isinstance(value, list):
        return [_clean(item, f"{pointer}/{index}", faults) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return _clean_object(value, pointer, faults)
    return value


def _clean_text(text: str, pointer: str, faults: list[Fault]) -> str:
    if _FORBIDDEN.search(text):
        faults.append(Fault(pointer, "forbidden_character", "control characters and lone surrogates are refused"))
        return ""
    return unicodedata.normalize("NFC", text)


def _clean_object(value: dict[str, object], pointer: str, faults: list[Fault]) -> dict[str, object]:
    cleaned: dict[str, object] = {}
    for key, item in value.items():
        if _FORBIDDEN.search(key):
            faults.append(Fault(pointer, "forbidden_character", "a key holds a control character or lone surrogate"))
            continue
        name = unicodedata.normalize("NFC", key)
        if name in cleaned:
            raise BadJson("duplicate_key", "an object has the same key twice (in Unicode normal form C)")
        cleaned[name] = _clean(item, f"{pointer}/{escape(name)}", faults)
    return cleaned


def escape(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901), cut short so that an answer never echoes a body."""
    return key[:64].replace("~", "~0").replace("/", "~1")
