"""Batches: the part of the store's port, and its SQL. A batch and its pages lie in the shard of its reference; what its
items become lies wherever their own references lead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Row, delete, func, select, update

from gateway.domain.batch import Batch, BatchForm, BatchPage, ItemResult
from gateway.domain.errors import StaleWrite
from gateway.domain.identity import shard_of, shard_of_batch
from gateway.store import batch_codec, schema
from gateway.store.inserting import SqlInserting
from gateway.store.quick import Quick

if TYPE_CHECKING:
    from gateway.store.rows import Rows

_B, _R, _G, _P = schema.batches.c, schema.batch_references.c, schema.batch_pages.c, schema.payouts.c
_K = schema.archived_payouts.c


@dataclass(frozen=True, slots=True)
class BatchReference:
    """What is kept for ever of a batch's reference."""

    batch_id: str
    fingerprint: bytes


class BatchReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def batch(self, batch_id: str) -> Batch | None: ...

    def batch_reference(self, app: str, reference: str) -> BatchReference | None: ...

    def batch_page(self, batch_id: str, number: int) -> BatchPage | None: ...

    def batch_results(self, batch_id: str, number: int) -> Sequence[ItemResult]:
        """What became of the items of a page; nothing of it is opened."""
        ...

    def open_items(self, app: str) -> int:
        """How many items of the app's batches were not dealt with yet."""
        ...

    def next_batch_due_at(self) -> datetime | None:
        """The earliest time at which a batch is to be worked on; None when none is."""
        ...

    def unready_batches(self, until: datetime, limit: int) -> Sequence[str]:
        """Those that began to be taken in before `until` and never were."""
        ...

    def statuses(self, payout_ids: Sequence[str]) -> Mapping[str, str]:
        """Of each payout, wherever it lies."""
        ...


class BatchWrites(Protocol):
    """A part of `gateway.store.port.Tx`."""

    def add_batch(self, batch: Batch) -> None:
        """One that begins to be taken in. It has no reference yet, and nobody works on it."""
        ...

    def add_batch_page(self, batch: Batch, page: BatchPage) -> None: ...

    def ready_batch(self, batch: Batch, fingerprint: bytes) -> None:
        """All of it is here: it is the batch of its reference from now on, and is worked on.

        Raises:
            StaleWrite: the reference was taken meanwhile, or the batch was dropped.
        """
        ...

    def drop_batch(self, batch_id: str) -> None:
        """One that never became ready, with its pages."""
        ...

    def claim_batches(self, now: datetime, until: datetime, limit: int) -> Sequence[Batch]:
        """Those that are due, the longest due first, each not due again before `until` (so a crash only delays it)."""
        ...

    def save_batch(self, before: Batch, after: Batch, page: BatchPage | None = None) -> None:
        """How far it is now, with the page that was dealt with. Raises `StaleWrite` when somebody else was there."""
        ...


class SqlBatchReads:
    """The questions. A mixin: the transaction has the connection."""

    _connection: Quick
    _rows: Rows

    def batch(self, batch_id: str) -> Batch | None:
        shard = shard_of_batch(batch_id)
        if shard is None:
            return None
        query = select(schema.batches).where(_B.shard == shard, _B.id == batch_id)
        found = self._connection.execute(query).first()
        return None if found is None else _batch(found)

    def batch_reference(self, app: str, reference: str) -> BatchReference | None:
        of_it = (_R.shard == shard_of(app, reference), _R.app == app, _R.reference == reference)
        found = self._connection.execute(select(schema.batch_references).where(*of_it)).first()
        return None if found is None else BatchReference(found.batch_id, found.fingerprint)

    def batch_page(self, batch_id: str, number: int) -> BatchPage | None:
        of_it = (_G.shard == shard_of_batch(batch_id), _G.batch_id == batch_id, _G.number == number)
        found = self._connection.execute(select(schema.batch_pages).where(*of_it)).first()
        if found is None:
            return None
        results = batch_codec.load_results(found.results)
        if found.orders_sealed is None:
            return BatchPage(number, results)
        opened = self._rows.sealer.open(found.orders_sealed, _place(batch_id, number))
        return BatchPage(number, results, batch_codec.load_orders(opened))

    def batch_results(self, batch_id: str, number: int) -> Sequence[ItemResult]:
        of_it = (_G.shard == shard_of_batch(batch_id), _G.batch_id == batch_id, _G.number == number)
        found = self._connection.execute(select(_G.results).where(*of_it)).first()
        return () if found is None else batch_codec.load_results(found.results)

    def open_items(self, app: str) -> int:
        left = func.sum(_B.item_count - _B.accepted - _B.failed)
        query = select(left).where(_B.app == app, _B.completed_at.is_(None), _B.ready_at.is_not(None))
        return int(self._connection.execute(query).scalar() or 0)

    def next_batch_due_at(self) -> datetime | None:
        query = select(_B.due_at).where(_B.due_at.is_not(None)).order_by(_B.due_at).limit(1)
        found = self._connection.execute(query).first()
        return None if found is None else found.due_at

    def unready_batches(self, until: datetime, limit: int) -> Sequence[str]:
        unready = (_B.ready_at.is_(None), _B.created_at < until)
        query = select(_B.id).where(*unready).order_by(_B.created_at).limit(limit)
        return [row.id for row in self._connection.execute(query)]

    def statuses(self, payout_ids: Sequence[str]) -> Mapping[str, str]:
        if not payout_ids:
            return {}
        there = select(_P.id, _P.status).where(_P.id.in_(payout_ids))
        moved = select(_K.payout_id, _K.status).where(_K.payout_id.in_(payout_ids))
        found = {row.id: row.status for row in self._connection.execute(there)}
        return found | {row.payout_id: row.status for row in self._connection.execute(moved)}


class SqlBatchWrites(SqlInserting):
    """The changes. A mixin, likewise."""

    _rows: Rows

    def add_batch(self, batch: Batch) -> None:
        values = {
            "shard": batch.shard,
            "id": batch.id,
            "app": batch.app,
            "reference": batch.reference,
            "form": str(batch.form),
            "created_at": batch.created_at,
            "item_count": batch.items,
            "ready_at": batch.ready_at,
            **_changing(batch),
        }
        self._connection.execute(schema.batches.insert(), values)

    def add_batch_page(self, batch: Batch, page: BatchPage) -> None:
        orders = batch_codec.dump_orders(page.orders)
        values = {
            "shard": batch.shard,
            "batch_id": batch.id,
            "number": page.number,
            "results": batch_codec.dump_results(page.results),
            "orders_sealed": self._rows.sealer.seal(orders, _place(batch.id, page.number)),
        }
        self._connection.execute(schema.batch_pages.insert(), values)

    def ready_batch(self, batch: Batch, fingerprint: bytes) -> None:
        values = {
            "shard": batch.shard,
            "app": batch.app,
            "reference": batch.reference,
            "batch_id": batch.id,
            "fingerprint": fingerprint,
        }
        if not self._insert_once(schema.batch_references, values):
            raise StaleWrite(f"reference {batch.reference} was taken meanwhile")
        changed = update(schema.batches).where(*_of(batch), _B.ready_at.is_(None))
        ready = changed.values(ready_at=batch.ready_at, due_at=batch.due_at)
        if self._connection.execute(ready).rowcount != 1:
            raise StaleWrite(f"{batch.id} was dropped meanwhile")

    def drop_batch(self, batch_id: str) -> None:
        shard = shard_of_batch(batch_id)
        of_it = (_B.shard == shard, _B.id == batch_id)
        unready = select(_B.id).where(*of_it, _B.ready_at.is_(None))
        if self._connection.execute(unready).first() is None:
            return
        pages = delete(schema.batch_pages).where(_G.shard == shard, _G.batch_id == batch_id)
        self._connection.execute(pages)
        self._connection.execute(delete(schema.batches).where(*of_it))

    def claim_batches(self, now: datetime, until: datetime, limit: int) -> Sequence[Batch]:
        due = (_B.due_at.is_not(None), _B.due_at <= now)
        found = self._connection.execute(select(_B.shard, _B.id).where(*due).order_by(_B.due_at).limit(limit)).all()
        taken = []
        for row in found:
            claim = update(schema.batches).where(_B.shard == row.shard, _B.id == row.id, *due).values(due_at=until)
            changed = self._connection.execute(claim.returning(*_B)).first()
            if changed is not None:
                taken.append(_batch(changed))
        return taken

    def save_batch(self, before: Batch, after: Batch, page: BatchPage | None = None) -> None:
        as_before = (_B.pages_done == before.pages_done, _B.settled == before.settled, _B.completed_at.is_(None))
        changed = update(schema.batches).where(*_of(before), *as_before).values(**_changing(after))
        if self._connection.execute(changed).rowcount != 1:
            raise StaleWrite(f"{before.id} is further by now")
        if page is not None:
            of_it = (_G.shard == before.shard, _G.batch_id == before.id, _G.number == page.number)
            done = {"results": batch_codec.dump_results(page.results), "orders_sealed": None}
            self._connection.execute(update(schema.batch_pages).where(*of_it).values(**done))


def _changing(batch: Batch) -> dict[str, Any]:
    """The columns that work on it changes."""
    return {
        "pages_done": batch.pages_done,
        "accepted": batch.accepted,
        "failed": batch.failed,
        "settled": batch.settled,
        "ended": json.dumps(dict(batch.ended)),
        "completed_at": batch.completed_at,
        "due_at": batch.due_at,
    }


def _batch(row: Row[Any]) -> Batch:
    return Batch(
        id=row.id,
        shard=row.shard,
        app=row.app,
        reference=row.reference,
        form=BatchForm(row.form),
        created_at=row.created_at,
        items=row.item_count,
        ready_at=row.ready_at,
        pages_done=row.pages_done,
        accepted=row.accepted,
        failed=row.failed,
        settled=row.settled,
        ended=json.loads(row.ended),
        completed_at=row.completed_at,
        due_at=row.due_at,
    )


def _of(batch: Batch) -> tuple[Any, ...]:
    return _B.shard == batch.shard, _B.id == batch.id


def _place(batch_id: str, number: int) -> str:
    return f"batch_pages|orders|{batch_id}/{number}"
