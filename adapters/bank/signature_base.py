"""What a signature covers: messages, their components, and the bytes that are signed (sheet "bank-direct", 5.1 and 5.3;
RFC 9421 section 2). Pure.

An answer also covers its question (`;req`): a genuine answer to another request does not verify for this one. That is
why `Response` holds its `Request`, and why answers need no store of used nonces.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from adapters.bank.structured import Component, SignatureInput
from adapters.signer import Headers


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
    values = field_values(headers, name)
    if len(values) != 1:
        raise SignatureRefused(Refusal.COMPONENTS, f"{name} occurs {len(values)} times")
    if "\n" in values[0] or "\r" in values[0]:
        raise SignatureRefused(Refusal.COMPONENTS, f"{name} has more than one line")
    return values[0]


def field_values(headers: Headers, name: str) -> list[str]:
    return [value.strip(" \t") for key, value in headers if key.lower() == name]
