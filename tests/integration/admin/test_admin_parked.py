"""What was given up is listed over all payouts, and a window of it is told once more; over a running admin listener."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import methodcaller
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from gateway.cli.callback import Window, _given_up
from gateway.cli.client import Misused
from gateway.operations import parked
from gateway.store.records import Callback, Delivery
from tests.support.admin_api import AdminServer
from tests.support.builders import NOW
from tests.support.scripted import ScriptedGateway, scripted_gateway

PARKED = "/admin/v1/callbacks/parked"


@dataclass
class Room:
    """Ada, and a gateway whose apps were not reached."""

    admin: AdminServer
    gateway: ScriptedGateway
    ada: str

    async def get(self, **asked: str) -> Any:
        query = "&".join(f"{name}={quote(value)}" for name, value in asked.items())
        answer = await self.admin.send("GET", f"{PARKED}?{query}".rstrip("?"), token=self.ada)
        assert answer.status == 200, answer.body
        return answer.json()

    async def redeliver(self, **asked: str) -> Any:
        answer = await self.admin.send("POST", f"{PARKED}/redeliver", asked, token=self.ada)
        assert answer.status == 202, answer.body
        return answer.json()

    async def park(self, *references: str) -> list[str]:
        """A payout of each reference, whose first callback was given up, one every hour; the events' ids."""
        found = []
        for number, reference in enumerate(references):
            payout = await self.gateway.accept(reference)
            (callback, *_) = await self.gateway.store.read(methodcaller("callbacks", payout.id))
            await self.give_up(callback, NOW + timedelta(hours=number))
            found.append(callback.id)
        return found

    async def due(self) -> Sequence[Callback]:
        now = self.gateway.clock.now()
        return await self.gateway.store.run(lambda tx: tx.claim_callbacks(now, now, 20, frozenset()))

    async def give_up(self, callback: Callback, at: datetime) -> None:
        given_up = replace(callback, tries=10, due_at=None, parked_at=at)
        delivery = Delivery(at, 500, "HTTP 500; parked: tries", 12)
        await self.gateway.store.run(lambda tx: tx.record_delivery(given_up, delivery))


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    gateway = scripted_gateway()
    admin = AdminServer(tmp_path, gateway.services)
    await admin.start()
    ada, _ = await admin.two()
    gateway.clock.move(48 * 3600)
    yield Room(admin, gateway, ada)
    await admin.stop()
    await gateway.store.close()


async def test_the_longest_parked_first_with_its_tries(room: Room) -> None:
    """Of every payout; what was delivered or is due is not among them, and no body is shown."""
    events = await room.park("order-1", "order-2")
    await room.gateway.accept("order-3")
    told = await room.get()
    assert [each["event_id"] for each in told["data"]] == events
    assert told["has_more"] is False
    first = told["data"][0]
    assert (first["app"], first["tries"], first["deliveries"][0]["status"]) == ("acme", 10, 500)
    assert "body" not in first


async def test_a_window_is_from_then_until_before(room: Room) -> None:
    """By when it was given up, and by whom it was for."""
    one, two, three = await room.park("order-1", "order-2", "order-3")
    hour = [(NOW + timedelta(hours=number)).isoformat() for number in range(3)]
    assert [each["event_id"] for each in (await room.get(since=hour[1]))["data"]] == [two, three]
    assert [each["event_id"] for each in (await room.get(until=hour[1]))["data"]] == [one]
    assert [each["event_id"] for each in (await room.get(app="acme", endpoint="ep_1"))["data"]] == [one, two, three]
    assert (await room.get(app="other"))["data"] == (await room.get(endpoint="ep_2"))["data"] == []


async def test_a_window_is_told_once_more(room: Room) -> None:
    """Due now from the start of the schedule, under the old ids, in the audit as one act; the rest stays parked."""
    one, two, three = await room.park("order-1", "order-2", "order-3")
    until = (NOW + timedelta(hours=2)).isoformat()
    assert (await room.redeliver(until=until))["due"] == 2
    assert [each["event_id"] for each in (await room.get())["data"]] == [three]
    again = {(each.id, each.tries, each.parked_at) for each in await room.due() if each.id in (one, two, three)}
    assert again == {(one, 0, None), (two, 0, None)}
    line = (await room.gateway.store.read(lambda tx: tx.audit(0, 100)))[-1]
    assert (line.deed.act, line.deed.subject, line.deed.actor) == ("callback.redelivered", "parked", "person:ada")
    assert (line.deed.detail["callbacks"], line.deed.detail["until"]) == (2, "2026-01-01T02:00:00+00:00")


async def test_nothing_is_no_act(room: Room) -> None:
    """An empty window leaves no line."""
    before = await room.gateway.store.read(lambda tx: tx.audit(0, 100))
    assert (await room.redeliver())["due"] == 0
    assert await room.gateway.store.read(lambda tx: tx.audit(0, 100)) == before


async def test_many_are_taken_a_part_at_a_time(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each unit is bounded; the same window again ends, though some are given up anew at once."""
    monkeypatch.setattr(parked, "AT_ONCE", 2)
    events = await room.park("order-1", "order-2", "order-3")
    page = await room.get()
    assert ([each["event_id"] for each in page["data"]], page["has_more"]) == (events[:2], True)
    assert "--since" in list(_given_up(page))[-1]
    first = await room.redeliver()
    assert (first["due"], first["has_more"]) == (2, True)
    room.gateway.clock.move(60)
    (anew,) = [each for each in await room.due() if each.id == events[0]]
    await room.give_up(anew, room.gateway.clock.now())
    second = await room.redeliver(until=first["until"])
    assert (second["due"], second["has_more"], second["until"]) == (1, False, first["until"])
    room.gateway.clock.move(1)
    assert [each["event_id"] for each in (await room.get())["data"]] == [events[0]]


@pytest.mark.parametrize("asked", [{"app": "No App"}, {"endpoint": "x"}, {"since": "yesterday"}, {"until": "2026"}])
async def test_what_cannot_be_meant_is_refused(room: Room, asked: dict[str, str]) -> None:
    """Both calls, with the fault's name."""
    (name,) = asked
    page = await room.admin.send("GET", f"{PARKED}?{name}={quote(asked[name])}", token=room.ada)
    again = await room.admin.send("POST", f"{PARKED}/redeliver", asked, token=room.ada)
    assert (page.status, again.status) == (400, 400)
    assert name in page.json()["errors"][0]["pointer"]
    assert name in again.json()["errors"][0]["pointer"]


def test_a_window_goes_with_parked() -> None:
    """On the command line too: a filter alone is a mistake, and is not passed over."""
    assert Window(parked=True, app="acme").asked() == {"app": "acme"}
    with pytest.raises(Misused, match="--since"):
        Window(since="2026-01-01T00:00:00Z").asked()
