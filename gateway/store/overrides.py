"""Overrides: the part of the store's port, and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Protocol

from sqlalchemy import insert, or_, select, update

from gateway.domain.errors import StaleWrite
from gateway.domain.override import Override
from gateway.store import schema
from gateway.store.quick import Quick

_O = schema.overrides.c


class OverrideReads(Protocol):
    """What can be asked about what people set."""

    def overrides(self, now: datetime) -> Sequence[Override]:
        """Those that are active at `now`, the oldest first."""
        ...


class OverrideWrites(OverrideReads, Protocol):
    """What can be changed about it."""

    def add_override(self, override: Override) -> None: ...

    def lift_override(self, override: Override) -> None:
        """Store who lifted it, and when. Raises `StaleWrite` when that was done before."""
        ...


class SqlOverrideReads:
    """Questions. A mixin: the transaction has the connection."""

    _connection: Quick

    def overrides(self, now: datetime) -> Sequence[Override]:
        lasts = or_(_O.expires_at.is_(None), _O.expires_at > now)
        columns = [_O[field.name] for field in fields(Override)]
        query = select(*columns).where(_O.lifted_at.is_(None), lasts).order_by(_O.created_at, _O.id)
        return [Override(*row) for row in self._connection.execute(query)]


class SqlOverrideWrites(SqlOverrideReads):
    """Changes. A mixin, too."""

    def add_override(self, override: Override) -> None:
        self._connection.execute(insert(schema.overrides), asdict(override))

    def lift_override(self, override: Override) -> None:
        query = update(schema.overrides).where(_O.id == override.id, _O.lifted_at.is_(None))
        done = self._connection.execute(query.values(lifted_by=override.lifted_by, lifted_at=override.lifted_at))
        if done.rowcount != 1:
            raise StaleWrite(f"{override.id} was lifted meanwhile")
