"""Mutants of the store and of what is promised: versions, fences, references, histories (R7, R18, I5, I20, I28)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update

from gateway.domain.errors import CommitUnknown
from gateway.domain.payout import Payout
from gateway.operations import deciding, incoming, learn
from gateway.store import schema
from gateway.store.reads import SqlReadTx
from gateway.store.records import Lease, Reference
from gateway.store.tx import SqlTx
from tests.mutants.mutant import Mutant, everywhere, mutant, swapped, wrapped


def _over_anything(save: Any) -> Any:
    """Neither version nor fence, and its event behind whatever else happened: the last one to write is right."""

    def saving(self: SqlTx, before: Payout, after: Payout, due_at: datetime | None, lease: Any = None) -> Payout:
        columns = schema.payouts.c
        of_it = (columns.shard == before.shard, columns.id == before.id)
        row = self._one(select(columns.version, columns.last_event).where(*of_it))
        assert row is not None
        behind = replace(after, last_event=row.last_event + after.last_event - before.last_event)
        stored: Payout = save(self, replace(before, version=row.version), behind, due_at, None)
        return stored

    return saving


def _under_any_fence(save: Any) -> Any:
    return lambda self, before, after, due_at, lease=None: save(self, before, after, due_at, None)


def _same_fence(claim: Any) -> Any:
    def claiming(self: SqlTx, *args: Any) -> Any:
        claimed = []
        columns = schema.payouts.c
        for payout, lease in claim(self, *args):
            of_it = (columns.shard == payout.shard, columns.id == payout.id)
            self._connection.execute(update(schema.payouts).where(*of_it).values(fence=lease.fence - 1))
            claimed.append((payout, replace(lease, fence=lease.fence - 1)))
        return claimed

    return claiming


def _reference_again(insert: Any) -> Any:
    def inserting(self: SqlTx, payout: Payout, reference: Reference, lease: Lease | None, *more: Any) -> None:
        columns = schema.references.c
        of_it = (columns.shard == payout.shard, columns.app == payout.app, columns.reference == payout.reference)
        self._connection.execute(delete(schema.references).where(*of_it))
        insert(self, payout, reference, lease, *more)

    return inserting


def _any_content(known: Any) -> Any:
    def knowing(tx: Any, said: Any) -> Any:
        found = tx.reference(said.payout.app, said.payout.reference)
        return known(tx, said if found is None else replace(said, mark=found.fingerprint))

    return knowing


def _said_in_spite_of(*errors: type[Exception], sent: bool = False) -> Any:
    """201 for what may not be there, whatever COMMIT said; with `sent`, its call leaves, too."""

    async def run(services: Any, unit: Callable[[Any], Any]) -> Any:
        kept: list[Any] = []

        def remembering(tx: Any) -> Any:
            kept[:] = [unit(tx)]
            return kept[0]

        try:
            return await services.store.run(remembering)
        except errors:
            if kept:
                return kept[0] if sent else replace(kept[0], opened=None)
            raise

    return run


class _Forgetful:
    """A transaction that loses one kind of row."""

    def __init__(self, tx: Any, lost: str) -> None:
        self._tx = tx
        self._lost = lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name) if name != self._lost else lambda *_args: None


def _without_event(record: Any) -> Any:
    return lambda services, tx, *rest, **more: record(services, _Forgetful(tx, "append_event"), *rest, **more)


def _without_evidence(learn_in: Any) -> Any:
    return lambda services, tx, *rest: learn_in(services, _Forgetful(tx, "append_evidence"), *rest)


def _without_incident(freeze: Any) -> Any:
    return lambda services, tx, *rest: freeze(services, _Forgetful(tx, "append_incident"), *rest)


STORING: tuple[Mutant, ...] = (
    mutant("saved-over-anything", "20", "I20", wrapped(SqlTx, "save", _over_anything)),
    mutant("fence-is-ignored", "29", "I29", wrapped(SqlTx, "save", _under_any_fence)),
    mutant("fence-does-not-rise", "29", "I29", wrapped(SqlTx, "claim", _same_fence)),
    mutant(
        "reference-is-not-unique",
        "5",
        "I5",
        swapped(SqlReadTx, "reference", lambda _self, _app, _reference: None),
        wrapped(SqlTx, "insert", _reference_again),
    ),
    mutant("other-content-is-taken", "7", "I7", wrapped(incoming, "_known", _any_content)),
    mutant(
        "unknown-commit-is-acknowledged", "1", "R18", swapped(incoming, "_settled", _said_in_spite_of(CommitUnknown))
    ),
    mutant("failed-commit-is-acknowledged", "1", "R18", swapped(incoming, "_settled", _said_in_spite_of(Exception))),
    mutant(
        "unknown-order-is-sent",
        "9",
        "R18",
        swapped(incoming, "_settled", _said_in_spite_of(CommitUnknown, sent=True)),
    ),
    mutant("moved-without-event", "28", "I28", wrapped(learn, "record", _without_event)),
    mutant("opened-without-event", "28", "I28", wrapped(deciding, "record", _without_event)),
    mutant("evidence-is-not-kept", "16", "R7", everywhere(learn, "learn_in", _without_evidence)),
    mutant("contradiction-without-incident", "21", "R14", wrapped(learn, "_freeze", _without_incident)),
)
