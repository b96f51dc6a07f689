"""The sandbox bank as a bank: it refuses what a bank must refuse, tells what happened, and can be steered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.bank import camt053, profile
from adapters.bank.exchange import SignedExchange
from adapters.bank.sandbox import BankSandbox, BankSandboxOptions
from adapters.bank.signature_base import Request
from adapters.bank.xml import parse
from adapters.http import HttpAnswer
from gateway.domain.outcome import OutcomeKind
from tests.support.bank_sandbox import World, bank_world

K = OutcomeKind
ACCOUNT = "6222020000000001"
PRODUCT = "/v1/payments/pain.001-domestic-credit-transfers"


async def ask(world: World, request: Request) -> HttpAnswer:
    """Send it, and have the bank's signature on its answer checked."""
    answer = await world.channel.exchange.send(request)
    assert isinstance(answer, HttpAnswer), answer
    return answer


def get(world: World, path: str, accept: str = "application/xml") -> Request:
    return world.channel.exchange.begin("GET", world.sandbox.base_url + path, (("Accept", accept),))[0]


def post(world: World, body: bytes, path: str = PRODUCT, content_type: str = "application/xml") -> Request:
    headers = (("Content-Type", content_type), ("Accept", "application/json"))
    return world.channel.exchange.begin("POST", world.sandbox.base_url + path, headers, body)[0]


REFUSALS: dict[str, tuple[Callable[[bytes], bytes], str, str, int, str]] = {
    "content type": (lambda body: body, PRODUCT, "application/json", 415, "REQUESTED_FORMATS_INVALID"),
    "doctype": (lambda body: body.replace(b"<Document", b"<!DOCTYPE a><Document"), PRODUCT, "", 400, "FORMAT_ERROR"),
    "not xml": (lambda _: b"hello", PRODUCT, "", 400, "FORMAT_ERROR"),
    "profile": (lambda body: body.replace(b">123.45<", b">123.450<"), PRODUCT, "", 400, "FORMAT_ERROR"),
    "schema": (lambda body: body.replace(b"PmtMtd", b"Method"), PRODUCT, "", 400, "FORMAT_ERROR"),
    "sum": (lambda body: body.replace(b"<NbOfTxs>1<", b"<NbOfTxs>2<"), PRODUCT, "", 400, "FORMAT_ERROR"),
    "product": (lambda body: body, "/v1/payments/pain.001-gold-bars", "", 404, "PRODUCT_UNKNOWN"),
    "resource": (lambda body: body, "/v1/presents", "", 404, "RESOURCE_UNKNOWN"),
    "method": (lambda body: body, PRODUCT + "/BNK1", "", 404, "RESOURCE_UNKNOWN"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_form_is_refused_before_money(bank_keys: Path, name: str) -> None:
    """What is wrong in form is a signed 4xx, and no order exists."""
    change, path, content_type, status, code = REFUSALS[name]
    async with bank_world(bank_keys) as world:
        body = change(world.sent(ACCOUNT).prepared.body)
        answer = await ask(world, post(world, body, path, content_type or "application/xml"))
        assert (answer.status, code in answer.body.decode()) == (status, True)
        assert world.sandbox.books() == []


async def _raw(request: Request) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.request(
            request.method, request.target_uri, headers=list(request.headers), content=request.body
        )


def _without(request: Request, *names: str) -> Request:
    return replace(request, headers=tuple(pair for pair in request.headers if pair[0] not in names))


async def test_a_replayed_request_is_refused(bank_keys: Path) -> None:
    """The very same transmission twice: once it works, then its nonce is used up."""
    async with bank_world(bank_keys) as world:
        request = post(world, world.sent(ACCOUNT).prepared.body)
        assert (await _raw(request)).status_code == 201
        second = await _raw(request)
        assert (second.status_code, "SIGNATURE_INVALID" in second.text) == (401, True)
        assert [entry.paid_times for entry in world.sandbox.books()] == [1]


async def test_an_unsigned_or_changed_request_is_refused(bank_keys: Path) -> None:
    """Missing, altered, aimed elsewhere: 401, unsigned when there is nothing to bind an answer to."""
    async with bank_world(bank_keys) as world:
        body = world.sent(ACCOUNT).prepared.body
        bare = await _raw(_without(post(world, body), "Signature", "Signature-Input", "X-Request-ID"))
        assert (bare.status_code, "SIGNATURE_MISSING" in bare.text) == (401, True)
        assert "signature" not in bare.headers
        altered = await _raw(replace(post(world, body), body=body.replace(b"123.45", b"923.45")))
        assert (altered.status_code, "reject_digest" in altered.text) == (401, True)
        moved = post(world, body)
        elsewhere = await _raw(replace(moved, target_uri=moved.target_uri.replace("domestic", "cross-border")))
        assert (elsewhere.status_code, "reject_signature" in elsewhere.text) == (401, True)
        assert world.sandbox.books() == []


async def test_an_order_can_be_read_in_every_way(bank_keys: Path) -> None:
    """The order's own bytes, its status as JSON, a lookup by MsgId; an unknown id is 404."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT)
        answer = await world.submit(sent)
        path = f"{PRODUCT}/{answer.channel_payout_id}"
        assert (await ask(world, get(world, path))).body == sent.prepared.body
        status = await ask(world, get(world, f"{path}/status", "application/json"))
        assert status.body == b'{"transactionStatus":"ACSC"}'
        assert (await ask(world, get(world, f"{path}/status", "text/html"))).status == 406
        listed = await ask(world, get(world, f"{PRODUCT}?msgId=M{sent.order.channel_reference}"))
        assert str(answer.channel_payout_id).encode() in listed.body
        assert (await ask(world, get(world, f"{PRODUCT}/BNK0/status"))).status == 404
        assert (await ask(world, get(world, f"{PRODUCT}?x=1"))).status == 400


async def _statement(world: World) -> camt053.Statement:
    day = world.sandbox.bank.now().date()
    path = f"/v1/accounts/110000000000000001/transactions?bookingStatus=booked&dateFrom={day}&dateTo={day}"
    document = parse((await ask(world, get(world, path))).body)
    profile.check(document)
    (found,) = camt053.read(document)
    return found


async def test_the_statement_is_what_happened(bank_keys: Path) -> None:
    """A debit, and a debit with its return: it adds up, and a success that is not has no entry."""
    async with bank_world(bank_keys) as world:
        for ending in ("0001", "0006", "0011"):
            await world.submit(world.sent(ACCOUNT[:-4] + ending))
        await world.live()
        found = await _statement(world)
        assert found.faults() == []
        assert [entry.direction for entry in found.entries] == ["DBIT", "DBIT", "CRDT"]
        assert found.opening.minor - found.closing.minor == 12_345
        assert [entry.return_reason for entry in found.entries] == [None, None, "AC04"]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("drop", lambda one: len(one.entries) == 1 and one.faults()),
        ("double", lambda one: len(one.entries) == 3 and one.faults()),
        ("alter", lambda one: one.entries[-1].amount.minor == 12_346 and one.faults()),
        ("gap", lambda one: not one.faults()),
        ("batch", lambda one: len(one.entries) == 2 and not one.faults()),
    ],
)
async def test_a_statement_can_be_wrong(bank_keys: Path, fault: str, seen: Callable[[Any], Any]) -> None:
    """Each fault shows as what it is; a batch is right, and a gap shows in the number only."""
    async with bank_world(bank_keys) as world:
        for _ in range(2):
            await world.submit(world.sent(ACCOUNT))
        before = await _statement(world)
        assert before.faults() == []
        world.sandbox.scenario({"statement": fault})
        after = await _statement(world)
        assert seen(after)
        assert (after.sequence != before.sequence) == (fault == "gap")


async def test_a_wrong_period_is_refused(bank_keys: Path) -> None:
    """Dates that are none, or the wrong way round."""
    async with bank_world(bank_keys) as world:
        base = "/v1/accounts/110000000000000001/transactions?bookingStatus=booked"
        assert (await ask(world, get(world, f"{base}&dateFrom=x&dateTo=y"))).status == 400
        assert (await ask(world, get(world, f"{base}&dateFrom=2026-01-02&dateTo=2026-01-01"))).status == 400
        assert (await ask(world, get(world, "/v1/accounts/9/transactions"))).status == 404


async def test_a_notification_that_is_not_taken_comes_again(bank_keys: Path) -> None:
    """The same event, signed anew, until it is stored."""
    async with bank_world(bank_keys) as world:
        world.answer_with = 503
        await world.submit(world.sent(ACCOUNT))
        await world.clock.advance(0)
        while len(world.taken) < 2:
            await world.clock.advance_to_next()
        world.answer_with = 200
        await world.live(60.0)
        assert len(world.taken) >= 3
        assert len({one.event_id for one in world.taken}) == 1
        assert len({one.nonce for one in world.taken}) == len(world.taken)


async def test_notifications_in_every_form(bank_keys: Path) -> None:
    """JSON asks only; bookings come as camt.054; replayed with the same nonce; or never."""
    async with bank_world(bank_keys) as world:
        control = world.sandbox.scenario
        control({"notify_format": "json"})
        answer = await world.submit(world.sent(ACCOUNT))
        await world.live()
        (notice,) = world.taken[-1].notices
        assert (notice.channel_payout_id, notice.answer.kind) == (answer.channel_payout_id, K.UNCLEAR)
        control({"notify_format": "xml", "notify_bookings": True})
        booked = world.sent(ACCOUNT)
        await world.submit(booked)
        await world.live()
        assert world.heard_of(booked) == [K.SUCCEEDED] * 2
        control({"replay_nonce": True, "notify_bookings": False})
        world.sandbox.notifier.change(repeat=2)
        replayed = world.sent(ACCOUNT)
        await world.submit(replayed)
        await world.live()
        assert world.heard_of(replayed) == [K.SUCCEEDED] * 2
        assert world.taken[-1].nonce == world.taken[-2].nonce
        world.sandbox.notifier.change(never=True)
        silent = world.sent(ACCOUNT)
        await world.submit(silent)
        await world.live()
        assert (world.heard_of(silent), world.refused) == ([], [])


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("accc", [K.SUCCEEDED]),
        ("acsc", [K.SUCCEEDED]),
        ("rjct:AC06", [K.UNCLEAR]),
        ("pending_forever", [K.PENDING, K.PENDING]),
        ("blck", [K.PENDING, K.PENDING]),
        ("patc", [K.PENDING]),
        ("acwc", [K.PENDING, K.SUCCEEDED]),
        ("return:AC04", [K.SUCCEEDED, K.SUCCEEDED]),
        ("whole_way", [K.PENDING, K.SUCCEEDED]),
    ],
)
async def test_a_scenario_for_one_account(bank_keys: Path, words: str, kinds: list[OutcomeKind]) -> None:
    """Ordered over the control surface, by account or by EndToEndId."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT)
        for key in (ACCOUNT, f"PO{sent.order.channel_reference}"):
            await _control(world, "/scenario", {"for": key, "words": words, "after_s": 1.0})
        found = [answer := await world.submit(sent)]
        await world.live()
        found.append(await world.query(sent, answer))
        assert [one.kind for one in found][: len(kinds)] == kinds


async def _control(world: World, path: str, order: dict[str, object], status: int = 200) -> Any:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(world.sandbox.control_url + path, json=order)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_control_surface(bank_keys: Path) -> None:
    """Books, clock, knobs; an order it does not know is refused; nothing of it under /v1."""
    async with bank_world(bank_keys) as world:
        sent = world.sent(ACCOUNT)
        await world.submit(sent)
        async with httpx.AsyncClient(trust_env=False) as client:
            (entry,) = (await client.get(world.sandbox.control_url + "/books")).json()
        assert entry == world.book(sent).as_json()
        assert (entry["channel_reference"], entry["paid_times"]) == (sent.order.channel_reference, 1)
        for knob in ({"duplicate_mode": "refuse"}, {"lookup": "off"}, {"statement": None}, {"notify_url": ""}):
            await _control(world, "/scenario", knob)
        assert (world.sandbox.bank.options.duplicate_mode, world.sandbox.bank.options.lookup) == ("refuse", "off")
        for wrong in (
            {"colour": 1},
            {"lookup": "maybe"},
            {"for": "1", "words": "rjct"},
            {"funds": 3},
            {"funds": {"9": 1}},
        ):
            await _control(world, "/scenario", wrong, 400)
        before = world.sandbox.clock.now()
        await _control(world, "/clock", {"forward_s": 1})
        assert (world.sandbox.clock.now() - before).total_seconds() == 1


async def test_keys_are_minted_once_and_for_ourselves_only(tmp_path: Path) -> None:
    """A second start finds the first one's keys; nobody else can read them."""
    for _ in range(2):
        sandbox = BankSandbox(BankSandboxOptions(keys=tmp_path / "keys"))
        await sandbox.start()
        await sandbox.stop()
        files = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert {
        "client_key.pem",
        "bank_public_key.pem",
        "ca.pem",
        "client_cert.pem",
        "client_tls_key.pem",
    } <= set(files)
    assert all((tmp_path / "keys" / name).stat().st_mode & 0o777 == 0o600 for name in files)
    again = BankSandbox(BankSandboxOptions(keys=tmp_path / "keys"))
    await again.start()
    await again.stop()
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == files


async def test_the_exchange_is_what_the_channel_uses(bank_keys: Path) -> None:
    """The helper above speaks as the channel does, so what it proves holds for payouts."""
    async with bank_world(bank_keys) as world:
        assert isinstance(world.channel.exchange, SignedExchange)
        assert (await ask(world, get(world, f"{PRODUCT}?endToEndId=PO1"))).body == b'{"payments":[]}'
