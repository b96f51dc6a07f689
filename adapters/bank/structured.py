"""The little of structured fields (RFC 8941) that signed messages need: read strictly, keeping the received text.

A receiver signs over the parameter text *as received* (sheet "bank-direct" 5.3), so each signature's inner list keeps
the very characters it came in; nothing here is ever written back.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

FIELD_MAX_CHARS = 8192
SIGNATURES_MAX = 4
COMPONENTS_MAX = 32

_KEY = r"[a-z*][a-z0-9_.*-]{0,63}"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_PARAMETER = rf"; *(?P<key>{_KEY})(?:=(?P<value>{_STRING}|-?[0-9]{{1,15}}|\?[01]))?"
_PARAMETER_RE = re.compile(_PARAMETER)
_LABEL_RE = re.compile(rf"(?P<label>{_KEY})=")
_STRING_RE = re.compile(_STRING)
_COMMA_RE = re.compile(r"[ \t]*,[ \t]*")
_BYTES_RE = re.compile(r":(?P<base64>[A-Za-z0-9+/]*={0,2}):")


class Malformed(ValueError):
    """Not the structured field it should be."""


Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Component:
    """One covered component; `text` is its identifier as it stood in the list, parameters included."""

    name: str
    parameters: tuple[tuple[str, Value], ...]
    text: str


@dataclass(frozen=True, slots=True)
class SignatureInput:
    """One member of `Signature-Input`; `text` is everything after `label=`, exactly as received."""

    label: str
    components: tuple[Component, ...]
    parameters: dict[str, Value]
    text: str


def parse_signature_input(field: str) -> tuple[SignatureInput, ...]:
    """All signatures a message announces. Raises `Malformed`, also for a label or a parameter that comes twice."""
    at, found = 0, list[SignatureInput]()
    while True:
        label, at = _label(field, at)
        start = at
        components, at = _inner_list(field, at)
        parameters, at = _parameters(field, at)
        found.append(SignatureInput(label, components, dict(parameters), field[start:at]))
        if at == len(field):
            break
        at = _expect(_COMMA_RE, field, at).end()
    if len(found) > SIGNATURES_MAX or len({one.label for one in found}) != len(found):
        raise Malformed("too many signatures, or a label twice")
    return tuple(found)


def parse_byte_dictionary(field: str) -> dict[str, bytes]:
    """`sig1=:…:, sig2=:…:` or `sha-256=:…:`. Raises `Malformed`, also for a key that comes twice."""
    at, found = 0, dict[str, bytes]()
    _must_be_sane(field)
    while True:
        label, at = _label(field, at)
        value = _expect(_BYTES_RE, field, at)
        if label in found:
            raise Malformed(f"{label} comes twice")
        found[label] = _decode(value.group("base64"))
        at = value.end()
        if at == len(field):
            return found
        at = _expect(_COMMA_RE, field, at).end()


def _must_be_sane(field: str) -> None:
    if len(field) > FIELD_MAX_CHARS:
        raise Malformed(f"longer than {FIELD_MAX_CHARS} characters")


def _expect(pattern: re.Pattern[str], field: str, at: int) -> re.Match[str]:
    match = pattern.match(field, at)
    if match is None:
        raise Malformed(f"unexpected text at {at}")
    return match


def _label(field: str, at: int) -> tuple[str, int]:
    _must_be_sane(field)
    match = _expect(_LABEL_RE, field, at)
    return match.group("label"), match.end()


def _inner_list(field: str, at: int) -> tuple[tuple[Component, ...], int]:
    if field[at : at + 1] != "(":
        raise Malformed(f"no list at {at}")
    at, components = _spaces(field, at + 1), list[Component]()
    while field[at : at + 1] != ")":
        start = at
        name = _expect(_STRING_RE, field, at)
        parameters, at = _parameters(field, name.end())
        components.append(Component(_unquote(name.group()), parameters, field[start:at]))
        if len(components) > COMPONENTS_MAX:
            raise Malformed(f"more than {COMPONENTS_MAX} components")
        after = _spaces(field, at)
        if after == at and field[at : at + 1] != ")":
            raise Malformed(f"no space between components at {at}")
        at = after
    return tuple(components), at + 1


def _spaces(field: str, at: int) -> int:
    while field[at : at + 1] == " ":
        at += 1
    return at


def _parameters(field: str, at: int) -> tuple[tuple[tuple[str, Value], ...], int]:
    found: dict[str, Value] = {}
    while match := _PARAMETER_RE.match(field, at):
        key, value = match.group("key"), match.group("value")
        if key in found:
            raise Malformed(f"{key} comes twice")
        found[key] = _value(value)
        at = match.end()
    return tuple(found.items()), at


def _value(text: str | None) -> Value:
    if text is None:
        return True
    if text.startswith('"'):
        return _unquote(text)
    return text == "?1" if text.startswith("?") else int(text)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Malformed("not base64") from error
