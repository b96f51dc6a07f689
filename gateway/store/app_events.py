"""What an app was told, by event: the part of the store's port, and its SQL.

An event is the rows of `callbacks` that have its id, one for each endpoint. Ids are time-ordered, so an app's newest
events are those with the greatest ids, and one index finds them, and one of them, without a shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy import Row, and_, or_, select

from gateway.domain.identity import shard_of_payout
from gateway.sealing import SealBroken
from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.quick import Quick

if TYPE_CHECKING:
    from gateway.store.records import Callback
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


@dataclass(frozen=True, slots=True)
class EventWindow:
    """Events of a time."""

    since: datetime
    until: datetime
    """Made before it."""
    types: frozenset[str] = frozenset()
    """Empty: any."""


class CallbackStand(StrEnum):
    """How far a callback has come."""

    DUE = "due"
    DELIVERED = "delivered"
    PARKED = "parked"


_STANDS = {CallbackStand.DUE: _C.due_at, CallbackStand.DELIVERED: _C.delivered_at, CallbackStand.PARKED: _C.parked_at}


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

    def event(self, shard: int, event_id: str) -> Sequence[Callback]:
        """The same, for whoever knows where it lies."""
        ...

    def app_events_between(
        self, app: str, window: EventWindow, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[tuple[Callback, ...]]:
        """Up to `limit` events, the oldest first, after the one of that time and id."""
        ...

    def endpoint_callbacks(
        self, app: str, endpoint: str, stand: CallbackStand | None, before: str | None, limit: int
    ) -> Sequence[Callback]:
        """Up to `limit` callbacks of one endpoint, of events with lower ids than `before`, newest first."""
        ...


class SqlAppEventReads:
    """The questions. A mixin: the transaction has the connection."""

    _connection: Quick
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

    def event(self, shard: int, event_id: str) -> Sequence[Callback]:
        return self._all_opened(self._connection.execute(sql.EVENT, {"of_shard": shard, "of_id": event_id}))

    def app_events_between(
        self, app: str, window: EventWindow, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[tuple[Callback, ...]]:
        wanted = [_C.app == app, _C.created_at >= window.since, _C.created_at < window.until]
        if window.types:
            wanted.append(_C.type.in_(sorted(window.types)))
        if after is not None:
            at, event_id = after
            wanted += [_C.created_at >= at, or_(_C.created_at > at, and_(_C.created_at == at, _C.id > event_id))]
        query = select(_C.created_at, _C.id).where(*wanted).distinct().order_by(_C.created_at, _C.id).limit(limit)
        ids = [row.id for row in self._connection.execute(query)]
        found = {event[0].id: event for event in self._events(app, ids)}
        return [found[each] for each in ids if each in found]

    def endpoint_callbacks(
        self, app: str, endpoint: str, stand: CallbackStand | None, before: str | None, limit: int
    ) -> Sequence[Callback]:
        wanted = [_C.app == app, _C.endpoint == endpoint]
        if stand is not None:
            wanted.append(_STANDS[stand].is_not(None))
        if before is not None:
            wanted.append(_C.id < before)
        query = select(schema.callbacks).where(*wanted).order_by(_C.id.desc()).limit(limit)
        return self._all_opened(self._connection.execute(query))

    def _events(self, app: str, ids: Sequence[str]) -> list[tuple[Callback, ...]]:
        if not ids:
            return []
        query = select(schema.callbacks).where(_C.app == app, _C.id.in_(ids)).order_by(_C.id.desc(), _C.endpoint)
        found = self._all_opened(self._connection.execute(query))
        return [tuple(each) for _, each in groupby(found, key=lambda callback: callback.id)]

    def _all_opened(self, rows: Iterable[Row[Any]]) -> list[Callback]:
        """Those that can be read: one that cannot must not stop the rest."""
        opened = (self._opened(row) for row in rows)
        return [callback for callback in opened if callback is not None]

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
