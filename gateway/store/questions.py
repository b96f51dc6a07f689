"""What every question needs: one row, all rows, a payout from its row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from gateway.domain.payout import Payout
from gateway.store import statements as sql
from gateway.store.quick import Quick, quick
from gateway.store.rows import Rows


class SqlQuestions:
    """A mixin's base."""

    def __init__(self, connection: Connection | Quick, rows: Rows) -> None:
        self._connection: Quick = quick(connection)
        self._rows = rows

    def _whole(self, row: Row[Any]) -> Payout:
        return self._rows.payout(row, self._all(sql.ATTEMPTS, of_shard=row.shard, of_payout_id=row.id))

    def _one(self, query: Any, **values: Any) -> Row[Any] | None:
        return self._connection.execute(query, values).first()

    def _all(self, query: Any, **values: Any) -> Sequence[Row[Any]]:
        return self._connection.execute(query, values).all()
