"""The intent to order a failed payout again lies with that payout, once, until it is ended or taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.domain.payout import Payout
from gateway.domain.retry import Retry
from gateway.domain.terms import OnExpiry
from gateway.store.port import Store
from gateway.store.records import Reference
from tests.support.builders import BENEFICIARY, NOW, a_payout

LATER = NOW + timedelta(minutes=1)


async def put(store: Store, payout: Payout) -> Payout:
    await store.run(lambda tx: tx.insert(payout, Reference(payout.id, b"\x01" + bytes(32)), None))
    return payout


def a_retry(reference: str = "again") -> Retry:
    return Retry(a_payout(reference).id, reference, BENEFICIARY, LATER, OnExpiry.ANY_CHANNEL, NOW)


async def test_it_comes_back_equal_and_open(store: Store) -> None:
    """With its beneficiary; it is open until it is ended, and only what is old enough is told."""
    payout = await put(store, a_payout())
    assert await store.read(lambda tx: tx.retry(payout.id)) is None
    await store.run(lambda tx: tx.add_retry(payout, a_retry()))
    assert await store.read(lambda tx: tx.retry(payout.id)) == a_retry()
    assert await store.read(lambda tx: tx.open_retries(NOW, 10)) == []
    assert await store.read(lambda tx: tx.open_retries(LATER, 10)) == [payout.id]
    await store.run(lambda tx: tx.end_retry(payout, LATER))
    assert await store.read(lambda tx: tx.open_retries(LATER, 10)) == []
    assert await store.read(lambda tx: tx.retry(payout.id)) == replace(a_retry(), ended_at=LATER)


async def test_there_is_one_for_a_payout(store: Store) -> None:
    """The database holds it, too; what was taken back leaves room for another one."""
    payout = await put(store, a_payout())
    await store.run(lambda tx: tx.add_retry(payout, a_retry()))
    with pytest.raises(IntegrityError):
        await store.run(lambda tx: tx.add_retry(payout, a_retry("another")))
    await store.run(lambda tx: tx.drop_retry(payout))
    await store.run(lambda tx: tx.add_retry(payout, a_retry("another")))
    assert await store.read(lambda tx: tx.retry(payout.id)) == a_retry("another")


async def test_the_links_come_back(store: Store) -> None:
    """What it orders again is told at its insert, what orders it again by a save."""
    payout = await put(store, replace(a_payout(), retry_of="po_first"))
    saved = await store.run(lambda tx: tx.save(payout, replace(payout, retried_as="po_next"), None))
    assert await store.read(lambda tx: tx.payout(payout.id)) == saved
    assert (saved.retry_of, saved.retried_as) == ("po_first", "po_next")
