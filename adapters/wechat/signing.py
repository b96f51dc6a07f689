"""WECHATPAY2-SHA256-RSA2048: signing requests, verifying answers and notifications. Pure (sheet sections 3 and 4).

What is signed are bytes: the body that leaves and the body that came in, never a JSON value that was read and written
again. The checks run in the sheet's order, and the first that fails names the refusal.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from adapters.signer import Scheme, sign_rsa

SCHEME = "WECHATPAY2-SHA256-RSA2048"
TOLERANCE_S = 300
PROBE = "WECHATPAY/SIGNTEST/"
"""How a signature begins that the service made wrong on purpose, to see whether we look."""

SIGNATURE_HEADERS = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature", "wechatpay-serial")
_TYPE_HEADER = "wechatpay-signature-type"
_PUBLIC_KEY_ID = "PUB_KEY_ID_"


class Refusal(StrEnum):
    """Why a message is not believed: the first check that failed."""

    HEADERS = "reject_headers"
    """A signature header is missing, or came twice."""
    SIGNATURE_TYPE = "reject_signature_type"
    TIMESTAMP = "reject_timestamp"
    UNKNOWN_KEY = "reject_unknown_key"
    SIGNATURE = "reject_signature"
    BODY = "reject_body"
    """Rightly signed, but not the JSON that the sheet describes."""
    DECRYPT = "reject_decrypt"
    """Rightly signed, but our APIv3 key does not open it."""
    MERCHANT = "reject_merchant"
    """Rightly signed, but about another merchant."""


class Refused(Exception):
    """The message is not believed."""

    def __init__(self, code: Refusal, detail: str, *, probe: bool = False) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.probe = probe
        """Made wrong by the service on purpose: nobody needs to be called."""


def request_message(method: str, target: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What a request's signature covers: five lines, each ended by LF. `target` is path and query as on the wire."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n".encode() + body + b"\n"


def answer_message(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What the signature of an answer or notification covers: three lines, each ended by LF."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def sign_bytes(key: RSAPrivateKey, message: bytes) -> str:
    """RSASSA-PKCS1-v1_5 with SHA-256, base64. Deterministic."""
    return base64.b64encode(sign_rsa(key, Scheme.V1_5_SHA256, message)).decode()


def verify_bytes(key: RSAPublicKey, message: bytes, signature: str) -> bool:
    """Whether `signature` (strict base64) is `key`'s over `message`."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who signs our requests."""

    mchid: str
    serial_no: str
    key: RSAPrivateKey

    def authorization(self, signature: bytes, *, timestamp: str, nonce: str) -> str:
        """The `Authorization` header of the transmission that `signature` is over (`request_message`)."""
        shown = base64.b64encode(signature).decode()
        return (
            f'{SCHEME} mchid="{self.mchid}",nonce_str="{nonce}",signature="{shown}",'
            f'timestamp="{timestamp}",serial_no="{self.serial_no}"'
        )


def is_public_key_id(serial: str) -> bool:
    """Whether a `Wechatpay-Serial` names a public key rather than a certificate."""
    return serial.startswith(_PUBLIC_KEY_ID)


def normal_serial(serial: str) -> str:
    """A form in which serials are equal when they name the same key: hex without regard to case and leading zeros."""
    return serial if is_public_key_id(serial) else serial.upper().lstrip("0")


def header_fields(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Headers by lower-case name. Raises `Refused` when one that the signature rests on came twice."""
    fields: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in fields and lower.startswith("wechatpay-"):
            raise Refused(Refusal.HEADERS, f"{lower} came twice")
        fields[lower] = value
    return fields


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether any signature header is there; one alone obliges us to verify."""
    return any(name in headers for name in SIGNATURE_HEADERS)


def verify(
    headers: Mapping[str, str], body: bytes, find_key: Callable[[str], RSAPublicKey | None], now_s: float
) -> None:
    """Verify an answer or notification; headers by lower-case name, `now_s` in seconds since 1970.

    Raises:
        Refused: with the first check that failed.
    """
    if headers.get(_TYPE_HEADER, SCHEME) != SCHEME:
        raise Refused(Refusal.SIGNATURE_TYPE, f"{headers[_TYPE_HEADER][:40]!r} is not configured")
    missing = [name for name in SIGNATURE_HEADERS if not headers.get(name)]
    if missing:
        raise Refused(Refusal.HEADERS, f"{missing[0]} is missing")
    timestamp, nonce, signature, serial = (headers[name] for name in SIGNATURE_HEADERS)
    _check_time(timestamp, now_s)
    key = find_key(serial)
    if key is None:
        raise Refused(Refusal.UNKNOWN_KEY, f"{serial[:60]!r} is not among our keys")
    if not verify_bytes(key, answer_message(timestamp, nonce, body), signature):
        probe = signature.startswith(PROBE)
        raise Refused(Refusal.SIGNATURE, "a signature probe" if probe else "the signature is wrong", probe=probe)


def _check_time(timestamp: str, now_s: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Refused(Refusal.TIMESTAMP, "the timestamp is not a number of seconds")
    if abs(now_s - int(timestamp)) >= TOLERANCE_S:
        raise Refused(Refusal.TIMESTAMP, f"the timestamp is {TOLERANCE_S} s or more away from our clock")
