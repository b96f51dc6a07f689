"""What every store must keep, whatever database is behind it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.domain import changes
from gateway.domain.beneficiary import WechatBeneficiary
from gateway.domain.errors import StaleWrite
from gateway.domain.event import Event, EventType
from gateway.domain.outcome import NextAction, OutcomeKind
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.status import StatusReason
from gateway.domain.steps import next_due
from gateway.domain.terms import OnExpiry, Terms
from gateway.store.port import Store, Tx
from gateway.store.records import (
    Callback,
    Delivery,
    Evidence,
    Incident,
    Lease,
    LiveGround,
    Novelty,
    PayoutFilter,
    Position,
    Reference,
    SeenNotification,
)
from tests.support.builders import NOW, a_payout, an_answer, an_opening, sending

MARK = b"\x01fingerprint"


async def put(store: Store, payout: Payout, lease: Lease | None = None) -> Payout:
    await store.run(lambda tx: tx.insert(payout, Reference(payout.id, MARK), lease))
    return payout


async def save(store: Store, before: Payout, after: Payout, lease: Lease | None = None) -> Payout:
    return await store.run(lambda tx: tx.save(before, after, next_due(after), lease))


async def stored(store: Store, payout: Payout) -> Payout:
    found = await store.read(lambda tx: tx.payout(payout.id))
    assert found is not None
    return found


async def test_what_is_stored_comes_back_equal(store: Store) -> None:
    """Every field of payout, attempt, ground, closure and action survives the round trip."""
    terms = Terms("cheapest", NOW + timedelta(hours=3), OnExpiry.ANY_CHANNEL)
    payout = replace(a_payout(), purpose="salary", description="十二月工资", metadata={"k": "v"}, terms=terms)
    await put(store, payout)
    action = NextAction("wechat_confirm", (("package_info", "abc"),), NOW + timedelta(hours=24))
    opened = sending(payout)
    opened = opened.with_attempt(
        replace(opened.attempt(1), action=action, channel_payout_id="C1", channel_code="X", verdict_as_of=NOW)
    )
    saved = await save(store, payout, opened)
    assert await stored(store, payout) == saved == replace(opened, version=2)
    given_up = changes.give_up(saved.with_attempt(replace(saved.attempt(1), state=AttemptState.PLANNED)), 1, NOW)
    closed = changes.close(given_up, StatusReason(StatusCode.NO_ROUTE, "N1"), NOW)
    assert await save(store, saved, closed) == await stored(store, payout)


async def test_an_unknown_payout_is_none(store: Store) -> None:
    """Asking for what is not there, or for a malformed id, is None and no error."""
    assert await store.read(lambda tx: tx.payout(a_payout("other").id)) is None
    assert await store.read(lambda tx: tx.payout("po_' OR 1=1")) is None
    assert await store.read(lambda tx: tx.reference("acme", "nothing")) is None
    assert await store.read(lambda tx: tx.find_attempt("short")) is None


async def test_a_reference_is_unique_for_ever(store: Store) -> None:
    """The second insert of an app's reference changes nothing; another app has its own namespace; case matters."""
    first = await put(store, a_payout("R-1"))
    with pytest.raises(StaleWrite):
        await put(store, replace(a_payout("R-1"), id=a_payout("R-2").id))
    await put(store, a_payout("R-1", app="other"))
    await put(store, a_payout("r-1"))
    known = await store.read(lambda tx: tx.reference("acme", "R-1"))
    assert known == Reference(first.id, MARK)


async def test_a_save_needs_the_stored_version(store: Store) -> None:
    """A save that was decided on an older version changes nothing at all (R2, I20)."""
    payout = await put(store, a_payout())
    winner = await save(store, payout, changes.request_cancel(payout, NOW))
    with pytest.raises(StaleWrite):
        await save(store, payout, sending(payout))
    assert await stored(store, payout) == winner
    assert winner.attempts == ()


async def test_a_save_needs_the_fence(store: Store) -> None:
    """A write under a lease that somebody else has claimed since changes nothing (I29)."""
    payout = await put(store, a_payout(), Lease("a", 1, NOW))
    later = NOW + timedelta(minutes=1)
    ((claimed, lease),) = await store.run(lambda tx: tx.claim("b", later, 30, 10))
    assert claimed.id == payout.id
    assert lease.fence == 2
    with pytest.raises(StaleWrite):
        await save(store, payout, sending(payout), Lease("a", 1, later))
    assert (await stored(store, payout)).attempts == ()
    assert (await save(store, claimed, sending(claimed), lease)).attempts


async def test_the_database_itself_bars_a_second_attempt(store: Store) -> None:
    """Even code that forgot the rule cannot store a second attempt beside one that is not rejected (R2)."""
    payout = await put(store, a_payout())
    for state in (AttemptState.PLANNED, AttemptState.UNKNOWN, AttemptState.SUCCEEDED, AttemptState.RETURNED):
        current = await stored(store, payout)
        first = current.attempts[0] if current.attempts else sending(current).attempt(1)
        current = await save(store, current, current.with_attempt(replace(first, state=state)))
        second = changes.open_attempt(current, an_opening(current, "beta"), NOW)
        with pytest.raises(IntegrityError):
            await save(store, current, second)
    assert len((await stored(store, payout)).attempts) == 1


async def test_a_rejected_attempt_makes_room(store: Store) -> None:
    """Giving one up and opening the next is one save."""
    payout = await put(store, a_payout())
    opened = await save(store, payout, sending(payout))
    rejected = opened.with_attempt(replace(opened.attempt(1), state=AttemptState.REJECTED))
    both = changes.open_attempt(rejected, an_opening(rejected, "beta"), NOW)
    saved = await save(store, opened, both)
    assert [a.state for a in saved.attempts] == [AttemptState.REJECTED, AttemptState.SENDING]
    reference = saved.attempt(2).channel_reference
    assert await store.read(lambda tx: tx.find_attempt(reference)) == (payout.id, 2)


async def test_a_failed_unit_leaves_nothing(store: Store) -> None:
    """A unit that raises is rolled back whole, and its neighbours in the group are not."""
    payout = a_payout()

    def broken(tx: Tx) -> None:
        tx.insert(payout, Reference(payout.id, MARK), None)
        raise RuntimeError("half-way")

    neighbour = a_payout("neighbour")
    results = await asyncio.gather(store.run(broken), put(store, neighbour), return_exceptions=True)
    assert isinstance(results[0], RuntimeError)
    assert await store.read(lambda tx: tx.payout(payout.id)) is None
    assert await store.read(lambda tx: tx.reference("acme", payout.reference)) is None
    assert await stored(store, neighbour) == neighbour


async def test_a_cancelled_caller_does_not_cancel_its_unit(store: Store) -> None:
    """What was handed to the writer is done, whether or not anybody still waits (R10)."""
    payout = a_payout()
    task = asyncio.ensure_future(put(store, payout))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.run(lambda tx: None)  # units run in order: when this is done, so is the other
    assert await store.read(lambda tx: tx.payout(payout.id)) == payout


async def test_many_at_once_are_all_there(store: Store) -> None:
    """Hundreds of concurrent units are grouped, and none is lost or doubled."""
    await asyncio.gather(*(put(store, a_payout(f"many-{i}")) for i in range(300)))
    assert await store.read(lambda tx: tx.counts()) == {"accepted": 300}


async def test_one_reference_asked_for_many_times_at_once(store: Store) -> None:
    """Of fifty concurrent inserts of one reference exactly one happens."""
    puts = (put(store, a_payout("hot")) for _ in range(50))
    results = await asyncio.gather(*puts, return_exceptions=True)
    assert sum(isinstance(r, Payout) for r in results) == 1
    assert sum(isinstance(r, StaleWrite) for r in results) == 49


async def test_claims_go_to_one(store: Store) -> None:
    """What is due and free is claimed once; a held or not-due payout is left alone; an expired lease is taken over."""
    due = await put(store, a_payout("due"))
    held = await put(store, a_payout("held"), Lease("x", 1, NOW + timedelta(minutes=5)))
    waiting = await put(store, a_payout("waiting"))
    await save(store, waiting, changes.wait_for_channel(waiting, StatusCode.NO_ROUTE, NOW, timedelta(hours=1)))
    first = await store.run(lambda tx: tx.claim("a", NOW, 30, 10))
    again = await store.run(lambda tx: tx.claim("b", NOW, 30, 10))
    assert [payout.id for payout, _ in first] == [due.id]
    assert again == []
    later = NOW + timedelta(minutes=6)
    taken = await store.run(lambda tx: tx.claim("c", later, 30, 10))
    assert {payout.id for payout, _ in taken} == {due.id, held.id}
    assert all(lease.fence == 2 for _, lease in taken)


async def test_the_next_due_time_is_known(store: Store) -> None:
    """The earliest due time of what nobody holds: what the worker sleeps until."""
    assert await store.read(lambda tx: tx.next_due_at()) is None
    await put(store, a_payout("held"), Lease("x", 1, NOW + timedelta(minutes=5)))
    assert await store.read(lambda tx: tx.next_due_at()) is None
    for minutes in (30, 10, 20):
        waiting = await put(store, a_payout(f"waiting-{minutes}"))
        wait = changes.wait_for_channel(waiting, StatusCode.NO_ROUTE, NOW, timedelta(minutes=minutes))
        await save(store, waiting, wait)
    assert await store.read(lambda tx: tx.next_due_at()) == NOW + timedelta(minutes=10)


async def test_a_released_payout_can_be_claimed(store: Store) -> None:
    """Letting go works for the holder only."""
    payout = await put(store, a_payout(), Lease("a", 1, NOW + timedelta(hours=1)))
    await store.run(lambda tx: tx.release(payout.id, Lease("a", 7, NOW)))
    assert await store.run(lambda tx: tx.claim("b", NOW, 30, 10)) == []
    await store.run(lambda tx: tx.release(payout.id, Lease("a", 1, NOW)))
    assert len(await store.run(lambda tx: tx.claim("b", NOW, 30, 10))) == 1


async def test_renewing_needs_the_fence(store: Store) -> None:
    """A lease that has moved on cannot be renewed."""
    payout = await put(store, a_payout(), Lease("a", 1, NOW))
    renewed = await store.run(lambda tx: tx.renew(payout.id, Lease("a", 1, NOW), NOW + timedelta(minutes=1)))
    assert renewed.until == NOW + timedelta(minutes=1)
    with pytest.raises(StaleWrite):
        await store.run(lambda tx: tx.renew(payout.id, Lease("a", 0, NOW), NOW))


async def test_histories_keep_their_order(store: Store) -> None:
    """Events, evidence, incidents and freezes are appended and read back in order, sealed answers opened."""
    payout = await put(store, a_payout())
    answer = an_answer(OutcomeKind.UNCLEAR, raw=b"HTTP 500", detail="oops", alarm=True)

    def unit(tx: Tx) -> None:
        tx.append_event(payout, Event(1, NOW, EventType.ACCEPTED, "app:acme"))
        tx.append_event(payout, Event(2, NOW, EventType.WAITING, "gateway", 1, {"a": 1, "b": None}))
        tx.append_evidence(payout, Evidence(1, 1, NOW, answer, judged=True))
        tx.append_evidence(payout, Evidence(1, 2, NOW, replace(answer, raw=b""), judged=False))
        tx.append_incident(payout, Incident(NOW, "contradiction", "why", 1))
        tx.freeze(payout, NOW, "why")

    await store.run(unit)
    events = await store.read(lambda tx: tx.events(payout.id))
    evidence = await store.read(lambda tx: tx.evidence(payout.id))
    assert [(e.sequence, e.type) for e in events] == [(1, EventType.ACCEPTED), (2, EventType.WAITING)]
    assert events[1].detail == {"a": 1, "b": None}
    assert [(e.transmission_no, e.judged, e.answer.raw) for e in evidence] == [(1, True, b"HTTP 500"), (2, False, b"")]
    assert evidence[0].answer == answer
    assert await store.read(lambda tx: tx.incidents(payout.id)) == [Incident(NOW, "contradiction", "why", 1)]


async def test_an_event_number_is_used_once(store: Store) -> None:
    """Two changes cannot take the same place in a payout's history (I28)."""
    payout = await put(store, a_payout())
    event = Event(1, NOW, EventType.ACCEPTED, "app:acme")
    await store.run(lambda tx: tx.append_event(payout, event))
    with pytest.raises(IntegrityError):
        await store.run(lambda tx: tx.append_event(payout, event))


def a_callback(payout: Payout, name: str, endpoint: str = "ep_1") -> Callback:
    return Callback(
        f"evt_{name}", payout.shard, payout.id, payout.app, endpoint, "payout.paid", 1, b"{}", NOW, due_at=NOW
    )


async def test_callbacks_are_due_until_they_are_not(store: Store) -> None:
    """A claimed callback comes again if its delivery is never recorded, and never again once it is."""
    payout = await put(store, a_payout())
    one, two = a_callback(payout, "1"), a_callback(payout, "2", "ep_2")
    for callback in (one, two):
        await store.run(lambda tx, c=callback: tx.enqueue_callback(c))
    later = NOW + timedelta(seconds=30)
    busy = await store.run(lambda tx: tx.claim_callbacks(NOW, later, 10, frozenset({"ep_2"})))
    assert [c.id for c in busy] == ["evt_1"]
    assert [c.id for c in await store.run(lambda tx: tx.claim_callbacks(NOW, later, 10, frozenset()))] == ["evt_2"]
    assert await store.run(lambda tx: tx.claim_callbacks(NOW, later, 10, frozenset())) == []
    done = replace(one, tries=1, due_at=None, delivered_at=later)
    await store.run(lambda tx: tx.record_delivery(done, Delivery(later, 200, "ok", 12)))
    again = await store.run(lambda tx: tx.claim_callbacks(later, later, 10, frozenset()))
    assert [c.id for c in again] == ["evt_2"]
    assert await store.read(lambda tx: tx.deliveries(one)) == [Delivery(later, 200, "ok", 12)]
    assert done in await store.read(lambda tx: tx.callbacks(payout.id))


async def test_a_nonce_is_used_once(store: Store) -> None:
    """Per scope and key; and forgotten only after its time."""
    until = NOW + timedelta(minutes=10)
    assert await store.run(lambda tx: tx.use_nonce("api", "k1", "n", NOW, until))
    assert not await store.run(lambda tx: tx.use_nonce("api", "k1", "n", NOW, until))
    assert await store.run(lambda tx: tx.use_nonce("api", "k2", "n", NOW, until))
    assert await store.run(lambda tx: tx.use_nonce("channel:bank", "k1", "n", NOW, until))


async def test_old_nonces_are_forgotten(store: Store) -> None:
    """After their time they may come again, whether they were swept away yet or not."""
    until = NOW + timedelta(minutes=10)
    for number in range(3):
        assert await store.run(lambda tx, n=number: tx.use_nonce("api", "k1", f"n-{n}", NOW, until))
    later = until + timedelta(minutes=1)
    for number in range(3):
        assert await store.run(lambda tx, n=number: tx.use_nonce("api", "k2", f"n-{n}", later, later + (until - NOW)))
    assert await store.run(lambda tx: tx.use_nonce("api", "k1", "n-0", later, later + (until - NOW)))


async def test_a_notification_is_noted_once(store: Store) -> None:
    """Once per channel, event and payout; an orphan may later be noted for the payout it turned out to be.

    The same event id that says something else is neither new nor known (row 39)."""
    payout = await put(store, a_payout())
    seen = SeenNotification("bank", "E1", payout.shard, payout.id, NOW, b"raw", said=b"paid")
    orphan = replace(seen, payout_id=None)
    assert await store.run(lambda tx: tx.note_notification(orphan)) is Novelty.NEW
    assert await store.run(lambda tx: tx.note_notification(seen)) is Novelty.NEW
    assert await store.run(lambda tx: tx.note_notification(replace(seen, raw=b"again"))) is Novelty.SEEN
    assert await store.run(lambda tx: tx.note_notification(replace(seen, said=b"failed"))) is Novelty.CONFLICT
    assert await store.run(lambda tx: tx.note_notification(replace(seen, channel="mock"))) is Novelty.NEW


async def test_lists_page_through_everything_once(store: Store) -> None:
    """Pages of any size, newest first, show each of the app's payouts once and no foreign one."""
    mine = [replace(a_payout(f"p-{i}"), created_at=NOW + timedelta(seconds=i // 3)) for i in range(10)]
    for payout in mine:
        await put(store, payout)
    await put(store, a_payout("p-1", app="other"))
    seen: list[str] = []
    position: Position | None = None
    while True:
        found = await store.read(lambda tx, p=position: tx.payouts("acme", PayoutFilter(), p, 3))
        if not found:
            break
        seen += [payout.id for payout in found]
        position = Position(found[-1].created_at, found[-1].id)
    assert sorted(seen) == sorted(payout.id for payout in mine)
    assert len(set(seen)) == 10


async def test_lists_filter(store: Store) -> None:
    """By status, channel, reference, currency and time of creation."""
    payout = await put(store, a_payout("one", beneficiary=WechatBeneficiary("openid-1")))
    await put(store, a_payout("two"))
    await save(store, payout, sending(payout))

    async def ids(wanted: PayoutFilter) -> list[str]:
        found = await store.read(lambda tx: tx.payouts("acme", wanted, None, 10))
        return [one.reference for one in found]

    assert await ids(PayoutFilter(statuses=frozenset({"processing"}))) == ["one"]
    assert await ids(PayoutFilter(statuses=frozenset({"accepted"}))) == ["two"]
    assert await ids(PayoutFilter(channel="alpha")) == ["one"]
    assert await ids(PayoutFilter(reference="two")) == ["two"]
    assert await ids(PayoutFilter(currency="EUR")) == []
    assert await ids(PayoutFilter(created_lt=NOW)) == []
    assert len(await ids(PayoutFilter(created_gte=NOW))) == 2


async def test_live_grounds_count_what_is_still_followed(store: Store) -> None:
    """What a start compares its channels with (R16)."""
    payout = await put(store, a_payout())
    assert await store.read(lambda tx: tx.live_grounds()) == []
    await save(store, payout, sending(payout))
    expected = [LiveGround("alpha", "mock", "memory:", "account-1", "same_resource", ("key-1",), 1)]
    assert await store.read(lambda tx: tx.live_grounds()) == expected
