"""Callbacks that were given up: the part of the store's port, and its SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy import func, select

from gateway.sealing import SealBroken
from gateway.store import schema
from gateway.store.quick import Quick

if TYPE_CHECKING:
    from gateway.store.records import Callback
    from gateway.store.rows import Rows

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_C = schema.callbacks.c


@dataclass(frozen=True, slots=True)
class ParkedWindow:
    """Which parked callbacks; None: any."""

    until: datetime
    """Parked before this time."""
    since: datetime | None = None
    """Parked at this time or later."""
    app: str | None = None
    endpoint: str | None = None


class ParkedReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def parked(self, window: ParkedWindow, limit: int) -> Sequence[Callback]:
        """Of all payouts, the longest parked first; one that cannot be read is left out."""
        ...


class SqlParkedReads:
    """The question. A mixin: the transaction has the connection."""

    _connection: Quick
    _rows: Rows

    def parked(self, window: ParkedWindow, limit: int) -> Sequence[Callback]:
        wanted: list[Any] = [_C.parked_at.is_not(None), _C.parked_at < window.until]
        if window.since is not None:
            wanted.append(_C.parked_at >= window.since)
        # Not by the index over an app's callbacks: few of them were given up, and that one has them all.
        equal = ((func.coalesce(_C.app, ""), window.app), (_C.endpoint, window.endpoint))
        wanted += [column == value for column, value in equal if value is not None]
        query = select(schema.callbacks).where(*wanted).order_by(_C.parked_at, _C.id, _C.endpoint).limit(limit)
        found = []
        for row in self._connection.execute(query):
            try:
                found.append(self._rows.callback(row))
            except SealBroken:
                log.error("store.unreadable_callback", event_id=row.id)
        return found
