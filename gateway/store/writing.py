"""What every part of a writing transaction needs: one row put in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table

from gateway.store import statements as sql
from gateway.store.reads import SqlReadTx

Values = dict[str, Any]


class SqlWriting(SqlReadTx):
    """A mixin's base: the questions, too, for a change often begins with one."""

    def _insert(self, table: Table, values: Values) -> None:
        self._connection.change(sql.INSERT[table], values)
