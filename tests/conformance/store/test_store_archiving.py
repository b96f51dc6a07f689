"""A payout that is moved out: everything of its own goes with it, its identity stays, nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain import changes
from gateway.domain.allowance import Reservation
from gateway.domain.event import Event, EventType
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.status import Status, StatusReason
from gateway.store.archiving import MOVED, Dossier, Mark
from gateway.store.port import ReadTx, Store, Tx
from gateway.store.records import Callback, Delivery, Incident, Reference
from tests.support.builders import NOW, a_payout, sending
from tests.support.sealed_books import fill

LATER = NOW + timedelta(days=200)
K = OutcomeKind


def with_rows_everywhere(reference: str) -> Callable[[Tx], Payout]:
    """A payout that has rows in every table that a payout may have any in."""

    def unit(tx: Tx) -> Payout:
        payout = fill(reference)(tx)
        tx.reserve(payout, 1, Reservation("alpha", payout.amount, ("2026-01",), {}))
        tx.append_event(payout, Event(1, NOW, EventType.ACCEPTED, "app:acme"))
        tx.append_incident(payout, Incident(NOW, "contradiction", "said twice", 1))
        tx.freeze(payout, NOW, "said twice")
        told: Callback = next(iter(tx.callbacks(payout.id)))
        tx.record_delivery(told, Delivery(NOW, 200, 'it said "ok",\nand more', 12))
        return payout

    return unit


def ended(reference: str, *, app: str = "acme", **fields: object) -> Payout:
    """One that was never sent, and has ended."""
    fresh = a_payout(reference, app=app)
    return replace(changes.close(fresh, StatusReason(StatusCode.EXPIRED), NOW), **fields)  # type: ignore[arg-type]


async def put(store: Store, payout: Payout) -> Payout:
    fresh = a_payout(payout.reference, app=payout.app)

    def unit(tx: Tx) -> Payout:
        tx.insert(replace(fresh, created_at=payout.created_at), Reference(fresh.id, b"mark"), None)
        return tx.save(fresh, payout, None)

    return await store.run(unit)


def move(payout: Payout) -> Callable[[Tx], Dossier]:
    def unit(tx: Tx) -> Dossier:
        found = tx.dossier(payout.id)
        assert found is not None
        tx.archive(found, "paymux-1", LATER)
        return found

    return unit


async def test_everything_of_its_own_goes_and_nothing_else(store: Store) -> None:
    """Every table had rows of it and has none; the payout beside it keeps all of its own, in every table."""
    one, two = await store.run(with_rows_everywhere("one")), await store.run(with_rows_everywhere("two"))
    before = await store.read(lambda tx: tx.dossier(two.id))
    found = await store.run(move(one))
    assert [name for name, rows in found.rows.items() if not rows] == []
    assert list(found.rows) == [table.name for table in MOVED]
    assert await store.read(lambda tx: tx.dossier(one.id)) is None
    gone = await store.read(lambda tx: (tx.payout(one.id), tx.find_attempt(one.attempt(1).channel_reference)))
    assert gone == (None, None)
    assert await store.read(lambda tx: list(tx.events(one.id))) == []
    after = await store.read(lambda tx: tx.dossier(two.id))
    assert before is not None
    assert after is not None
    assert after.rows == before.rows


async def test_its_identity_is_kept(store: Store) -> None:
    """App and reference, how it ended, and the ids that channels know it by, at the channel that knows them."""
    payout = await put(store, ended("one"))
    await put(store, a_payout("newer"))
    opened = sending(a_payout("sent"))
    fresh = replace(opened, attempts=())

    def paid(tx: Tx) -> Payout:
        tx.insert(fresh, Reference(fresh.id, b"mark"), None)
        attempt = replace(
            opened.attempts[0],
            state=AttemptState.SUCCEEDED,
            channel_payout_id="C-77",
            settled_at=NOW + timedelta(minutes=1),
            due_at=None,
        )
        return tx.save(fresh, replace(opened, attempts=(attempt,)), None)

    sent = await store.run(paid)
    for each in (payout, sent):
        await store.run(move(each))
    kept = await store.read(lambda tx: tx.archived(payout.id))
    assert kept is not None
    assert (kept.app, kept.reference, kept.status, kept.reason) == ("acme", "one", Status.FAILED, StatusCode.EXPIRED)
    assert (kept.amount, kept.beneficiary_kind) == (payout.amount, payout.beneficiary.kind)
    assert (kept.created_at, kept.archived_at, kept.archive) == (NOW, LATER, "paymux-1")
    was = await store.read(lambda tx: tx.archived(sent.id))
    assert was is not None
    assert (was.status, was.channel, was.settled_at) == (Status.PAID, "alpha", NOW + timedelta(minutes=1))
    known = await store.read(lambda tx: tx.reference("acme", "sent"))
    assert known == Reference(sent.id, b"mark")
    ours = sent.attempt(1).channel_reference
    assert await store.read(lambda tx: tx.archived_attempt("alpha", ours)) == (sent.id, 1)
    assert await store.read(lambda tx: tx.archived_attempt("beta", ours)) is None
    assert await store.read(lambda tx: tx.archived_channel_payout("alpha", "C-77")) == (sent.id, 1)
    assert await store.read(lambda tx: tx.archived_channel_payout("beta", "C-77")) is None
    assert await store.read(lambda tx: tx.statuses([sent.id])) == {sent.id: "paid"}


async def test_its_reference_is_never_free_again(store: Store) -> None:
    """The database itself refuses a second payout under it."""
    payout = await put(store, ended("one"))
    await put(store, a_payout("newer"))
    await store.run(move(payout))
    with pytest.raises(Exception, match="taken meanwhile"):
        await put(store, a_payout("one"))


async def test_what_is_looked_through(store: Store) -> None:
    """App by app, the oldest first, page by page; what has not ended, or is as young as that, is not among them."""
    days = timedelta(days=1)
    old = [await put(store, ended(f"order-{n}", app=app, created_at=NOW + n * days)) for app in "ba" for n in (2, 1, 3)]
    await put(store, a_payout("waiting", app="a"))
    await put(store, ended("young", app="a", created_at=NOW + 9 * days))
    found: list[Mark] = []

    def page(tx: ReadTx) -> Sequence[Mark]:
        return tx.finished(NOW + 9 * days, found[-1] if found else None, 2)

    while more := await store.read(page):
        found += more
    wanted = sorted((each.app, each.created_at, each.id) for each in old)
    assert [(each.app, each.created_at, each.payout_id) for each in found] == wanted


async def test_incidents_of_an_archived_one_are_kept(store: Store) -> None:
    """In their order, and apart from those of others."""
    payout = await put(store, ended("one"))
    await put(store, a_payout("newer"))
    await store.run(move(payout))
    heard = [Incident(LATER + timedelta(days=n), "late_evidence", f"no {n}", 1) for n in range(3)]

    def keep(incident: Incident) -> Callable[[Tx], None]:
        return lambda tx: tx.append_archived_incident(payout.id, incident)

    for each in heard:
        await store.run(keep(each))
    assert list(await store.read(lambda tx: tx.archived_incidents(payout.id))) == heard
