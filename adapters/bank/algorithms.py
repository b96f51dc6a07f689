"""The four signature algorithms of RFC 9421 this channel may use, and the keys they go with.

An algorithm belongs to a key on file; a message never chooses it (sheet "bank-direct" 5.2, 5.4). `hmac-sha256` is not
among them: a shared secret proves nothing to a third party.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from adapters.signer import RSA_MIN_BITS, Made, Scheme, Signature, Signer, pss, sign_rsa

_EC_BYTES = 32

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class Algorithm(StrEnum):
    """Names of the HTTP signature algorithm registry."""

    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    ED25519 = "ed25519"
    RSA_PSS_SHA512 = "rsa-pss-sha512"
    RSA_V1_5_SHA256 = "rsa-v1_5-sha256"


class KeyUnusable(ValueError):
    """Key material that is not what the configuration says it is."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of ours, with the one algorithm it signs with."""

    keyid: str
    algorithm: Algorithm
    private: PrivateKey = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """The signature bytes as they go on the wire: for ECDSA r and s side by side, never DER."""
        return sign_bytes(self.private, self.algorithm, data)

    def begin(self, data: bytes, signer: Signer) -> Signature:
        """The same, begun by `signer` where the key is an RSA one: the others take a twentieth of its time."""
        if not isinstance(self.private, rsa.RSAPrivateKey):
            return Made(self.sign(data))
        return signer.begin(self.private, _scheme(self.algorithm), data)

    def forget(self, signer: Signer) -> None:
        """It signs no more."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            signer.forget(self.private)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key on file: which algorithms it may be used with, and when (section 5.7)."""

    keyid: str
    algorithms: frozenset[Algorithm]
    public: PublicKey
    not_before: datetime | None = None
    not_after: datetime | None = None

    def valid_at(self, now: datetime) -> bool:
        """Whether `now` lies in the key's life; an open end has no limit."""
        started = self.not_before is None or self.not_before <= now
        return started and (self.not_after is None or now <= self.not_after)


def sign_bytes(key: PrivateKey, algorithm: Algorithm, data: bytes) -> bytes:
    """Raises `KeyUnusable` when the key is of another kind than the algorithm."""
    match key, algorithm:
        case ec.EllipticCurvePrivateKey(), Algorithm.ECDSA_P256_SHA256:
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(_EC_BYTES, "big") + s.to_bytes(_EC_BYTES, "big")
        case ed25519.Ed25519PrivateKey(), Algorithm.ED25519:
            return key.sign(data)
        case rsa.RSAPrivateKey(), _:
            return sign_rsa(key, _scheme(algorithm), data)
        case _:
            raise KeyUnusable(f"this key cannot sign with {algorithm}")


def _scheme(algorithm: Algorithm) -> Scheme:
    """Raises `KeyUnusable` where it is none of RSA's."""
    try:
        return Scheme(algorithm)
    except ValueError:
        raise KeyUnusable(f"this key cannot sign with {algorithm}") from None


def verify_bytes(key: PublicKey, algorithm: Algorithm, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is the key's over `data`. False for a key of another kind, never an exception."""
    try:
        match key, algorithm:
            case ec.EllipticCurvePublicKey(), Algorithm.ECDSA_P256_SHA256:
                key.verify(_der(signature), data, ec.ECDSA(hashes.SHA256()))
            case ed25519.Ed25519PublicKey(), Algorithm.ED25519:
                key.verify(signature, data)
            case rsa.RSAPublicKey(), Algorithm.RSA_PSS_SHA512:
                key.verify(signature, data, pss(), hashes.SHA512())
            case rsa.RSAPublicKey(), Algorithm.RSA_V1_5_SHA256:
                key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _der(signature: bytes) -> bytes:
    """DER of r ‖ s. Any other length was not made by this algorithm."""
    if len(signature) != 2 * _EC_BYTES:
        raise InvalidSignature
    halves = signature[:_EC_BYTES], signature[_EC_BYTES:]
    return encode_dss_signature(*(int.from_bytes(half, "big") for half in halves))


def load_private(pem: bytes, algorithm: Algorithm) -> PrivateKey:
    """A PKCS#8 PEM key that fits `algorithm`. Raises `KeyUnusable`; its text never holds the key."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("not an unencrypted PEM private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
        raise KeyUnusable(f"a {type(key).__name__} cannot sign messages here")
    _must_fit(key.public_key(), algorithm)
    return key


def load_public(pem: bytes, algorithms: frozenset[Algorithm]) -> PublicKey:
    """A PEM public key that fits all of `algorithms`. Raises `KeyUnusable`."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("not a PEM public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
        raise KeyUnusable(f"a {type(key).__name__} cannot verify messages here")
    for algorithm in algorithms:
        _must_fit(key, algorithm)
    return key


def _must_fit(key: PublicKey, algorithm: Algorithm) -> None:
    match key, algorithm:
        case ec.EllipticCurvePublicKey(), Algorithm.ECDSA_P256_SHA256 if isinstance(key.curve, ec.SECP256R1):
            return
        case ed25519.Ed25519PublicKey(), Algorithm.ED25519:
            return
        case rsa.RSAPublicKey(), Algorithm.RSA_PSS_SHA512 | Algorithm.RSA_V1_5_SHA256:
            if key.key_size >= RSA_MIN_BITS:
                return
            raise KeyUnusable(f"an RSA key needs {RSA_MIN_BITS} bits, this one has {key.key_size}")
        case _:
            pass
    raise KeyUnusable(f"the key does not fit {algorithm}")
