"""The signature of both sides: HMAC-SHA256 over time, nonce, what is asked for, and the raw body, in three headers."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import datetime

HEADERS = ("x-timestamp", "x-nonce", "x-signature")
TOLERANCE_S = 300

_SHAPES = (re.compile(r"[0-9]{10}", re.ASCII), re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}"))
Headers = tuple[tuple[str, str], ...]


class BadSignature(Exception):
    """Not signed with our key, or not now. `code` is the first check that failed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def sign(key: bytes, target: str, body: bytes, now: datetime, nonce: bytes) -> Headers:
    """The three headers. `target` is the path of a request, and empty for a notification."""
    at, text = str(int(now.timestamp())), nonce.hex()
    return tuple(zip(HEADERS, (at, text, _signature(key, at, text, target, body)), strict=True))


def verify(key: bytes, target: str, body: bytes, headers: Sequence[tuple[str, str]], now: datetime) -> str:
    """The nonce, to be used up.

    Raises:
        BadSignature: see there.
    """
    given = [[value for name, value in headers if name.lower() == wanted] for wanted in HEADERS]
    if any(len(values) != 1 for values in given):
        raise BadSignature("signature_missing")
    at, nonce, signature = (values[0] for values in given)
    if not all(shape.fullmatch(text) for shape, text in zip(_SHAPES, (at, nonce, signature), strict=True)):
        raise BadSignature("signature_malformed")
    if not hmac.compare_digest(signature, _signature(key, at, nonce, target, body)):
        raise BadSignature("signature_wrong")
    if abs(now.timestamp() - int(at)) > TOLERANCE_S:
        raise BadSignature("timestamp_off")
    return nonce


def _signature(key: bytes, at: str, nonce: str, target: str, body: bytes) -> str:
    return hmac.digest(key, "\n".join((at, nonce, target, "")).encode() + body, "sha256").hex()
