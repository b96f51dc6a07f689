"""A body, strictly read. All of its faults are found at once, and named by JSON pointers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
)
from pydantic_core import ErrorDetails

from gateway.api.problems import Code, Fault, Refused
from gateway.api.strict_json import BadJson, escape, parse


class Body(BaseModel):
    """A part of a request: strict types, and no field that is not known."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


B = TypeVar("B", bound=Body)


def read(model: type[B], body: bytes, context: Mapping[str, object] | None = None) -> B:
    """The body as `model`, judged in the light of `context`, where its rules ask for one.

    Raises:
        Refused: with every fault that was found.
    """
    try:
        value, faults = parse(body)
    except BadJson as error:
        raise Refused(Code.INVALID_JSON, faults=[Fault("", error.code, error.detail)]) from None
    made, faults = validated(model, value, faults, context)
    if made is None:
        raise Refused(Code.INVALID_REQUEST, faults=faults)
    return made


def validated(
    model: type[B], value: object, faults: list[Fault], context: Mapping[str, object] | None = None
) -> tuple[B | None, list[Fault]]:
    """A value as `model`, or every fault of it beside those that are known already."""
    try:
        made = model.model_validate(value, context=context)
    except ValidationError as error:
        found = [_fault(each) for each in error.errors(include_url=False, include_input=False)]
        return None, _one_each(faults + found)
    return (None, _one_each(faults)) if faults else (made, [])


_FAULTS: Mapping[str, tuple[str, str]] = {
    "missing": ("missing", "this field is required"),
    "extra_forbidden": ("unknown_field", "there is no such field"),
    "int_type": ("not_an_integer", "a whole number, as a JSON number; of money, of minor units"),
    "greater_than_equal": ("out_of_range", "at least {ge}"),
    "less_than_equal": ("out_of_range", "at most {le}"),
    "string_type": ("not_a_string", "a JSON string"),
    "string_pattern_mismatch": ("bad_format", "must match {pattern}"),
    "string_too_short": ("too_short", "at least {min_length} character(s)"),
    "string_too_long": ("too_long", "at most {max_length} characters"),
    "too_long": ("too_many", "at most {max_length} entries"),
    "list_type": ("not_an_array", "a JSON array"),
    "too_short": ("too_few", "at least {min_length} entries"),
    "bad_ip": ("bad_format", "an IPv4 or IPv6 address"),
    "doubled": ("duplicate", "each once"),
    "dict_type": ("not_an_object", "a JSON object"),
    "model_type": ("not_an_object", "a JSON object"),
    "model_attributes_type": ("not_an_object", "a JSON object"),
    "union_tag_not_found": ("missing", "this field is required"),
    "union_tag_invalid": ("unknown_type", "one of {expected_tags}"),
    "literal_error": ("unknown_value", "one of {expected}"),
    "bad_instant": ("bad_format", "{why}"),
    "unknown_currency": ("unknown_currency", "an ISO 4217 currency with minor units"),
    "unknown_event": ("unknown_value", "a type of event"),
    "refused_target": ("refused_target", "{why}"),
    "surrounding_space": ("surrounding_space", "no space at either end"),
    "null": ("null", "leave it out, or give it a value"),
    "either": ("missing", "either {one} or {other}, and not both"),
    "forbidden_character": ("forbidden_character", "no invisible, private-use or control characters"),
}
"""Pydantic's word for a fault -> ours. Its own texts are not passed on: some repeat the value."""

_TAGS = frozenset({"wechat", "bank_account", "saved"})


def _fault(found: ErrorDetails) -> Fault:
    code, detail = _FAULTS.get(found["type"], ("invalid", "not acceptable here"))
    return Fault(_pointer(found), code, detail.format(**found.get("ctx", {})))


def _pointer(found: ErrorDetails) -> str:
    """Where it is. Pydantic puts the chosen kind of beneficiary, and `[key]`, into the path; a body has neither."""
    steps = [step for step in found["loc"] if step != "[key]"]
    at = steps.index("beneficiary") + 1 if "beneficiary" in steps else len(steps)
    if at < len(steps) and steps[at] in _TAGS:
        del steps[at]
    if found["type"] in ("union_tag_not_found", "union_tag_invalid"):
        steps.append("type")
    return "".join(f"/{escape(str(step))}" for step in steps)


def _one_each(faults: list[Fault]) -> list[Fault]:
    """The first fault of each pointer: a string that was refused whole needs no second reason."""
    first: dict[str, Fault] = {}
    for fault in faults:
        first.setdefault(fault.pointer, fault)
    return list(first.values())
