"""The watch over a real store: what is committed is audited, what is not is not, and what nobody knows is found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from adapters.sandbox.books import BookEntry
from gateway.domain.errors import CommitUnknown, StoreUnavailable
from gateway.domain.event import Event, EventType
from gateway.domain.payout import Payout
from gateway.sealing import Sealer
from gateway.simulation.audit import Auditor
from gateway.simulation.watch import WatchedStore
from gateway.store.port import Tx
from gateway.store.records import Reference
from gateway.store.sqlite import MemoryStore
from tests.support.builders import NOW, a_payout

T = TypeVar("T")
PAYOUT = replace(a_payout(), callback_sequence=0)


class Doubtful:
    """A store whose next commit ends as a test wants it."""

    def __init__(self, inner: MemoryStore) -> None:
        self._inner = inner
        self.fate = "commits"

    async def run(self, unit: Callable[[Tx], T]) -> T:
        fate, self.fate = self.fate, "commits"
        match fate:
            case "unknown, and gone":

                def lost(tx: Tx) -> T:
                    unit(tx)
                    raise CommitUnknown("gone")

                return await self._inner.run(lost)
            case "fails":
                raise StoreUnavailable("no")
        result = await self._inner.run(unit)
        if fate == "unknown, and kept":
            raise CommitUnknown("kept")
        if fate == "never answers":
            await asyncio.Event().wait()
        return result

    async def read(self, query: Callable[[Tx], T]) -> T:
        return await self._inner.read(query)  # type: ignore[arg-type]  # a Tx reads too

    async def close(self) -> None:
        await self._inner.close()


@pytest.fixture
async def inner() -> AsyncIterator[Doubtful]:
    store = Doubtful(MemoryStore(Sealer([bytes(32)], lambda size: bytes(size))))
    yield store
    await store.close()


@pytest.fixture
def auditor() -> Auditor:
    made = Auditor(False, ("alpha",))
    made.node_started("a", NOW)
    made.order_wanted(PAYOUT.app, PAYOUT.reference, PAYOUT.amount, PAYOUT.beneficiary.account)
    made.check_now(NOW)
    return made


def take_in(tx: Tx) -> Payout:
    tx.insert(PAYOUT, Reference(PAYOUT.id, b"mark"), None)
    tx.append_event(PAYOUT, Event(1, NOW, EventType.ACCEPTED, "app:acme"))
    return PAYOUT


def freeze(before: Payout) -> Callable[[Tx], Payout]:
    def unit(tx: Tx) -> Payout:
        saved = tx.save(before, replace(before, frozen=True, last_event=before.last_event + 1), NOW)
        tx.append_event(saved, Event(saved.last_event, NOW, EventType.FROZEN, "gateway"))
        return saved

    return unit


async def test_what_is_committed_is_in_the_books(inner: Doubtful, auditor: Auditor) -> None:
    """Two commits, two changes, and at the end the books agree with the database."""
    store = WatchedStore(inner, auditor, "a")
    await store.run(freeze(await store.run(take_in)))
    auditor.finish(store, NOW + timedelta(minutes=1))
    assert auditor.books.cases[PAYOUT.id].payout.frozen
    assert auditor.violations == []


@pytest.mark.parametrize("fate", ["fails", "unknown, and gone"])
async def test_what_is_not_committed_is_not(inner: Doubtful, auditor: Auditor, fate: str) -> None:
    """Rolled back, or lost in a commit that nobody heard of: it is not in the books."""
    store, inner.fate = WatchedStore(inner, auditor, "a"), fate
    with pytest.raises((StoreUnavailable, CommitUnknown)):
        await store.run(take_in)
    auditor.check_now(NOW)
    assert auditor.books.cases == {}
    assert auditor.violations == []


async def test_an_unknown_commit_that_happened_is_found_out(inner: Doubtful, auditor: Auditor) -> None:
    """The store is asked at the next step, and the 201 that rests on it is true."""
    store, inner.fate = WatchedStore(inner, auditor, "a"), "unknown, and kept"
    with pytest.raises(CommitUnknown):
        await store.run(take_in)
    auditor.acknowledged(PAYOUT.app, PAYOUT.reference, PAYOUT.id, PAYOUT.amount, PAYOUT.beneficiary.account)
    assert PAYOUT.id in auditor.books.cases
    assert auditor.counts["unknown_commits"] == 1
    assert auditor.violations == []


async def test_a_node_that_dies_after_its_commit_leaves_a_commit(inner: Doubtful, auditor: Auditor) -> None:
    """The answer never came; the store tells."""
    store, inner.fate = WatchedStore(inner, auditor, "a"), "never answers"
    waiting = asyncio.ensure_future(store.run(take_in))
    await asyncio.sleep(0)
    assert auditor.books.cases == {}
    auditor.node_crashed("a", NOW)
    auditor.check_now(NOW)
    assert PAYOUT.id in auditor.books.cases
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert auditor.violations == []


async def test_what_is_built_on_an_unknown_commit_proves_it(inner: Doubtful, auditor: Auditor) -> None:
    """Another node saves on top of it before anybody asked: the first is taken in, then the second."""
    store, inner.fate = WatchedStore(inner, auditor, "a"), "unknown, and kept"
    with pytest.raises(CommitUnknown):
        await store.run(take_in)
    await WatchedStore(inner, auditor, "b").run(freeze(PAYOUT))
    assert auditor.books.cases[PAYOUT.id].payout.version == PAYOUT.version + 1
    assert auditor.violations == []


async def test_a_write_past_the_watch_is_noticed(inner: Doubtful, auditor: Auditor) -> None:
    """The books are compared with the database at the end: version 20, history 28, sums 46, status 4."""
    store = WatchedStore(inner, auditor, "a")
    await store.run(take_in)
    await inner.run(freeze(PAYOUT))
    stranger = replace(a_payout("order-0"), callback_sequence=0)  # listed after it: the history of the first is read
    await inner.run(lambda tx: tx.insert(stranger, Reference(stranger.id, b"mark"), None))
    auditor.finish(store, NOW)
    assert {violation.invariant for violation in auditor.violations} == {4, 20, 28, 46}


async def test_a_lost_payout_is_noticed(inner: Doubtful, auditor: Auditor) -> None:
    """Committed, and at the end not there: 1."""
    await WatchedStore(inner, auditor, "a").run(take_in)
    other = MemoryStore(Sealer([bytes(32)], lambda size: bytes(size)))
    auditor.finish(other, NOW)
    await other.close()
    assert 1 in {violation.invariant for violation in auditor.violations}


async def test_half_a_unit_is_noticed(inner: Doubtful, auditor: Auditor) -> None:
    """A commit that nobody heard of happened without its event row: 6."""
    store, inner.fate = WatchedStore(inner, auditor, "a"), "unknown, and gone"
    with pytest.raises(CommitUnknown):
        await store.run(take_in)
    await inner.run(lambda tx: tx.insert(PAYOUT, Reference(PAYOUT.id, b"mark"), None))
    auditor.check_now(NOW)
    assert [violation.invariant for violation in auditor.violations] == [6]


async def test_a_restored_backup_starts_the_books_anew(inner: Doubtful, auditor: Auditor) -> None:
    """What the backup does not hold is gone, and is its app's to say again; the banks' lines stay."""
    store = WatchedStore(inner, auditor, "a")
    await store.run(take_in)
    auditor.acknowledged(PAYOUT.app, PAYOUT.reference, PAYOUT.id, PAYOUT.amount, PAYOUT.beneficiary.account)
    empty = MemoryStore(Sealer([bytes(32)], lambda size: bytes(size)))
    WatchedStore(empty, auditor, "a")
    auditor.restored(NOW)
    auditor.finish(empty, NOW)
    await empty.close()
    assert auditor.books.cases == {}
    assert auditor.violations == []
    assert auditor.counts["restores"] == 1


def test_what_a_bank_books_unasked_is_noticed(auditor: Auditor) -> None:
    """An id that no committed attempt has: 9."""
    auditor.bank_moved("alpha", BookEntry("NOBODYS", "1", 1, "CNY", "x", "done", 1), NOW)
    assert [violation.invariant for violation in auditor.violations] == [9]


def test_an_acknowledged_notification_is_stored(auditor: Auditor) -> None:
    """A 2xx for what is nowhere: 22; a refusal promises nothing."""
    auditor.notification_answered(b"refused", 503)
    assert auditor.violations == []
    auditor.notification_answered(b"taken", 200)
    assert [violation.invariant for violation in auditor.violations] == [22]


def test_more_under_way_than_allowed_is_noticed(auditor: Auditor) -> None:
    """50 of 50 are, 51 are not: 45."""
    auditor.under_way("a", "alpha", 50, 50)
    assert auditor.violations == []
    auditor.under_way("a", "alpha", 51, 50)
    assert [violation.invariant for violation in auditor.violations] == [45]
