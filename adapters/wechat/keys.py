"""The service's keys: those configured, and the certificates it publishes. Pure (sheet sections 4 and 5).

A set, never one: around a change of certificates, and while a merchant moves from certificates to the public key, the
service signs now with the one and now with the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from adapters.wechat.cipher import open_resource
from adapters.wechat.orders import NamedKey
from adapters.wechat.reading import parse_object
from adapters.wechat.signing import Refusal, Refused, normal_serial

_EFFECTIVE_FOR = timedelta(hours=4)
"""For how long a certificate has been effective before names are encrypted to it: by then it is known everywhere."""
_FOR_EVER = (datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))


class BadKey(ValueError):
    """A configured key that is none, or not the one it is called."""


@dataclass(frozen=True, slots=True)
class PlatformKey:
    """One key of the service, and from when to when it is good."""

    key_id: str
    key: RSAPublicKey
    effective_at: datetime = _FOR_EVER[0]
    expires_at: datetime = _FOR_EVER[1]

    def good(self, now: datetime) -> bool:
        return self.effective_at <= now < self.expires_at


def read_key(key_id: str, pem: bytes) -> PlatformKey:
    """A configured key: a PEM public key or, for a serial, a certificate.

    Raises:
        BadKey: unreadable, not RSA, or a certificate with another serial.
    """
    try:
        if b"BEGIN CERTIFICATE" in pem:
            return _of_certificate(key_id, x509.load_pem_x509_certificate(pem))
        key = load_pem_public_key(pem)
    except ValueError as error:
        raise BadKey(f"{key_id}: not a PEM public key or certificate") from error
    if not isinstance(key, RSAPublicKey):
        raise BadKey(f"{key_id}: not an RSA key")
    return PlatformKey(key_id, key)


def _of_certificate(key_id: str, certificate: x509.Certificate) -> PlatformKey:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise BadKey(f"{key_id}: not an RSA key")
    if normal_serial(key_id) != normal_serial(f"{certificate.serial_number:X}"):
        raise BadKey(f"{key_id}: the certificate has another serial")
    return PlatformKey(key_id, key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def read_certificates(body: bytes, apiv3_key: bytes) -> tuple[PlatformKey, ...]:
    """The certificates in an answer of `GET /v3/certificates`.

    Raises:
        Refused: another form, sealed with another APIv3 key, or a certificate that is not the one it is called.
    """
    listed = parse_object(body).get("data")
    if not isinstance(listed, list) or not listed:
        raise Refused(Refusal.BODY, "no list of certificates")
    return tuple(_read_listed(item, apiv3_key) for item in listed)


def _read_listed(item: object, apiv3_key: bytes) -> PlatformKey:
    sealed = item.get("encrypt_certificate") if isinstance(item, dict) else None
    serial = item.get("serial_no") if isinstance(item, dict) else None
    if not isinstance(sealed, dict) or not isinstance(serial, str):
        raise Refused(Refusal.BODY, "not a listed certificate")
    try:
        return _of_certificate(serial, x509.load_pem_x509_certificate(open_resource(apiv3_key, sealed)))
    except ValueError as error:
        raise Refused(Refusal.BODY, "not the certificate it is called") from error


class PlatformKeys:
    """The set in use. Certificates come and go; configured keys stay."""

    def __init__(self, configured: Iterable[PlatformKey], preferred: str | None) -> None:
        self._configured = {normal_serial(key.key_id): key for key in configured}
        self._certificates: dict[str, PlatformKey] = {}
        self._preferred = preferred

    def find(self, serial: str, now: datetime) -> RSAPublicKey | None:
        """The key that signs under `serial`, while it is good."""
        name = normal_serial(serial)
        found = self._configured.get(name) or self._certificates.get(name)
        return found.key if found is not None and found.good(now) else None

    def encrypt_to(self, now: datetime) -> NamedKey | None:
        """The key for names and for `Wechatpay-Serial`; None while there is none."""
        preferred = self._configured.get(normal_serial(self._preferred)) if self._preferred else None
        if preferred is not None and preferred.good(now):
            return NamedKey(preferred.key_id, preferred.key)
        good = [key for key in (*self._certificates.values(), *self._configured.values()) if key.good(now)]
        settled = [key for key in good if key.effective_at + _EFFECTIVE_FOR <= now]
        last = max(settled or good, key=lambda key: key.expires_at, default=None)
        return NamedKey(last.key_id, last.key) if last is not None else None

    def has_certificates(self, now: datetime) -> bool:
        return any(key.good(now) for key in self._certificates.values())

    def add_certificates(self, listed: Iterable[PlatformKey], now: datetime) -> None:
        """Take in what the service lists; older ones are believed until they expire."""
        kept = {name: key for name, key in self._certificates.items() if key.expires_at > now}
        self._certificates = kept | {normal_serial(key.key_id): key for key in listed}
