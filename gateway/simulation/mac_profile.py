"""`--crypto fast` at the bank's signing port: what RFC 9421 covers, under one keyed MAC instead of structured fields.

It binds what the real profile binds (method, address, body, request id, an answer to its question), keeps the same
times, names its key, and refuses with the same codes. A tenth of the seeds use the real one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from adapters.bank.algorithms import SigningKey, VerifyingKey
from adapters.bank.signature_base import Message, Refusal, Request, SignatureRefused, Tag
from adapters.bank.verifying import LIFE_S, SKEW_S, Verified
from adapters.signer import Headers, Heading, Signer
from gateway.simulation.mac_keys import MacEc, MacEcPublic

_INPUT, _SIGNATURE, _DIGEST = "Signature-Input", "Signature", "Content-Digest"


class MacProfile:
    """`adapters.bank.signing.SignatureProfile`."""

    def sign(self, message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str) -> Headers:
        text = f"{tag} {int(now.timestamp())} {key.keyid} {nonce}"
        secret = key.private.secret if isinstance(key.private, MacEc) else b"nobody knows this key"
        mac = hmac.digest(secret, _covered(message, text), "sha256").hex()
        digest: Headers = ((_DIGEST, hashlib.sha256(message.body).hexdigest()),) if message.body else ()
        return (*digest, (_INPUT, text), (_SIGNATURE, mac))

    def begin(self, message: Message, tag: Tag, key: SigningKey, now: datetime, nonce: str, signer: Signer) -> Heading:
        return Heading(self.sign(message, tag, key, now, nonce))

    def verify(self, message: Message, tag: Tag, keys: Mapping[str, VerifyingKey], now: datetime) -> Verified:
        given = _by_name(message.headers)
        parts = given.get("signature-input", "").split(" ")
        if len(parts) != 4 or parts[0] != tag or not parts[1].isdecimal() or "signature" not in given:
            raise SignatureRefused(Refusal.MISSING, "the message is not signed")
        _, created, keyid, nonce = parts
        key = keys.get(keyid)
        if key is None or not isinstance(key.public, MacEcPublic):
            raise SignatureRefused(Refusal.UNKNOWN_KEY, f"no valid key {keyid!r} on file for this peer")
        age_s = now.timestamp() - int(created)
        if age_s < -SKEW_S or age_s > LIFE_S + SKEW_S:
            raise SignatureRefused(Refusal.TIME, f"created {created}, now {now.timestamp():.0f}")
        mac = hmac.digest(key.public.secret, _covered(message, given["signature-input"]), "sha256").hex()
        if not hmac.compare_digest(mac, given["signature"]):
            raise SignatureRefused(Refusal.SIGNATURE, f"not signed by {keyid}")
        return Verified(keyid, nonce, int(created))


def _covered(message: Message, text: str) -> bytes:
    """Everything that a signature of the real profile covers."""
    if isinstance(message, Request):
        return b"\0".join((text.encode(), *_asked(message), message.body))
    return b"\0".join((text.encode(), str(message.status).encode(), *_asked(message.request), message.body))


def _asked(request: Request) -> tuple[bytes, ...]:
    names = _by_name(request.headers)
    body = hashlib.sha256(request.body).digest()
    return request.method.encode(), request.target_uri.encode(), names.get("x-request-id", "").encode(), body


def _by_name(headers: Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}
