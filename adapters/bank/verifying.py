"""Whether a message was signed by a peer we know, just now, for this purpose: the checks of section 5.6, in its order.

The first check that fails names the refusal, and nothing that an unsigned stranger says is remembered. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.bank.algorithms import Algorithm, VerifyingKey, verify_bytes
from adapters.bank.signature_base import (
    Message,
    Refusal,
    SignatureRefused,
    Tag,
    field_values,
    required_components,
    signature_base,
)
from adapters.bank.structured import Component, Malformed, SignatureInput, parse_byte_dictionary, parse_signature_input

LIFE_S = 300
SKEW_S = 5
REPLAY_KEPT_S = LIFE_S + 2 * SKEW_S
"""How long a used nonce must be remembered by whoever refuses replays."""


@dataclass(frozen=True, slots=True)
class Verified:
    """Who signed, and the nonce to use up where replays are refused."""

    keyid: str
    nonce: str
    created: int


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
    inputs, signatures = field_values(message.headers, "signature-input"), field_values(message.headers, "signature")
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
    fields = field_values(message.headers, "content-digest")
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
