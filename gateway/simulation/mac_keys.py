"""`--crypto fast`: keys that sign with a keyed MAC, behind the very types the adapters sign and verify with.

Everything around them is the real code: what is covered, in which order, how it is written down, and what is refused. A
signature has the length of the real one and depends on every byte and on the key; only forging it is easy for whoever
has the public half, and in here nobody tries.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_RSA_BYTES = 256
_P256 = ec.SECP256R1()


def _none(*_: object) -> NoReturn:
    raise TypeError("a MAC key has no numbers to give away")


class MacRsaPublic(rsa.RSAPublicKey):
    """Verifies what `MacRsa` of the same name signed; encrypts so that it can read it."""

    def __init__(self, name: str) -> None:
        self._secret = hashlib.sha256(f"simulated rsa {name}".encode()).digest()

    @property
    def key_size(self) -> int:
        return _RSA_BYTES * 8

    def mac(self, data: Any) -> bytes:
        return hmac.digest(self._secret, bytes(data), "sha256") * (_RSA_BYTES // 32)

    def verify(self, signature: Any, data: Any, padding: Any, algorithm: Any) -> None:
        if not hmac.compare_digest(bytes(signature), self.mac(data)):
            raise InvalidSignature

    def encrypt(self, plaintext: Any, padding: Any) -> bytes:
        text = bytes(plaintext)
        return self._secret[:2] + len(text).to_bytes(2, "big") + text.ljust(_RSA_BYTES - 4, b"\0")

    def decrypt(self, ciphertext: bytes) -> bytes:
        if len(ciphertext) != _RSA_BYTES or ciphertext[:2] != self._secret[:2]:
            raise ValueError("not encrypted to this key")
        return ciphertext[4 : 4 + int.from_bytes(ciphertext[2:4], "big")]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MacRsaPublic) and other._secret == self._secret

    def __hash__(self) -> int:
        return hash(self._secret)

    def __copy__(self) -> MacRsaPublic:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> MacRsaPublic:
        return self

    def public_numbers(self) -> NoReturn:
        _none()

    def public_bytes(self, encoding: Any, format: Any) -> NoReturn:  # noqa: A002 - the port's name
        _none()

    def recover_data_from_signature(self, signature: Any, padding: Any, algorithm: Any) -> NoReturn:
        _none()


class MacRsa(rsa.RSAPrivateKey):
    """Stands for an RSA key of 2048 bits."""

    def __init__(self, name: str) -> None:
        self._public = MacRsaPublic(name)

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def public_key(self) -> MacRsaPublic:
        return self._public

    def sign(self, data: Any, padding: Any, algorithm: Any) -> bytes:
        return self._public.mac(data)

    def decrypt(self, ciphertext: Any, padding: Any) -> bytes:
        return self._public.decrypt(bytes(ciphertext))

    def __copy__(self) -> MacRsa:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> MacRsa:
        return self

    def private_numbers(self) -> NoReturn:
        _none()

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> NoReturn:  # noqa: A002 - as above
        _none()


class MacEcPublic(ec.EllipticCurvePublicKey):
    """Verifies what `MacEc` of the same name signed."""

    def __init__(self, name: str) -> None:
        self.secret = hashlib.sha256(f"simulated ec {name}".encode()).digest()

    @property
    def curve(self) -> ec.EllipticCurve:
        return _P256

    @property
    def key_size(self) -> int:
        return _P256.key_size

    def mac(self, data: Any) -> bytes:
        digest = hmac.digest(self.secret, bytes(data), "sha512")
        return encode_dss_signature(int.from_bytes(digest[:32], "big"), int.from_bytes(digest[32:], "big"))

    def verify(self, signature: Any, data: Any, signature_algorithm: Any) -> None:
        if not hmac.compare_digest(bytes(signature), self.mac(data)):
            raise InvalidSignature

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MacEcPublic) and other.secret == self.secret

    def __hash__(self) -> int:
        return hash(self.secret)

    def __copy__(self) -> MacEcPublic:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> MacEcPublic:
        return self

    def public_numbers(self) -> NoReturn:
        _none()

    def public_bytes(self, encoding: Any, format: Any) -> NoReturn:  # noqa: A002 - as above
        _none()


class MacEc(ec.EllipticCurvePrivateKey):
    """Stands for a P-256 key."""

    def __init__(self, name: str) -> None:
        self._public = MacEcPublic(name)
        self.secret = self._public.secret

    @property
    def curve(self) -> ec.EllipticCurve:
        return _P256

    @property
    def key_size(self) -> int:
        return _P256.key_size

    def public_key(self) -> MacEcPublic:
        return self._public

    def sign(self, data: Any, signature_algorithm: Any) -> bytes:
        return self._public.mac(data)

    def __copy__(self) -> MacEc:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> MacEc:
        return self

    def exchange(self, algorithm: Any, peer_public_key: Any) -> NoReturn:
        _none()

    def private_numbers(self) -> NoReturn:
        _none()

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> NoReturn:  # noqa: A002 - as above
        _none()
