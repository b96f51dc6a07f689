"""Taking a callback: whether it is meant for us, by whom it says, and now; then what it tells.

A receiver does four things: verify the raw body (`verify`); answer a repeat (`event.id`) with 2xx and do nothing; do
nothing for an event that is older than what it has (`event.sequence`, for each payout); answer soon, and work later.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paymux_client.models import Json, Payout
from paymux_client.reading import Unreadable, decode

TOLERANCE_S = 300
"""How far a callback's time may be from ours, either way."""

_ID = re.compile(r"[!-\-/-~]{1,256}")
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURES_MAX = 16
_KEY_BYTES_MIN = 24


class CallbackRefused(Exception):
    """Not signed by whom it claims to be, or not now. Answer 401; the text is for your log, not for the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackEvent:
    """What a callback tells."""

    id: str
    """The same over all tries."""
    type: str
    """`payout.paid` and so on; one you do not know is not for you: say 2xx."""
    timestamp: datetime
    sequence: int
    """Counts 1, 2, 3 for each payout: drop what is lower than what you have."""
    api_version: str
    object: Payout | Json
    """The payout as it was then, masked, without `description` and `next_action`."""
    corrects: str | None = None
    """The final status that this event takes back."""

    @property
    def payout(self) -> Payout:
        """The payout it speaks of. Raises TypeError for an event that speaks of something else."""
        if isinstance(self.object, Payout):
            return self.object
        raise TypeError(f"{self.type} speaks of no payout")


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Sequence[str] = (),
    public_keys: Sequence[bytes] = (),
    now_s: float | None = None,
    tolerance_s: float = TOLERANCE_S,
) -> CallbackEvent:
    """Verify the raw `body` of a callback and read it; the time it takes does not tell how near a forgery came.

    `secrets` are `whsec_…`, `public_keys` Ed25519 keys as PEM or as 32 raw bytes (needs `paymux-client[ed25519]`). Give
    the old one beside the new one during a rotation: one signature that holds under any of them is enough.

    Raises:
        CallbackRefused: a header is missing or malformed, the time is too far off, no signature holds, or the body is
            no event.
        ValueError: neither a secret nor a key is given, or one of them is malformed: that is yours to mend.
    """
    if not secrets and not public_keys:
        raise ValueError("a callback is verified with a secret or a public key")
    found = {name.lower(): value for name, value in headers.items()}
    signed = _signed(found, body, time.time() if now_s is None else now_s, tolerance_s)
    given = found.get("webhook-signature", "").split(" ")[:_SIGNATURES_MAX]
    # Every pair is looked at: an early end would tell which one was near.
    holds = [_same(each, _v1(secret, signed)) for each in given for secret in secrets]
    holds += [_holds(each, key, signed) for each in given for key in public_keys]
    if not any(holds):
        raise CallbackRefused("no signature holds")
    return _event(body)


def _signed(headers: Mapping[str, str], body: bytes, now_s: float, tolerance_s: float) -> bytes:
    message_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(message_id) or not _SECONDS.fullmatch(seconds):
        raise CallbackRefused("webhook-id or webhook-timestamp is missing or malformed")
    if abs(int(seconds) - now_s) > tolerance_s:
        raise CallbackRefused("the timestamp is too far from now")
    return f"{message_id}.{seconds}.".encode() + body


def _v1(secret: str, signed: bytes) -> bytes:
    if not secret.startswith("whsec_"):
        raise ValueError("a callback secret begins with whsec_")
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    if len(key) < _KEY_BYTES_MIN:
        raise ValueError("a callback secret is the base64 of 24 bytes or more")  # an empty one anybody could sign with
    return b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def _same(given: str, expected: bytes) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected)


def _holds(given: str, public_key: bytes, signed: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    version, _, text = given.partition(",")
    if version != "v1a":
        return False
    try:
        signature = base64.b64decode(text, validate=True)
        if base64.b64encode(signature).decode() != text:
            return False
        _public(public_key).verify(signature, signed)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _public(key: bytes) -> Any:  # an Ed25519PublicKey, whose module is there only with the extra
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    read = Ed25519PublicKey.from_public_bytes(key) if len(key) == 32 else load_pem_public_key(key)
    if not isinstance(read, Ed25519PublicKey):
        raise ValueError("not an Ed25519 public key")
    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    object: Payout | Json


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    id: str
    type: str
    timestamp: datetime
    sequence: int
    api_version: str
    data: _Data
    corrects: str | None


def _event(body: bytes) -> CallbackEvent:
    try:
        read = decode(_Body, json.loads(body))
    except (ValueError, Unreadable) as error:
        raise CallbackRefused(f"signed, but no event: {error}") from error
    return CallbackEvent(
        id=read.id,
        type=read.type,
        timestamp=read.timestamp,
        sequence=read.sequence,
        api_version=read.api_version,
        object=read.data.object,
        corrects=read.corrects,
    )
