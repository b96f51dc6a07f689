"""The signature of a request, pure: one string, two algorithms (docs/api.md, "Who is calling").

    METHOD \\n raw path and query \\n timestamp \\n nonce \\n raw body \\n

No part but the body, which is last, can hold a line feed, so no two requests share a string.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

WINDOW_S = 300
"""How far a timestamp may be off, either way."""


class Algorithm(StrEnum):
    """How a key proves itself; it stands in the key record, and the header cannot choose another."""

    ED25519 = "ed25519"
    HMAC_SHA256 = "hmac-sha256"
    BEARER = "bearer"
    """A test key sent as it is. Sandbox only."""


SCHEMES: dict[str, Algorithm] = {
    "PAYMUX-ED25519": Algorithm.ED25519,
    "PAYMUX-HMAC-SHA256": Algorithm.HMAC_SHA256,
}
_SCHEME_OF = {algorithm: scheme for scheme, algorithm in SCHEMES.items()}
_SIGNATURE_BYTES = {Algorithm.ED25519: 64, Algorithm.HMAC_SHA256: 32}

_HEADER = re.compile(r'(?P<scheme>[A-Z0-9-]{1,32}) +(?P<params>[a-z_]+="[^"]*"(?:, *[a-z_]+="[^"]*"){3})', re.ASCII)
_PARAM = re.compile(r'([a-z_]+)="([^"]*)"', re.ASCII)
_SHAPES = {
    "key_id": re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII),
    "timestamp": re.compile(r"[0-9]{10}", re.ASCII),
    "nonce": re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII),
    "signature": re.compile(r"[A-Za-z0-9+/]{43,88}={0,2}", re.ASCII),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a well-formed Authorization header claims."""

    algorithm: Algorithm
    key_id: str
    timestamp: int
    nonce: str
    signature: bytes


def signing_string(method: str, target: bytes, timestamp: int, nonce: str, body: bytes) -> bytes:
    """What is signed. `target` is the path and query exactly as they stand on the request line."""
    head = b"\n".join((method.encode(), target, str(timestamp).encode(), nonce.encode()))
    return b"%b\n%b\n" % (head, body)


def sign(algorithm: Algorithm, secret: bytes, message: bytes) -> bytes:
    """The signature. `secret` is the raw 32-byte Ed25519 private key, or the HMAC key.

    Raises:
        ValueError: the algorithm signs nothing, or the key has the wrong size.
    """
    match algorithm:
        case Algorithm.ED25519:
            return Ed25519PrivateKey.from_private_bytes(secret).sign(message)
        case Algorithm.HMAC_SHA256:
            return hmac.digest(secret, message, hashlib.sha256)
        case _:
            raise ValueError(f"{algorithm} does not sign")


def verify(algorithm: Algorithm, material: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` fits, in constant time. `material` is the raw Ed25519 public key, or the HMAC key."""
    match algorithm:
        case Algorithm.ED25519:
            try:
                Ed25519PublicKey.from_public_bytes(material).verify(signature, message)
            except (InvalidSignature, ValueError):
                return False
            return True
        case Algorithm.HMAC_SHA256:
            return hmac.compare_digest(hmac.digest(material, message, hashlib.sha256), signature)
        case _:
            return False


def authorization(
    algorithm: Algorithm,
    key_id: str,
    secret: bytes,
    *,
    method: str,
    target: str,
    timestamp: int,
    nonce: str,
    body: bytes = b"",
) -> str:
    """The Authorization header that a client sends with this request."""
    message = signing_string(method, target.encode(), timestamp, nonce, body)
    signature = base64.b64encode(sign(algorithm, secret, message)).decode()
    return f'{_SCHEME_OF[algorithm]} key_id="{key_id}",timestamp="{timestamp}",nonce="{nonce}",signature="{signature}"'


@lru_cache(maxsize=1024)
def parse_authorization(header: str) -> Credentials | None:
    """The claims of an Authorization header; None unless it is exactly well-formed, each part once, in any order.

    Remembered for a while: a request is asked whose it is before its body is read, and again when it is proved.
    """
    found = _HEADER.fullmatch(header)
    algorithm = SCHEMES.get(found["scheme"]) if found else None
    if found is None or algorithm is None:
        return None
    params = dict(_PARAM.findall(found["params"]))
    if params.keys() != _SHAPES.keys() or not all(_SHAPES[name].fullmatch(params[name]) for name in _SHAPES):
        return None
    signature = _decode(params["signature"])
    if signature is None or len(signature) != _SIGNATURE_BYTES[algorithm]:
        return None
    return Credentials(algorithm, params["key_id"], int(params["timestamp"]), params["nonce"], signature)


def _decode(text: str) -> bytes | None:
    """Base64 in its one canonical form: no other spelling of the same bytes."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return decoded if base64.b64encode(decoded).decode() == text else None
