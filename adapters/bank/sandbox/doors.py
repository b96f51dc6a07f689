"""Who may come in, and what the bank signs on the way out: the sandbox's side of sheet section 5."""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from adapters.bank.algorithms import SigningKey
from adapters.bank.sandbox.keys import BANK_KEYID, NEXT_BANK_KEYID, BankKeys
from adapters.bank.signature_base import Refusal, Request, Response, SignatureRefused, Tag
from adapters.bank.signing import PROFILES, SignatureProfile
from adapters.bank.verifying import LIFE_S, REPLAY_KEPT_S
from adapters.sandbox.faults import Fault
from adapters.signer import Headers
from gateway.clock import Clock

RFC9421 = PROFILES["rfc9421"]


@dataclass(frozen=True, slots=True)
class BankAnswer:
    """An answer before it is signed."""

    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = "application/json"
    headers: Headers = ()


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, text: str = "") -> None:
        super().__init__(f"{status} {code} {text}")
        self.answer = error(status, code, text)


def error(status: int, code: str, text: str = "") -> BankAnswer:
    """The error body of section 15."""
    message = {"category": "ERROR", "code": code, "text": text or code}
    return json_answer(status, {"tppMessages": [message]})


def json_answer(status: int, body: object, headers: Headers = ()) -> BankAnswer:
    return BankAnswer(status, json.dumps(body, separators=(",", ":")).encode(), headers=headers)


class Gatekeeper:
    """Checks requests, TLS client first, and remembers used nonces."""

    def __init__(
        self, keys: BankKeys, clock: Clock, *, demand_client: bool, profile: SignatureProfile = RFC9421
    ) -> None:
        self._keys = keys
        self._profile = profile
        self._clock = clock
        self._demand_client = demand_client
        self._used: dict[tuple[str, str], datetime] = {}
        """Oldest first."""

    def expire_client_key(self) -> None:
        """The client's key ends its life now."""
        past = self._clock.now() - timedelta(seconds=1)
        self._keys = replace(self._keys, client=replace(self._keys.client, not_after=past))

    def check(self, request: Request, fingerprint: bytes | None) -> None:
        """Raises `Refused` (401). The key ids on file are those bound to the TLS client, none for a stranger."""
        if self._demand_client and fingerprint != self._keys.client_fingerprint:
            raise Refused(401, "CERTIFICATE_INVALID", "not a client of this bank")
        try:
            client = self._keys.client
            signer = self._profile.verify(request, Tag.REQUEST, {client.keyid: client}, self._clock.now())
            self._use_up(signer.keyid, signer.nonce)
        except SignatureRefused as refused:
            code = "SIGNATURE_MISSING" if refused.code is Refusal.MISSING else "SIGNATURE_INVALID"
            raise Refused(401, code, str(refused)) from refused

    def _use_up(self, keyid: str, nonce: str) -> None:
        now = self._clock.now()
        while self._used and now - next(iter(self._used.values())) > timedelta(seconds=REPLAY_KEPT_S):
            del self._used[next(iter(self._used))]
        if (keyid, nonce) in self._used:
            raise SignatureRefused(Refusal.REPLAY, "this nonce was used before")
        self._used[keyid, nonce] = now


class Signer:
    """Signs the bank's answers and notifications, wrongly where a fault was ordered."""

    def __init__(self, keys: BankKeys, clock: Clock, profile: SignatureProfile = RFC9421) -> None:
        self._keys = keys
        self._clock = clock
        self._profile = profile
        self.keyid = BANK_KEYID

    def rotate(self) -> None:
        """Sign with the next key from now on."""
        self.keyid = NEXT_BANK_KEYID

    def answer(self, request: Request, answer: BankAnswer, fault: Fault | None) -> Headers:
        """All headers of the answer. Unsigned when the request lacks what an answer must be bound to."""
        names = {name.lower(): value for name, value in request.headers}
        plain = (*answer.headers, *((("Content-Type", answer.content_type),) if answer.body else ()))
        if "x-request-id" in names:
            plain = (*plain, ("X-Request-ID", names["x-request-id"]))
        bindable = "x-request-id" in names and (not request.body or "content-digest" in names)
        if fault is Fault.NO_SIGNATURE or not bindable:
            return plain
        asked = _other(request) if fault is Fault.OTHER_REQUEST else request
        message = Response(answer.status, plain, asked, answer.body)
        return plain + self._profile.sign(message, Tag.RESPONSE, self._key(fault), self._now(fault), _nonce())

    def notification(self, url: str, content_type: str, body: bytes, request_id: str) -> Headers:
        headers = (("Content-Type", content_type), ("X-Request-ID", request_id))
        message = Request("POST", url, headers, body)
        return headers + self._profile.sign(message, Tag.NOTIFICATION, self._key(None), self._clock.now(), _nonce())

    def _key(self, fault: Fault | None) -> SigningKey:
        key = self._keys.signing[self.keyid]
        return replace(key, private=ec.generate_private_key(ec.SECP256R1())) if fault is Fault.WRONG_KEY else key

    def _now(self, fault: Fault | None) -> datetime:
        stale = timedelta(seconds=2 * LIFE_S if fault is Fault.STALE_TIMESTAMP else 0)
        return self._clock.now() - stale


def _other(request: Request) -> Request:
    """A request like this one, but another."""
    kept = tuple(pair for pair in request.headers if pair[0].lower() != "x-request-id")
    return replace(request, headers=(*kept, ("X-Request-ID", str(uuid.uuid4()))))


def _nonce() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()
