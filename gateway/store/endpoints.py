"""Callback endpoints that apps made: the part of the store's port, and its SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Row, delete, select, update

from gateway.domain.endpoint import AppEndpoint, DisabledFor, KeyKind, SigningKey
from gateway.domain.errors import StaleWrite
from gateway.store import codec, schema
from gateway.store import statements as sql
from gateway.store.quick import Quick

if TYPE_CHECKING:
    from gateway.store.rows import Rows

_E = schema.callback_endpoints.c

Found = tuple[AppEndpoint, ...]


class EndpointReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def endpoints(self, app: str) -> Found:
        """Those that the app made, the oldest first."""
        ...

    def endpoint(self, app: str, endpoint_id: str) -> AppEndpoint | None: ...


class EndpointWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def add_endpoint(self, endpoint: AppEndpoint) -> None: ...

    def save_endpoint(self, endpoint: AppEndpoint, *, standing: bool) -> None:
        """Its keys and how it does; its URL and events never change. `standing`: it is disabled or enabled by this, and
        so is told of things otherwise than before. Raises `StaleWrite` when it is gone.
        """
        ...

    def drop_endpoint(self, app: str, endpoint_id: str) -> bool:
        """Whether there was one. Its keys are gone; what is due for it stays."""
        ...


class KnownEndpoints:
    """What the one writer of a node knows of them, so that a change of a payout need not ask whom it is told to.

    Kept from one transaction to the next while nobody changes any: on a shared database every transaction begins with
    the number of the last change (`generation`). Touched by the writer alone.
    """

    def __init__(self) -> None:
        self._by_app: dict[str, Found] = {}
        self._generation: str | None = None
        self._keeps = True

    def begun(self, generation: str | None = None) -> None:
        """A transaction has begun."""
        if not self._keeps or generation != self._generation:
            self._by_app.clear()
        self._generation, self._keeps = generation, True

    def changed(self) -> None:
        """This transaction changes some, and may yet be undone: nothing is kept of what it sees."""
        self._by_app.clear()
        self._keeps = False

    def find(self, app: str) -> Found | None:
        return self._by_app.get(app)

    def keep(self, app: str, found: Found) -> None:
        if self._keeps:
            self._by_app[app] = found


class SqlEndpointReads:
    """The questions. A mixin: the transaction has the connection."""

    _connection: Quick
    _rows: Rows

    def endpoints(self, app: str) -> Found:
        query = select(schema.callback_endpoints).where(_E.app == app).order_by(_E.created_at, _E.id)
        return tuple(self._endpoint(row) for row in self._connection.execute(query))

    def endpoint(self, app: str, endpoint_id: str) -> AppEndpoint | None:
        found = self._connection.execute(sql.ENDPOINT, {"of_app": app, "of_id": endpoint_id}).first()
        return None if found is None else self._endpoint(found)

    def _endpoint(self, row: Row[Any]) -> AppEndpoint:
        sealer = self._rows.sealer
        return AppEndpoint(
            id=row.id,
            app=row.app,
            url=sealer.open(row.url_sealed, _place("url", row.id)).decode(),
            events=frozenset(row.events.split()),
            keys=_load_keys(sealer.open(row.keys_sealed, _place("keys", row.id))),
            created_at=row.created_at,
            failing_since=row.failing_since,
            disabled_at=row.disabled_at,
            disabled_for=None if row.disabled_for is None else DisabledFor(row.disabled_for),
            sequence=row.sequence,
        )


class SqlEndpointWrites(SqlEndpointReads):
    """The changes. A mixin, likewise."""

    def endpoints(self, app: str) -> Found:
        found = self._rows.endpoints.find(app)
        if found is None:
            found = super().endpoints(app)
            self._rows.endpoints.keep(app, found)
        return found

    def add_endpoint(self, endpoint: AppEndpoint) -> None:
        self._endpoints_change()
        sealed = self._rows.sealer.seal(endpoint.url.encode(), _place("url", endpoint.id))
        values = {
            "app": endpoint.app,
            "id": endpoint.id,
            "url_sealed": sealed,
            "events": " ".join(sorted(endpoint.events)),
            "created_at": endpoint.created_at,
        }
        self._connection.execute(schema.callback_endpoints.insert(), values | self._changing(endpoint))

    def save_endpoint(self, endpoint: AppEndpoint, *, standing: bool) -> None:
        if standing:
            self._endpoints_change()
        saved = update(schema.callback_endpoints).where(_E.app == endpoint.app, _E.id == endpoint.id)
        if self._connection.execute(saved.values(**self._changing(endpoint))).rowcount != 1:
            raise StaleWrite(f"{endpoint.id} is gone")

    def drop_endpoint(self, app: str, endpoint_id: str) -> bool:
        self._endpoints_change()
        gone = delete(schema.callback_endpoints).where(_E.app == app, _E.id == endpoint_id)
        return self._connection.execute(gone).rowcount == 1

    def _changing(self, endpoint: AppEndpoint) -> dict[str, Any]:
        return {
            "keys_sealed": self._rows.sealer.seal(_dump_keys(endpoint.keys), _place("keys", endpoint.id)),
            "failing_since": endpoint.failing_since,
            "disabled_at": endpoint.disabled_at,
            "disabled_for": None if endpoint.disabled_for is None else str(endpoint.disabled_for),
            "sequence": endpoint.sequence,
        }

    def _endpoints_change(self) -> None:
        """Before anything of them is changed."""
        self._rows.endpoints.changed()


def _place(column: str, endpoint_id: str) -> str:
    return f"callback_endpoints|{column}|{endpoint_id}"


def _dump_keys(keys: Sequence[SigningKey]) -> bytes:
    return codec.dump(
        [
            {
                "kind": str(key.kind),
                "material": key.material.decode(),
                "created_at": key.created_at.isoformat(),
                "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
            }
            for key in keys
        ]
    )


def _load_keys(data: bytes) -> tuple[SigningKey, ...]:
    return tuple(
        SigningKey(
            kind=KeyKind(fields["kind"]),
            material=fields["material"].encode(),
            created_at=datetime.fromisoformat(fields["created_at"]),
            expires_at=None if fields["expires_at"] is None else datetime.fromisoformat(fields["expires_at"]),
        )
        for fields in codec.load(data)
    )
