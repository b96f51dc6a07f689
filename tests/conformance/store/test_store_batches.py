"""A batch is nobody's until it is ready, keeps its reference for ever, and moves on by one worker at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.domain.batch import Batch, BatchForm, BatchPage, ItemFault, ItemOrder, ItemResult, page_done
from gateway.domain.beneficiary import Saved, WechatBeneficiary
from gateway.domain.errors import StaleWrite
from gateway.domain.identity import batch_id, shard_of
from gateway.domain.money import Money
from gateway.domain.payer import Payer
from gateway.domain.terms import ChannelChoice, OnExpiry, Terms
from gateway.store.batches import BatchReference
from gateway.store.port import Store
from gateway.store.records import PayoutFilter, Reference
from tests.support.builders import BENEFICIARY, NOW, a_payout

LATER = NOW + timedelta(minutes=1)
FULL = ItemOrder(
    reference="w-1",
    amount=Money(12345, "CNY"),
    beneficiary=WechatBeneficiary("oHUSH", "张三"),
    saved=Saved("be_1"),
    purpose="SALA",
    description="",
    metadata={"user": "4711"},
    terms=Terms("cheapest", LATER, OnExpiry.ANY_CHANNEL, None, LATER, ChannelChoice(frozenset({"alpha"}))),
    payer=Payer("user-4711", "gold", None, "192.0.2.1"),
    flags={"mixed_scripts": True},
)
PLAIN = ItemOrder("w-2", Money(1, "USD"), BENEFICIARY)
FAULTY = ItemResult(None, 4, None, (ItemFault("/amount/value", "not_an_integer", "a whole number"),))
PAGE = BatchPage(0, (ItemResult("w-1", 2), ItemResult("w-2", 3), FAULTY), (FULL, PLAIN, None))


def a_batch(reference: str = "b-1", number: int = 1, app: str = "acme", items: int = 3) -> Batch:
    shard = shard_of(app, reference)
    return Batch(batch_id(shard, UUID(int=number)), shard, app, reference, BatchForm.CSV, NOW, items)


async def put(store: Store, batch: Batch, *, ready: bool = True) -> Batch:
    await store.run(lambda tx: tx.add_batch(batch))
    await store.run(lambda tx: tx.add_batch_page(batch, PAGE))
    taken_in = replace(batch, ready_at=NOW, due_at=NOW)
    if ready:
        await store.run(lambda tx: tx.ready_batch(taken_in, b"mark"))
    return taken_in


async def test_it_comes_back_equal(store: Store) -> None:
    """Batch, page and reference; a page's results without its orders, too."""
    batch = await put(store, a_batch())
    assert await store.read(lambda tx: tx.batch(batch.id)) == batch
    assert await store.read(lambda tx: tx.batch_page(batch.id, 0)) == PAGE
    assert tuple(await store.read(lambda tx: tx.batch_results(batch.id, 0))) == PAGE.results
    assert await store.read(lambda tx: tx.batch_page(batch.id, 1)) is None
    assert tuple(await store.read(lambda tx: tx.batch_results(batch.id, 1))) == ()
    known = await store.read(lambda tx: tx.batch_reference("acme", "b-1"))
    assert known == BatchReference(batch.id, b"mark")
    assert await store.read(lambda tx: tx.batch_reference("rival", "b-1")) is None
    assert await store.read(lambda tx: tx.batch("ba_none")) is None


async def test_a_reference_is_taken_once(store: Store) -> None:
    """By whoever is ready first; the other one is not ready, and another app's is another."""
    first, second = await put(store, a_batch()), a_batch(number=2)
    await put(store, second, ready=False)
    with pytest.raises(StaleWrite):
        await store.run(lambda tx: tx.ready_batch(replace(second, ready_at=NOW, due_at=NOW), b"mark"))
    found = await store.read(lambda tx: tx.batch(second.id))
    assert found is not None
    assert found.ready_at is None
    await put(store, a_batch(number=3, app="rival"))
    assert (await store.read(lambda tx: tx.batch_reference("acme", "b-1"))) == BatchReference(first.id, b"mark")


async def test_what_never_became_ready_is_found_and_dropped(store: Store) -> None:
    """With its pages; a ready one is never dropped, and one that was dropped never becomes ready."""
    ready, unready = await put(store, a_batch()), a_batch("b-2", 2)
    await put(store, unready, ready=False)
    assert await store.read(lambda tx: tx.unready_batches(NOW, 10)) == []
    assert await store.read(lambda tx: tx.unready_batches(LATER, 10)) == [unready.id]
    for each in (ready.id, unready.id):
        await store.run(lambda tx, wanted=each: tx.drop_batch(wanted))
    assert await store.read(lambda tx: tx.batch(ready.id)) == ready
    assert await store.read(lambda tx: tx.batch(unready.id)) is None
    assert await store.read(lambda tx: tx.batch_page(unready.id, 0)) is None
    with pytest.raises(StaleWrite):
        await store.run(lambda tx: tx.ready_batch(replace(unready, ready_at=NOW), b"mark"))
    assert await store.read(lambda tx: tx.batch_reference("acme", "b-2")) is None


async def test_it_is_claimed_by_one_for_a_time(store: Store) -> None:
    """The longest due first; not again before the claim is over, and not before it is ready."""
    first = await put(store, a_batch("b-1", 1))
    second = replace(await put(store, a_batch("b-2", 2), ready=False), due_at=NOW - timedelta(seconds=1))
    await store.run(lambda tx: tx.ready_batch(second, b"mark"))
    await put(store, a_batch("b-3", 3), ready=False)
    assert await store.read(lambda tx: tx.next_batch_due_at()) == second.due_at
    (one,) = await store.run(lambda tx: tx.claim_batches(NOW, LATER, 1))
    (other,) = await store.run(lambda tx: tx.claim_batches(NOW, LATER, 5))
    assert (one, other) == (replace(second, due_at=LATER), replace(first, due_at=LATER))
    assert await store.run(lambda tx: tx.claim_batches(NOW, LATER, 5)) == []
    assert {each.id for each in await store.run(lambda tx: tx.claim_batches(LATER, LATER, 5))} == {one.id, other.id}


async def test_a_page_is_dealt_with_once(store: Store) -> None:
    """With its results; its orders are gone, and who comes second is told so."""
    batch = await put(store, a_batch())
    results = (replace(PAGE.results[0], payout_id="po_1"), replace(PAGE.results[1], payout_id="po_2"), FAULTY)
    done = BatchPage(0, results)
    after = page_done(batch, done, LATER)
    await store.run(lambda tx: tx.save_batch(batch, after, done))
    assert await store.read(lambda tx: tx.batch(batch.id)) == after
    assert (after.accepted, after.failed, after.pages_done) == (2, 1, 1)
    assert await store.read(lambda tx: tx.batch_page(batch.id, 0)) == done
    with pytest.raises(StaleWrite):
        await store.run(lambda tx: tx.save_batch(batch, after, done))
    completed = replace(after, settled=3, ended={"paid": 2}, completed_at=LATER, due_at=None)
    await store.run(lambda tx: tx.save_batch(after, completed))
    assert await store.read(lambda tx: tx.batch(batch.id)) == completed
    with pytest.raises(StaleWrite):
        await store.run(lambda tx: tx.save_batch(completed, completed))


async def test_open_items_are_counted_by_app(store: Store) -> None:
    """Those of ready batches that were not dealt with."""
    batch = await put(store, a_batch("b-1", 1))
    await put(store, a_batch("b-2", 2))
    await put(store, a_batch("b-3", 3), ready=False)
    assert await store.read(lambda tx: tx.open_items("acme")) == 6
    await store.run(lambda tx: tx.save_batch(batch, replace(batch, pages_done=1, accepted=2, failed=1)))
    assert await store.read(lambda tx: tx.open_items("acme")) == 3
    assert await store.read(lambda tx: tx.open_items("rival")) == 0


async def test_payouts_know_their_batch(store: Store) -> None:
    """Listed by it, within the app, and their statuses told wherever they lie."""
    mine = [replace(a_payout(f"w-{number}"), batch_id="ba_1") for number in range(3)]
    others = [a_payout("alone"), replace(a_payout("other"), batch_id="ba_2")]
    for each in (*mine, *others):
        await store.run(lambda tx, p=each: tx.insert(p, Reference(p.id, b"mark"), None))
    listed = await store.read(lambda tx: tx.payouts("acme", PayoutFilter(batch_id="ba_1"), None, 10))
    assert {each.id for each in listed} == {each.id for each in mine}
    assert {each.batch_id for each in listed} == {"ba_1"}
    statuses = await store.read(lambda tx: tx.statuses([each.id for each in mine]))
    assert statuses == {each.id: "accepted" for each in mine}
    assert await store.read(lambda tx: tx.statuses([])) == {}
