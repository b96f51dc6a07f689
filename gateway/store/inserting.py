"""Inserting a row whose key may be taken: a rule of the database, met without ending the transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.exc import IntegrityError

from gateway.store.quick import Quick


class SqlInserting:
    """A mixin: the transaction has the connection. PostgreSQL says it otherwise (`gateway.store.postgres_tx`)."""

    _connection: Quick

    def _insert_once(self, table: Table, values: dict[str, Any]) -> bool:
        """Whether it was inserted; no: its key is taken."""
        try:
            self._connection.execute(table.insert(), values)
        except IntegrityError:
            return False
        return True
