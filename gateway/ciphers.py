"""The two ciphers that personal data may be sealed with, and the byte that each is known by.

AES-256-GCM unless the configuration says otherwise; SM4-GCM for operators who must use China's own (GB/T 32907). Both
take a nonce of twelve bytes and end in a tag of sixteen, and both are always opened, whichever seals today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher as Mode
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA256, SM3, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
_TAG_BYTES = 16


class Cipher(StrEnum):
    """What may stand in `[gateway] cipher`."""

    AES_256_GCM = "aes-256-gcm"
    SM4_GCM = "sm4-gcm"


class Aead(Protocol):
    """A cipher with its key. `bound` is not encrypted, and must be the same when it is opened."""

    def encrypt(self, nonce: bytes, data: bytes, bound: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        """Raises `InvalidTag`, or `ValueError` for what is too short to be one."""
        ...


class Sm4Gcm:
    """SM4 in GCM, in the manner of `AESGCM`, which the library has only for AES."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        work = Mode(self._key, GCM(nonce)).encryptor()
        work.authenticate_additional_data(bound)
        return work.update(data) + work.finalize() + work.tag

    def decrypt(self, nonce: bytes, data: bytes, bound: bytes) -> bytes:
        work = Mode(self._key, GCM(nonce, data[-_TAG_BYTES:])).decryptor()
        work.authenticate_additional_data(bound)
        return work.update(data[:-_TAG_BYTES]) + work.finalize()


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a cipher is keyed."""

    byte: bytes
    """The first of every value that was sealed with it."""
    key_bytes: int
    make: Callable[[bytes], Aead]
    digest: Callable[[], HashAlgorithm]
    """Of the same family, for deriving its keys."""

    def derive(self, key: bytes, info: bytes) -> Aead:
        """The cipher under a key of its own, for one purpose."""
        return self.make(HKDF(self.digest(), self.key_bytes, salt=None, info=info).derive(key))


ALGORITHMS: Mapping[Cipher, Algorithm] = {
    Cipher.AES_256_GCM: Algorithm(b"\x02", 32, AESGCM, SHA256),
    Cipher.SM4_GCM: Algorithm(b"\x03", 16, Sm4Gcm, SM3),
}
"""One is the byte of the first layout, which had no data keys (`gateway.sealing`)."""

BY_BYTE: Mapping[bytes, Algorithm] = {each.byte: each for each in ALGORITHMS.values()}
