"""GET /v1/events and redelivery: an app pulls what was pushed to it, word for word, and nobody else's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.api.events import AppEventPage, AppEventReply
from gateway.callbacks.endpoint import Endpoint
from gateway.domain.money import Money
from gateway.operations.accept import PayoutRequest, accept
from gateway.secret import Secret
from gateway.store.records import Callback, Delivery
from tests.support.api_server import READER, RIVAL, WRITER, ApiServer
from tests.support.builders import BENEFICIARY
from tests.support.clock import START


async def order(api: ApiServer, count: int = 1) -> list[str]:
    """Payouts that were accepted, and so told of; their ids."""
    return [(await api.create(api.order())).json()["id"] for _ in range(count)]


async def listed(api: ApiServer, query: str = "") -> list[dict[str, Any]]:
    answer = await api.signed("GET", f"/v1/events{query}", by=READER)
    assert answer.status == 200, answer.body
    AppEventPage.model_validate(answer.json())
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def pushed(api: ApiServer, payout_id: str) -> list[Callback]:
    return list(await api.store.read(lambda tx: tx.callbacks(payout_id)))


async def test_what_is_pulled_is_what_is_pushed(api: ApiServer) -> None:
    """The very body, and beside it how far it has come."""
    (payout,) = await order(api)
    (callback,) = await pushed(api, payout)
    (event,) = await listed(api)
    AppEventReply.model_validate(event)
    beside = event.pop("callbacks")
    assert event == json.loads(callback.body)
    assert (event["type"], event["data"]["object"]["id"]) == ("payout.accepted", payout)
    (address,) = beside
    assert (address["endpoint"], address["url"]) == ("ep_1", "http://127.0.0.1:9/")
    assert (address["status"], address["tries"], address["delivered_at"]) == ("due", 0, None)
    one = await api.signed("GET", f"/v1/events/{event['id']}", by=READER)
    assert one.json() == {**event, "callbacks": beside}


async def test_an_event_of_two_addresses_is_one_event(api: ApiServer) -> None:
    """Each event is listed once, however many addresses it goes to; one that is gone from the file has no URL."""
    secret = (Secret(b"whsec_" + b"A" * 32),)
    both = tuple(Endpoint(f"ep_{name}", "shop", f"http://127.0.0.1:9/{name}", secret) for name in "ab")
    services = replace(api.services, endpoints={"shop": both})
    for number in range(3):
        await accept(services, PayoutRequest("shop", f"r-{number}", Money(1, "CNY"), BENEFICIARY))
    events = await listed(api)
    assert len({event["id"] for event in events}) == len(events) == 3
    assert [[(each["endpoint"], each["url"]) for each in event["callbacks"]] for event in events] == [
        [("ep_a", None), ("ep_b", None)]
    ] * 3


async def test_pages_newest_first(api: ApiServer) -> None:
    """Every event stands on exactly one page, and the cursor is of this list, this app and these filters only."""
    payouts = await order(api, 5)
    newest_first = [event["data"]["object"]["id"] for event in await listed(api)]
    assert newest_first == payouts[::-1]
    seen, cursor = [], ""
    while True:
        page = (await api.signed("GET", f"/v1/events?limit=2{cursor}")).json()
        seen += [event["data"]["object"]["id"] for event in page["data"]]
        if not page["has_more"]:
            assert page["next_cursor"] is None
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == newest_first
    elsewhere = ("/v1/events?limit=2&type=payout.paid" + cursor, "/v1/payouts?limit=2" + cursor)
    for target in elsewhere:
        assert (await api.signed("GET", target)).codes() == {"?cursor": "bad_cursor"}
    assert (await api.signed("GET", "/v1/events?limit=2" + cursor, by=RIVAL)).codes() == {"?cursor": "bad_cursor"}


async def test_filters(api: ApiServer) -> None:
    """By type, by payout, by time; anything else is refused."""
    first, second = await order(api, 2)
    api.clock.move(timedelta(minutes=1).total_seconds())
    await api.signed("POST", f"/v1/payouts/{first}/cancel")
    (canceled,) = await listed(api, "?type=payout.canceled&type=payout.paid")
    assert canceled["data"]["object"]["id"] == first
    of_second = await listed(api, f"?payout_id={second}")
    assert [event["type"] for event in of_second] == ["payout.accepted"]
    later = (START + timedelta(seconds=30)).isoformat().replace("+00:00", "Z")
    assert [event["type"] for event in await listed(api, f"?created_gte={later}")] == ["payout.canceled"]
    assert len(await listed(api, f"?created_lt={later}")) == 2
    for query, code in (("?type=payout.lost", "bad_value"), ("?reference=x", "unknown_parameter")):
        answer = await api.signed("GET", f"/v1/events{query}")
        assert (answer.status, set(answer.codes().values())) == (400, {code})


async def test_foreign_events_are_not_there(api: ApiServer) -> None:
    """Neither in a list, nor by id, nor to be sent again; and reading is not enough to have one sent."""
    (payout,) = await order(api)
    (event,) = await pushed(api, payout)
    assert (await api.signed("GET", "/v1/events", by=RIVAL)).json()["data"] == []
    for method, target in (("GET", ""), ("POST", "/redeliver")):
        foreign = await api.signed(method, f"/v1/events/{event.id}{target}", by=RIVAL)
        absent = await api.signed(method, f"/v1/events/evt_{'0' * 32}{target}")
        assert [foreign.json()["code"], absent.json()["code"]] == ["not_found"] * 2
    refused = await api.signed("POST", f"/v1/events/{event.id}/redeliver", by=READER)
    assert refused.json()["code"] == "scope_missing"


@pytest.mark.parametrize("state", ["delivered", "parked"])
async def test_redelivery(api: ApiServer, state: str) -> None:
    """It is due at once, with the same id and body, from the start of its schedule; a second wish changes nothing."""
    (payout,) = await order(api)
    (sent,) = await pushed(api, payout)
    done = replace(sent, tries=3, due_at=None, **{f"{state}_at": START})  # type: ignore[arg-type]  # one of two times
    await api.store.run(lambda tx: tx.record_delivery(done, Delivery(START, None, "x", 1)))
    assert (await listed(api))[0]["callbacks"][0]["status"] == state
    for _ in range(2):
        asked = await api.signed("POST", f"/v1/events/{sent.id}/redeliver", by=WRITER)
        assert (asked.status, asked.json()["callbacks"][0]["status"]) == (202, "due")
        AppEventReply.model_validate(asked.json())
        (again,) = await pushed(api, payout)
        assert again == replace(sent, due_at=api.clock.now())
        tries = await api.store.read(lambda tx: tx.deliveries(sent))
        assert len(tries) == 2
