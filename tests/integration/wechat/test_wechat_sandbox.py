"""The sandbox refuses what the service refuses, and the channel lives with everything it does."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import httpx
import pytest

from adapters.channel import Sent
from adapters.http import HttpAnswer
from adapters.sandbox.faults import Fault
from adapters.sandbox.notifier import NotifyRules
from adapters.wechat.bill import BillRefused, read_bill
from adapters.wechat.sandbox import KeyMode, mint
from adapters.wechat.sandbox.options import GENERAL_WAITS_S, TRANSFER_WAITS_S
from gateway.domain.outcome import OutcomeKind
from tests.integration.wechat.conftest import World

K = OutcomeKind


async def control(world: World, path: str, order: object) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{world.sandbox.control_url}{path}", json=order) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def books(world: World) -> list[dict[str, object]]:
    async with aiohttp.ClientSession() as session, session.get(f"{world.sandbox.control_url}/books") as answer:
        found = await answer.json()
        assert isinstance(found, list)
        return found


def changed(sent: Sent, **members: object) -> Sent:
    """The same order with other members in its body; None leaves one out, `null` is given as such."""
    body = json.loads(sent.prepared.body) | members
    kept = {name: (None if value == "null" else value) for name, value in body.items() if value is not None}
    return replace(sent, prepared=replace(sent.prepared, body=json.dumps(kept).encode()))


# --- identity


async def test_identical_repeats_are_one_order_even_with_the_name_encrypted_anew(world: World) -> None:
    """The service compares what it decrypts; the same package is handed out again."""
    sent = world.sent("SLOW", name="张三")
    first = await world.submit(sent)
    again = Sent(sent.order, sent.ground, world.channel.prepare(sent.order, world.sandbox.clock.now()))
    assert again.prepared.body != sent.prepared.body
    for answer in (await world.submit(sent), await world.submit(again)):
        assert (answer.kind, answer.channel_payout_id, answer.action) == (
            first.kind,
            first.channel_payout_id,
            first.action,
        )
    assert [row["channel_reference"] for row in await books(world)] == [sent.order.channel_reference]


async def test_the_same_number_with_other_fields_is_refused_and_changes_nothing(world: World) -> None:
    """INVALID_REQUEST can mean many things: it is asked about, not believed."""
    sent = world.sent("SLOW")
    await world.submit(sent)
    answer = await world.submit(changed(sent, transfer_remark="other"))
    assert (answer.channel_code, answer.kind, answer.finality) == ("INVALID_REQUEST", K.REJECTED, "unknown")
    assert world.bill(sent).fields["transfer_remark"] == "测试付款"


async def test_many_identical_creates_at_once_pay_once(world: World) -> None:
    """Twenty at the same time."""
    sent = world.sent("0001")
    answers = await asyncio.gather(*(world.submit(sent) for _ in range(20)))
    assert {answer.kind for answer in answers} == {K.SUCCEEDED}
    assert world.paid_times(sent) == 1


async def test_a_number_is_repeated_for_72_hours_and_asked_about_for_30_days(world: World) -> None:
    """After that the service knows nothing of it."""
    sent = world.sent("0001")
    await world.submit(sent)
    bill = world.bill(sent)
    bill.created_at -= timedelta(hours=73)
    assert (await world.submit(sent)).channel_code == "INVALID_REQUEST"
    assert (await world.channel.query(sent)).kind is K.SUCCEEDED
    bill.created_at -= timedelta(days=30)
    assert (await world.channel.query(sent)).kind is K.ABSENT


# --- refusals


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"unheard_of": 1}, "PARAM_ERROR"),
        ({"notify_url": "null"}, "PARAM_ERROR"),
        ({"openid": None}, "PARAM_ERROR"),
        ({"transfer_amount": 0}, "PARAM_ERROR"),
        ({"transfer_amount": "12345"}, "PARAM_ERROR"),
        ({"transfer_amount": 1.5}, "PARAM_ERROR"),
        ({"transfer_remark": "x" * 33}, "PARAM_ERROR"),
        ({"transfer_remark": "😀"}, "PARAM_ERROR"),
        ({"out_bill_no": "A-1"}, "PARAM_ERROR"),
        ({"user_name": "张三"}, "PARAM_ERROR"),
        ({"transfer_amount": 200_000}, "PARAM_ERROR"),
        ({"notify_url": "http://elsewhere.example/notify"}, "PARAM_ERROR"),
        ({"notify_url": "https://gateway.example/notify?x=1"}, "PARAM_ERROR"),
        ({"transfer_scene_report_infos": [{"info_type": "活动名称", "info_content": "x"}]}, "PARAM_ERROR"),
        ({"transfer_scene_report_infos": [{"info_type": "活动名称"}]}, "PARAM_ERROR"),
        ({"user_recv_perception": "劳务报酬"}, "INVALID_REQUEST"),
        ({"user_recv_style": {"type": "OTHER"}}, "PARAM_ERROR"),
        ({"user_recv_style": {"type": "RED_PACKET"}, "transfer_amount": 20_001}, "INVALID_REQUEST"),
        ({"appid": "wxother"}, "APPID_MCHID_NOT_MATCH"),
    ],
)
async def test_a_create_the_service_would_refuse_is_refused_without_an_order(
    world: World, members: dict[str, object], code: str
) -> None:
    """Each with its code, and nothing in the books."""
    answer = await world.submit(changed(world.sent("0001"), **members))
    assert answer.channel_code == code
    assert await books(world) == []


async def test_an_amount_above_the_merchants_limit_is_refused(world: World) -> None:
    """A matter of the account, so it is not a malformed request."""
    answer = await world.submit(world.sent("0001", fen=100_000_001, name="张三"))
    assert answer.channel_code == "INVALID_REQUEST"


async def test_our_signature_is_verified(world: World) -> None:
    """A stale time, another serial, a changed body, a nonce used before: 401 SIGN_ERROR, in the service's form."""
    sent = world.sent("0001")
    signed = world.channel.sign(sent)
    header = dict(signed.headers)["Authorization"]

    async def answered(**changes: str) -> tuple[int, str]:
        headers = dict(signed.headers) | {"Authorization": changes.get("header", header)}
        body = changes.get("body", signed.body.decode()).encode()
        async with httpx.AsyncClient() as client:
            got = await client.post(signed.url, headers=headers, content=body)
        detail = got.json().get("detail", {})
        return got.status_code, detail.get("detail", {}).get("issue", got.json().get("state"))

    assert await answered(header="") == (401, "malformed authorization")
    assert await answered(header=header.replace('mchid="', 'mchid="9')) == (
        401,
        "unknown merchant or certificate serial",
    )
    assert await answered(header=header.replace('serial_no="3', 'serial_no="4')) == (
        401,
        "unknown merchant or certificate serial",
    )
    assert await answered(body=signed.body.decode().replace("12345", "12346")) == (401, "sign not match")
    assert await books(world) == []
    assert await answered() == (200, "SUCCESS")
    assert await answered() == (401, "nonce used before")
    world.sandbox.clock.forward(301)
    assert await answered() == (401, "timestamp expired")


async def test_a_clock_that_is_wrong_stops_the_channel_and_keeps_the_order_unknown(world: World) -> None:
    """Our answer to SIGN_ERROR: somebody is called, and the same bytes are tried again much later."""
    world.sandbox.clock.forward(301)
    answer = await world.submit(world.sent("0001"))
    assert (answer.channel_code, answer.finality, answer.alarm, answer.channel_fault) == (
        "SIGN_ERROR",
        "retry_same_id",
        True,
        True,
    )


async def test_generation_one_is_closed_to_this_merchant(world: World) -> None:
    """403 NO_AUTH, as the service answers merchants of generation two."""
    sent = world.sent("0001")
    old = replace(sent, prepared=replace(sent.prepared, target="/v3/transfer/batches"))
    assert (await world.submit(old)).channel_code == "NO_AUTH"


# --- cancel


async def test_a_cancel_ends_in_cancelled_and_the_money_is_back(world: World) -> None:
    """CANCELING is no proof; the query is. A repeated cancel is answered with the state."""
    sent = world.sent("SLOW")
    await world.submit(sent)
    assert (await world.channel.cancel(sent)).channel_code == "CANCELING"
    answer = await world.until(sent, K.REJECTED)
    assert (answer.reason, answer.finality) == ("cancelled", "final_on_repeat")
    assert (await world.channel.cancel(sent)).channel_code == "CANCELLED"
    assert sum(row.signed_fen for row in world.sandbox.book.movements) == 0
    assert world.paid_times(sent) == 0


async def test_a_cancel_that_comes_too_late_is_refused(world: World) -> None:
    """After SUCCESS 400; of an unknown number 404. Neither says anything of the order."""
    sent = world.sent("0001")
    unknown = await world.channel.cancel(sent)
    assert (unknown.kind, unknown.channel_code) == (K.UNCLEAR, "NOT_FOUND")
    await world.submit(sent)
    late = await world.channel.cancel(sent)
    assert (late.kind, late.channel_code) == (K.UNCLEAR, "INVALID_REQUEST")
    assert world.paid_times(sent) == 1


async def test_a_payee_may_be_quicker_than_a_cancel(world: World) -> None:
    """CANCELING, and then SUCCESS."""
    sent = world.sent("x")
    await control(world, "/scenario", {"for": sent.order.channel_reference, "play": "cancel_race"})
    await world.submit(sent)
    assert (await world.channel.cancel(sent)).channel_code == "CANCELING"
    await world.until(sent, K.SUCCEEDED)
    assert world.paid_times(sent) == 1


# --- scenarios and balance


@pytest.mark.parametrize(
    ("play", "code"),
    [
        ("success", "WAIT_USER_CONFIRM"),
        ("wait_forever", "WAIT_USER_CONFIRM"),
        ("fail:NAME_NOT_CORRECT", "PROCESSING"),
        ("overdue", "WAIT_USER_CONFIRM"),
        ("not_enough", "NOT_ENOUGH"),
        ("accepted_stuck", "ACCEPTED"),
    ],
)
async def test_control_chooses_what_becomes_of_an_openid(world: World, play: str, code: str) -> None:
    """Before the order is made, whatever its ending says."""
    sent = world.sent("0001")
    await control(world, "/scenario", {"for": sent.order.beneficiary.account, "play": play})
    assert (await world.submit(sent)).channel_code == code


async def test_a_short_account_refuses_or_keeps_the_order_until_it_is_topped_up(world: World) -> None:
    """NOT_ENOUGH, or PROCESSING and stuck."""
    sent = world.sent("usual")
    await control(world, "/scenario", {"balance_fen": 100})
    assert (await world.submit(sent)).channel_code == "NOT_ENOUGH"
    await control(world, "/scenario", {"when_short": "processing"})
    assert (await world.submit(sent)).channel_code == "PROCESSING"
    await control(world, "/scenario", {"balance_fen": 20_000})
    await world.until(sent, K.SUCCEEDED)
    assert world.sandbox.book.balance_fen == 20_000 - 12_345


@pytest.mark.parametrize(
    "order",
    [
        {"unheard_of": 1},
        {"for": "x", "play": "no such"},
        {"for": "x"},
        {"confirm": "x"},
        {"key_mode": "x"},
        {"bill": 1},
        {"bill": {"burn": []}},
    ],
)
async def test_a_scenario_that_is_not_known_is_refused(world: World, order: dict[str, object]) -> None:
    """400 with a reason."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{world.sandbox.control_url}/scenario", json=order) as answer,
    ):
        assert answer.status == 400


@pytest.mark.parametrize(
    ("fen", "kind", "code", "exists"),
    [
        (1077, K.UNCLEAR, None, True),
        (1078, K.UNCLEAR, "SYSTEM_ERROR", True),
        (1079, K.REJECTED, "FREQUENCY_LIMITED", False),
    ],
)
async def test_amounts_misbehave_when_that_is_switched_on(
    keys: Path, fen: int, kind: OutcomeKind, code: str | None, exists: bool
) -> None:
    """77: time-out after the work, 78: 500 after the work, 79: 429 once; the repeat is served."""
    world = World(keys, amount_magic=True, hang_s=0.0)
    await world.start()
    try:
        sent = world.sent("0001", fen=fen)
        answer = await world.submit(sent)
        assert (answer.kind, answer.channel_code) == (kind, code)
        assert bool(world.sandbox.books()) is exists
        assert (await world.submit(sent)).kind is K.SUCCEEDED
        assert world.paid_times(sent) == 1
    finally:
        await world.stop()


async def test_amounts_behave_by_default(world: World) -> None:
    """12.77 is an amount like any other."""
    assert (await world.submit(world.sent("0001", fen=1277))).kind is K.SUCCEEDED


# --- faults


@pytest.mark.parametrize("fault", [fault for fault in Fault if "timeout" not in fault])
async def test_no_fault_says_anything_of_the_order(world: World, fault: Fault) -> None:
    """Whatever goes wrong with a create: never a final refusal, never "not sent", and the repeat pays once."""
    sent = world.sent("0001")
    world.sandbox.faults.add(fault, method="POST")
    answer = await world.submit(sent)
    assert answer.kind in (K.UNCLEAR, K.REJECTED)
    assert answer.finality not in ("final", "final_on_repeat")
    assert (answer.kind is K.REJECTED) == (fault is Fault.TOO_MANY_429)
    assert (await world.submit(sent)).kind is K.SUCCEEDED
    assert world.paid_times(sent) == 1


@pytest.mark.parametrize("fault", [Fault.WRONG_KEY, Fault.STALE_TIMESTAMP, Fault.NO_SIGNATURE, Fault.OTHER_REQUEST])
async def test_a_query_that_is_wrongly_signed_or_about_another_order_says_nothing(world: World, fault: Fault) -> None:
    """Somebody is called, the order stays as it is."""
    sent = world.sent("0001")
    await world.submit(sent)
    world.sandbox.faults.add(fault, method="GET")
    answer = await world.channel.query(sent)
    assert (answer.kind, answer.alarm) == (K.UNCLEAR, True)
    assert (await world.channel.query(sent)).kind is K.SUCCEEDED


@pytest.mark.parametrize(("fault", "exists"), [(Fault.TIMEOUT_BEFORE, False), (Fault.TIMEOUT_AFTER, True)])
async def test_a_time_out_is_unclear_with_or_without_an_order(keys: Path, fault: Fault, exists: bool) -> None:
    """Both look the same from outside; only the books know."""
    world = World(keys, hang_s=0.0)
    await world.start()
    try:
        sent = world.sent("0001")
        world.sandbox.faults.add(fault)
        assert (await world.submit(sent)).kind is K.UNCLEAR
        assert bool(await books(world)) is exists
    finally:
        await world.stop()


async def test_a_closed_listener_is_proved_not_sent_and_opens_with_its_books(world: World) -> None:
    """Nothing left us; the books are as they were."""
    paid, waiting = world.sent("0001"), world.sent("0001")
    await world.submit(paid)
    await control(world, "/listener", {"open": False})
    answer = await world.submit(waiting)
    assert (answer.kind, answer.channel_fault) == (K.NOT_SENT, True)
    assert (await world.channel.query(paid)).kind is K.UNCLEAR
    await control(world, "/listener", {"open": True})
    assert (await world.channel.query(paid)).kind is K.SUCCEEDED
    assert (await world.submit(waiting)).kind is K.SUCCEEDED


# --- notifications


async def test_a_notification_comes_again_until_it_is_taken(keys: Path) -> None:
    """Freshly signed every time, the same event."""
    world = World(keys, notifications=NotifyRules(waits_s=(0.0, 0.0, 0.0)))
    await world.start()
    try:
        world.refuse_next = 2
        await world.submit(world.sent("0001"))
        await world.sandbox.notifier.drain()
        ids = [world.notified.get_nowait().event_id for _ in range(3)]
        assert len(set(ids)) == 1
        assert world.notified.empty()
    finally:
        await world.stop()


async def test_without_a_notify_url_nobody_is_told(world: World) -> None:
    """Then there is only polling."""
    world.channel = world.make_channel(notify=False)
    await world.submit(world.sent("0001"))
    await world.sandbox.notifier.drain()
    assert world.notified.empty()


async def test_an_event_id_may_be_reused_on_order(world: World) -> None:
    """Two orders, one id: what de-duplication must survive."""
    await control(world, "/scenario", {"event_id": "the-same"})
    for _ in range(2):
        await world.submit(world.sent("0001"))
    assert [(await world.notified.get()).event_id for _ in range(2)] == ["the-same"] * 2


def test_the_presets_of_the_service_are_there() -> None:
    """Fifteen waits, and sixty-four."""
    assert (len(GENERAL_WAITS_S), len(TRANSFER_WAITS_S)) == (15, 64)


# --- keys


@pytest.mark.parametrize("mode", [KeyMode.CERTIFICATE, KeyMode.MIXED])
async def test_certificate_and_mixed_mode(keys: Path, mode: KeyMode) -> None:
    """A channel that fetches certificates (and holds the public key beside them) believes both kinds of signature."""
    world = World(keys, key_mode=mode)
    await world.start()
    try:
        changes = {"platform_keys": {}} if mode is KeyMode.CERTIFICATE else {}
        world.channel = world.make_channel(certificates=True, **changes)
        await world.channel.start()
        for _ in range(2):
            assert (await world.submit(world.sent("0001", name="张三"))).kind is K.SUCCEEDED
        await world.sandbox.notifier.drain()
        assert world.notified.qsize() == 2
        assert world.refused == []
    finally:
        await world.stop()


async def test_a_change_of_certificates(keys: Path) -> None:
    """The next certificate is listed beside the first and signs; a channel that starts now believes both."""
    world = World(keys, key_mode=KeyMode.CERTIFICATE)
    await world.start()
    try:
        await control(world, "/scenario", {"rotate_certificate": True})
        world.channel = world.make_channel(certificates=True, platform_keys={})
        await world.channel.start()
        assert (await world.submit(world.sent("0001"))).kind is K.SUCCEEDED
    finally:
        await world.stop()


async def test_in_public_key_mode_there_is_no_list_and_the_public_key_still_works(world: World) -> None:
    """404 RESOURCE_NOT_EXISTS does not stop a channel that holds the public key."""
    world.channel = world.make_channel(certificates=True)
    await world.channel.start()
    assert (await world.submit(world.sent("0001"))).kind is K.SUCCEEDED


async def test_tls_with_a_ca_of_its_own(keys: Path) -> None:
    """A channel that is given the CA gets through; one that is not never sends its order."""
    world = World(keys, tls=True)
    await world.start()
    try:
        assert world.sandbox.base_url.startswith("https://")
        sent = world.sent("0001")
        assert (await world.submit(sent)).kind is K.NOT_SENT
        world.channel = world.make_channel(tls_ca="file:ca.pem")
        assert (await world.submit(sent)).kind is K.SUCCEEDED
    finally:
        await world.stop()


def test_minting_again_changes_nothing(keys: Path) -> None:
    """Gateway and sandbox may both do it; every file is private."""
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    mint(keys)
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}


# --- the bill


@pytest.fixture
async def billed(world: World) -> World:
    """One order paid, one cancelled."""
    await world.submit(world.sent("0001"))
    cancelled = world.sent("SLOW")
    await world.submit(cancelled)
    await world.channel.cancel(cancelled)
    await world.until(cancelled, K.REJECTED)
    return world


async def _bill(world: World, **query: str) -> tuple[bytes, str]:
    """Ask for today's bill as the service's clients do, and fetch it."""
    client = world.channel._client
    day = (world.sandbox.clock.now() + timedelta(hours=8)).date().isoformat()
    parameters = {"bill_date": day, "account_type": "OPERATION"} | query
    target = f"/v3/bill/fundflowbill?{httpx.QueryParams(parameters)}"
    named = await client.get(world.sandbox.base_url, target)
    assert isinstance(named, HttpAnswer)
    members = json.loads(named.body)
    file = await client.get(world.sandbox.base_url, members["download_url"].removeprefix(world.sandbox.base_url))
    assert isinstance(file, HttpAnswer)
    return file.body, members["hash_value"]


@pytest.mark.parametrize("packing", [{}, {"tar_type": "GZIP"}], ids=["plain", "gzip"])
async def test_the_bill_is_made_of_what_happened(billed: World, packing: dict[str, str]) -> None:
    """One payment, and a pair that nets to zero; the hash is that of the uncompressed file."""
    file, sha1 = await _bill(billed, **packing)
    assert file.startswith(b"\x1f\x8b") is bool(packing)
    bill = read_bill(file, sha1)
    assert [row.signed_fen for row in bill.rows] == [-12345, -12345, 12345]
    assert bill.rows[1].voucher_no == bill.rows[2].voucher_no
    with pytest.raises(BillRefused):
        read_bill(file, "0" * 40)


@pytest.mark.parametrize(("how", "rows"), [("drop", 2), ("double", 4), ("alter", 3)])
async def test_the_bill_may_lie_on_order(billed: World, how: str, rows: int) -> None:
    """A row dropped, doubled or altered: a right hash, and something for reconciliation to find."""
    number = billed.sandbox.books()[0].channel_reference
    await control(billed, "/scenario", {"bill": {how: [number]}})
    bill = read_bill(*await _bill(billed))
    assert len(bill.rows) == rows
    assert sum(row.signed_fen for row in bill.rows) != -12345


async def test_a_link_dies_and_a_day_may_be_empty(billed: World) -> None:
    """The service's refusals: a dead link, a day without movement, one that has not begun."""
    sandbox = billed.sandbox
    client = billed.channel._client

    async def code(target: str) -> object:
        got = await client.get(sandbox.base_url, target)
        assert isinstance(got, HttpAnswer)
        return json.loads(got.body)["code"]

    assert await code("/v3/billdownload/file?token=nonsense") == "INVALID_REQUEST"
    assert await code("/v3/bill/fundflowbill?bill_date=2020-01-01&account_type=OPERATION") == "NO_STATEMENT_EXIST"
    assert await code("/v3/bill/fundflowbill?bill_date=2999-01-01&account_type=OPERATION") == "INVALID_REQUEST"
    assert await code("/v3/bill/fundflowbill?bill_date=tomorrow&account_type=OPERATION") == "INVALID_REQUEST"
