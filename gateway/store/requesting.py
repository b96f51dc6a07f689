"""What one of two people asked for, with the evidence for it, until the other has approved it."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import update

from gateway.domain.errors import StaleWrite
from gateway.domain.identity import shard_of_request
from gateway.domain.review import Request
from gateway.store import schema
from gateway.store.writing import SqlWriting


class SqlRequestWrites(SqlWriting):
    """A mixin."""

    def add_request(self, request: Request, evidence: bytes | None) -> None:
        place = f"requests|evidence|{request.id}"
        values = asdict(request) | {
            "shard": shard_of_request(request.id),
            "kind": str(request.kind),
            "evidence_sealed": None if evidence is None else self._rows.sealer.seal(evidence, place),
        }
        self._insert(schema.requests, values)

    def save_request(self, request: Request) -> None:
        columns = schema.requests.c
        guard = (
            columns.shard == shard_of_request(request.id),
            columns.id == request.id,
            columns.approved_at.is_(None),
            columns.withdrawn_at.is_(None),
        )
        changed = self._connection.execute(
            update(schema.requests)
            .where(*guard)
            .values(
                approved_by=request.approved_by,
                approved_at=request.approved_at,
                withdrawn_at=request.withdrawn_at,
            )
        )
        if changed.rowcount != 1:
            raise StaleWrite(f"{request.id} is no longer open")
