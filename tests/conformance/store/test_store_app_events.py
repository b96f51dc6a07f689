"""What an app was told can be asked for by event: its own events only, each whole and once, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from gateway.domain.payout import Payout
from gateway.domain.quote import Quote
from gateway.domain.terms import Terms
from gateway.store.app_events import EventFilter
from gateway.store.port import Store, Tx
from gateway.store.records import Callback, Reference
from tests.support.builders import NOW, a_payout

ANY = EventFilter()


async def put(store: Store, payout: Payout) -> Payout:
    await store.run(lambda tx: tx.insert(payout, Reference(payout.id, b"\x01" + bytes(32)), None))
    return payout


async def tell(
    store: Store, payout: Payout, number: int, event_type: str = "payout.paid", *endpoints: str
) -> list[Callback]:
    """Event `number`, to one endpoint or more."""
    at, body = NOW + timedelta(seconds=number), f'{{"number":{number}}}'.encode()
    told = [
        Callback(
            f"evt_{number:04d}", payout.shard, payout.id, payout.app, each, event_type, number, body, at, due_at=at
        )
        for each in endpoints or ("ep_1",)
    ]
    for callback in told:
        await store.run(partial(_enqueue, callback))
    return told


def _enqueue(callback: Callback, tx: Tx) -> None:
    tx.enqueue_callback(callback)


async def ids(store: Store, wanted: EventFilter = ANY, before: str | None = None, limit: int = 10) -> Sequence[str]:
    found = await store.read(lambda tx: tx.app_events("acme", wanted, before, limit))
    return [each[0].id for each in found]


async def test_events_are_listed_once_newest_first(store: Store) -> None:
    """Over all payouts and shards of the app, with every endpoint of each; another app's are not there."""
    one, two, foreign = [
        await put(store, payout) for payout in (a_payout("r-1"), a_payout("r-2"), a_payout("r-1", app="other"))
    ]
    first = await tell(store, one, 1, "payout.accepted", "ep_1", "ep_2")
    await tell(store, two, 2, "payout.accepted")
    await tell(store, one, 3)
    await tell(store, foreign, 4)
    assert await ids(store) == ["evt_0003", "evt_0002", "evt_0001"]
    assert await ids(store, limit=2) == ["evt_0003", "evt_0002"]
    assert await ids(store, before="evt_0002") == ["evt_0001"]
    assert await ids(store, EventFilter(types=frozenset({"payout.paid", "payout.held"}))) == ["evt_0003"]
    assert await ids(store, EventFilter(payout_id=one.id)) == ["evt_0003", "evt_0001"]
    since = EventFilter(created_gte=NOW + timedelta(seconds=2), created_lt=NOW + timedelta(seconds=3))
    assert await ids(store, since) == ["evt_0002"]
    assert await store.read(lambda tx: tx.app_event("acme", "evt_0001")) == tuple(first)
    assert await store.read(lambda tx: tx.app_event("acme", "evt_0004")) == ()
    assert await store.read(lambda tx: tx.app_event("other", "evt_0001")) == ()


async def test_the_terms_of_an_order_come_back(store: Store) -> None:
    """What a payout was ordered on, and for when, is kept with it; and it is due no sooner."""
    later = NOW + timedelta(days=30)
    terms = Terms(quote=Quote(NOW + timedelta(minutes=5), (("alpha", 25), ("beta", 0))), send_at=later)
    payout = await put(store, replace(a_payout(), terms=terms))
    assert await store.read(lambda tx: tx.payout(payout.id)) == payout
    assert await store.read(lambda tx: tx.next_due_at()) == min(later, payout.give_up_at)
