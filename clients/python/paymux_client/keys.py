"""Who is calling: the key an app signs its requests with.

Signed is the request as it leaves: method, path and query, time, nonce and body, each followed by a line feed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Protocol


class Key(Protocol):
    """Anything that can say who is calling."""

    def authorization(self, method: str, target: bytes, timestamp: int, nonce: str, body: bytes) -> str:
        """The Authorization header of this request. `target` is path and query exactly as sent, `timestamp` in s."""
        ...


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A shared secret: the easy start."""

    key_id: str
    secret: bytes = field(repr=False)

    def authorization(self, method: str, target: bytes, timestamp: int, nonce: str, body: bytes) -> str:
        signature = hmac.digest(self.secret, signing_string(method, target, timestamp, nonce, body), hashlib.sha256)
        return _header("PAYMUX-HMAC-SHA256", self.key_id, timestamp, nonce, signature)


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A private key of which the gateway holds the public half: nothing of theirs can forge a request of yours.

    Needs `paymux-client[ed25519]`.
    """

    key_id: str
    private_key: bytes = field(repr=False)
    """PEM (PKCS#8, not encrypted), or the 32 raw bytes."""

    def authorization(self, method: str, target: bytes, timestamp: int, nonce: str, body: bytes) -> str:
        signature = _sign(self.private_key, signing_string(method, target, timestamp, nonce, body))
        return _header("PAYMUX-ED25519", self.key_id, timestamp, nonce, signature)


@dataclass(frozen=True, slots=True)
class TestKey:
    """The sandbox's test key, sent as it is. Live mode takes none."""

    __test__ = False  # its name looks like a test's
    token: str = field(repr=False)

    def authorization(self, method: str, target: bytes, timestamp: int, nonce: str, body: bytes) -> str:
        return f"Bearer {self.token}"


def signing_string(method: str, target: bytes, timestamp: int, nonce: str, body: bytes) -> bytes:
    """What is signed."""
    return b"\n".join((method.encode(), target, str(timestamp).encode(), nonce.encode(), body, b""))


def _sign(private_key: bytes, message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if len(private_key) == 32:
        return Ed25519PrivateKey.from_private_bytes(private_key).sign(message)
    key = load_pem_private_key(private_key, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("not an Ed25519 private key")
    return key.sign(message)


def _header(scheme: str, key_id: str, timestamp: int, nonce: str, signature: bytes) -> str:
    encoded = base64.b64encode(signature).decode()
    return f'{scheme} key_id="{key_id}",timestamp="{timestamp}",nonce="{nonce}",signature="{encoded}"'
