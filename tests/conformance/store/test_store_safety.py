"""What a store must offer so that an older copy of it is recognised, and what it holds is asked about (R15)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.domain.changes import hold
from gateway.domain.event import Event, EventType
from gateway.domain.hold import HoldCode
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.domain.payout import Payout
from gateway.store.port import Store, Tx
from gateway.store.records import Evidence, Reference
from tests.support.builders import NOW, a_payout, an_answer, sending

HOUR = timedelta(hours=1)


async def store_open(store: Store, reference: str) -> Payout:
    """A payout whose attempt was sent at `NOW` and is not due for an hour."""
    before = a_payout(reference)
    sent = sending(before)
    after = sent.with_attempt(replace(sent.attempt(1), due_at=NOW + HOUR))

    def unit(tx: Tx) -> Payout:
        tx.insert(before, Reference(before.id, b"mark"), None)
        return tx.save(before, after, NOW + HOUR)

    return await store.run(unit)


async def test_a_word_is_kept_replaced_and_forgotten(store: Store) -> None:
    """Words of the store about itself, and no others are touched."""
    mode = await store.read(lambda tx: tx.meta("mode"))
    await store.run(lambda tx: tx.set_meta("word", "one"))
    await store.run(lambda tx: tx.set_meta("word", "two"))
    assert await store.read(lambda tx: tx.meta("word")) == "two"
    await store.run(lambda tx: tx.set_meta("word", None))
    assert await store.read(lambda tx: tx.meta("word")) is None
    assert await store.read(lambda tx: tx.meta("mode")) == mode


async def test_the_high_water_number_grows_with_every_event(store: Store) -> None:
    """0 when empty; larger after each event of whatever payout, the same after anything that is none."""
    seen = [await store.read(lambda tx: tx.high_water())]
    for reference in ("order-1", "order-2"):
        payout = await store_open(store, reference)
        assert await store.read(lambda tx: tx.high_water()) == seen[-1]
        for number in (1, 2):
            event = Event(number, NOW, EventType.ACCEPTED, "app:acme")
            await store.run(lambda tx, p=payout, e=event: tx.append_event(p, e))
            seen.append(await store.read(lambda tx: tx.high_water()))
    assert seen[0] == 0
    assert seen == sorted(set(seen))


async def test_open_attempts_count_as_unasked_until_they_are_asked_about_later(store: Store) -> None:
    """Evidence of a question after the moment counts; of a notification, or of a question before it, does not."""
    payout = await store_open(store, "order-1")
    await store_open(store, "order-2")
    since = NOW + HOUR
    unasked = [await store.read(lambda tx: tx.unasked_since(since))]
    heard = [(Heard.NOTIFICATION, HOUR * 2), (Heard.QUERY, HOUR / 2), (Heard.QUERY, HOUR), (Heard.QUERY, HOUR * 2)]
    for how, later in heard:
        evidence = Evidence(1, 0, NOW + later, an_answer(OutcomeKind.UNCLEAR, how), judged=True)
        await store.run(lambda tx, e=evidence: tx.append_evidence(payout, e))
        unasked.append(await store.read(lambda tx: tx.unasked_since(since)))
    assert unasked == [2, 2, 2, 2, 1]
    assert await store.read(lambda tx: tx.unasked_since(NOW)) == 0


async def test_open_attempts_can_be_made_due(store: Store) -> None:
    """So that they are claimed now; what is due earlier stays so, what has ended is left alone."""
    payout = await store_open(store, "order-1")
    fresh = a_payout("order-2")
    await store.run(lambda tx: tx.insert(fresh, Reference(fresh.id, b"mark"), None))
    assert await store.run(lambda tx: tx.ask_live_at(NOW + HOUR / 2)) == 1
    assert await store.run(lambda tx: tx.ask_live_at(NOW + HOUR)) == 1
    found = await store.read(lambda tx: tx.payout(payout.id))
    assert found is not None
    assert found.attempt(1).due_at == NOW + HOUR / 2
    claimed = await store.run(lambda tx: tx.claim("node", NOW + HOUR / 2, 60, 10))
    assert {each.id for each, _ in claimed} == {payout.id, fresh.id}


async def test_what_is_held_without_asking_is_left_alone(store: Store) -> None:
    """Nobody works on it, so it must neither be due all the time nor keep a quarantine from ending."""
    payout = await store_open(store, "order-1")
    await store.run(lambda tx: tx.save(payout, hold(payout, HoldCode.CRASHED, NOW), None))
    assert await store.run(lambda tx: tx.ask_live_at(NOW)) == 0
    assert await store.read(lambda tx: tx.unasked_since(NOW + HOUR)) == 0
    assert await store.read(lambda tx: tx.next_due_at()) is None
