"""What an app was told, by event: the part of the store's port, and its SQL.

An event is the rows of `callbacks` that have its id, one for each endpoint. Ids are time-ordered, so an app's newest
events are those with the greatest ids, and one index finds them, and one of them, without a shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy import Row, select

from gateway.domain.identity import shard_of_payout
from gateway.sealing import SealBroken
from gateway.store import schema
from gateway.store.quick import Runs

if TYPE_CHECKING:
    from gateway.store.port import Callback
    from gateway.store.rows import Rows

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_C = schema.callbacks.c


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a list shows, newest first. Empty means any."""

    types: frozenset[str] = frozenset()
    payout_id: str | None = None
    created_gte: datetime | None = None
    created_lt: datetime | None = None


class AppEventReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def app_events(
        self, app: str, wanted: EventFilter, before: str | None, limit: int
    ) -> Sequence[tuple[Callback, ...]]:
        """Up to `limit` events with lower ids than `before`, each as its callbacks; one that cannot be read is left
        out.
        """
        ...

    def app_event(self, app: str, event_id: str) -> tuple[Callback, ...]:
        """The callbacks of one event; none: the app has no such event."""
        ...


class SqlAppEventReads:
    """The questions. A mixin: the transaction has the connection."""

    _connection: Runs
    _rows: Rows

    def app_events(
        self, app: str, wanted: EventFilter, before: str | None, limit: int
    ) -> Sequence[tuple[Callback, ...]]:
        conditions = [_C.app == app, *_conditions(wanted)]
        if before is not None:
            conditions.append(_C.id < before)
        query = select(_C.id).where(*conditions).distinct().order_by(_C.id.desc()).limit(limit)
        ids = [row.id for row in self._connection.execute(query)]
        return self._events(app, ids)

    def app_event(self, app: str, event_id: str) -> tuple[Callback, ...]:
        return next(iter(self._events(app, [event_id])), ())

    def _events(self, app: str, ids: Sequence[str]) -> list[tuple[Callback, ...]]:
        if not ids:
            return []
        query = select(schema.callbacks).where(_C.app == app, _C.id.in_(ids)).order_by(_C.id.desc(), _C.endpoint)
        opened = (self._opened(row) for row in self._connection.execute(query))
        found = [callback for callback in opened if callback is not None]
        return [tuple(each) for _, each in groupby(found, key=lambda callback: callback.id)]

    def _opened(self, row: Row[Any]) -> Callback | None:
        try:
            return self._rows.callback(row)
        except SealBroken:
            log.error("store.unreadable_callback", event_id=row.id)
            return None


def _conditions(wanted: EventFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.types:
        conditions.append(_C.type.in_(sorted(wanted.types)))
    if wanted.payout_id is not None:
        conditions += [_C.shard == shard_of_payout(wanted.payout_id), _C.payout_id == wanted.payout_id]
    if wanted.created_gte is not None:
        conditions.append(_C.created_at >= wanted.created_gte)
    if wanted.created_lt is not None:
        conditions.append(_C.created_at < wanted.created_lt)
    return conditions
