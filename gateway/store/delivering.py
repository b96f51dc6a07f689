"""Callbacks on their way: put in the queue, claimed when they are due, each try written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row

from gateway.sealing import SealBroken
from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.records import Callback, Delivery
from gateway.store.turns import due_callbacks
from gateway.store.writing import SqlWriting

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class SqlCallbackWrites(SqlWriting):
    """A mixin."""

    def enqueue_callback(self, callback: Callback) -> None:
        self._insert(schema.callbacks, self._rows.new_callback(callback))

    def claim_callbacks(
        self,
        now: datetime,
        until: datetime,
        limit: int,
        busy_endpoints: frozenset[str],
        busy_apps: frozenset[str] = frozenset(),
    ) -> Sequence[Callback]:
        found = due_callbacks(self._claimable, now, limit, busy_endpoints, busy_apps)
        for row in found:
            self._change_callback_row(row.shard, row.id, row.endpoint, due_at=until)
        return self._open_callbacks(found)

    def _claimable(self, statement: Any, **values: Any) -> Sequence[Row[Any]]:
        """Rows that are about to be claimed."""
        return self._all(statement, **values)

    def _open_callbacks(self, rows: Sequence[Row[Any]]) -> list[Callback]:
        """Those that can be read: one that cannot must not stop the rest."""
        opened = []
        for row in rows:
            try:
                opened.append(self._rows.callback(row))
            except SealBroken:
                log.error("store.unreadable_callback", event_id=row.id)
        return opened

    def record_delivery(self, callback: Callback, delivery: Delivery) -> None:
        # First the callback: where there are several writers, its row keeps them apart while they count.
        self._change_callback(
            callback,
            tries=callback.tries,
            due_at=callback.due_at,
            delivered_at=callback.delivered_at,
            parked_at=callback.parked_at,
        )
        values = _key_of(callback) | {
            "number": self._newest_delivery(callback) + 1,
            "at": delivery.at,
            "status": delivery.status,
            "detail": delivery.detail,
            "duration_ms": delivery.duration_ms,
        }
        self._insert(schema.deliveries, values)

    def _newest_delivery(self, callback: Callback) -> int:
        which = {f"of_{name}": value for name, value in _key_of(callback).items()}
        return self._connection.execute(sql.NEWEST_DELIVERY, which).scalar() or 0

    def _change_callback(self, callback: Callback, **values: Any) -> None:
        self._change_callback_row(callback.shard, callback.id, callback.endpoint, **values)

    def _change_callback_row(self, shard: int, callback_id: str, endpoint: str, **values: Any) -> None:
        which = {"of_shard": shard, "of_id": callback_id, "of_endpoint": endpoint}
        self._connection.change(sql.CHANGE_CALLBACK, which | values)


def _key_of(callback: Callback) -> dict[str, Any]:
    return {"shard": callback.shard, "callback_id": callback.id, "endpoint": callback.endpoint}
