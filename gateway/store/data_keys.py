"""The data keys that values are sealed under, wrapped, as rows; and how a store that is being opened comes to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy import inspect as inspector

from gateway.domain.errors import StoreUnavailable
from gateway.sealing import DataKey, Sealer
from gateway.store import schema
from gateway.store.quick import Quick

_K = schema.data_keys.c

FOREIGN = "its personal data is sealed under a key that the configuration does not have (sealing_key, old_sealing_keys)"


class DataKeyWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def add_data_key(self, key: DataKey) -> None:
        """Keep it. It seals nothing before that is durable."""
        ...


class SqlDataKeyWrites:
    """The change. A mixin: the transaction has the connection."""

    _connection: Quick

    def add_data_key(self, key: DataKey) -> None:
        _add(self._connection, key)


def unlock(engine: Engine, sealer: Sealer) -> None:
    """Know the keys that are there, and seal with one of our own, which is durable before it seals anything.

    Raises:
        StoreUnavailable: there is a data key that no sealing key of ours unwraps: payouts would not be readable.
    """
    with engine.connect() as connection, connection.begin():
        know_keys(connection, sealer, refuse_foreign=True)
        own = sealer.new_key()
        _add(connection, own)
    sealer.adopt(own)


def know_keys(connection: Connection, sealer: Sealer, *, refuse_foreign: bool = False) -> None:
    """Those that are there; in a database from before there were any, none."""
    if not inspector(connection).has_table(schema.data_keys.name):
        return
    keys = [DataKey(row.id, row.wrapped) for row in connection.execute(select(schema.data_keys))]
    if refuse_foreign and not all(sealer.leads_to(key) for key in keys):
        raise StoreUnavailable(FOREIGN)
    sealer.know(keys)


def finder(engine: Engine) -> Callable[[bytes], bytes | None]:
    """How a node finds the data key of another one: on a session of its own, once for each key."""

    def find(key_id: bytes) -> bytes | None:
        with engine.connect() as connection:
            return connection.execute(select(_K.wrapped).where(_K.id == key_id)).scalar()

    return find


def _add(connection: Connection | Quick, key: DataKey) -> None:
    known = connection.execute(select(_K.id).where(_K.id == key.id)).first()
    if known is None:  # its id is a digest of it: one that is there is the same
        connection.execute(insert(schema.data_keys), {"id": key.id, "wrapped": key.wrapped})
