"""Where RSA keys sign: in this process, or in one beside it.

An RSA signature takes about a millisecond of processor time, as much as writing the whole request. A signer in another
process does it on another core, while the intent is being committed. The adapter only begins a signature; it is waited
for where it is needed, at the very end, when the headers are written.

Whoever waits always gets one: a signer that is gone or late is done without, and the key signs here. Between the commit
of the intent and the send nothing may say no (I26).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

Headers = tuple[tuple[str, str], ...]


RSA_MIN_BITS = 2048
"""No shorter key is taken from a configuration: it could be broken, and may not hold a scheme's padding."""


class Scheme(StrEnum):
    """How an RSA key signs; the names are those of the HTTP signature algorithm registry (RFC 9421, 6.2)."""

    V1_5_SHA256 = "rsa-v1_5-sha256"
    """RSASSA-PKCS1-v1_5 (RFC 8017). Deterministic."""
    PSS_SHA512 = "rsa-pss-sha512"
    """RSASSA-PSS with a salt of 64 bytes."""


def pss() -> PSS:
    """The padding of `PSS_SHA512`, for whoever signs and for whoever verifies."""
    return PSS(mgf=MGF1(SHA512()), salt_length=64)


def sign_rsa(key: RSAPrivateKey, scheme: Scheme, data: bytes) -> bytes:
    """As many bytes as the modulus has."""
    if scheme is Scheme.PSS_SHA512:
        return key.sign(data, pss(), SHA512())
    return key.sign(data, PKCS1v15(), SHA256())


class Signature(Protocol):
    """One that was begun."""

    @property
    def made(self) -> bytes | None:
        """It, if it is here already."""
        ...

    async def wait(self) -> bytes:
        """It, as soon as it is here. Never fails."""
        ...


class Signer(Protocol):
    """Signs with RSA keys of ours."""

    def begin(self, key: RSAPrivateKey, scheme: Scheme, data: bytes) -> Signature:
        """Begin one. Raises `ValueError` for a key that is too short for the scheme."""
        ...

    def forget(self, key: RSAPrivateKey) -> None:
        """The key signs no more: its channel is closed."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """A signature that is here."""

    made: bytes

    async def wait(self) -> bytes:
        return self.made


class Here:
    """Signs at once, in this process."""

    def begin(self, key: RSAPrivateKey, scheme: Scheme, data: bytes) -> Signature:
        return Made(sign_rsa(key, scheme, data))

    def forget(self, key: RSAPrivateKey) -> None:
        """It was never kept."""


HERE = Here()


@dataclass(frozen=True, slots=True)
class Later:
    """Headers that wait for a signature which is being made elsewhere."""

    signature: Signature = field(repr=False)
    write: Callable[[bytes], Headers] = field(repr=False)
    """The signature, to the headers that hold it."""

    async def headers(self) -> Headers:
        """They, as soon as it is here. Never fails."""
        return self.write(await self.signature.wait())


@dataclass(frozen=True, slots=True)
class Heading:
    """The headers of one transmission: those that are ready, and those that come later."""

    ready: Headers
    later: Later | None = None

    async def whole(self) -> Headers:
        """All of them."""
        return self.ready if self.later is None else (*self.ready, *await self.later.headers())


def heading(ready: Headers, signature: Signature, write: Callable[[bytes], Headers]) -> Heading:
    """`ready` and what `write` makes of the signature, which may be here already."""
    made = signature.made
    return Heading(ready, Later(signature, write)) if made is None else Heading((*ready, *write(made)))
