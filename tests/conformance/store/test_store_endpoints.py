"""Callback endpoints that apps made: kept sealed, found by their app alone, known to whoever tells a change at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.endpoint import AppEndpoint, DisabledFor, KeyKind, SigningKey
from gateway.domain.errors import StaleWrite
from gateway.store.app_events import CallbackStand, EventWindow
from gateway.store.port import Store, Tx
from gateway.store.records import Callback, Delivery, Reference
from tests.support.builders import NOW, a_payout

SECOND = timedelta(seconds=1)


def an_endpoint(number: int = 1, app: str = "acme", **changes: object) -> AppEndpoint:
    keys = (SigningKey(KeyKind.HMAC_SHA256, b"whsec_one", NOW), SigningKey(KeyKind.ED25519, b"pem", NOW, NOW + SECOND))
    made = AppEndpoint(
        f"ep_{number:04d}", app, f"https://app.example/{number}?key=4711", frozenset(), keys, NOW + number * SECOND
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of it


async def test_an_endpoint_comes_back_as_it_was(store: Store) -> None:
    """Whole, to its own app, the oldest first; and gone when it is dropped."""
    one = an_endpoint(1, events=frozenset({"payout.paid", "payout.failed"}))
    two, foreign = an_endpoint(2), an_endpoint(3, "other")
    for each in (two, one, foreign):
        await store.run(lambda tx, each=each: tx.add_endpoint(each))  # type: ignore[misc]  # mypy loses the default
    assert await store.read(lambda tx: tx.endpoints("acme")) == (one, two)
    assert await store.run(lambda tx: tx.endpoints("acme")) == (one, two)
    for ask in (store.read, store.run):
        assert await ask(lambda tx: tx.endpoint("acme", one.id)) == one
        assert await ask(lambda tx: tx.endpoint("other", one.id)) is None
    assert await store.run(lambda tx: tx.drop_endpoint("other", one.id)) is False
    assert await store.run(lambda tx: tx.drop_endpoint("acme", one.id)) is True
    assert await store.run(lambda tx: tx.drop_endpoint("acme", one.id)) is False
    assert await store.run(lambda tx: tx.endpoints("acme")) == (two,)


async def test_a_change_is_seen_by_the_next_unit(store: Store) -> None:
    """Whoever makes callbacks of a payout knows every endpoint that was there before, and how it stands."""
    assert await store.run(lambda tx: tx.endpoints("acme")) == ()
    one = an_endpoint()

    def add(tx: Tx) -> tuple[AppEndpoint, ...]:
        tx.add_endpoint(one)
        return tx.endpoints("acme")

    assert await store.run(add) == (one,)
    assert await store.run(lambda tx: tx.endpoints("acme")) == (one,)
    failing = replace(one, failing_since=NOW)
    await store.run(lambda tx: tx.save_endpoint(failing, standing=False))
    assert await store.read(lambda tx: tx.endpoint("acme", one.id)) == failing
    disabled = replace(failing, disabled_at=NOW, disabled_for=DisabledFor.DEAD, sequence=1, keys=one.keys[:1])
    await store.run(lambda tx: tx.save_endpoint(disabled, standing=True))
    assert await store.run(lambda tx: tx.endpoints("acme")) == (disabled,)
    assert await store.read(lambda tx: tx.endpoints("acme")) == (disabled,)


async def test_what_was_undone_is_not_known(store: Store) -> None:
    """A unit that fails leaves no endpoint behind, neither in the store nor in what its writer remembers."""
    one = an_endpoint()

    def fails(tx: Tx) -> None:
        tx.add_endpoint(one)
        assert tx.endpoints("acme") == (one,)
        raise LookupError

    with pytest.raises(LookupError):
        await store.run(fails)
    assert await store.run(lambda tx: tx.endpoints("acme")) == ()
    with pytest.raises(StaleWrite):
        await store.run(lambda tx: tx.save_endpoint(one, standing=True))


def _told(number: int, endpoint: str, payout_id: str | None, shard: int) -> Callback:
    at = NOW + number * SECOND
    return Callback(
        f"evt_{number:04d}", shard, payout_id, "acme", endpoint, "payout.paid", number, b"{}", at, due_at=at
    )


async def test_a_callback_may_be_of_no_payout(store: Store) -> None:
    """An event about an endpoint is kept, claimed and recorded like any other."""
    callback = _told(1, "ep_1", None, 7)
    await store.run(lambda tx: tx.enqueue_callback(callback))
    until = NOW + 60 * SECOND
    assert await store.run(lambda tx: tx.claim_callbacks(NOW + 2 * SECOND, until, 5, frozenset())) == [callback]
    done = replace(callback, tries=1, due_at=None, delivered_at=until)
    await store.run(lambda tx: tx.record_delivery(done, Delivery(until, 204, "HTTP 204", 3)))
    assert await store.run(lambda tx: tx.event(7, callback.id)) == [done]
    assert await store.read(lambda tx: tx.app_event("acme", callback.id)) == (done,)


async def test_an_endpoints_callbacks_are_listed_by_how_they_stand(store: Store) -> None:
    """Its own, newest first, in pages."""
    payout = a_payout()
    await store.run(lambda tx: tx.insert(payout, Reference(payout.id, b"\x01" + bytes(32)), None))
    told = [_told(number, "ep_1", payout.id, payout.shard) for number in (1, 2, 3)]
    for each in (*told, replace(told[2], endpoint="ep_2")):
        await store.run(lambda tx, each=each: tx.enqueue_callback(each))  # type: ignore[misc]  # as above
    parked = replace(told[1], due_at=None, parked_at=NOW)
    await store.run(lambda tx: tx.record_delivery(parked, Delivery(NOW, None, "x", 0)))

    async def ids(stand: CallbackStand | None = None, before: str | None = None, limit: int = 5) -> list[str]:
        found = await store.read(lambda tx: tx.endpoint_callbacks("acme", "ep_1", stand, before, limit))
        return [each.id for each in found]

    assert await ids() == ["evt_0003", "evt_0002", "evt_0001"]
    assert await ids(limit=1) == ["evt_0003"]
    assert await ids(before="evt_0003") == ["evt_0002", "evt_0001"]
    assert await ids(CallbackStand.DUE) == ["evt_0003", "evt_0001"]
    assert await ids(CallbackStand.PARKED) == ["evt_0002"]
    assert await ids(CallbackStand.DELIVERED) == []
    assert await store.read(lambda tx: tx.endpoint_callbacks("other", "ep_1", None, None, 5)) == []


async def test_a_window_is_walked_from_its_beginning(store: Store) -> None:
    """Each event once, with all its callbacks, in the order they were made; also those of one moment."""
    payout = a_payout()
    await store.run(lambda tx: tx.insert(payout, Reference(payout.id, b"\x01" + bytes(32)), None))
    for number, endpoint in ((1, "ep_1"), (1, "ep_2"), (2, "ep_1"), (3, "ep_2"), (4, "ep_1")):
        told = replace(_told(number, endpoint, payout.id, payout.shard), created_at=NOW + min(number, 3) * SECOND)
        await store.run(lambda tx, told=told: tx.enqueue_callback(told))  # type: ignore[misc]  # as above
    window = EventWindow(NOW, NOW + 9 * SECOND)

    async def page(window: EventWindow, after: Callback | None, limit: int = 2) -> list[tuple[str, int]]:
        position = None if after is None else (after.created_at, after.id)
        found = await store.read(lambda tx: tx.app_events_between("acme", window, position, limit))
        nonlocal last
        last = found[-1][0] if found else None
        return [(each[0].id, len(each)) for each in found]

    last: Callback | None = None
    assert await page(window, None) == [("evt_0001", 2), ("evt_0002", 1)]
    assert await page(window, last) == [("evt_0003", 1), ("evt_0004", 1)]
    assert await page(window, last) == []
    assert await page(EventWindow(NOW + 2 * SECOND, NOW + 3 * SECOND), None) == [("evt_0002", 1)]
    assert await page(replace(window, types=frozenset({"payout.held"})), None) == []
