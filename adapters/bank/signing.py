"""HTTP Message Signatures (RFC 9421) over a content digest (RFC 9530): the bank's signature profile. Pure.

Sheet "bank-direct" section 5 fixes what RFC 9421 leaves open: which components are covered, which parameters must be
there, and the order of the checks. That order is the order of the code in `verify_message`: the first check that fails
names the refusal, and nothing that an unsigned stranger says is remembered.

An answer also covers its question (`;req`): a genuine answer to another request does not verify for this one. That is
why `Response` holds its `Request`, and why answers need no store of used nonces.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from adapters.bank.algorithms import Algorithm, SigningKey, VerifyingKey, verify_bytes
from adapters.bank.structured import (
    Component,
    Malformed,
    SignatureInput,
    parse_byte_dictionary,
    parse_signature_input,
)
from adapters.signer import HERE, Headers, Heading, Signer, heading

LABEL = "sig1"
LIFE_S = 300
SKEW_S = 5
REPLAY_KEPT_S = LIFE_S + 2 * SKEW_S
"""How long a used nonce must be remembered by whoever refuses replays."""


class Tag(StrEnum):
    """What a signature is for; a signature for one purpose is none for another."""

    REQUEST = "payout-request"
    RESPONSE = "payout-response"
    NOTIFICATION = "payout-notification"


class Refusal(StrEnum):
    """Why a message is not believed: the first check that failed (section 5.6)."""

    MISSING = "reject_missing"
    UNKNOWN_KEY = "reject_unknown_key"
    ALGORITHM = "reject_algorithm"
    COMPONENTS = "reject_components"
    TIME = "reject_time"
    SIGNATURE = "reject_signature"
    DIGEST = "reject_digest"
    REPLAY = "reject_replay"


class SignatureRefused(Exception):
    """The message is not proved to be what it says it is."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Request:
    """A request or a notification: `target_uri` is the absolute URI as sent, a notification's token included."""

    method: str
    target_uri: str = field(repr=False)
    headers: Headers
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, together with the question it must belong to."""

    status: int
    headers: Headers
    request: Request
    body: bytes = field(default=b"", repr=False)


Message = Request | Response


@dataclass(frozen=True, slots=True)
class Verified:
    """Who signed, and the nonce to use up where replays are refused."""

    keyid: str
    nonce: str
    created: int


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


def content_digest(body: bytes) -> str:
    """The `Content-Digest` of `body` as sent (RFC 9530, sha-256)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def required_components(message: Message) -> tuple[str, ...]:
    """The components that must be covered at least, in the order we write them (section 5.1)."""
    body = ('"content-digest"', '"content-type"') if message.body else ()
    if isinstance(message, Request):
        return ('"@method"', '"@target-uri"', *body, '"x-request-id"')
    asked = ('"content-digest";req',) if message.request.body else ()
    return (
        '"@status"',
        *body,
        '"x-request-id"',
        '"@method";req',
        '"@target-uri";req',
        *asked,
        '"x-request-id";req',
    )


def sign_message(message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str) -> Headers:
    """The headers that make `message` a signed one; it must already carry every field that is covered."""
    return begin_message(message, tag, key, now, nonce, HERE).ready


def begin_message(message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str, signer: Signer) -> Heading:
    """Likewise, with the signature begun by `signer`."""
    digest: Headers = (("Content-Digest", content_digest(message.body)),) if message.body else ()
    signed = _with_headers(message, digest)
    covered = required_components(message)
    if _values(message.headers, "tpp-notification-uri"):
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


def verify_message(message: Message, tag: Tag, keys: Mapping[str, VerifyingKey], now: datetime) -> Verified:
    """Check that a key in `keys` signed this very message for `tag`, just now (section 5.6, steps 1 to 6).

    `keys` are those of the one peer we talk to. Step 7, the replay check, is the caller's: it needs a store.

    Raises:
        SignatureRefused: with the first check that failed.
    """
    announced, signature = _find(message, tag)
    read = _Parameters.of(announced)
    key = keys.get(read.keyid)
    if key is None or not key.valid_at(now):
        raise SignatureRefused(Refusal.UNKNOWN_KEY, f"no valid key {read.keyid[:80]!r} on file for this peer")
    algorithm = _algorithm(key, read.alg)
    _check_covered(message, announced)
    _check_time(read, now.timestamp())
    if not verify_bytes(key.public, algorithm, signature, signature_base(message, announced)):
        raise SignatureRefused(Refusal.SIGNATURE, f"not signed by {key.keyid}")
    _check_digest(message)
    return Verified(key.keyid, read.nonce, read.created)


def _find(message: Message, tag: Tag) -> tuple[SignatureInput, bytes]:
    """The one signature made for `tag`; none, or two, is a refusal."""
    inputs, signatures = _values(message.headers, "signature-input"), _values(message.headers, "signature")
    if not inputs or not signatures:
        raise SignatureRefused(Refusal.MISSING, "the message is not signed")
    try:
        announced = [one for one in parse_signature_input(", ".join(inputs)) if one.parameters.get("tag") == tag]
        values = parse_byte_dictionary(", ".join(signatures))
    except Malformed as error:
        raise SignatureRefused(Refusal.MISSING, f"unreadable signature fields: {error}") from error
    if len(announced) != 1 or announced[0].label not in values:
        raise SignatureRefused(Refusal.MISSING, f"{len(announced)} signatures for {tag}, or its value is missing")
    return announced[0], values[announced[0].label]


_NONCE = re.compile(r"[A-Za-z0-9_-]{22,128}")
"""At least 128 bits in base64url without padding."""


@dataclass(frozen=True, slots=True)
class _Parameters:
    created: int
    expires: int
    keyid: str
    alg: str
    nonce: str

    @classmethod
    def of(cls, announced: SignatureInput) -> _Parameters:
        """All parameters of section 5.2; each is mandatory."""
        match announced.parameters:
            case {
                "created": int(created),
                "expires": int(expires),
                "keyid": str(keyid),
                "alg": str(alg),
                "nonce": str(nonce),
            } if not isinstance(created, bool) and not isinstance(expires, bool) and _NONCE.fullmatch(nonce):
                return cls(created, expires, keyid, alg, nonce)
            case _:
                raise SignatureRefused(Refusal.MISSING, "a signature parameter is missing or unreadable")


def _algorithm(key: VerifyingKey, named: str) -> Algorithm:
    """The algorithm to verify with: what the key on file allows, which the message must name."""
    allowed = next((algorithm for algorithm in key.algorithms if algorithm == named), None)
    if allowed is None:
        raise SignatureRefused(Refusal.ALGORITHM, f"{key.keyid} is not on file for {named[:40]!r}")
    return allowed


def _check_covered(message: Message, announced: SignatureInput) -> None:
    covered = {_canonical(component) for component in announced.components}
    if len(covered) != len(announced.components):
        raise SignatureRefused(Refusal.COMPONENTS, "a component is covered twice")
    missing = [name for name in required_components(message) if name not in covered]
    if missing:
        raise SignatureRefused(Refusal.COMPONENTS, f"not covered: {' '.join(missing)}")


def _canonical(component: Component) -> str:
    flags = "".join(f";{key}" for key, value in component.parameters if value is True)
    if any(key != "req" or value is not True for key, value in component.parameters):
        raise SignatureRefused(Refusal.COMPONENTS, f"a component parameter we do not read: {component.text[:80]}")
    return f'"{component.name}"{flags}'


def _check_time(read: _Parameters, now: float) -> None:
    life = read.expires - read.created
    fresh = read.created <= now + SKEW_S and read.expires >= now - SKEW_S
    if not fresh or now - read.created > LIFE_S + SKEW_S or not 0 <= life <= LIFE_S:
        raise SignatureRefused(Refusal.TIME, f"created {read.created}, expires {read.expires}, now {now:.0f}")


def _check_digest(message: Message) -> None:
    """Compare what the digest says with the bytes that came; sha-256 or sha-512 must be there."""
    fields = _values(message.headers, "content-digest")
    if not message.body and not fields:
        return
    try:
        named = parse_byte_dictionary(", ".join(fields))
    except Malformed as error:
        raise SignatureRefused(Refusal.DIGEST, f"unreadable Content-Digest: {error}") from error
    ours = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
    known = [(ours[name], value) for name, value in named.items() if name in ours]
    if not known or not all(hmac.compare_digest(make(message.body).digest(), value) for make, value in known):
        raise SignatureRefused(Refusal.DIGEST, "the body is not the one that was signed")


def signature_base(message: Message, announced: SignatureInput) -> bytes:
    """What is signed (section 5.3): a line per component, then the parameter text exactly as announced.

    Raises:
        SignatureRefused: a component is not there, occurs twice, or is one we do not know.
    """
    lines = [f"{component.text}: {_component_value(message, component)}" for component in announced.components]
    lines.append(f'"@signature-params": {announced.text}')
    try:
        return "\n".join(lines).encode("ascii")
    except UnicodeEncodeError as error:
        raise SignatureRefused(Refusal.COMPONENTS, "a covered value is not ASCII") from error


def _component_value(message: Message, component: Component) -> str:
    if ("req", True) in component.parameters:
        if isinstance(message, Request):
            raise SignatureRefused(Refusal.COMPONENTS, "a request has no question to point to")
        return _component_value(message.request, Component(component.name, (), component.text))
    if not component.name.startswith("@"):
        return _field(message.headers, component.name)
    value = _derived(message).get(component.name)
    if value is None:
        raise SignatureRefused(Refusal.COMPONENTS, f"a component we do not know: {component.text[:80]}")
    return value


def _derived(message: Message) -> dict[str, str]:
    if isinstance(message, Response):
        return {"@status": str(message.status)}
    parts = urlsplit(message.target_uri)
    return {
        "@method": message.method,
        "@target-uri": message.target_uri,
        "@scheme": parts.scheme,
        "@authority": parts.netloc,
        "@path": parts.path or "/",
        "@query": f"?{parts.query}",
    }


def _field(headers: Headers, name: str) -> str:
    values = _values(headers, name)
    if len(values) != 1:
        raise SignatureRefused(Refusal.COMPONENTS, f"{name} occurs {len(values)} times")
    if "\n" in values[0] or "\r" in values[0]:
        raise SignatureRefused(Refusal.COMPONENTS, f"{name} has more than one line")
    return values[0]


def _values(headers: Headers, name: str) -> list[str]:
    return [value.strip(" \t") for key, value in headers if key.lower() == name]
