"""Query strings, strictly read: an unknown or doubled parameter is a fault, like an unknown field of a body."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from gateway import currencies
from gateway.api.instant import instant
from gateway.api.problems import Code, Fault, Refused
from gateway.api.strict_json import TEXT_PATTERN
from gateway.api.words import METADATA_KEY_PATTERN, REFERENCE_PATTERN
from gateway.callbacks.body import EVENT_TYPES
from gateway.domain.batch import ItemStatus
from gateway.domain.identity import BATCH_ID_PATTERN, PAYOUT_ID_PATTERN
from gateway.domain.status import Status
from gateway.store.app_events import CallbackStand
from routing.explain import Language

Json = dict[str, object]

LIMIT_MAX = 100
LIMIT_DEFAULT = 20
PARAMS_MAX = 40
REPEATS_MAX = 20
"""How often a parameter that may be repeated may be."""


@dataclass(frozen=True, slots=True)
class QueryParam:
    """One parameter: how it is published and how it is read."""

    name: str
    description: str
    schema: Json
    read: Callable[[str], object] = field(repr=False)
    """Raises ValueError with the reason, which must not repeat the value."""
    repeatable: bool = False
    key: str | None = None
    """A pattern: it is given as `name[key]=value`, each key once, and read as pairs of key and value."""


def read_query(raw: str, params: Sequence[QueryParam]) -> dict[str, list[object]]:
    """The values of each parameter that was given.

    Raises:
        Refused: with every fault.
    """
    known = {param.name: param for param in params}
    values: dict[str, list[object]] = {}
    faults: list[Fault] = []
    for name, text in _pairs(raw):
        fault = _read_one(known, values, name, text)
        if fault:
            faults.append(fault)
    if faults:
        raise Refused(Code.INVALID_REQUEST, faults=faults)
    return values


_ESCAPE_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})|[^!-~]")


def _pairs(raw: str) -> list[tuple[str, str]]:
    """Names and values, decoded; a name alone has the empty value."""
    if not raw:
        return []
    parts = raw.split("&", PARAMS_MAX)
    if len(parts) > PARAMS_MAX or "" in parts or _ESCAPE_BROKEN.search(raw):
        raise _malformed()
    try:
        return [(_decoded(name), _decoded(value)) for name, _, value in (part.partition("=") for part in parts)]
    except UnicodeDecodeError:
        raise _malformed() from None


def _decoded(text: str) -> str:
    return unquote_plus(text, errors="strict")


def _malformed() -> Refused:
    detail = "name=value pairs joined by &, percent-encoded UTF-8"
    return Refused(Code.INVALID_REQUEST, faults=[Fault("?", "malformed_query", detail)])


def _read_one(known: Mapping[str, QueryParam], values: dict[str, list[object]], name: str, text: str) -> Fault | None:
    keyed = _KEYED.fullmatch(name)
    if keyed is not None and keyed[1] in known and known[keyed[1]].key is not None:
        return _read_keyed(known[keyed[1]], values, keyed[2], text)
    param = known.get(name)
    if param is None or param.key is not None:
        return Fault(f"?{name[:64]}", "unknown_parameter", "there is no such parameter here")
    if name in values and not param.repeatable:
        return Fault(f"?{name}", "duplicate_parameter", "may be given once")
    if len(values.get(name, ())) >= REPEATS_MAX:
        return Fault(f"?{name}", "too_many", f"at most {REPEATS_MAX} times")
    try:
        values.setdefault(name, []).append(param.read(text))
    except ValueError as error:
        return Fault(f"?{name}", "bad_value", str(error))
    return None


_KEYED = re.compile(r"([a-z_]+)\[(.*)\]", re.ASCII | re.DOTALL)


def _read_keyed(param: QueryParam, values: dict[str, list[object]], key: str, text: str) -> Fault | None:
    given = values.setdefault(param.name, [])
    if param.key is None or not re.fullmatch(param.key, key, re.ASCII):
        return Fault(f"?{param.name}", "bad_key", f"a key must match {param.key}")
    where = f"?{param.name}[{key}]"
    if any(isinstance(each, tuple) and each[0] == key for each in given):
        return Fault(where, "duplicate_parameter", "may be given once")
    if len(given) >= REPEATS_MAX:
        return Fault(where, "too_many", f"at most {REPEATS_MAX} keys")
    try:
        given.append((key, param.read(text)))
    except ValueError as error:
        return Fault(where, "bad_value", str(error))
    return None


def matching(pattern: str) -> Callable[[str], str]:
    """Reads what fits the pattern, in ASCII, and nothing else."""
    compiled = re.compile(pattern, re.ASCII)

    def read(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"must match {pattern}")
        return text

    return read


def _status(text: str) -> str:
    try:
        return Status(text).value
    except ValueError:
        raise ValueError("not a status of a payout") from None


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text, re.ASCII) or currencies.exponent(text) is None:
        raise ValueError("not an ISO 4217 currency with minor units")
    return text


def _limit(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text, re.ASCII) or int(text) > LIMIT_MAX:
        raise ValueError(f"a whole number from 1 to {LIMIT_MAX}")
    return int(text)


def _metadata_value(text: str) -> str:
    if len(text) > 500 or not re.fullmatch(TEXT_PATTERN, text):
        raise ValueError("at most 500 characters, and no control characters")
    return unicodedata.normalize("NFC", text)


EXPANDABLE = ("attempts", "timeline")


def _expand(text: str) -> frozenset[str]:
    wanted = text.split(",")
    if len(set(wanted)) != len(wanted) or not set(wanted) <= set(EXPANDABLE):
        raise ValueError("attempts, timeline, or both with a comma")
    return frozenset(wanted)


_CHANNEL = r"^[A-Za-z0-9_-]{1,64}$"
_CURSOR = r"^[A-Za-z0-9_-]{1,256}$"
_TEXT: Json = {"type": "string"}

EXPAND = QueryParam(
    "expand",
    "Sub-lists to put into the payout, joined by a comma.",
    {"type": "array", "items": {"enum": list(EXPANDABLE)}, "minItems": 1, "uniqueItems": True},
    _expand,
)


def _several(words: Iterable[str]) -> Json:
    return {"type": "array", "items": {"enum": [*words]}, "minItems": 1, "maxItems": REPEATS_MAX}


def _language(text: str) -> Language:
    try:
        return Language(text)
    except ValueError:
        raise ValueError("en or zh") from None


LANG = QueryParam(
    "lang",
    "The language of `words`: en (the default) or zh.",
    {"enum": [language.value for language in Language]},
    _language,
)

_CREATED_GTE = QueryParam("created_gte", "Created at this time or later.", {**_TEXT, "format": "date-time"}, instant)
_CREATED_LT = QueryParam("created_lt", "Created before this time.", {**_TEXT, "format": "date-time"}, instant)
_HOW_MANY = QueryParam(
    "limit",
    "How many at most.",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    _limit,
)
_AFTER = QueryParam("cursor", "`next_cursor` of the page before.", {**_TEXT, "pattern": _CURSOR}, matching(_CURSOR))

LIST_PARAMS: tuple[QueryParam, ...] = (
    QueryParam(
        "status",
        "Only payouts in this status; may be repeated.",
        _several(status.value for status in Status),
        _status,
        repeatable=True,
    ),
    QueryParam("currency", "Only this currency.", {**_TEXT, "enum": [*currencies.codes()]}, _currency),
    QueryParam("channel", "Only payouts last tried on it.", {**_TEXT, "pattern": _CHANNEL}, matching(_CHANNEL)),
    QueryParam(
        "reference",
        "Only this reference.",
        {**_TEXT, "pattern": REFERENCE_PATTERN},
        matching(REFERENCE_PATTERN),
    ),
    QueryParam(
        "batch_id",
        "Only payouts that were made by this batch.",
        {**_TEXT, "pattern": BATCH_ID_PATTERN},
        matching(BATCH_ID_PATTERN),
    ),
    _CREATED_GTE,
    _CREATED_LT,
    QueryParam(
        "metadata",
        "Only payouts whose metadata have this value under this key: `metadata[user]=4711`. A page may have fewer than "
        "`limit`, or none, while `has_more` is true.",
        {
            "type": "object",
            "propertyNames": {"pattern": METADATA_KEY_PATTERN},
            "additionalProperties": {**_TEXT, "pattern": TEXT_PATTERN, "maxLength": 500},
            "minProperties": 1,
            "maxProperties": REPEATS_MAX,
        },
        _metadata_value,
        key=METADATA_KEY_PATTERN,
    ),
    _HOW_MANY,
    _AFTER,
    EXPAND,
)


PAGE_PARAMS: tuple[QueryParam, ...] = (_HOW_MANY, _AFTER)
"""Of a list without filters."""


BATCH_REFERENCE = QueryParam(
    "reference",
    "The batch's reference, unique in your app for ever. A CSV needs it; in JSON it stands in the body.",
    {**_TEXT, "pattern": REFERENCE_PATTERN},
    matching(REFERENCE_PATTERN),
)


def _item_status(text: str) -> ItemStatus:
    try:
        return ItemStatus(text)
    except ValueError:
        raise ValueError("not a status of an item") from None


ITEM_PARAMS: tuple[QueryParam, ...] = (
    QueryParam("status", "Only items in this status.", {"enum": [*map(str, ItemStatus)]}, _item_status),
    *PAGE_PARAMS,
)


def _event_type(text: str) -> str:
    if text not in EVENT_TYPES:
        raise ValueError("not a type of event")
    return text


EVENT_PARAMS: tuple[QueryParam, ...] = (
    QueryParam(
        "type",
        "Only events of this type; may be repeated.",
        _several(sorted(EVENT_TYPES)),
        _event_type,
        repeatable=True,
    ),
    QueryParam(
        "payout_id",
        "Only events of this payout.",
        {**_TEXT, "pattern": PAYOUT_ID_PATTERN},
        matching(PAYOUT_ID_PATTERN),
    ),
    _CREATED_GTE,
    _CREATED_LT,
    _HOW_MANY,
    _AFTER,
)


def _stand(text: str) -> CallbackStand:
    try:
        return CallbackStand(text)
    except ValueError:
        raise ValueError("due, delivered or parked") from None


DELIVERY_PARAMS: tuple[QueryParam, ...] = (
    QueryParam(
        "status", "Only those that stand so.", {**_TEXT, "enum": [stand.value for stand in CallbackStand]}, _stand
    ),
    _HOW_MANY,
    _AFTER,
)


_DIGITS = 18


def _sequence(text: str) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]*", text, re.ASCII):
        raise ValueError("a whole number, 0 or more")
    return int(text) if len(text) <= _DIGITS else 10**_DIGITS  # no line has such a number: after all of them


SINCE = QueryParam("since", "Only lines after this one.", {"type": "integer", "minimum": 0, "default": 0}, _sequence)

VERBOSE = QueryParam("verbose", "List each check.", {**_TEXT, "maxLength": 4}, matching(r"^(1|true)?$"))
