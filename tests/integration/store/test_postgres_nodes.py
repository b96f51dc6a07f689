"""Two nodes on one PostgreSQL: whatever they do at the same moment, it is as if one of them had come first."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

import pytest
from sqlalchemy import URL

from gateway.domain import changes
from gateway.domain.allowance import AllowanceSpent, Reservation, Used
from gateway.domain.audit import Act, Deed, verify
from gateway.domain.endpoint import AppEndpoint, DisabledFor, KeyKind, SigningKey
from gateway.domain.errors import StaleWrite
from gateway.domain.event import Event, EventType
from gateway.domain.money import Money
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import Payout
from gateway.domain.reasons import StatusCode
from gateway.operations.quarantine import Start, start_in
from gateway.store.high_water import SAFETY, MarkRead
from gateway.store.lease_time import by_database
from gateway.store.port import Tx
from gateway.store.postgres import PostgresStore
from gateway.store.postgres_wakes import PostgresWakes
from gateway.store.records import Callback, Delivery, Evidence, Lease, Novelty, Reference, SeenNotification
from gateway.store.wakes import Wake
from tests.support import postgres
from tests.support.builders import NOW, a_payout, an_answer, sending

T = TypeVar("T")


@dataclass
class Nodes:
    """Both of them, and where."""

    url: URL
    one: PostgresStore
    two: PostgresStore

    async def put(self, payout: Payout, lease: Lease | None = None) -> Payout:
        await self.one.run(lambda tx: tx.insert(payout, Reference(payout.id, b"mark"), lease))
        return payout

    async def both(self, unit: Callable[[Tx], T], times: int = 1) -> list[T | BaseException]:
        """The same unit on both at once, so many times."""
        runs = [store.run(unit) for _ in range(times) for store in (self.one, self.two)]
        return await asyncio.gather(*runs, return_exceptions=True)

    def wait_for_a_lock(self) -> None:
        """Come back when one of them waits for the other."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with postgres.connect(self.url) as session:
            while session.execute(query).fetchone() == (0,):
                pass


@pytest.fixture
def url() -> Iterator[URL]:
    with postgres.fresh_database() as fresh:
        yield fresh


@pytest.fixture
async def nodes(url: URL) -> AsyncIterator[Nodes]:
    opened = Nodes(url, postgres.open_store(url), postgres.open_store(url))
    yield opened
    await asyncio.gather(opened.one.close(), opened.two.close())


# Leases --------------------------------------------------------------------------------------------------------------


async def test_claims_never_overlap(nodes: Nodes) -> None:
    """What two nodes claim at the same time is all that was due, and nothing twice (T6)."""
    due = {(await nodes.put(a_payout(f"due-{number}"))).id for number in range(120)}

    async def claim_all(store: PostgresStore, owner: str) -> list[str]:
        found: list[str] = []
        while claimed := await store.run(lambda tx: tx.claim(owner, NOW, 30, 7)):
            found += [payout.id for payout, _ in claimed]
        return found

    one, two = await asyncio.gather(claim_all(nodes.one, "one"), claim_all(nodes.two, "two"))
    assert set(one) | set(two) == due
    assert len(one) + len(two) == len(due)
    assert one
    assert two


async def test_callbacks_are_claimed_by_one(nodes: Nodes) -> None:
    """A callback is not taken by two nodes at once."""
    payout = await nodes.put(a_payout())
    for number in range(40):
        callback = Callback(
            f"evt_{number}", payout.shard, payout.id, "acme", "ep_1", "payout.paid", number, b"{}", NOW, due_at=NOW
        )
        await nodes.one.run(lambda tx, c=callback: tx.enqueue_callback(c))
    later = NOW + timedelta(minutes=1)
    claimed = await nodes.both(lambda tx: tx.claim_callbacks(NOW, later, 5, frozenset()), times=8)
    ids = [callback.id for part in claimed if not isinstance(part, BaseException) for callback in part]
    assert sorted(ids) == sorted({f"evt_{number}" for number in range(40)})


async def test_an_endpoint_is_known_to_every_node_at_once(nodes: Nodes) -> None:
    """Each writer remembers whom an app's changes are told to, and forgets it as soon as another node changed it: no
    unit that begins after an endpoint was made, disabled or dropped goes by what was before."""
    keys = (SigningKey(KeyKind.HMAC_SHA256, b"whsec_", NOW),)
    made = AppEndpoint("ep_1", "acme", "https://acme.example/", frozenset(), keys, NOW)
    for store in (nodes.one, nodes.two):
        assert await store.run(lambda tx: tx.endpoints("acme")) == ()
    await nodes.one.run(lambda tx: tx.add_endpoint(made))
    assert await nodes.two.run(lambda tx: tx.endpoints("acme")) == (made,)
    disabled = replace(made, disabled_at=NOW, disabled_for=DisabledFor.GONE)
    await nodes.two.run(lambda tx: tx.save_endpoint(disabled, standing=True))
    assert await nodes.one.run(lambda tx: tx.endpoints("acme")) == (disabled,)
    assert await nodes.one.run(lambda tx: tx.drop_endpoint("acme", "ep_1"))
    assert await nodes.both(lambda tx: tx.endpoints("acme")) == [(), ()]


async def test_an_event_is_made_due_once_by_two_nodes(nodes: Nodes) -> None:
    """Both recover it for an endpoint that never had it: its row is put in by one, and found by the other."""
    told = Callback("evt_1", 7, None, "acme", "ep_1", "payout.paid", 1, b"{}", NOW, due_at=NOW)
    await nodes.one.run(lambda tx: tx.enqueue_callback(told))

    def recover(tx: Tx) -> bool:
        if any(each.endpoint == "ep_2" for each in tx.event(7, "evt_1")):
            return False
        tx.enqueue_callback(replace(told, endpoint="ep_2"))
        return True

    for _ in range(5):
        done = await nodes.both(recover)
        assert sorted(map(str, done)) in (["False", "True"], ["False", "False"])
    assert len(await nodes.one.read(lambda tx: tx.app_event("acme", "evt_1"))) == 2


async def test_a_stale_fence_writes_nothing(nodes: Nodes) -> None:
    """A node whose lease was taken over changes nothing any more, whatever it does with it (I29)."""
    payout = await nodes.put(a_payout())
    ((mine, lease),) = await nodes.one.run(lambda tx: tx.claim("one", NOW, 30, 1))
    later = NOW + timedelta(minutes=1)
    ((theirs, taken),) = await nodes.two.run(lambda tx: tx.claim("two", later, 30, 1))
    assert taken.fence == lease.fence + 1
    for late in (
        lambda tx: tx.save(mine, sending(mine), None, lease),
        lambda tx: tx.renew(payout.id, lease, later + timedelta(hours=1)),
    ):
        with pytest.raises(StaleWrite):
            await nodes.one.run(late)
    await nodes.one.run(lambda tx: tx.release(payout.id, lease))
    assert await nodes.one.run(lambda tx: tx.claim("one", later, 30, 1)) == []
    assert (await nodes.two.run(lambda tx: tx.save(theirs, sending(theirs), None, taken))).attempts


async def test_a_clock_that_jumps_takes_no_lease(url: URL) -> None:
    """Leases run out by the database's clock: neither a node an hour ahead nor one an hour behind changes that (R9)."""

    def clock(off: timedelta) -> Callable[[], datetime]:
        return lambda: datetime.now(UTC) + off

    hour = timedelta(hours=1)
    right, ahead, behind = clock(timedelta(0)), clock(hour), clock(-hour)
    stores = {now: postgres.open_store(url, by_database(now)) for now in (right, ahead, behind)}
    payout = replace(a_payout(), created_at=behind())
    await stores[right].run(lambda tx: tx.insert(payout, Reference(payout.id, b"mark"), None))
    assert len(await stores[behind].run(lambda tx: tx.claim("behind", behind(), 600, 1))) == 1
    assert await stores[ahead].run(lambda tx: tx.claim("ahead", ahead(), 600, 1)) == []
    assert await stores[right].run(lambda tx: tx.claim("right", right(), 600, 1)) == []
    with postgres.connect(url) as session:
        row = session.execute("SELECT lease_until / 1000000 - extract(epoch FROM now()) FROM payouts").fetchone()
        assert row is not None
        assert 500 < row[0] < 700  # ten minutes from now, not from an hour ago
        session.execute("UPDATE payouts SET lease_until = 0")
    ((_, lease),) = await stores[ahead].run(lambda tx: tx.claim("ahead", ahead(), 600, 1))
    assert lease.until > right() + hour
    await asyncio.gather(*(store.close() for store in stores.values()))


# What may happen once ------------------------------------------------------------------------------------------------


async def test_a_nonce_is_good_on_one_node(nodes: Nodes) -> None:
    """The same signed request, played to both nodes at once, is taken once."""
    until = NOW + timedelta(minutes=10)
    for number in range(20):
        taken = await nodes.both(lambda tx, n=number: tx.use_nonce("api", "k1", f"n-{n}", NOW, until))
        assert sorted(taken) == [False, True]
    again = NOW + timedelta(minutes=11)
    assert await nodes.two.run(lambda tx: tx.use_nonce("api", "k1", "n-0", again, again + timedelta(minutes=1)))


async def test_a_notification_is_new_once(nodes: Nodes) -> None:
    """The same notification to both nodes at once is new to one and known to the other."""
    payout = await nodes.put(a_payout())
    for number in range(20):
        seen = SeenNotification("bank", f"E{number}", payout.shard, payout.id, NOW, b"raw", said=b"paid")
        assert sorted(await nodes.both(lambda tx, s=seen: tx.note_notification(s))) == [Novelty.NEW, Novelty.SEEN]


async def test_a_reference_is_taken_once(nodes: Nodes) -> None:
    """The same order to both nodes at once is one payout (T8)."""
    for number in range(20):
        payout = a_payout(f"R-{number}")
        results = await nodes.both(lambda tx, p=payout: tx.insert(p, Reference(p.id, b"mark"), None))
        assert [type(result) for result in results if result is not None] == [StaleWrite]
    assert await nodes.one.read(lambda tx: tx.counts()) == {"accepted": 20}


async def test_a_limit_is_kept_by_all_nodes_together(nodes: Nodes) -> None:
    """Of forty thirds of a limit, asked for on two nodes, three get through; the first one makes the row."""
    payouts = [await nodes.put(a_payout(f"order-{number}")) for number in range(40)]
    wanted = Reservation("alpha", Money(33, "CNY"), ("day:1", "month:1"), {"day:1": 100})
    stores = [(nodes.one, nodes.two)[number % 2] for number in range(40)]
    runs = [
        store.run(lambda tx, p=payout: tx.reserve(p, 1, wanted)) for store, payout in zip(stores, payouts, strict=True)
    ]
    results = await asyncio.gather(*runs, return_exceptions=True)
    assert sum(isinstance(result, AllowanceSpent) for result in results) == 37
    assert await nodes.two.read(lambda tx: tx.usage("alpha")) == {
        ("CNY", "day:1"): Used(99, 3),
        ("CNY", "month:1"): Used(99, 3),
    }


async def test_both_append_to_one_history(nodes: Nodes) -> None:
    """Evidence and deliveries are numbered under a lock: no number twice, none left out."""
    payout = await nodes.put(a_payout())
    evidence = Evidence(1, 1, NOW, an_answer(OutcomeKind.UNCLEAR), judged=False)
    callback = Callback("evt_1", payout.shard, payout.id, "acme", "ep", "payout.paid", 1, b"{}", NOW, due_at=NOW)
    await nodes.one.run(lambda tx: tx.enqueue_callback(callback))

    def unit(tx: Tx) -> None:
        tx.append_evidence(payout, evidence)
        tx.record_delivery(callback, Delivery(NOW, 200, "ok", 1))

    assert await nodes.both(unit, times=10) == [None] * 20
    assert len(await nodes.one.read(lambda tx: tx.evidence(payout.id))) == 20
    assert len(await nodes.one.read(lambda tx: tx.deliveries(callback))) == 20


async def test_the_audit_is_one_chain(nodes: Nodes) -> None:
    """Lines that two nodes write at once are each bound to the one before."""
    await nodes.both(lambda tx: tx.append_audit(Deed(NOW, "person:ada", Act.REQUEST_MADE, "rq_1")), times=15)
    lines = await nodes.one.read(lambda tx: tx.audit(0, 100))
    found = verify(lines)
    assert (found.lines, found.broken_at) == (30, None)


async def test_one_of_two_changes_wins(nodes: Nodes) -> None:
    """Two nodes load a payout and change it in the same moment: each change is made on the one before, none is lost."""
    payout = await nodes.put(a_payout())

    def touch(tx: Tx) -> None:
        found = tx.payout(payout.id)
        assert found is not None
        tx.save(found, changes.wait_for_channel(found, StatusCode.NO_ROUTE, NOW, timedelta(seconds=1)), NOW)
        tx.append_event(found, Event(found.version, NOW, EventType.WAITING, "gateway"))

    assert await nodes.both(touch, times=10) == [None] * 20
    found = await nodes.two.read(lambda tx: tx.payout(payout.id))
    assert found is not None
    assert found.version == 21
    assert await nodes.two.read(lambda tx: tx.high_water()) == 20


# Locks ---------------------------------------------------------------------------------------------------------------


async def test_nobody_decides_under_a_safety_that_is_being_changed(nodes: Nodes) -> None:
    """A quarantine begins after every send that was decided before it, never in between (R15)."""
    looked, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def decide(tx: Tx) -> None:
        assert tx.meta(SAFETY) is None
        looked.set()
        go_on.wait()
        assert tx.meta(SAFETY) is None
        order.append("decided")

    def quarantine(tx: Tx) -> None:
        tx.set_meta(SAFETY, "quarantine")
        order.append("quarantined")

    deciding = asyncio.ensure_future(nodes.one.run(decide))
    await asyncio.to_thread(looked.wait)
    beginning = asyncio.ensure_future(nodes.two.run(quarantine))
    await asyncio.to_thread(nodes.wait_for_a_lock)
    go_on.set()
    await asyncio.gather(deciding, beginning)
    assert order == ["decided", "quarantined"]
    assert await nodes.one.run(lambda tx: tx.meta(SAFETY)) == "quarantine"


async def test_two_that_wait_for_each_other_both_go_on(nodes: Nodes) -> None:
    """Units that lock the same two payouts in opposite order are both done, one after the other."""
    one, two = await nodes.put(a_payout("one")), await nodes.put(a_payout("two"))
    meet = threading.Barrier(2)
    tries = count()

    def both(first: Payout, second: Payout) -> Callable[[Tx], int]:
        def unit(tx: Tx) -> int:
            tx.payout(first.id)
            if next(tries) < 2:
                meet.wait()  # each has one of them, and wants the other's
            found = tx.payout(second.id)
            assert found is not None
            return tx.save(found, changes.request_cancel(found, NOW), NOW).version

        return unit

    versions = await asyncio.gather(nodes.one.run(both(one, two)), nodes.two.run(both(two, one)))
    assert versions == [2, 2]
    assert next(tries) > 2


async def test_who_meets_a_lock_does_not_hold_up_its_group(nodes: Nodes) -> None:
    """Neighbours of a unit that must wait are committed before it gets its turn."""
    wanted = await nodes.put(a_payout("wanted"))
    held, go_on = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        tx.payout(wanted.id)
        held.set()
        go_on.wait()

    holding = asyncio.ensure_future(nodes.one.run(hold))
    await asyncio.to_thread(held.wait)
    gate = threading.Event()
    blocking = asyncio.ensure_future(nodes.two.run(lambda tx: gate.wait()))  # what comes now is one group
    waiting = asyncio.ensure_future(nodes.two.run(lambda tx: tx.payout(wanted.id)))
    neighbour = a_payout("neighbour")
    after = asyncio.ensure_future(nodes.two.run(lambda tx: tx.insert(neighbour, Reference(neighbour.id, b"m"), None)))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(blocking, after)
    assert not waiting.done()
    go_on.set()
    await holding
    assert await waiting == wanted


# Neighbours ----------------------------------------------------------------------------------------------------------


def a_start() -> Start:
    """Of a node that has no high-water file."""
    return Start(MarkRead(), {}, forced=False, lineage="fresh", at=NOW)


async def test_a_new_node_beside_a_live_one_does_not_begin_a_quarantine(url: URL) -> None:
    """Without a high-water file a store that is not empty is suspect, unless a node that looked is at work on it."""
    one, two = postgres.open_store(url), postgres.open_store(url)
    payout = a_payout()

    def unit(tx: Tx) -> None:
        tx.insert(payout, Reference(payout.id, b"mark"), None)
        tx.append_event(payout, Event(1, NOW, EventType.ACCEPTED, "app:acme"))

    await one.run(unit)
    safety, _ = await two.run(lambda tx: start_in(tx, a_start()))
    assert safety.quarantined_at == NOW  # `one` is there, but has never looked: it may be as new as we are
    await two.run(lambda tx: tx.set_meta(SAFETY, None))
    safety, _ = await one.run(lambda tx: start_in(tx, a_start()))
    assert safety.quarantined_at is None
    await asyncio.gather(one.close(), two.close())
    three = postgres.open_store(url)
    safety, _ = await three.run(lambda tx: start_in(tx, a_start()))
    assert safety.quarantined_at == NOW  # the last one has gone
    await three.close()


async def test_a_wake_reaches_the_other_node_and_not_its_own(url: URL) -> None:
    """What became due on one node is looked at by another at once."""
    heard: dict[str, queue.SimpleQueue[Wake]] = {"one": queue.SimpleQueue(), "two": queue.SimpleQueue()}
    wakes = {name: PostgresWakes(url) for name in heard}
    for name, each in wakes.items():
        each.start(heard[name].put)
        for wake in Wake:
            assert await asyncio.to_thread(heard[name].get, timeout=30) is wake  # it listens from here on
    for wake in (Wake.PAYOUTS, Wake.CALLBACKS, Wake.PAYOUTS):
        wakes["one"].tell(wake)
        assert await asyncio.to_thread(heard["two"].get, timeout=30) is wake
    wakes["two"].tell(Wake.PAYOUTS)
    assert await asyncio.to_thread(heard["one"].get, timeout=30) is Wake.PAYOUTS
    assert heard["one"].empty()
    for each in wakes.values():
        await asyncio.to_thread(each.close)


async def test_wakes_come_back_with_the_database(url: URL) -> None:
    """A session that is lost is opened again, and whatever was missed is looked for."""
    heard: queue.SimpleQueue[Wake] = queue.SimpleQueue()
    wakes = PostgresWakes(url)
    wakes.start(heard.put)
    assert [await asyncio.to_thread(heard.get, timeout=30) for _ in Wake] == list(Wake)
    with postgres.connect(url) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%paymux_wakes%'"
            " AND pid <> pg_backend_pid() AND datname = current_database()"
        )
    assert [await asyncio.to_thread(heard.get, timeout=30) for _ in Wake] == list(Wake)
    await asyncio.to_thread(wakes.close)


async def test_nobody_adds_to_a_payout_that_is_being_moved_out(nodes: Nodes) -> None:
    """What another node has begun is in the archive or moves nothing; what it begins meanwhile finds it archived."""
    payout = await nodes.put(a_payout())
    held, go_on = threading.Event(), threading.Event()

    def move(tx: Tx) -> int:
        found = tx.dossier(payout.id)
        assert found is not None
        held.set()
        assert go_on.wait(30)
        tx.archive(found, "paymux-1", NOW)
        return len(found.rows["events"])

    def tell(tx: Tx) -> bool:
        found = tx.payout(payout.id)
        if found is not None:
            tx.append_event(found, Event(1, NOW, EventType.ACCEPTED, "app:acme"))
            return True
        return tx.archived(payout.id) is None

    moving = asyncio.create_task(nodes.one.run(move))
    await asyncio.to_thread(held.wait)
    telling = asyncio.create_task(nodes.two.run(tell))
    await asyncio.to_thread(nodes.wait_for_a_lock)
    go_on.set()
    assert (await moving, await telling) == (0, False)
    assert await nodes.one.read(lambda tx: list(tx.events(payout.id))) == []
