"""Sharding stays open: a payout's rows can be kept apart by shard, and everything on its way says which one it means.

tests/conformance/store holds every statement of the suite to it, on every store; here is what it is held by.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from gateway.store import schema
from gateway.store.app_events import EventFilter, EventWindow
from gateway.store.parked import ParkedWindow
from gateway.store.port import Tx
from gateway.store.records import PayoutFilter, Reference
from gateway.store.sqlite import MemoryStore
from tests.support import postgres
from tests.support.builders import NOW, a_payout, sending
from tests.support.sharding import NOT_OF_A_PAYOUT, OF_A_PAYOUT, SEVERAL, Watch, WatchedStore


def test_every_key_of_a_payouts_tables_contains_its_shard() -> None:
    """As the database itself has them: primary keys, unique indexes, foreign keys. What is of no payout is listed."""
    with postgres.fresh_database() as url:
        engine = create_engine(url, poolclass=NullPool)
        there = inspect(engine)
        tables = set(there.get_table_names()) - {"alembic_version"}
        assert tables == OF_A_PAYOUT | NOT_OF_A_PAYOUT.keys()
        keys = {name: [there.get_pk_constraint(name)["constrained_columns"]] for name in OF_A_PAYOUT}
        for name, of_it in keys.items():
            of_it += [index["column_names"] for index in there.get_indexes(name) if index["unique"]]
            of_it += [each["column_names"] for each in there.get_unique_constraints(name)]
            of_it += [each["constrained_columns"] for each in there.get_foreign_keys(name)]
        engine.dispose()
    assert all("shard" in key for of_it in keys.values() for key in of_it)
    assert sum(len(of_it) for of_it in keys.values()) > len(OF_A_PAYOUT)


CALLS: dict[str, Callable[[Tx], Any]] = {
    "claim": lambda tx: tx.claim("node", NOW, 1.0, 1),
    "claim_callbacks": lambda tx: tx.claim_callbacks(NOW, NOW, 1, frozenset()),
    "next_due_at": lambda tx: tx.next_due_at(),
    "next_callback_due_at": lambda tx: tx.next_callback_due_at(),
    "payouts": lambda tx: tx.payouts("acme", PayoutFilter(), None, 1),
    "payouts_saying": lambda tx: tx.payouts_saying("acme", PayoutFilter(), None, 1, 1),
    "payouts_at": lambda tx: tx.payouts_at(b"12345678", 1),
    "counts": lambda tx: tx.counts(),
    "census": lambda tx: tx.census(),
    "review_queue": lambda tx: tx.review_queue(),
    "under_review": lambda tx: tx.under_review(1),
    "open_requests": lambda tx: tx.open_requests(),
    "live_grounds": lambda tx: tx.live_grounds(),
    "ask_live_at": lambda tx: tx.ask_live_at(NOW),
    "unasked_since": lambda tx: tx.unasked_since(NOW),
    "high_water": lambda tx: tx.high_water(),
    "unsent": lambda tx: tx.unsent(1),
    "parked": lambda tx: tx.parked(ParkedWindow(NOW), 1),
    "app_events": lambda tx: tx.app_events("acme", EventFilter(), None, 1),
    "app_event": lambda tx: tx.app_event("acme", "evt_1"),
    "app_events_between": lambda tx: tx.app_events_between("acme", EventWindow(NOW, NOW), None, 1),
    "endpoint_callbacks": lambda tx: tx.endpoint_callbacks("acme", "ep_1", None, None, 1),
    "open_retries": lambda tx: tx.open_retries(NOW, 1),
    "open_items": lambda tx: tx.open_items("acme"),
    "next_batch_due_at": lambda tx: tx.next_batch_due_at(),
    "claim_batches": lambda tx: tx.claim_batches(NOW, NOW, 1),
    "unready_batches": lambda tx: tx.unready_batches(NOW, 1),
    "statuses": lambda tx: tx.statuses([a_payout("one").id, a_payout("two").id]),
    "has_newest_event": lambda tx: tx.has_newest_event(a_payout().id),
    "finished": lambda tx: tx.finished(NOW, None, 1),
    "archived_channel_payout": lambda tx: tx.archived_channel_payout("alpha", "C1"),
    "find_channel_payout": lambda tx: tx.find_channel_payout("alpha", "C1"),
}


@pytest.mark.parametrize("method", sorted(SEVERAL))
async def test_what_names_no_shard_is_listed_and_nothing_more(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every exception is one: a method that began to name its shard must leave the list."""
    watch = Watch()
    store = WatchedStore(MemoryStore(postgres.a_sealer()), watch)
    await store.run(CALLS[method])
    assert [each.breach for each in watch.said if each.breach is not None]
    assert watch.breaches == []
    with capsys.disabled():
        print(f"\n  several shards: {method}: {SEVERAL[method]}", end="")  # noqa: T201 - a list to be read in the test's output
    await store.close()


async def test_a_breach_is_noticed() -> None:
    """The watch is awake: a statement without a shard, one about two, a unit about two."""
    one, two = a_payout("one"), a_payout("two")
    assert one.shard != two.shard

    async def breaches(unit: Callable[[Tx], object]) -> list[str]:
        watch = Watch()
        store = WatchedStore(MemoryStore(postgres.a_sealer()), watch)
        for payout in (one, two):
            await store.run(lambda tx, p=payout: tx.insert(p, Reference(p.id, b"mark"), None))
        assert watch.breaches == []
        await store.run(unit)
        await store.close()
        return watch.breaches

    def elsewhere(tx: Tx) -> None:
        tx._tx._all(schema.events.select())  # type: ignore[attr-defined]  # as new code might, past the port

    def to_two(tx: Tx) -> None:
        tx.payout(one.id)
        tx.payout(two.id)

    assert len(await breaches(elsewhere)) == 1
    assert len(await breaches(to_two)) == 1
    later = NOW + timedelta(seconds=1)
    assert await breaches(lambda tx: tx.save(one, sending(one), later)) == []
