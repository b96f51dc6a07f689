"""The form a secret must have. Each takes what was found and gives what is used; ValueError says why not.

The texts never contain the secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from gateway.secret import Secret

HMAC_SECRET_MIN_BYTES = 32


def key_32(secret: Secret) -> Secret:
    """Hexadecimal digits to the 32 bytes they stand for."""
    if not re.fullmatch(rb"[0-9a-fA-F]{64}", secret.reveal()):
        raise ValueError("a key is 32 random bytes, written as 64 hexadecimal digits")
    return Secret(bytes.fromhex(secret.text()), secret.source)


def hmac_secret(secret: Secret) -> Secret:
    """What an app signs its requests with; taken as it is."""
    if len(secret.reveal()) < HMAC_SECRET_MIN_BYTES:
        raise ValueError(f"an HMAC secret has at least {HMAC_SECRET_MIN_BYTES} bytes")
    return secret


def callback_secret(secret: Secret) -> Secret:
    """A Standard Webhooks secret; taken as it is, prefix included."""
    text = secret.reveal()
    try:
        size = len(base64.b64decode(text.removeprefix(b"whsec_"), validate=True))
    except binascii.Error:
        size = 0
    if not text.startswith(b"whsec_") or not 24 <= size <= 64:
        raise ValueError("a callback secret is whsec_ and the base64 of 24 to 64 bytes (Standard Webhooks)")
    return secret


def public_key(pem: bytes) -> Secret:
    """PEM to the 32 raw bytes of an Ed25519 public key."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 public key in PEM")
    return Secret(key.public_bytes_raw())


def postgres_address(secret: Secret) -> Secret:
    """The address of a database on a PostgreSQL; taken as it is."""
    try:
        parts = urlsplit(secret.text())
        whole = parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1 and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise ValueError("not an address of the form postgresql://user:password@host:port/database")
    return secret


def signing_key(secret: Secret) -> Secret:
    """An Ed25519 private key in PEM; taken as it is."""
    try:
        key = load_pem_private_key(secret.reveal(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not an unencrypted Ed25519 private key in PEM")
    return secret
