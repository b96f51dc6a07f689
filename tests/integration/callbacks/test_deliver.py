"""Delivering: one try, one record, the payout untouched; nothing is ever dropped."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from gateway.callbacks.schedule import TRIES_MAX, WAITS
from gateway.callbacks.sender import CallbackSender, Sent
from gateway.callbacks.signing import sign
from gateway.clock import SystemClock
from gateway.demo.upstream import upstream_app
from gateway.domain.errors import NotFound
from gateway.operations.announce import make_callbacks
from gateway.operations.deliver import deliver, redeliver, send_again
from tests.support.callbacks import (
    FakeStore,
    StubSender,
    make_callback,
    make_endpoint,
    make_payout,
    make_services,
    whsec,
)
from tests.support.clock import START, FakeClock

ENDPOINT = make_endpoint()
CALLBACK = make_callback(ENDPOINT, created_at=START)
OK = Sent(204, "HTTP 204", None, 12)
FAULT = Sent(500, "HTTP 500", None, 34)
GONE = Sent(410, "HTTP 410", None, 5)
SILENCE = Sent(None, "no answer in time", None, 15000)


def half() -> float:
    return 0.5


async def test_a_taken_callback_is_delivered() -> None:
    """2xx: delivered now, never due again, the try recorded with it in one unit."""
    store, sender = FakeStore(), StubSender([OK])
    store.put(CALLBACK)
    with capture_logs() as logs:
        after = await deliver(make_services(store, FakeClock(), ENDPOINT), sender, CALLBACK, half)
    assert after == replace(CALLBACK, tries=1, due_at=None, delivered_at=START)
    assert store.callbacks(CALLBACK.payout_id) == [after]
    assert [(one.at, one.status, one.detail, one.duration_ms) for one in store.tried] == [(START, 204, "HTTP 204", 12)]
    assert store.units == 1
    assert sender.sent == [(ENDPOINT.id, CALLBACK.id, CALLBACK.body)]
    assert [line["event"] for line in logs] == ["callback.delivered"]


@pytest.mark.parametrize("answer", [FAULT, SILENCE, Sent(301, "HTTP 301", None, 1)])
async def test_a_failed_callback_is_due_again(answer: Sent) -> None:
    """A fault, silence, a redirect: due again on the schedule, and one line in the log says so."""
    store, clock = FakeStore(), FakeClock()
    store.put(CALLBACK)
    with capture_logs() as logs:
        after = await deliver(make_services(store, clock, ENDPOINT), StubSender([answer]), CALLBACK, half)
    assert after == replace(CALLBACK, tries=1, due_at=START + WAITS[0])
    assert store.callbacks(CALLBACK.payout_id) == [after]
    assert [(line["event"], line["log_level"]) for line in logs] == [("callback.failed", "warning")]


async def test_the_whole_life_of_a_dead_endpoint() -> None:
    """Ten tries of the same id and the same bytes over about 76 hours, ten records, then parked and kept."""
    store, clock = FakeStore(), FakeClock()
    sender, callback = StubSender([FAULT] * TRIES_MAX), CALLBACK
    services = make_services(store, clock, ENDPOINT)
    with capture_logs() as logs:
        while callback.due_at is not None:
            clock.move((callback.due_at - clock.now()).total_seconds())
            callback = await deliver(services, sender, callback, half)
    assert (callback.tries, callback.parked_at, callback.delivered_at) == (TRIES_MAX, clock.now(), None)
    assert timedelta(hours=75) < clock.now() - START < timedelta(hours=76)
    assert sender.sent == [(ENDPOINT.id, CALLBACK.id, CALLBACK.body)] * TRIES_MAX
    assert len(store.tried) == TRIES_MAX
    assert "parked: no success" in store.tried[-1].detail
    assert [line["event"] for line in logs] == ["callback.failed"] * (TRIES_MAX - 1) + ["callback.parked"]


async def test_gone_parks_at_once_and_says_so() -> None:
    """410: no second try, the reason in the record."""
    store = FakeStore()
    after = await deliver(make_services(store, FakeClock(), ENDPOINT), StubSender([GONE]), CALLBACK, half)
    assert (after.parked_at, after.due_at) == (START, None)
    assert store.tried[0].detail == "HTTP 410; parked: gone"


async def test_retry_after_moves_the_next_try() -> None:
    """The receiver's wish is honoured up to an hour."""
    busy = replace(FAULT, status=503, retry_after=timedelta(days=2))
    after = await deliver(make_services(FakeStore(), FakeClock(), ENDPOINT), StubSender([busy]), CALLBACK, half)
    assert after.due_at == START + timedelta(hours=1)


@pytest.mark.parametrize("app", ["acme", "other"])
async def test_an_endpoint_taken_out_of_the_configuration_parks_its_callbacks(app: str) -> None:
    """Never dropped and never sent to another URL: parked with the reason, not counted as a try."""
    store, sender = FakeStore(), StubSender([])
    elsewhere = make_endpoint("https://new.example/", app=app)
    after = await deliver(make_services(store, FakeClock(), elsewhere), sender, CALLBACK, half)
    assert (after.parked_at, after.due_at, after.tries, after.body) == (START, None, 0, CALLBACK.body)
    assert store.tried[0].detail == "not sent: the endpoint is not configured; parked: unknown_endpoint"
    assert sender.sent == []


async def test_once_delivered_stays_delivered() -> None:
    """Two workers sent the same callback (a claim ran out): the slower one's failure takes nothing back."""
    store = FakeStore()
    delivered = replace(CALLBACK, tries=1, due_at=None, delivered_at=START)
    store.put(delivered)
    after = await deliver(make_services(store, FakeClock(), ENDPOINT), StubSender([SILENCE]), CALLBACK, half)
    assert after == delivered
    assert store.callbacks(CALLBACK.payout_id) == [delivered]
    assert [one.status for one in store.tried] == [None]


async def test_a_parked_or_delivered_callback_can_be_sent_again() -> None:
    """By hand: same id, same bytes, from the start of the schedule, at every endpoint of the event."""
    other = make_endpoint("https://other.example/")
    parked = replace(CALLBACK, tries=10, due_at=None, parked_at=START)
    delivered = make_callback(other, tries=1, due_at=None, delivered_at=START)
    unrelated = make_callback(ENDPOINT, id="evt_other", due_at=None, parked_at=START)
    store, clock, woken = FakeStore(), FakeClock(), list[str]()
    store.put(parked, delivered, unrelated)
    clock.move(3600)
    services = make_services(store, clock, ENDPOINT, other, woken=woken)
    again = await redeliver(services, CALLBACK.payout_id, CALLBACK.id, "person:ada")
    assert again == (send_again(parked, clock.now()), send_again(delivered, clock.now()))
    for callback in again:
        assert (callback.tries, callback.due_at, callback.parked_at, callback.delivered_at) == (
            0,
            clock.now(),
            None,
            None,
        )
    assert again[0].body == CALLBACK.body
    assert store.rows[unrelated.id, unrelated.endpoint] == unrelated
    assert woken == ["callbacks"]
    assert [line.deed.actor for line in store.audited] == ["person:ada"]
    after = await deliver(services, StubSender([OK]), again[0], half)
    assert after.delivered_at == clock.now()


async def test_sending_again_leaves_alone_what_is_due_anyway() -> None:
    """A callback that is still on its schedule keeps it."""
    store = FakeStore()
    store.put(CALLBACK)
    again = await redeliver(make_services(store, FakeClock(), ENDPOINT), CALLBACK.payout_id, CALLBACK.id, "person:ada")
    assert again == (CALLBACK,)
    assert store.tried == []


async def test_an_unknown_event_cannot_be_sent_again() -> None:
    """NotFound, and nobody is woken."""
    woken: list[str] = []
    with pytest.raises(NotFound):
        await redeliver(
            make_services(FakeStore(), FakeClock(), ENDPOINT, woken=woken), CALLBACK.payout_id, "evt_no", "person:ada"
        )
    assert woken == []


async def test_the_log_line_has_ids_and_no_content() -> None:
    """Enough to find it, nothing of what it says: no body, no URL, no key."""
    with capture_logs() as logs:
        await deliver(make_services(FakeStore(), FakeClock(), ENDPOINT), StubSender([OK]), CALLBACK, half)
    [line] = logs
    assert line["event_id"] == CALLBACK.id
    assert set(line) == {
        "event", "log_level", "event_id", "app", "payout", "endpoint",
        "type", "tries", "status", "detail", "duration_ms",
    }  # fmt: skip
    assert not any(word in str(line) for word in (ENDPOINT.url, whsec(), CALLBACK.body.decode()))


async def test_from_a_change_to_the_app() -> None:
    """The whole way: a payout is accepted, the callback is made, sent, verified by the app, recorded."""
    async with TestServer(upstream_app([whsec()])) as server, CallbackSender(SystemClock(), live=False) as sender:
        endpoint, store, clock = make_endpoint(str(server.make_url("/callbacks"))), FakeStore(), SystemClock()
        payout, ids = make_payout(), iter(range(1, 9))
        made = make_callbacks(None, payout, (endpoint,), clock.now(), lambda: UUID(int=next(ids)), "v", 0)
        store.put(*made.callbacks)
        [callback] = made.callbacks
        services = make_services(store, clock, endpoint)
        after = await deliver(services, sender, callback, half)
        repeated = await deliver(services, sender, callback, half)
    assert after.delivered_at is not None
    assert repeated == after
    assert [one.status for one in store.tried] == [204, 204]
    assert sign(endpoint, callback.id, clock.now(), callback.body)["webhook-id"] == callback.id
