"""What was made under an `Idempotency-Key`, while it is remembered: the part of the store's port, and its SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import delete, select

from gateway.domain.errors import StaleWrite
from gateway.store import schema
from gateway.store.inserting import SqlInserting
from gateway.store.quick import Quick

_K = schema.idempotency_keys.c


@dataclass(frozen=True, slots=True)
class Keyed:
    """What a request under a key came to."""

    fingerprint: bytes
    """Of its content."""
    made: str
    """The id of what it made."""
    until: datetime
    """From then on the key is free again."""


class IdempotencyReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def keyed(self, app: str, mark: bytes, now: datetime) -> Keyed | None:
        """What was made under the key that `mark` stands for, while that is remembered."""
        ...


class IdempotencyWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def keep_key(self, app: str, mark: bytes, keyed: Keyed, now: datetime) -> None:
        """Remember it; forget those whose time is over. Raises `StaleWrite` when the key was taken meanwhile."""
        ...


class SqlIdempotencyReads:
    """The question. A mixin: the transaction has the connection."""

    _connection: Quick

    def keyed(self, app: str, mark: bytes, now: datetime) -> Keyed | None:
        query = select(schema.idempotency_keys).where(_K.app == app, _K.mark == mark, _K.until > now)
        found = self._connection.execute(query).first()
        return None if found is None else Keyed(found.fingerprint, found.made, found.until)


class SqlIdempotencyWrites(SqlInserting):
    """The change. A mixin, likewise."""

    def keep_key(self, app: str, mark: bytes, keyed: Keyed, now: datetime) -> None:
        self._connection.execute(delete(schema.idempotency_keys).where(_K.until <= now))
        values = {
            "app": app,
            "mark": mark,
            "fingerprint": keyed.fingerprint,
            "made": keyed.made,
            "until": keyed.until,
        }
        if not self._insert_once(schema.idempotency_keys, values):
            raise StaleWrite("the key was taken meanwhile")
