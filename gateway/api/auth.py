"""Who is calling: decided over the raw bytes, before anything is parsed (docs/api.md 2; docs/reliability.md 4, 61-71).

Every failure is the same 401, and takes about the same time: an unknown key is checked against a key that nobody has.
The reason goes to the log only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.api.backoff import Backoff
from gateway.api.keys import KeyRecord, KeyRing
from gateway.api.problems import Code, Refused
from gateway.api.signed_request import (
    SCHEMES,
    WINDOW_S,
    Algorithm,
    Credentials,
    parse_authorization,
    signing_string,
    verify,
)
from gateway.operations.first_use import FirstUse, NonceUsed
from gateway.operations.services import Services

_log = structlog.get_logger("api")

NONCE_KEPT = timedelta(seconds=2 * WINDOW_S)
"""A nonce is remembered for twice the window, so that none outlives its timestamp (S2)."""

_NOBODY: dict[Algorithm, bytes] = {
    Algorithm.HMAC_SHA256: secrets.token_bytes(32),
    Algorithm.ED25519: Ed25519PrivateKey.generate().public_key().public_bytes_raw(),
}
"""Material of the key that nobody has: it is verified against, and its verdict is dropped."""
_KEY_NAMED = 'key_id="'


@dataclass(frozen=True, slots=True)
class Presented:
    """A request as it is authenticated: bytes, nothing parsed."""

    method: str
    target: bytes
    """Path and query exactly as on the request line."""
    authorization: Sequence[str] = field(repr=False)
    """Every Authorization header."""
    body: bytes = field(repr=False)
    source: str
    """The caller's address, as far as it can be known (`gateway.api.source`)."""


class Unproved(Exception):
    """Authentication failed. `reason` is for the log; the caller learns nothing of it."""

    def __init__(self, reason: str, key_id: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Proof:
    """Whose signature it is; whether it is the first time that it is shown, is known when it is settled."""

    key: KeyRecord
    first_use: FirstUse | None
    """None: a test key, which has no nonce."""
    _refused: Callable[[Unproved], Refused] = field(repr=False)

    async def settle(self) -> None:
        """Raises `Refused` (unauthorized) where the nonce was used before, `StoreUnavailable` where it was not kept."""
        if self.first_use is None:
            return
        try:
            await self.first_use.settle()
        except NonceUsed:
            raise self._refused(Unproved("nonce_reused", self.key.id)) from None


class Authenticator:
    """Checks requests against the key ring in force, and remembers who keeps failing."""

    def __init__(self, *, sandbox: bool) -> None:
        self._sandbox = sandbox
        self._backoff = Backoff()

    async def authenticate(
        self, services: Services, keys: KeyRing, presented: Presented, *, settled: bool = True
    ) -> Proof:
        """The key that signed this request. Not `settled`: its nonce is only checked and used up when the proof is
        settled, which whoever asks for that has to do.

        Raises:
            Refused: unauthorized, or rate_limited for a source whose signatures keep failing. Who proves itself is
                never refused for noise: the claimed key id and, behind a proxy, the address may be anybody's.
                forbidden for a key that is right, but not here or not now.
            StoreUnavailable: the nonce could not be recorded; nothing happened.
        """
        claims = _claims(presented.authorization)
        try:
            record, first_use = self._prove(services, keys, presented, claims)
        except Unproved as error:
            raise self._refused(services, presented, error, claims.key_id if claims else "") from None
        proof = Proof(record, first_use, lambda error: self._refused(services, presented, error, record.id))
        forbidden = _forbidden(record, presented.source)
        if settled or forbidden:
            await proof.settle()
        if forbidden:
            raise forbidden
        return proof

    def _refused(self, services: Services, presented: Presented, error: Unproved, claimed_id: str) -> Refused:
        """What the caller is told. Only the log knows why."""
        self._note(presented.source, claimed_id, services.clock.monotonic())
        _log.info("api.unauthorized", reason=error.reason, key_id=error.key_id, source=presented.source)
        return Refused(Code.UNAUTHORIZED)

    def _note(self, source: str, key_id: str, now_s: float) -> None:
        """Count a failed proof. Raises `Refused` (rate_limited), without a line in the log, from a noisy source."""
        if not self._backoff.note_refusal(source, key_id, now_s):
            raise Refused(Code.RATE_LIMITED) from None

    def _prove(
        self, services: Services, keys: KeyRing, presented: Presented, claims: Credentials | None
    ) -> tuple[KeyRecord, FirstUse | None]:
        now = services.clock.now()
        if claims is None:
            return self._bearer(keys, presented.authorization, now), None
        record = _signer(keys, presented, claims)
        if not record.valid_at(now):
            raise Unproved("key_not_valid_now", record.id)
        if abs(now.timestamp() - claims.timestamp) > WINDOW_S:
            raise Unproved("outside_window", record.id)
        return record, FirstUse(services, record.id, claims.nonce, now + NONCE_KEPT)

    def _bearer(self, keys: KeyRing, headers: Sequence[str], now: datetime) -> KeyRecord:
        scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
        if not self._sandbox or scheme != "Bearer":
            raise Unproved("malformed")
        record = keys.bearer(token.encode("utf-8", "surrogateescape"))
        if record is None or not record.valid_at(now):
            raise Unproved("unknown_test_key")
        return record


def _signer(keys: KeyRing, presented: Presented, claims: Credentials) -> KeyRecord:
    """The record whose key made the signature. The work is the same when there is no such key."""
    record = keys.find(claims.key_id)
    fitting = record if record is not None and record.algorithm is claims.algorithm else None
    material = fitting.material if fitting else _NOBODY[claims.algorithm]
    message = signing_string(presented.method, presented.target, claims.timestamp, claims.nonce, presented.body)
    proved = verify(claims.algorithm, material, message, claims.signature)
    if fitting is None:
        raise Unproved("unknown_key")
    if not proved:
        raise Unproved("bad_signature", fitting.id)
    return fitting


def claimed(keys: KeyRing, headers: Sequence[str]) -> KeyRecord | None:
    """Whose key the Authorization headers name, proved or not. For what has to be decided before the proof: only the
    name is looked for, since in a flood this is asked of everybody who is turned away."""
    if len(headers) != 1:
        return None
    scheme, _, token = headers[0].partition(" ")
    if scheme in SCHEMES:
        return keys.find(token.partition(_KEY_NAMED)[2].partition('"')[0])
    return keys.bearer(token.encode("utf-8", "surrogateescape")) if scheme == "Bearer" else None


def _forbidden(record: KeyRecord, source: str) -> Refused | None:
    """Why the key may not be used from there. Only who has proved to hold it is told (row 71)."""
    if not record.enabled:
        return Refused(Code.FORBIDDEN, "this app is switched off")
    if not record.allowed_from(source):
        return Refused(Code.FORBIDDEN, "this key may not be used from this address")
    return None


def _claims(headers: Sequence[str]) -> Credentials | None:
    return parse_authorization(headers[0]) if len(headers) == 1 else None
