"""The audit's rows: the part of the store's port, and its SQL. Lines are only ever added."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Row, insert, select

from gateway.domain.audit import Act, Deed, Line, after
from gateway.store import schema
from gateway.store.quick import Quick

_A = schema.audit.c


class AuditReads(Protocol):
    """What can be asked about what people did."""

    def audit(self, since: int, limit: int) -> Sequence[Line]:
        """Up to `limit` lines after sequence `since`, in their order."""
        ...


class AuditWrites(AuditReads, Protocol):
    """The one thing that can be done."""

    def append_audit(self, deed: Deed) -> Line:
        """Bind `deed` to the line before it, in the same transaction as what it tells of."""
        ...


class SqlAuditReads:
    """Questions. A mixin: the transaction has the connection."""

    _connection: Quick

    def audit(self, since: int, limit: int) -> Sequence[Line]:
        return audit_page(self._connection, since, limit)


class SqlAuditWrites(SqlAuditReads):
    """Adding. A mixin, too."""

    def append_audit(self, deed: Deed) -> Line:
        last = self._connection.execute(select(schema.audit).order_by(_A.sequence.desc()).limit(1)).first()
        line = after(None if last is None else _line(last), deed)
        values = {
            "sequence": line.sequence,
            "at": deed.at,
            "actor": deed.actor,
            "act": str(deed.act),
            "subject": deed.subject,
            "detail": json.dumps(dict(deed.detail), ensure_ascii=False),
            "hash": line.hash,
        }
        self._connection.execute(insert(schema.audit), values)
        return line


def audit_page(connection: Quick, since: int, limit: int) -> list[Line]:
    """Up to `limit` lines after sequence `since`."""
    query = select(schema.audit).where(_A.sequence > since).order_by(_A.sequence).limit(limit)
    return [_line(row) for row in connection.execute(query)]


def _line(row: Row[tuple[object, ...]]) -> Line:
    deed = Deed(row.at, row.actor, Act(row.act), row.subject, json.loads(row.detail))
    return Line(row.sequence, deed, row.hash)
