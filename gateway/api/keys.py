"""The apps' keys as the API uses them: several at once per app, each with scopes and a time in which it is valid."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.api.connections import Networks, within
from gateway.api.signed_request import Algorithm


class Scope(StrEnum):
    """What a key may do. Each route needs one of them, or says that it is public."""

    SUBMIT = "submit"
    QUERY = "query"
    CANCEL = "cancel"
    CALLBACKS = "callbacks"
    """Where callbacks go: whoever may say that is told everything."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key of one app."""

    id: str
    app: str
    algorithm: Algorithm
    material: bytes = field(repr=False)
    """The raw Ed25519 public key, the HMAC key, or the SHA-256 of a bearer test key."""
    scopes: frozenset[Scope]
    not_before: datetime | None = None
    not_after: datetime | None = None
    allow_from: Networks = ()
    """The networks it may be used from; none: from anywhere."""
    enabled: bool = True
    """Whether its app may call at all (`[apps.NAME] enabled`)."""

    def allowed_from(self, address: str) -> bool:
        return not self.allow_from or within(address, self.allow_from)

    def valid_at(self, now: datetime) -> bool:
        early = self.not_before is not None and now < self.not_before
        late = self.not_after is not None and now >= self.not_after
        return not early and not late


def bearer_record(key_id: str, app: str, token: bytes, scopes: frozenset[Scope]) -> KeyRecord:
    """A sandbox test key; only its hash is kept."""
    return KeyRecord(key_id, app, Algorithm.BEARER, hashlib.sha256(token).digest(), scopes)


class KeyRing:
    """All keys, found by id. Frozen: a reload makes a new one."""

    def __init__(self, records: Iterable[KeyRecord]) -> None:
        """Raises ValueError for two keys of one id, or one key that two apps share: it would not say who is calling."""
        self._by_id: dict[str, KeyRecord] = {}
        owners: dict[bytes, str] = {}
        for record in records:
            if record.id in self._by_id:
                raise ValueError(f"two keys have the id {record.id}")
            if owners.setdefault(record.material, record.app) != record.app:
                raise ValueError(f"the key {record.id} belongs to two apps")
            self._by_id[record.id] = record
        self._bearers = tuple(each for each in self._by_id.values() if each.algorithm is Algorithm.BEARER)

    def find(self, key_id: str) -> KeyRecord | None:
        return self._by_id.get(key_id)

    def bearer(self, token: bytes) -> KeyRecord | None:
        """The test key that `token` is, compared in constant time."""
        digest = hashlib.sha256(token).digest()
        matching = [each for each in self._bearers if hmac.compare_digest(each.material, digest)]
        return matching[0] if matching else None
