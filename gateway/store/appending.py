"""What a payout's history gains: events, evidence, incidents, freezes. Numbered under the payout, never changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Table, update

from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.store import codec, schema
from gateway.store import statements as sql
from gateway.store.reads import evidence_place
from gateway.store.records import Evidence, Incident
from gateway.store.writing import SqlWriting, Values


class SqlHistoryWrites(SqlWriting):
    """A mixin."""

    def append_event(self, payout: Payout, event: Event) -> None:
        values = {
            "sequence": event.sequence,
            "at": event.at,
            "type": str(event.type),
            "actor": event.actor,
            "attempt": event.attempt,
            "detail": codec.dump(dict(event.detail)).decode(),
        }
        self._append(schema.events, payout, values)

    def append_evidence(self, payout: Payout, evidence: Evidence) -> None:
        number = self._next(schema.evidence, payout)
        answer = evidence.answer
        values = {
            "number": number,
            "attempt": evidence.attempt,
            "transmission_no": evidence.transmission_no,
            "at": evidence.at,
            "heard": str(answer.heard),
            "kind": str(answer.kind),
            "judged": evidence.judged,
            "alarm": answer.alarm,
            "answer_sealed": self._rows.sealer.seal(codec.dump_answer(answer), evidence_place(payout.id, number)),
        }
        self._append(schema.evidence, payout, values)

    def append_incident(self, payout: Payout, incident: Incident) -> None:
        values = {
            "number": self._next(schema.incidents, payout),
            "at": incident.at,
            "kind": incident.kind,
            "attempt": incident.attempt,
            "detail": incident.detail,
        }
        self._append(schema.incidents, payout, values)

    def freeze(self, payout: Payout, at: datetime, why: str) -> None:
        values = {"number": self._next(schema.freezes, payout), "at": at, "why": why}
        self._append(schema.freezes, payout, values)

    def _append(self, table: Table, payout: Payout, values: Values) -> None:
        self._insert(table, {"shard": payout.shard, "payout_id": payout.id} | values)

    def lift_freezes(self, payout: Payout, at: datetime) -> None:
        columns = schema.freezes.c
        of_it = (columns.shard == payout.shard, columns.payout_id == payout.id, columns.lifted_at.is_(None))
        self._connection.execute(update(schema.freezes).where(*of_it).values(lifted_at=at))

    def _next(self, table: Table, payout: Payout) -> int:
        which = {"of_shard": payout.shard, "of_payout_id": payout.id}
        return (self._connection.execute(sql.NEWEST[table], which).scalar() or 0) + 1
