"""A signer that is never done at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from adapters.signer import Scheme, Signature, sign_rsa


@dataclass(frozen=True, slots=True)
class _Coming:
    key: RSAPrivateKey
    scheme: Scheme
    data: bytes
    made: None = None

    async def wait(self) -> bytes:
        await asyncio.sleep(0)
        return sign_rsa(self.key, self.scheme, self.data)


class Slow:
    """`adapters.signer.Signer` whose signatures are waited for, and counted."""

    def __init__(self) -> None:
        self.begun = 0
        self.forgotten: list[RSAPrivateKey] = []

    def begin(self, key: RSAPrivateKey, scheme: Scheme, data: bytes) -> Signature:
        self.begun += 1
        return _Coming(key, scheme, data)

    def forget(self, key: RSAPrivateKey) -> None:
        self.forgotten.append(key)
