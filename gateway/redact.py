"""What may be written to a log: pure rules, used by `gateway.log` on every line and every exception text.

Three nets, because each alone has holes:

* by key: a field named like a secret or like a person's data is masked whole;
* by value: what looks like an account number, a key or a signature is masked wherever it stands, in exception texts
  and nested values too;
* by knowledge: `private` names the very strings that must not appear while a payout is worked on. A name looks like
  any other word; this is the net that catches it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from itertools import islice
from pathlib import PurePath
from uuid import UUID

from gateway.secret import Secret

MASK = "***"
TEXT_MAX = 2000
_SHORT_MAX = 128
ITEMS_MAX = 50
DEPTH_MAX = 5

SECRET_WORDS = frozenset({
    "authorization", "authentication", "cookie", "credential", "credentials", "iban", "key", "keys",
    "name", "names", "nonce", "openid", "passphrase", "passwd", "password", "payee", "pem", "pin",
    "secret", "secrets", "signature", "signatures", "token", "tokens",
})  # fmt: skip
"""A key whose last word is one of these is masked: `app_secret`, `X-Signature`, `beneficiary.name`; not `key_id`."""

PERSONAL_KEYS = frozenset({
    "account", "account_number", "account_no", "bank_account", "beneficiary", "body", "card",
    "card_number", "creditor", "description", "email", "headers", "metadata", "mobile", "phone",
    "prepared", "purpose", "request_body", "response_body", "user_name",
})  # fmt: skip
"""Keys whose whole value is personal data, or bytes that may hold it."""

ID_KEYS = frozenset({
    "payout", "payout_id", "reference", "channel_reference", "channel_payout_id", "event_id",
    "delivery_id", "endpoint", "endpoint_id", "request_id", "trace_id", "span_id", "key_id", "app",
    "channel", "node", "uetr", "sha256", "timestamp", "at", "until", "due_at", "created_at",
    "settled_at", "give_up_at", "version", "fence", "shard", "attempt", "transmission",
})  # fmt: skip
"""Ours to know: ids, instants and versions. Long digit runs stay when the value has the form of one."""

_NUMBERS = re.compile(r"(?:^|_)(?:amount|ms|s|ns|us|minor|bytes|count|total|line|port|size|pid|seed)$")
_ID = re.compile(r"[A-Za-z0-9_.:+-]{1,128}", re.ASCII)
_WORD = re.compile(r"[a-z_.]{1,64}", re.ASCII)
_KEY_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_DIGITS = re.compile(r"\d(?:[\s\-.·_/]?\d){7,}")
"""Eight digits or more, grouped or not; `\\d` is any script's digit, full-width ones too."""

_SHAPES = re.compile(
    r"-----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)"
    r"|\b(?:whsec|whsk|test)_[A-Za-z0-9+/=_-]{8,}"
    r"|\b(?:Bearer|Basic|PAYMUX-[A-Z0-9-]+|WECHATPAY2-[A-Z0-9-]+)\s+.*"
    r"|\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,8}(?:\s?[A-Z0-9]{1,3})?\b"
    r"|(?<=://)[^/\s@]+@"
    r"|(?i:\b(?:signature|nonce|secret|password|token|openid)[\"']?\s*[=:]\s*[^\s,;]+)",
    re.DOTALL,
)
"""Keys, callback secrets, bearer keys, authorization headers, IBANs, user info in URLs, `secret=...` in free text."""

_private: ContextVar[tuple[str, ...]] = ContextVar("private", default=())


@contextmanager
def private(*values: str | None) -> Iterator[None]:
    """While this is open (in this task and those it starts), none of `values` is written to a log.

    For what no pattern can recognise: the beneficiary's name, account and openid. Values of one character are too
    common to hide and are left out.
    """
    new = {value for value in values if value and len(value) > 1}
    token = _private.set(tuple(sorted({*new, *_private.get()}, key=len, reverse=True)))
    try:
        yield
    finally:
        _private.reset(token)


def redact(event: Mapping[str, object]) -> dict[str, object]:
    """One log event without anything that must not be in it. Values become text, numbers, lists and mappings."""
    return {
        _name(key): _short(key, known(value)) if type(value) is str and len(value) <= _SHORT_MAX else field(key, value)
        for key, value in event.items()
    }


@lru_cache(maxsize=8192)
def _short(key: str, words: str) -> str:
    """A short text as it may stand under `key`, when what is private was taken out of it: most of a line's words are
    those of the lines before."""
    if _masked(key):
        return MASK
    return words if _kept(key, words) else _without_shapes(words)


def _name(key: str) -> str:
    """A key may have come from outside too."""
    return known(key) if _is_word(key) else text(key)


@lru_cache(maxsize=4096)
def _is_word(key: str) -> bool:
    return _WORD.fullmatch(key) is not None


def field(key: str, value: object, depth: int = 0) -> object:
    """`value` as it may stand under `key`."""
    if value is None or isinstance(value, bool):
        return value
    if _masked(key):
        return MASK
    if isinstance(value, str | int | float) and not isinstance(value, Enum) and _kept(key, value):
        return known(value) if isinstance(value, str) else value
    return _plain(key, value, depth)


@lru_cache(maxsize=4096)
def _masked(key: str) -> bool:
    name = key.lower().replace("-", "_")
    words = _KEY_WORD.findall(key)
    return (
        name in PERSONAL_KEYS
        or name.rpartition(".")[2] in PERSONAL_KEYS
        or bool(words and words[-1].lower() in SECRET_WORDS)
    )


@lru_cache(maxsize=4096)
def _measure(key: str) -> bool:
    return _NUMBERS.search(key) is not None


def _kept(key: str, value: str | float) -> bool:
    """Whether `value` may keep its digits: an id, an instant or a measured number under a key of that kind."""
    if not isinstance(value, str):
        return -(10**7) < value < 10**7 or key in ID_KEYS or _measure(key)
    return _WORD.fullmatch(value) is not None or (key in ID_KEYS and _ID.fullmatch(value) is not None)


def _plain(key: str, value: object, depth: int) -> object:
    """Any value as plain data. An object that we do not know shows its type only: its repr may tell too much."""
    match value:
        case Enum():
            return _plain(key, value.value, depth)
        case str():
            return text(value)
        case int() | float():
            return MASK
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case datetime() | date() | timedelta() | UUID():
            return str(value)
        case PurePath():
            return text(str(value))
        case BaseException():
            return f"{type(value).__name__}: {text(str(value))}"
        case _:
            return _nested(key, value, depth)


def _nested(key: str, value: object, depth: int) -> object:
    if depth >= DEPTH_MAX:
        return "..."
    match value:
        case Mapping():
            items = islice(value.items(), ITEMS_MAX)
            return {_name(str(name)): field(str(name), inner, depth + 1) for name, inner in items}
        case list() | tuple() | set() | frozenset():
            return [field(key, inner, depth + 1) for inner in islice(value, ITEMS_MAX)]
        case _:
            return MASK if isinstance(value, Secret) else f"<{type(value).__name__}>"


def text(words: str) -> str:
    """Free text without anything that looks like an account, a key or a signature, and cut at `TEXT_MAX`."""
    return _without_shapes(known(words[: 4 * TEXT_MAX]))


def _without_shapes(words: str) -> str:
    return _DIGITS.sub(MASK, _SHAPES.sub(MASK, words))[:TEXT_MAX]


def known(words: str) -> str:
    """`words` without the strings that `private` has named."""
    for value in _private.get():
        if value in words:
            words = words.replace(value, MASK)
    return words
