"""pydantic's errors in our words: a place in the document, what is wrong, and the nearest right word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from gateway.config.errors import Loc
from gateway.config.nearest import known_keys, nearest

_REFERENCE = r"^(env|file|credential):"

TEXTS = {
    "missing": "is required",
    "extra_forbidden": "unknown key",
    "bool_type": "must be true or false, without quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be a string",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "too_short": "must not be empty",
    "too_long": "is too long",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
}
"""Error types of pydantic that a configuration can cause; others keep pydantic's own words."""

Found = tuple[Loc, str, str | None]
"""Place, what is wrong, nearest right word."""


def translate(model: type[BaseModel], error: ValidationError, raw: object) -> Iterator[Found]:
    """What `error` says about `raw`, a table that should have been a `model`. Strings of the file are never echoed."""
    for detail in error.errors(include_url=False, include_input=False):
        loc: Loc = tuple(part for part in detail["loc"] if part != "[key]")
        kind, context = detail["type"], detail.get("ctx", {})
        value = _at(raw, loc)
        yield loc, _text(kind, context, detail["msg"], value), _hint(model, loc, kind, context, value)


def _text(kind: str, context: dict[str, Any], message: str, value: object) -> str:
    if kind == "string_pattern_mismatch":
        if _REFERENCE in str(context.get("pattern")):
            return "a secret is named as env:NAME, file:PATH or credential:NAME, never written out"
        return f"must match {context.get('pattern')}"
    text = TEXTS[kind].format(**context) if kind in TEXTS else message
    if kind in ("missing", "extra_forbidden"):
        return text
    number = type(value) is float or (type(value) is int and abs(value) < 10**20)
    return f"{text} (got {value})" if number else text


def _hint(model: type[BaseModel], loc: Loc, kind: str, context: dict[str, Any], value: object) -> str | None:
    if kind == "extra_forbidden":
        return nearest(str(loc[-1]), known_keys(model, loc[:-1]))
    if kind in ("enum", "literal_error") and isinstance(value, str):
        return nearest(value, re.findall(r"'([^']*)'", str(context.get("expected", ""))))
    return None


def _at(raw: Any, loc: Loc) -> object:
    for part in loc:
        try:
            raw = raw[part]
        except (LookupError, TypeError):
            return None
    return raw
