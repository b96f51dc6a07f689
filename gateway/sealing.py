"""Encryption at rest: under data keys that lie in the database, each wrapped by a sealing key that does not.

A process makes a data key of its own when it opens the store, keeps it wrapped there before it seals anything with it,
and makes another one long before the number of values under it could matter. So no two processes have to agree on
anything, nothing is asked of the database while a payout is sealed, and to rotate the sealing key is to wrap some data
keys anew, not to touch a payout (docs/security.md).

Layout of a sealed value: one byte algorithm (`gateway.ciphers`), eight bytes data key id, twelve bytes nonce, then
ciphertext and tag. Associated data is the place, `table|column|row`, with algorithm and key id, so that a ciphertext
moved to another row or column does not open. A wrapped data key is laid out alike, under four bytes sealing key id.

The first layout, algorithm 1, was AES-256-GCM under the sealing key itself, with four bytes sealing key id. It is
opened for as long as there is any; `paymux keys rotate` leaves none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.ciphers import ALGORITHMS, BY_BYTE, NONCE_BYTES, Aead, Algorithm, Cipher

_FIRST_LAYOUT = b"\x01"
_SEALING_ID = slice(1, 5)
_DATA_ID = slice(1, 9)
_WRAPS = b"paymux sealing key wraps data keys"

USES_MAX = 2**30
"""Values under one data key: with random nonces 2**32 are allowed, which a busy gateway reaches in days."""


class SealBroken(Exception):
    """A sealed value that does not open: another key, another place, or changed bytes."""


class SealedElsewhere(SealBroken):
    """It is whole as far as can be told, but under a key that we do not have."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key that seals values, as it is kept: wrapped."""

    id: bytes
    wrapped: bytes = field(repr=False)


class Sealer:
    """Seals with a data key of this process, which the first sealing key wraps; opens whatever any of them leads to."""

    def __init__(
        self,
        keys: Sequence[bytes],
        random_bytes: Callable[[int], bytes],
        cipher: Cipher = Cipher.AES_256_GCM,
    ) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("a sealing key is 32 bytes")
        self._random_bytes = random_bytes
        self._keys = {_sealing_id(key): key for key in keys}
        self._first = _sealing_id(keys[0])
        self._firstborn = {key_id: AESGCM(key) for key_id, key in self._keys.items()}
        self._algorithm = ALGORITHMS[cipher]
        self._wrapping: dict[tuple[bytes, bytes], Aead] = {}
        self._wrapped: dict[bytes, bytes] = {}
        self._opened: dict[bytes, Aead] = {}
        """By what a value begins with."""
        self._active: tuple[bytes, Aead] | None = None
        self._uses = 0
        self.find: Callable[[bytes], bytes | None] = lambda _: None
        """The wrapped data key of an id that another process made since we looked; set by a store that is shared."""

    # Values ----------------------------------------------------------------------------------------------------------

    def seal(self, plain: bytes, place: str) -> bytes:
        """The sealed value. Raises `LookupError` before a data key was adopted: what it sealed could be lost."""
        if self._active is None:
            raise LookupError("nothing is sealed before a data key is in the store")
        head, aead = self._active
        self._uses += 1
        nonce = self._random_bytes(NONCE_BYTES)
        return head + nonce + aead.encrypt(nonce, plain, _bound(place, head))

    def open(self, sealed: bytes, place: str) -> bytes:
        """The plain bytes. Raises `SealBroken`."""
        if sealed[:1] == _FIRST_LAYOUT:
            key_id = sealed[_SEALING_ID]
            return _decrypt(self._firstborn.get(key_id), sealed[_SEALING_ID.stop :], _bound(place, key_id), place)
        head = sealed[: _DATA_ID.stop]
        aead = self._opened.get(head) or self._unwrap(head, place)
        return _decrypt(aead, sealed[_DATA_ID.stop :], _bound(place, head), place)

    # Data keys -------------------------------------------------------------------------------------------------------

    @property
    def worn(self) -> bool:
        """Whether it is time for another data key."""
        return self._uses >= USES_MAX

    def new_key(self) -> DataKey:
        """A data key, not in use before it is in the store and adopted."""
        key = self._random_bytes(self._algorithm.key_bytes)
        key_id = hashlib.sha256(b"paymux data key id\0" + key).digest()[:8]
        return DataKey(key_id, self._wrap(self._algorithm, key_id, key))

    def know(self, keys: Iterable[DataKey]) -> None:
        """Those that are in the store. Each is unwrapped when the first value under it is opened."""
        self._wrapped |= {key.id: key.wrapped for key in keys}

    def adopt(self, key: DataKey) -> None:
        """Seal with this one from now on. It must be durable in the store. Raises `SealBroken`."""
        self.know([key])
        head = key.wrapped[:1] + key.id
        self._active, self._uses = (head, self._unwrap(head, "data key")), 0

    def leads_to(self, key: DataKey) -> bool:
        """Whether it is wrapped by a sealing key that we have."""
        return key.wrapped[_SEALING_ID] in self._keys

    def rewrapped(self, key: DataKey) -> DataKey | None:
        """The same data key under the first sealing key; None: it is. Raises `SealBroken`."""
        if key.wrapped[_SEALING_ID] == self._first:
            return None
        algorithm = BY_BYTE[key.wrapped[:1]]
        return DataKey(key.id, self._wrap(algorithm, key.id, self._plain(key)))

    def _unwrap(self, head: bytes, place: str) -> Aead:
        key_id = head[_DATA_ID]
        wrapped = self._wrapped.get(key_id) or self.find(key_id)
        if wrapped is None or wrapped[:1] != head[:1]:
            raise SealedElsewhere(f"{place}: unknown algorithm or key")
        aead = BY_BYTE[head[:1]].make(self._plain(DataKey(key_id, wrapped)))
        self._opened[head] = aead
        return aead

    def _wrap(self, algorithm: Algorithm, key_id: bytes, key: bytes) -> bytes:
        head = algorithm.byte + self._first
        nonce = self._random_bytes(NONCE_BYTES)
        return head + nonce + self._wrapper(head).encrypt(nonce, key, _bound(_kept(key_id), head))

    def _plain(self, key: DataKey) -> bytes:
        head, place = key.wrapped[: _SEALING_ID.stop], _kept(key.id)
        if head[:1] not in BY_BYTE or not self.leads_to(key):
            raise SealedElsewhere(f"{place}: unknown algorithm or sealing key")
        return _decrypt(self._wrapper(head), key.wrapped[_SEALING_ID.stop :], _bound(place, head), place)

    def _wrapper(self, head: bytes) -> Aead:
        """The cipher of a sealing key that wraps, made once."""
        which = head[:1], head[_SEALING_ID]
        if which not in self._wrapping:
            self._wrapping[which] = BY_BYTE[which[0]].derive(self._keys[which[1]], _WRAPS)
        return self._wrapping[which]


def is_first_layout(sealed: bytes) -> bool:
    """Whether a value is sealed under a sealing key itself."""
    return sealed[:1] == _FIRST_LAYOUT


def _decrypt(aead: Aead | None, rest: bytes, bound: bytes, place: str) -> bytes:
    if aead is None:
        raise SealedElsewhere(f"{place}: unknown sealing key")
    try:
        return aead.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError) as error:  # ValueError: cut so short that nonce or tag is not whole
        raise SealBroken(place) from error


def _kept(key_id: bytes) -> str:
    return f"data_keys|wrapped|{key_id.hex()}"


def _sealing_id(key: bytes) -> bytes:
    return hashlib.sha256(b"paymux key id\0" + key).digest()[:4]


def _bound(place: str, head: bytes) -> bytes:
    return place.encode() + b"|" + head
