"""Calls under an `Idempotency-Key`: what has no reference of the app's own is made once all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.errors import IdempotencyKeyReused
from gateway.domain.fingerprint import keyed
from gateway.operations.services import Services
from gateway.store.idempotency import Keyed
from gateway.store.port import Tx

KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Once:
    """One call of an app under a key."""

    app: str
    mark: bytes = field(repr=False)
    """Stands for the call and the key, which an app may have made from anything."""
    fingerprint: bytes = field(repr=False)
    at: datetime

    def recall(self, tx: Tx) -> str | None:
        """The id of what was made under the key before. Raises `IdempotencyKeyReused`."""
        known = tx.keyed(self.app, self.mark, self.at)
        if known is None:
            return None
        if known.fingerprint != self.fingerprint:
            raise IdempotencyKeyReused
        return known.made

    def keep(self, tx: Tx, made: str) -> None:
        """Remember what was made. Raises `StaleWrite` when the key was taken meanwhile."""
        tx.keep_key(self.app, self.mark, Keyed(self.fingerprint, made, self.at + KEPT_FOR), self.at)


def once(services: Services, app: str, call: str, key: str, content: Mapping[str, object]) -> Once:
    """The call named `call` under `key`; `content` is what it asks for, as JSON can say it."""
    secret, now = services.keys.fingerprint, services.clock.now()
    mark = keyed(secret, {"app": app, "call": call, "idempotency_key": key})
    return Once(app, mark, keyed(secret, {"app": app, "call": call, "content": content}), now)
