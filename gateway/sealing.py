"""Encryption at rest: AES-256-GCM, each ciphertext bound to the place it is stored in.

Layout of a sealed value: one byte algorithm (1 = AES-256-GCM), four bytes key id, twelve bytes nonce, ciphertext and
tag. The associated data is the place, `table|column|row`, with the key id, so that a ciphertext moved to another row
or column does not open. The key id names the key, so that a new one can be added beside the old.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_AES_256_GCM = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12


class SealBroken(Exception):
    """A sealed value that does not open: another key, another place, or changed bytes."""


class Sealer:
    """Seals with the first key, opens with any."""

    def __init__(self, keys: Sequence[bytes], random_bytes: Callable[[int], bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("a sealing key is 32 bytes")
        self._random_bytes = random_bytes
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._active = _key_id(keys[0])

    def seal(self, plain: bytes, place: str) -> bytes:
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._active].encrypt(nonce, plain, _bound(place, self._active))
        return _AES_256_GCM + self._active + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """The plain bytes. Raises `SealBroken`."""
        key_id, rest = sealed[1 : 1 + _KEY_ID_BYTES], sealed[1 + _KEY_ID_BYTES :]
        cipher = self._ciphers.get(key_id)
        if sealed[:1] != _AES_256_GCM or cipher is None:
            raise SealBroken(f"{place}: unknown algorithm or key")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(place, key_id))
        except (InvalidTag, ValueError) as error:  # ValueError: cut so short that the nonce is not whole
            raise SealBroken(place) from error


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"paymux key id\0" + key).digest()[:_KEY_ID_BYTES]


def _bound(place: str, key_id: bytes) -> bytes:
    return place.encode() + b"|" + key_id
