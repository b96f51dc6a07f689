"""How the bank signs what it posts: HMAC-SHA256 over the raw body, in hexadecimal, in one header."""

from __future__ import annotations

import hashlib
import hmac

from adapters.channel import NotificationRefused, RawNotification

HEADER = "x-mock-signature"


def sign(key: bytes, body: bytes) -> tuple[str, str]:
    """The header that goes with `body`."""
    return HEADER, hmac.new(key, body, hashlib.sha256).hexdigest()


def verify(key: bytes, raw: RawNotification) -> None:
    """Check the one signature, in constant time, before anything of the body is read.

    Raises:
        NotificationRefused: `signature_missing` (or more than one), `signature_wrong`.
    """
    given = [value for name, value in raw.headers if name.lower() == HEADER]
    if len(given) != 1:
        raise NotificationRefused("signature_missing", f"{len(given)} headers {HEADER}, not one")
    if not hmac.compare_digest(given[0].encode(), sign(key, raw.body)[1].encode()):
        raise NotificationRefused("signature_wrong", "the body was not signed by this bank")
