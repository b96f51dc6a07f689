"""What people look at: one payout whole, callbacks, the quarantine, an export; over a running admin listener."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.cli.client import Misused
from gateway.cli.export import COLUMNS, Format, _writer
from gateway.cli.payout_words import callback_lines, history, path_of, whole
from tests.support.admin_api import AdminServer
from tests.support.scripted import ScriptedGateway, scripted_gateway


@dataclass
class Room:
    """Ada, and a gateway with one payout that the channel never answered."""

    admin: AdminServer
    gateway: ScriptedGateway
    payout_id: str
    ada: str

    async def get(self, path: str) -> dict[str, object]:
        answer = await self.admin.send("GET", path, token=self.ada)
        assert answer.status == 200, answer.body
        told: dict[str, object] = answer.json()
        return told


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    gateway = scripted_gateway()
    payout = await gateway.accept()
    await gateway.pass_time(hours=24)
    admin = AdminServer(tmp_path, gateway.services)
    await admin.start()
    ada, _ = await admin.two()
    yield Room(admin, gateway, payout.id, ada)
    await admin.stop()
    await gateway.store.close()


async def test_a_payout_is_shown_whole_and_masked(room: Room) -> None:
    """Attempts, history with its actors, evidence, incidents, callbacks; the payee's account is nowhere."""
    told = await room.get(f"/admin/v1/payouts/{room.payout_id}")
    payout = await room.gateway.payout(room.payout_id)
    assert (told["id"], told["app"], told["hold"] is not None) == (payout.id, payout.app, True)
    assert [each["state"] for each in told["attempts"]] == [str(each.state) for each in payout.attempts]
    assert [each["sequence"] for each in told["timeline"]] == list(range(1, payout.last_event + 1))
    assert told["evidence"]
    text = json.dumps(told, ensure_ascii=False)
    assert payout.beneficiary.account not in text
    assert (payout.beneficiary.name or "?") not in text


async def test_it_is_found_by_its_reference(room: Room) -> None:
    """The same answer; another app's name finds nothing."""
    payout = await room.gateway.payout(room.payout_id)
    by_id = await room.get(f"/admin/v1/payouts/{payout.id}")
    assert await room.get(f"/admin/v1/apps/{payout.app}/payouts/{payout.reference}") == by_id
    other = await room.admin.send("GET", f"/admin/v1/apps/other/payouts/{payout.reference}", token=room.ada)
    assert other.status == 404


async def test_lists_go_page_by_page(room: Room) -> None:
    """A cursor leads through all of them once; with another filter it is refused."""
    payout = await room.gateway.payout(room.payout_id)
    for number in range(2):
        await room.gateway.accept(f"later-{number}")
    seen: list[object] = []
    path = f"/admin/v1/apps/{payout.app}/payouts?limit=1"
    cursor = ""
    while True:
        page = await room.get(path + cursor)
        seen += [each["id"] for each in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 3
    assert payout.id in seen
    bent = await room.admin.send("GET", f"/admin/v1/apps/other/payouts?limit=1{cursor}", token=room.ada)
    assert bent.status == 400


async def test_no_quarantine(room: Room) -> None:
    """In calm times it says so."""
    told = await room.get("/admin/v1/quarantine")
    assert (told["active"], told["unasked_attempts"], told["ask_first_until"]) == (False, 0, None)


async def test_an_unknown_event_is_not_redelivered(room: Room) -> None:
    """404, and nothing is due."""
    path = f"/admin/v1/payouts/{room.payout_id}/events/evt_nothing/redeliver"
    assert (await room.admin.send("POST", path, token=room.ada)).status == 404


async def test_an_event_is_told_once_more(tmp_path: Path) -> None:
    """Delivered or not, it is due again at its endpoint, under its old id."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    admin = AdminServer(tmp_path, gateway.services)
    await admin.start()
    ada, _ = await admin.two()
    (callback, *_) = await gateway.store.read(lambda tx: tx.callbacks(payout.id))
    path = f"/admin/v1/payouts/{payout.id}/events/{callback.id}/redeliver"
    answer = await admin.send("POST", path, token=ada)
    assert (answer.status, answer.json()["data"]) == (202, [{"event_id": callback.id, "endpoint": "ep_1"}])
    (again, *_) = await gateway.store.read(lambda tx: tx.callbacks(payout.id))
    assert (again.due_at, again.tries) == (gateway.services.clock.now(), 0)
    await admin.stop()
    await gateway.store.close()


async def test_in_words(room: Room) -> None:
    """What the commands print names the attempt, the hold and who did what."""
    told = await room.get(f"/admin/v1/payouts/{room.payout_id}")
    shown = "\n".join(whole(told))
    assert room.payout_id in shown
    assert "attempt 1 by" in shown
    assert "held (" in shown
    lines = list(history(told))
    assert len(lines) == len(told["timeline"]) + len(told["evidence"])
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    assert list(callback_lines({"callbacks": []})) == []


@pytest.mark.parametrize(
    ("which", "path"),
    [
        ("po_abc", "/admin/v1/payouts/po_abc"),
        ("acme/w-1", "/admin/v1/apps/acme/payouts/w-1"),
        ("acme/a/b", "/admin/v1/apps/acme/payouts/a%2Fb"),
    ],
)
def test_a_payout_is_named_by_id_or_reference(which: str, path: str) -> None:
    """Whatever is in a reference stays one part of the path."""
    assert path_of(which) == path


@pytest.mark.parametrize("which", ["", "abc", "/x", "acme/"])
def test_what_names_no_payout_is_misuse(which: str) -> None:
    """Said before anybody is asked."""
    with pytest.raises(Misused):
        path_of(which)


LINE = {
    "id": "po_1",
    "app": "acme",
    "reference": "=1+1",
    "amount": {"value": 100, "currency": "CNY"},
    "status": "paid",
    "channel": "mock",
    "channel_reference": "R",
    "channel_payout_id": None,
    "attempts": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "settled_at": None,
}


def test_csv_has_a_header_and_runs_nothing() -> None:
    """Every column is named, money is in minor units, and what a spreadsheet would run is text."""
    file = io.StringIO()
    _writer(file, Format.CSV)(LINE)
    header, row = csv.reader(io.StringIO(file.getvalue()))
    assert tuple(header) == COLUMNS
    told = dict(zip(header, row, strict=True))
    assert (told["reference"], told["amount_minor"], told["currency"]) == ("'=1+1", "100", "CNY")


def test_json_lines_are_the_answers_own() -> None:
    """One object a line, unchanged."""
    file = io.StringIO()
    write = _writer(file, Format.JSONL)
    write(LINE)
    write(LINE)
    assert [json.loads(line) for line in file.getvalue().splitlines()] == [LINE, LINE]
