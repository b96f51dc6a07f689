"""Standard Webhooks signatures: made here for callbacks, checked here by the demo app and the tests.

What is signed is `id.timestamp.body`. A `v1` signature is HMAC-SHA256 under a shared secret (`whsec_` and base64), a
`v1a` signature is Ed25519, with which a receiver can prove who wrote it and forge nothing. Every secret and key of the
endpoint signs, so that during a rotation the receiver may still hold the old one (docs/api.md, Callbacks).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.callbacks.endpoint import Endpoint
from gateway.secret import Secret

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = timedelta(minutes=5)
"""How far a callback's timestamp may be from the receiver's clock."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - the scheme's public prefix, not a secret
PUBLIC_PREFIX = "whpk_"
_SIGNATURES_MAX = 16
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,256}")
"""Printable ASCII without the dot, which separates the signed parts."""
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


class BadSignature(Exception):
    """Not signed by whom it claims to be, or not now. The text is for the log, not for the sender."""


class BadKey(ValueError):
    """A secret or key that cannot sign. The text never contains it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A callback whose signature holds."""

    id: str
    at: datetime


def secret_key(secret: str) -> bytes:
    """The HMAC key of a `whsec_…` secret: 24 to 64 bytes, as Standard Webhooks asks.

    Raises:
        BadKey: not of that form.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKey("a callback secret is whsec_ and base64") from error
    if not secret.startswith(SECRET_PREFIX) or not 24 <= len(key) <= 64:
        raise BadKey("a callback secret is whsec_ and the base64 of 24 to 64 bytes")
    return key


def new_secret(random: bytes) -> bytes:
    """A `whsec_…` secret of 32 random bytes."""
    return f"{SECRET_PREFIX}{_base64(random)}".encode()


def new_signing_key(random: bytes) -> bytes:
    """An Ed25519 private key of 32 random bytes, in PEM."""
    key = Ed25519PrivateKey.from_private_bytes(random)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_key(pem: bytes) -> str:
    """What verifies the `v1a` signatures of a private key, as Standard Webhooks writes it: `whpk_` and base64."""
    return PUBLIC_PREFIX + _base64(signing_key(pem).public_key().public_bytes_raw())


def signing_key(pem: bytes) -> Ed25519PrivateKey:
    """The Ed25519 private key of a PEM text.

    Raises:
        BadKey: not one.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey("a callback signing key is an Ed25519 private key in PEM, not encrypted") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey("a callback signing key is an Ed25519 private key")
    return key


def sign(endpoint: Endpoint, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers for one try, one signature for each secret and key of the endpoint.

    Raises:
        BadKey: a key that cannot sign, or no key at all: a callback is never sent unsigned.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("a callback id is printable ASCII without a dot")
    seconds = str(int(at.timestamp()))
    signed = _signed_bytes(message_id, seconds, body)
    signatures = [_v1(secret_key(_text(secret)), signed) for secret in endpoint.secrets]
    signatures += [_v1a(signing_key(key.reveal()), signed) for key in endpoint.signing_keys]
    if not signatures:
        raise BadKey(f"{endpoint.id} has no secret and no signing key")
    return {ID: message_id, TIMESTAMP: seconds, SIGNATURE: " ".join(signatures)}


def verify(
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    secrets: Sequence[str] = (),
    public_keys: Sequence[Ed25519PublicKey] = (),
) -> Verified:
    """Check a callback as its receiver does: one good signature under any of our secrets or keys is enough.

    Raises:
        BadSignature: a header is missing or malformed, the time is more than `TOLERANCE` off, no signature holds.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message_id, seconds = found.get(ID, ""), found.get(TIMESTAMP, "")
    if not _MESSAGE_ID.fullmatch(message_id) or not _SECONDS.fullmatch(seconds):
        raise BadSignature("webhook-id or webhook-timestamp is missing or malformed")
    if abs(int(seconds) - now.timestamp()) > TOLERANCE.total_seconds():
        raise BadSignature("the timestamp is too far from now")
    signed = _signed_bytes(message_id, seconds, body)
    expected = [_v1(secret_key(secret), signed) for secret in secrets]
    for given in found.get(SIGNATURE, "").split(" ")[:_SIGNATURES_MAX]:
        if _is_one_of(given, expected) or any(_holds(given, key, signed) for key in public_keys):
            return Verified(message_id, datetime.fromtimestamp(int(seconds), UTC))
    raise BadSignature("no signature holds")


def _signed_bytes(message_id: str, seconds: str, body: bytes) -> bytes:
    return f"{message_id}.{seconds}.".encode() + body


def _v1(key: bytes, signed: bytes) -> str:
    return "v1," + _base64(hmac.new(key, signed, hashlib.sha256).digest())


def _v1a(key: Ed25519PrivateKey, signed: bytes) -> str:
    return "v1a," + _base64(key.sign(signed))


def _is_one_of(given: str, expected: Sequence[str]) -> bool:
    # As bytes: compare_digest raises on text that is not ASCII. As base64: two texts may decode to the same bytes.
    candidate = given.encode(errors="replace")
    return any(hmac.compare_digest(candidate, text.encode()) for text in expected)


def _holds(given: str, key: Ed25519PublicKey, signed: bytes) -> bool:
    version, _, text = given.partition(",")
    try:
        signature = base64.b64decode(text, validate=True)
        if version != "v1a" or _base64(signature) != text:
            return False
        key.verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _text(secret: Secret) -> str:
    return secret.reveal().decode(errors="replace")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
