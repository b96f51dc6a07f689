"""HTTP Message Signatures (RFC 9421) over a content digest (RFC 9530): the bank's signature profile. Pure.

Sheet "bank-direct" section 5 fixes what RFC 9421 leaves open: which components are covered, which parameters must be
there (`signature_base`), and the order of the checks (`verifying`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from adapters.bank.algorithms import SigningKey, VerifyingKey
from adapters.bank.signature_base import (
    Message,
    Request,
    Response,
    Tag,
    content_digest,
    field_values,
    required_components,
    signature_base,
)
from adapters.bank.structured import parse_signature_input
from adapters.bank.verifying import LIFE_S, Verified, verify_message
from adapters.signer import HERE, Headers, Heading, Signer, heading

LABEL = "sig1"


class SignatureProfile(Protocol):
    """How a bank wants messages signed; RFC 9421 is the first implementation."""

    def sign(self, message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str) -> Headers:
        """The headers to add to `message`."""
        ...

    def begin(self, message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str, signer: Signer) -> Heading:
        """Those that `sign` gives, with the signature begun by `signer`."""
        ...

    def verify(self, message: Message, tag: Tag, keys: Mapping[str, VerifyingKey], now: datetime) -> Verified:
        """Raises `SignatureRefused`."""
        ...


class Rfc9421:
    """The default profile."""

    def sign(self, message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str) -> Headers:
        return sign_message(message, tag, key, now, nonce)

    def begin(self, message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str, signer: Signer) -> Heading:
        return begin_message(message, tag, key, now, nonce, signer)

    def verify(self, message: Message, tag: Tag, keys: Mapping[str, VerifyingKey], now: datetime) -> Verified:
        return verify_message(message, tag, keys, now)


PROFILES: Mapping[str, SignatureProfile] = {"rfc9421": Rfc9421()}


def sign_message(message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str) -> Headers:
    """The headers that make `message` a signed one; it must already carry every field that is covered."""
    return begin_message(message, tag, key, now, nonce, HERE).ready


def begin_message(message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str, signer: Signer) -> Heading:
    """Likewise, with the signature begun by `signer`."""
    digest: Headers = (("Content-Digest", content_digest(message.body)),) if message.body else ()
    signed = _with_headers(message, digest)
    covered = required_components(message)
    if field_values(message.headers, "tpp-notification-uri"):
        covered = (*covered, '"tpp-notification-uri"')
    text = _parameter_text(covered, key, int(now.timestamp()), nonce, tag)
    (announced,) = parse_signature_input(f"{LABEL}={text}")
    ready: Headers = (*digest, ("Signature-Input", f"{LABEL}={text}"))
    return heading(ready, key.begin(signature_base(signed, announced), signer), _signature_header)


def _signature_header(signature: bytes) -> Headers:
    return (("Signature", f"{LABEL}=:{base64.b64encode(signature).decode()}:"),)


def _parameter_text(covered: tuple[str, ...], key: SigningKey, created: int, nonce: str, tag: Tag) -> str:
    return (
        f'({" ".join(covered)});created={created};keyid="{key.keyid}";alg="{key.algorithm}"'
        f';expires={created + LIFE_S};nonce="{nonce}";tag="{tag}"'
    )


def _with_headers(message: Message, extra: Headers) -> Message:
    headers = message.headers + extra
    if isinstance(message, Request):
        return Request(message.method, message.target_uri, headers, message.body)
    return Response(message.status, headers, message.request, message.body)
