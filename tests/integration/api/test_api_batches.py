"""Batches over the wire: taken in whole, each item a payout or its faults, and the same batch when said again."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from gateway.api.batch_csv import ROWS_MAX
from gateway.api.batches import BatchItemPage, BatchReply
from gateway.api.server import PUBLIC_STATE
from gateway.domain import changes
from gateway.domain.errors import CommitUnknown, StoreUnavailable
from gateway.domain.event import EventType
from gateway.domain.reasons import StatusCode
from gateway.domain.status import StatusReason
from gateway.operations import batches
from gateway.operations.batch_work import claim, work
from gateway.operations.record import record
from gateway.store.port import Tx
from tests.support.api_server import READER, RIVAL, SHOP, WRITER, Answered, ApiServer, Signer
from tests.support.batches import CSV, Room, a_csv, csv_row

PATH = "/v1/batches"


def body(reference: str, items: list[dict[str, Any]]) -> bytes:
    return json.dumps({"reference": reference, "items": items}).encode()


async def post(api: ApiServer, reference: str, items: list[dict[str, Any]], by: Signer = WRITER) -> Answered:
    return await api.signed("POST", PATH, body(reference, items), by=by)


async def upload(api: ApiServer, reference: str, text: bytes, by: Signer = WRITER) -> Answered:
    return await api.signed("POST", f"{PATH}?reference={reference}", text, by=by, headers=CSV)


async def work_off(api: ApiServer, room: Room | None = None) -> None:
    """Everything that is due, step by step."""
    while claimed := await claim(api.services):
        for batch in claimed:
            await work(api.services, batch, room or Room())


async def items(api: ApiServer, batch: str, query: str = "?limit=100") -> list[dict[str, Any]]:
    page = (await api.signed("GET", f"{PATH}/{batch}/items{query}", by=READER)).json()
    BatchItemPage.model_validate(page)
    found: list[dict[str, Any]] = page["data"]
    return found


async def read(api: ApiServer, batch: str) -> dict[str, Any]:
    told: dict[str, Any] = (await api.signed("GET", f"{PATH}/{batch}", by=READER)).json()
    return told


async def fail(api: ApiServer, payout_id: str) -> None:
    """No channel took it in its time."""

    def unit(tx: Tx) -> None:
        payout, now = tx.payout(payout_id), api.clock.now()
        assert payout is not None
        closed = changes.close(payout, StatusReason(StatusCode.CHANNEL_UNAVAILABLE), now)
        record(api.services, tx, payout, closed, EventType.CLOSED, now)

    await api.store.run(unit)


async def test_each_item_becomes_a_payout(api: ApiServer) -> None:
    """202 with its place, as published; then one ordinary payout for each, which names its batch."""
    orders = [api.order(f"w-{number}", metadata={"n": str(number)}) for number in range(3)]
    made = await post(api, "payroll-11", orders)
    batch = made.json()
    BatchReply.model_validate(batch)
    assert (made.status, made.headers["location"]) == (202, f"{PATH}/{batch['id']}")
    assert (batch["status"], batch["form"]) == ("processing", "json")
    assert batch["items"] == {"total": 3, "waiting": 3, "accepted": 0, "failed": 0}
    assert [each["status"] for each in await items(api, batch["id"])] == ["waiting"] * 3
    await work_off(api)
    told = await items(api, batch["id"])
    assert [(each["number"], each["row"], each["reference"]) for each in told] == [
        (number + 1, None, f"w-{number}") for number in range(3)
    ]
    for number, each in enumerate(told):
        payout = (await api.signed("GET", f"/v1/payouts/{each['payout_id']}")).json()
        assert (payout["reference"], payout["batch_id"]) == (f"w-{number}", batch["id"])
        assert payout["metadata"] == {"n": str(number)}
        assert payout["beneficiary"]["account_number"] == "6222********0199"
    assert (await read(api, batch["id"]))["items"] == {"total": 3, "waiting": 0, "accepted": 3, "failed": 0}
    listed = (await api.signed("GET", f"/v1/payouts?batch_id={batch['id']}")).json()["data"]
    assert {each["id"] for each in listed} == {each["payout_id"] for each in told}
    await api.create(api.order("alone"))
    assert len((await api.signed("GET", f"/v1/payouts?batch_id={batch['id']}")).json()["data"]) == 3


async def test_an_item_says_all_that_an_order_says(api: ApiServer) -> None:
    """The same order by itself is that payout: nothing of it was lost on the way."""
    order = api.order(
        "w-1", purpose="SALA", description="wages", preference="cheapest", send_at="2027-01-01T00:00:00Z",
        send_by="2027-02-01T00:00:00Z", on_expiry="any_channel", channels={"allow": ["ear"]},
        payer={"account_id": "user-4711", "tier": "gold", "device_id": "device-17", "ip": "192.0.2.1"},
    )  # fmt: skip
    made = (await post(api, "b-1", [order, api.order("w-2", channels={"deny": ["none"]})])).json()
    await work_off(api)
    whole, faulty = await items(api, made["id"])
    again = await api.create(order)
    assert (again.status, again.json()["id"]) == (200, whole["payout_id"])
    assert [fault["pointer"] for fault in faulty["faults"]] == ["/channels/deny/0"]


async def test_the_same_again_is_the_same_batch(api: ApiServer) -> None:
    """200 with the batch as it is now, before and after it is worked on; other content is refused, metadata is none."""
    orders = [api.order("w-1"), api.order("w-2")]
    made = (await post(api, "b-1", orders)).json()
    for _ in range(2):
        again = await post(api, "b-1", [{**each, "metadata": {"more": "x"}, "on_expiry": "fail"} for each in orders])
        assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
        assert again.json() == await read(api, made["id"])
        await work_off(api)
    for other in (orders[:1], orders[::-1], [orders[0], {**orders[1], "purpose": "SALA"}]):
        refused = await post(api, "b-1", other)
        assert (refused.status, refused.json()["code"]) == (409, "reference_reused")
    assert len((await api.signed("GET", "/v1/payouts")).json()["data"]) == 2
    assert (await post(api, "b-1", orders, by=RIVAL)).status == 202
    assert (await api.signed("GET", f"{PATH}/{made['id']}", by=RIVAL)).status == 404
    assert (await api.signed("GET", f"{PATH}/{made['id']}/items", by=RIVAL)).status == 404


async def test_an_order_that_is_known(api: ApiServer) -> None:
    """With the same content the item is that payout; with other content it is none; the second of two is none."""
    first = (await api.create(api.order("w-1"))).json()
    await api.create(api.order("w-2"))
    other = {**api.order("w-2"), "amount": {"value": 1, "currency": "CNY"}}
    made = (await post(api, "b-1", [api.order("w-1"), other, api.order("w-3"), api.order("w-3")])).json()
    await work_off(api)
    told = await items(api, made["id"])
    assert told[0]["payout_id"] == first["id"]
    assert [[fault["code"] for fault in each["faults"]] for each in told] == [
        [], ["reference_reused"], [], ["duplicate_reference"],
    ]  # fmt: skip
    assert [fault["pointer"] for each in told for fault in each["faults"]] == ["/reference", "/reference"]
    assert (await read(api, made["id"]))["items"] == {"total": 4, "waiting": 0, "accepted": 2, "failed": 2}
    assert len((await api.signed("GET", "/v1/payouts")).json()["data"]) == 3


async def test_json_is_refused_as_a_whole(api: ApiServer) -> None:
    """Every fault with its pointer, and nothing is stored."""
    broken = {**api.order("w-2"), "quote_id": "qt_x", "amount": {"value": 1.5, "currency": "CNY"}}
    refused = await post(api, "b 1", [api.order("w-1"), broken])
    assert refused.codes() == {
        "/reference": "bad_format",
        "/items/1/amount/value": "not_an_integer",
        "/items/1/quote_id": "unknown_field",
    }
    named = {**api.order("w-3"), "beneficiary": {"type": "wechat", "openid": "?"}}
    assert (await post(api, "b-1", [named])).codes() == {"/items/0/beneficiary/openid": "bad_format"}
    assert (await post(api, "b-1", [])).codes() == {"/items": "too_few"}
    many = await post(api, "b-1", [api.order(f"w-{number}") for number in range(1001)])
    assert many.codes() == {"/items": "too_many"}
    mixed = await api.signed("POST", f"{PATH}?reference=b-2", body("b-1", [api.order("w-1")]))
    assert mixed.codes() == {"?reference": "not_the_same"}
    assert (await post(api, "b-1", [api.order("w-1")], by=READER)).json()["code"] == "scope_missing"
    assert (await post(api, "b-1", [api.order("w-1")])).status == 202


async def test_what_the_configuration_has_against_an_item_is_its_fault(api: ApiServer) -> None:
    """All of it, with the rest accepted; a known order is answered whatever that says by now."""
    known = api.order("w-1", send_at="2027-01-01T00:00:00Z")
    assert (await api.create(known)).status == 201
    far = {"send_at": "2099-01-01T00:00:00Z", "preference": "dearest"}
    nobody = {"beneficiary": {"type": "saved", "id": "be_" + "0" * 26}}
    made = (await post(api, "b-1", [api.order("w-2", **far, **nobody), known, api.order("w-3")])).json()
    await work_off(api)
    told = await items(api, made["id"])
    assert [each["status"] for each in told] == ["failed", "accepted", "accepted"]
    assert {fault["pointer"]: fault["code"] for fault in told[0]["faults"]} == {
        "/preference": "unknown_value",
        "/send_at": "out_of_range",
        "/beneficiary/id": "unknown_beneficiary",
    }


async def test_a_saved_beneficiary_is_copied_when_the_batch_is_taken_in(api: ApiServer) -> None:
    """It may be deleted before the item becomes a payout; the order is known by the name it used."""
    payee = {"beneficiary": api.order()["beneficiary"]}
    saved = (await api.signed("POST", "/v1/beneficiaries", json.dumps(payee).encode())).json()["id"]
    order = api.order("w-1", beneficiary={"type": "saved", "id": saved})
    made = (await post(api, "b-1", [order])).json()
    await api.signed("DELETE", f"/v1/beneficiaries/{saved}")
    await work_off(api)
    (item,) = await items(api, made["id"])
    again = await api.create(order)
    assert (again.status, again.json()["id"]) == (200, item["payout_id"])
    assert again.json()["beneficiary"]["account_number"] == "6222********0199"


async def test_it_is_completed_when_every_payout_has_ended(api: ApiServer) -> None:
    """Found by looks that come more rarely with its age; failed items count as ended, and how it ended is told."""
    faulty = api.order("w-9", preference="dearest")
    made = (await post(api, "b-1", [api.order("w-1"), faulty, api.order("w-2")])).json()
    await work_off(api)
    first, _, second = await items(api, made["id"])
    await fail(api, second["payout_id"])
    api.clock.move(2.5)
    await work_off(api)
    told = await read(api, made["id"])
    assert (told["status"], told["ended"], told["completed_at"]) == ("processing", {}, None)
    await fail(api, first["payout_id"])
    api.clock.move(600)
    await work_off(api)
    told = await read(api, made["id"])
    assert (told["status"], told["ended"]) == ("completed", {"failed": 2})
    assert told["completed_at"] is not None
    (event,) = (await api.signed("GET", "/v1/events?type=batch.completed")).json()["data"]
    assert (event["sequence"], event["data"]["object"]) == (1, told)
    assert [each["status"] for each in event["callbacks"]] == ["due"]
    api.clock.move(86_400)
    assert await claim(api.services) == []


async def test_csv_rows_become_payouts(api: ApiServer) -> None:
    """Cells by the names of an order's fields, empty ones left out, metadata by column; Excel's mark is no harm."""
    names = "reference,amount,currency,type,account_number,name,bank_code,country,openid,send_at,metadata.user"
    header = f"{names},payer_account_id,channels_allow"
    rows = ["w-1,12345,CNY,bank_account,6222 0000 0000 0199,张三,000200000002,CN,,,4711,user-4711,ear", "",
            'w-2,5,CNY,wechat,,"王, 伟",,,oDEMO0001,2027-01-01T00:00:00+08:00,,,']  # fmt: skip
    made = await upload(api, "b-1", b"\xef\xbb\xbf" + "\r\n".join([header, *rows]).encode())
    assert (made.status, made.json()["form"], made.json()["items"]["total"]) == (202, "csv", 2)
    await work_off(api)
    first, second = await items(api, made.json()["id"])
    assert (first["row"], second["row"]) == (2, 4)
    payout = (await api.signed("GET", f"/v1/payouts/{first['payout_id']}")).json()
    assert (payout["amount"]["value"], payout["metadata"]) == (12345, {"user": "4711"})
    assert payout["beneficiary"]["account_number"] == "6222********0199"
    assert payout["payer"]["account_id"].endswith("4711")
    assert payout["channels"] == {"allow": ["ear"], "deny": []}
    scheduled = (await api.signed("GET", f"/v1/payouts/{second['payout_id']}")).json()
    assert (scheduled["status"], scheduled["send_at"]) == ("scheduled", "2026-12-31T16:00:00.000Z")
    assert scheduled["beneficiary"]["name"] == "王***"
    moved = [",".join(reversed(line.split(","))) for line in (header, rows[0])]
    assert (await upload(api, "b-1", "\n".join(moved).encode())).json()["code"] == "reference_reused"


async def test_a_cell_of_channels_is_a_list_of_names(api: ApiServer) -> None:
    """With spaces between; each that is none is pointed at by its place."""
    header = "reference,amount,currency,type,openid,channels_allow,channels_deny"
    rows = [
        "w-1,5,CNY,wechat,oDEMO0001,ear  nobody,",
        "w-2,5,CNY,wechat,oDEMO0001,,none",
        "w-3,5,CNY,wechat,oDEMO0001, ,",
    ]
    made = await upload(api, "b-1", "\n".join([header, *rows]).encode())
    await work_off(api)
    told = await items(api, made.json()["id"])
    assert [[fault["pointer"] for fault in each["faults"]] for each in told[:2]] == [
        ["/channels/allow/1"],
        ["/channels/deny/0"],
    ]
    assert told[2]["status"] == "accepted"


async def test_a_csv_row_with_faults_is_that_rows(api: ApiServer) -> None:
    """Row number, pointers into an order, and the reference where it is one; the other rows are accepted."""
    rows = [
        csv_row("w-1"),
        csv_row("w-2").replace(",12345,", ",1.5,"),
        csv_row("w 3").replace("CNY", "XXX"),
        csv_row("w-4") + ",more",
        csv_row("w-5").replace("bank_account", "cash"),
        csv_row("w-6").replace("000200000002", ""),
        csv_row("w-7").replace("李", "a\u200bb"),
    ]
    made = (await upload(api, "b-1", a_csv(rows))).json()
    await work_off(api)
    told = await items(api, made["id"])
    assert [(each["row"], each["reference"], each["status"]) for each in told] == [
        (2, "w-1", "accepted"), (3, "w-2", "failed"), (4, None, "failed"), (5, None, "failed"),
        (6, "w-5", "failed"), (7, "w-6", "failed"), (8, "w-7", "failed"),
    ]  # fmt: skip
    assert [{fault["pointer"]: fault["code"] for fault in each["faults"]} for each in told[1:]] == [
        {"/amount/value": "not_an_integer"},
        {"/reference": "bad_format", "/amount/currency": "unknown_currency"},
        {"": "wrong_columns"},
        {"/beneficiary/type": "unknown_type"},
        {"/beneficiary/bank_code": "missing"},
        {"/beneficiary/name": "forbidden_character"},
    ]
    assert [each["row"] for each in await items(api, made["id"], "?status=accepted")] == [2]
    failed = await api.signed("GET", f"{PATH}/{made['id']}/items?status=failed&limit=4")
    rest = f"?status=failed&limit=4&cursor={failed.json()['next_cursor']}"
    assert [each["row"] for each in failed.json()["data"] + await items(api, made["id"], rest)] == [3, 4, 5, 6, 7, 8]
    elsewhere = await api.signed("GET", f"{PATH}/{made['id']}/items?cursor={failed.json()['next_cursor']}")
    assert elsewhere.codes() == {"?cursor": "bad_cursor"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", {"#header": "missing"}),
        (b"reference,amount,currency,type,accout\nw-1,1,CNY,wechat,x", {"#header": "unknown_field"}),
        (b"reference,amount,currency,type,type\nw-1,1,CNY,wechat,x", {"#header": "duplicate_key"}),
        (b"reference,amount,currency,type\n", {"": "too_few"}),
        (b"reference,amount,currency,type\nw-1,1,CNY,\xff", {"": "not_utf8"}),
        (b'reference,amount,currency,type\nw-1,1,CNY,"we"chat', {"": "syntax"}),
        (a_csv(["w-1,1,CNY,wechat"] * (ROWS_MAX + 1)), {"": "too_many"}),
    ],
)
async def test_a_file_that_is_none_is_refused_as_a_whole(api: ApiServer, text: bytes, told: dict[str, str]) -> None:
    """Before anything of it is stored."""
    refused = await upload(api, "b-1", text)
    assert refused.status == 400
    assert told.items() <= {each["pointer"]: each["code"] for each in refused.json()["errors"]}.items()
    assert (await upload(api, "b-1", a_csv([csv_row("w-1")]))).status == 202


async def test_a_csv_needs_its_reference(api: ApiServer) -> None:
    """In the query."""
    refused = await api.signed("POST", PATH, a_csv([csv_row("w-1")]), headers=CSV)
    assert refused.codes() == {"?reference": "missing"}
    assert (await upload(api, "b%201", a_csv([csv_row("w-1")]))).codes() == {"?reference": "bad_value"}


async def test_large_bodies_are_taken_here_and_only_here(api: ApiServer) -> None:
    """A batch has 1 MiB as JSON and 8 MiB as CSV; an order has 64 KiB as ever, and is no CSV."""
    order = api.order("w-1")
    padded = json.dumps(order).encode() + b" " * 70_000
    assert (await api.signed("POST", "/v1/payouts", padded)).status == 413
    assert (await api.signed("POST", "/v1/payouts", a_csv([csv_row("w-1")]), headers=CSV)).status == 415
    for spaces, status in ((2**20 - 2000, 202), (2**20, 413)):
        assert (await api.signed("POST", PATH, body(f"b-{status}", [order]) + b" " * spaces)).status == status
    wide = b"\r\n" * (2**22 - 200)
    assert (await upload(api, "b-wide", a_csv([csv_row("w-2")]) + wide)).status == 202
    assert (await upload(api, "b-wider", a_csv([csv_row("w-2")]) + wide + b"\r\n" * 200)).status == 413


async def test_only_so_many_large_bodies_are_on_their_way(api: ApiServer) -> None:
    """Whoever sends them: one more is told to come later, and each gives its place back at its end."""
    intake = api.app[PUBLIC_STATE].intake
    text = a_csv([csv_row("w-1")]) + b"\r\n" * 2**16
    intake.large = 16
    refused = await upload(api, "b-1", text)
    assert (refused.status, refused.json()["code"]) == (503, "overloaded")
    assert "retry-after" in refused.headers
    assert (await upload(api, "b-small", a_csv([csv_row("w-9")]))).status == 202
    intake.large = 15
    assert (await upload(api, "b-1", text)).status == 202
    assert intake.large == 15


async def test_two_who_bring_the_same_at_once_get_one_batch(api: ApiServer) -> None:
    """One 202 and one 200, and nothing of the other one's is left."""
    orders = [api.order(f"w-{number}") for number in range(250)]
    told = await asyncio.gather(*(post(api, "b-1", orders, by=by) for by in (SHOP, WRITER)))
    assert {each.json()["id"] for each in told} == {told[0].json()["id"]}
    assert sorted(each.status for each in told) == [200, 202]
    api.clock.move(2 * 3600)
    assert await batches.clear(api.services) == 0
    await work_off(api)
    assert (await read(api, told[0].json()["id"]))["items"]["accepted"] == 250


async def test_what_was_left_half_way_is_no_batch_and_is_cleared_away(api: ApiServer) -> None:
    """The store fails in the middle: nothing is promised, and the same again is taken in whole."""
    orders = [api.order("w-1")]
    api.store.run_errors = [None, None, None, StoreUnavailable("gone")]
    assert (await post(api, "b-1", orders)).status == 503
    assert await claim(api.services) == []
    assert (await post(api, "b-1", orders)).status == 202
    api.clock.move(timedelta(hours=1, seconds=1).total_seconds())
    assert await batches.clear(api.services) == 1
    assert await batches.clear(api.services) == 0
    await work_off(api)
    assert len((await api.signed("GET", "/v1/payouts")).json()["data"]) == 1


async def test_a_commit_that_is_not_known_is_settled(api: ApiServer) -> None:
    """By making it known once more: whether it happened or not, it is one batch."""
    api.store.run_errors = [None, None, None, CommitUnknown("lost")]
    made = await post(api, "b-1", [api.order("w-1")])
    assert made.status == 202
    assert (await post(api, "b-1", [api.order("w-1")])).json()["id"] == made.json()["id"]


async def test_a_page_that_was_cut_short_is_done_again(api: ApiServer) -> None:
    """The payouts are there, the word about it is not: they are found, and none is made twice."""
    made = (await post(api, "b-1", [api.order(f"w-{number}") for number in range(5)])).json()
    (batch,) = await claim(api.services)
    api.store.run_errors = [None] * 5 + [StoreUnavailable("gone")]
    with pytest.raises(StoreUnavailable):
        await work(api.services, batch, Room())
    assert [each["status"] for each in await items(api, made["id"])] == ["waiting"] * 5
    before = {each["id"] for each in (await api.signed("GET", "/v1/payouts")).json()["data"]}
    assert await claim(api.services) == []
    api.clock.move(31)
    await work_off(api)
    assert {each["payout_id"] for each in await items(api, made["id"])} == before
    assert len((await api.signed("GET", "/v1/payouts")).json()["data"]) == 5


async def test_two_workers_on_one_page_come_to_the_same(api: ApiServer) -> None:
    """Each item is one payout, whoever made it; the later word is dropped."""
    made = (await post(api, "b-1", [api.order(f"w-{number}") for number in range(20)])).json()
    (batch,) = await claim(api.services)
    done = await asyncio.gather(*(work(api.services, batch, Room()) for _ in range(2)), return_exceptions=True)
    assert [type(each).__name__ for each in done if isinstance(each, Exception)] == ["StaleWrite"]
    told = await items(api, made["id"])
    assert len({each["payout_id"] for each in told}) == 20
    assert len((await api.signed("GET", "/v1/payouts?limit=100")).json()["data"]) == 20


async def test_it_waits_while_there_is_no_room(api: ApiServer) -> None:
    """Nothing is refused for it: the items wait where they are."""
    made = (await post(api, "b-1", [api.order("w-1")])).json()
    room = Room(full=True)
    await work_off(api, room)
    assert (await read(api, made["id"]))["items"]["waiting"] == 1
    room.full = False
    api.clock.move(6)
    await work_off(api, room)
    assert (await read(api, made["id"]))["items"]["accepted"] == 1
    assert room.came_in == ["shop"]


async def test_an_app_may_have_only_so_many_items_waiting(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more batch is told to come later; a known one is answered as ever."""
    monkeypatch.setattr("gateway.api.batches.OPEN_ITEMS_MAX", 2)
    orders = [api.order("w-1"), api.order("w-2")]
    assert (await post(api, "b-1", orders)).status == 202
    refused = await post(api, "b-2", [api.order("w-3")])
    assert (refused.status, refused.json()["code"]) == (429, "quota_exceeded")
    assert (await post(api, "b-1", orders)).status == 200
    await work_off(api)
    assert (await post(api, "b-2", [api.order("w-3")])).status == 202
