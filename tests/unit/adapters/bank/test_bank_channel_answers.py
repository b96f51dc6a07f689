"""What the channel makes of everything a bank can answer: each row of sections 9, 12 and 15, over a mocked network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx

from adapters.bank.algorithms import Algorithm
from adapters.bank.channel import BankChannel
from adapters.bank.codes import POST_ERRORS, STATUSES
from adapters.bank.signature_base import Request as SignedRequest
from adapters.bank.signature_base import Response, Tag
from adapters.bank.verifying import verify_message
from gateway.domain.outcome import Absence, Answer, Finality, Heard, Outcome, OutcomeKind, classify
from gateway.domain.reasons import RejectReason
from tests.support.bank import (
    BANK,
    BASE,
    CLIENT_RSA,
    NOW,
    PRODUCT,
    REFERENCE,
    answering,
    channel,
    created,
    error,
    json_bytes,
    lookup,
    order,
    public_keys,
    report,
    sent,
    settings,
    signing_key,
)
from tests.support.signer import Slow

K = OutcomeKind
URL = f"{BASE}/v1/payments/{PRODUCT}"
STATUS = f"{URL}/BNK1/status"
XML = "application/xml"


@pytest.fixture
async def bank() -> AsyncIterator[BankChannel]:
    built = channel()
    yield built
    await built.close()


@pytest.fixture
def network() -> Any:
    with respx.mock(assert_all_called=False) as mocked:
        yield mocked


async def submit(bank: BankChannel, payment_id: str | None = None) -> Answer:
    return await bank.submit(bank.sign(sent(bank, payment_id=payment_id)))


def dropped(asked: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


async def cut(asked: httpx.Request) -> httpx.Response:
    """The head was written, then nothing."""
    await asked.extensions["trace"]("http11.send_request_headers.started", {})
    raise httpx.ReadTimeout("silence")


async def test_an_order_is_posted_signed_and_bound(bank: BankChannel, network: respx.Router) -> None:
    """One POST of the stored bytes to the product's address; the signature verifies over what really left."""
    network.post(URL).mock(side_effect=answering(201, created("RCVD")))
    answer = await submit(bank)
    (call,) = network.calls
    asked = call.request
    headers = tuple((name, value) for name, value in asked.headers.multi_items())
    seen = SignedRequest(asked.method, str(asked.url), headers, asked.content)
    verify_message(seen, Tag.REQUEST, public_keys(), NOW)
    assert asked.content == sent(bank).prepared.body
    assert asked.headers["Content-Type"] == XML
    assert (answer.heard, answer.kind, answer.channel_payout_id) == (Heard.SUBMIT, K.PENDING, "BNK1")
    assert answer.raw.startswith(b"HTTP 201")


async def test_a_signature_from_elsewhere_is_waited_for(network: respx.Router) -> None:
    """An RSA key's may come from another process: order, question and cancel leave with one that verifies."""
    slow = Slow()
    bank = channel(signer=slow)
    key = signing_key(CLIENT_RSA, Algorithm.RSA_PSS_SHA512)
    bank.exchange = replace(bank.exchange, key=key)
    network.route().mock(side_effect=answering(201, created("RCVD")))
    signed = bank.sign(sent(bank))
    assert "Signature" not in dict(signed.headers)
    await bank.submit(signed)
    await bank.query(sent(bank, payment_id="BNK1"))
    await bank.cancel(sent(bank, payment_id="BNK1"))
    await bank.close()
    for call in network.calls:
        headers = tuple((name, value) for name, value in call.request.headers.multi_items())
        seen = SignedRequest(call.request.method, str(call.request.url), headers, call.request.content)
        verify_message(seen, Tag.REQUEST, public_keys(), NOW)
    assert slow.begun == len(network.calls) >= 3


async def test_every_transmission_is_signed_afresh(bank: BankChannel) -> None:
    """A repeat sends the same bytes under a new request id and nonce."""
    one, other = bank.sign(sent(bank)), bank.sign(sent(bank))
    first, second = dict(one.headers), dict(other.headers)
    assert one.body == other.body
    for name in ("X-Request-ID", "Signature-Input", "Signature"):
        assert first[name] != second[name]
    assert len({"X-Request-ID", "Content-Digest"} & set(first)) == 2


async def test_an_attempt_is_sent_to_the_ground_it_was_made_on(bank: BankChannel) -> None:
    """A later change of the address does not move an order that may be paid at the old one (R16)."""
    pinned = replace(bank.ground, base_address="https://old.example.test")
    assert bank.sign(replace(sent(bank), ground=pinned)).url == f"https://old.example.test/v1/payments/{PRODUCT}"
    assert bank.ground.absence is Absence.NEVER


@pytest.mark.parametrize("status", [*STATUSES, "ZZZZ"])
async def test_a_201_means_its_status(bank: BankChannel, network: respx.Router, status: str) -> None:
    """Pending, paid, or to be asked about: a JSON refusal never decides."""
    network.post(URL).mock(side_effect=answering(201, created(status)))
    answer = await submit(bank)
    expected = {"ACSC": K.SUCCEEDED, "ACCC": K.SUCCEEDED, "RJCT": K.UNCLEAR, "CANC": K.UNCLEAR}
    assert answer.kind is expected.get(status, K.PENDING)
    assert (answer.channel_code, answer.channel_payout_id) == (status, "BNK1")


async def test_a_refused_repeat_does_not_take_the_first_ones_place(bank: BankChannel, network: respx.Router) -> None:
    """The id we hold stays when a repeat comes back refused under an id of its own."""
    network.post(URL).mock(side_effect=answering(201, created("RJCT", "BNK2")))
    assert (await submit(bank, "BNK1")).channel_payout_id == "BNK1"
    assert (await submit(bank)).channel_payout_id == "BNK2"


async def test_an_approval_that_is_missing_is_told(bank: BankChannel, network: respx.Router) -> None:
    """`scaRedirect` means a person must act at the bank."""
    body = {"transactionStatus": "RCVD", "paymentId": "BNK1", "_links": {"scaRedirect": {"href": "https://x"}}}
    network.post(URL).mock(side_effect=answering(201, json_bytes(body)))
    answer = await submit(bank)
    assert (answer.kind, answer.alarm) == (K.PENDING, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"transactionStatus":"ACSC"}',
        b'{"paymentId":"BNK1"}',
        created("ACSC", "../x"),
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "list", "no id", "no status", "bad id", "deep"],
)
async def test_a_201_that_cannot_be_read_is_unclear(bank: BankChannel, network: respx.Router, body: bytes) -> None:
    """A signed 201 without what it must have decides nothing, and is loud."""
    network.post(URL).mock(side_effect=answering(201, body))
    answer = await submit(bank)
    assert (answer.kind, answer.alarm, answer.channel_payout_id) == (K.UNCLEAR, True, None)


@pytest.mark.parametrize("pair", POST_ERRORS, ids=str)
async def test_a_signed_error_means_its_row(bank: BankChannel, network: respx.Router, pair: tuple[int, str]) -> None:
    """Section 15, row by row; the code is kept, and a first refusal is believed for transmission 1 of 1 only."""
    status, code = pair
    network.post(URL).mock(side_effect=answering(status, error(code)))
    answer, row = await submit(bank), POST_ERRORS[pair]
    assert (answer.kind, answer.finality, answer.reason) == (row.kind, row.finality, row.reason)
    assert (answer.channel_code, answer.alarm) == (code, row.alarm)
    repeated = classify(answer, 2, 2)
    assert repeated.kind is K.UNCLEAR, "a refusal of the repeat says nothing of the first"
    assert (classify(answer, 1, 1).kind is K.REJECTED) == (row.finality is Finality.FINAL)


async def test_the_bad_identity_family_stops_rather_than_fails(bank: BankChannel, network: respx.Router) -> None:
    """401: not a failed payout but a channel to stop."""
    network.post(URL).mock(side_effect=answering(401, error("SIGNATURE_INVALID")))
    answer = await submit(bank)
    assert (answer.kind, answer.reason, answer.alarm) == (K.UNCLEAR, RejectReason.SIGNATURE_ERROR, True)


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [("7", 7.0), ("0", 1.0), ("999999", 3600.0), ("", 30.0), ("soon", 30.0), ("-5", 30.0)],
)
async def test_too_many_requests_wants_the_same_bytes_later(
    bank: BankChannel, network: respx.Router, retry_after: str, expected: float
) -> None:
    """429: the same id again, after the bank's wish, which is kept within limits."""
    network.post(URL).mock(side_effect=answering(429, error("ACCESS_EXCEEDED"), retry_after=retry_after))
    answer = await submit(bank)
    assert (answer.finality, answer.resend_after_s) == (Finality.RETRY_SAME_ID, expected)
    assert classify(answer, 1, 1) == Outcome(K.UNCLEAR, answer, repeat=True)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
async def test_a_signed_server_error_is_unknown(bank: BankChannel, network: respx.Router, status: int) -> None:
    """It may have been taken in all the same."""
    network.post(URL).mock(side_effect=answering(status, error("INTERNAL_SERVER_ERROR")))
    answer = await submit(bank)
    assert (answer.kind, answer.channel_fault, answer.alarm) == (K.UNCLEAR, True, False)


@pytest.mark.parametrize("status", [200, 202, 204, 302, 405, 418])
async def test_an_unexpected_answer_is_unclear_and_loud(bank: BankChannel, network: respx.Router, status: int) -> None:
    """Only a 201 says taken; a redirect is never followed."""
    body = b"" if status == 204 else created("ACSC")
    network.post(URL).mock(side_effect=answering(status, body, location="https://elsewhere.example/"))
    answer = await submit(bank)
    assert (answer.kind, answer.alarm) == (K.UNCLEAR, True)
    assert len(network.calls) == 1


def _unsigned(status: int, body: bytes) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, content=body, headers={"Content-Type": "application/json"})


def _strip(response: Response) -> Response:
    """Bind the answer to a request with another id."""
    headers = tuple(
        (name, "1b4e28ba-2fa1-41d2-883f-0016d3cca427" if name == "x-request-id" else value)
        for name, value in response.request.headers
    )
    return replace(response, request=replace(response.request, headers=headers))


@pytest.mark.parametrize("status", [201, 400, 403, 404, 409, 429])
async def test_an_unsigned_answer_is_no_answer(bank: BankChannel, network: respx.Router, status: int) -> None:
    """A proxy can invent any of these: unknown, even when it is a 4xx with a listed code."""
    network.post(URL).mock(side_effect=_unsigned(status, created("ACSC") if status == 201 else error("FORMAT_ERROR")))
    answer = await submit(bank)
    assert (answer.kind, answer.alarm, answer.channel_fault) == (K.UNCLEAR, True, True)
    assert (answer.reason, answer.channel_payout_id) == (None, None)


async def test_an_unsigned_server_error_is_only_a_fault(bank: BankChannel, network: respx.Router) -> None:
    """A 502 page from something in between is ordinary trouble, not an alarm."""
    network.post(URL).mock(side_effect=lambda _: httpx.Response(502, html="<h1>Bad Gateway</h1>"))
    answer = await submit(bank)
    assert (answer.kind, answer.alarm, answer.channel_fault) == (K.UNCLEAR, False, True)


async def test_an_unsigned_401_stops_the_channel_and_leaves_the_order_unknown(
    bank: BankChannel, network: respx.Router
) -> None:
    """The bank does not know who asks, so it cannot sign for us: the one exception."""
    network.post(URL).mock(side_effect=_unsigned(401, error("SIGNATURE_INVALID")))
    answer = await submit(bank)
    assert (answer.kind, answer.reason, answer.alarm) == (K.UNCLEAR, RejectReason.SIGNATURE_ERROR, True)
    assert answer.channel_code == "SIGNATURE_INVALID"


async def test_an_answer_to_another_request_is_no_answer(bank: BankChannel, network: respx.Router) -> None:
    """A genuine answer, replayed under a question it was not given to."""
    network.post(URL).mock(side_effect=answering(201, created("ACSC"), spoil=_strip))
    answer = await submit(bank)
    assert (answer.kind, answer.alarm) == (K.UNCLEAR, True)
    assert "reject_signature" in answer.detail


async def test_an_answer_that_returns_another_request_id_is_no_answer(bank: BankChannel, network: respx.Router) -> None:
    """Signed, but with an X-Request-ID that is not the one we sent."""

    def swap(response: Response) -> Response:
        headers = tuple((name, "other" if name == "X-Request-ID" else value) for name, value in response.headers)
        return replace(response, headers=headers)

    network.post(URL).mock(side_effect=answering(201, created("ACSC"), spoil=swap))
    assert (await submit(bank)).kind is K.UNCLEAR


async def test_a_doubled_header_spoils_an_answer(bank: BankChannel, network: respx.Router) -> None:
    """A covered field that came twice is refused, whatever its values."""
    good = answering(201, created("ACSC"))

    def double(asked: httpx.Request) -> httpx.Response:
        made = good(asked)
        return httpx.Response(
            201, headers=[*made.headers.multi_items(), ("content-type", "application/json")], content=made.content
        )

    network.post(URL).mock(side_effect=double)
    assert (await submit(bank)).kind is K.UNCLEAR


async def test_nothing_written_is_not_sent(bank: BankChannel, network: respx.Router) -> None:
    """Proved by the transport, and only then."""
    network.post(URL).mock(side_effect=dropped)
    answer = await submit(bank)
    assert (answer.kind, answer.channel_fault) == (K.NOT_SENT, True)


async def test_our_own_full_pool_is_no_fault_of_the_bank(bank: BankChannel, network: respx.Router) -> None:
    """Nothing left, for want of a connection of ours: not sent, and the breaker hears nothing of it."""
    network.route().mock(side_effect=httpx.PoolTimeout("full"))
    made, asked = await submit(bank), await bank.query(sent(bank, payment_id="BNK1"))
    assert (made.kind, made.channel_fault) == (K.NOT_SENT, False)
    assert (asked.kind, asked.channel_fault) == (K.UNCLEAR, False)


async def test_silence_after_writing_is_unclear(bank: BankChannel, network: respx.Router) -> None:
    """The bank may be paying."""
    network.post(URL).mock(side_effect=cut)
    answer = await submit(bank)
    assert (answer.kind, answer.channel_fault) == (K.UNCLEAR, True)
    assert len(network.calls) == 1, "a submit is never repeated by the adapter"


async def test_a_query_reads_the_report(bank: BankChannel, network: respx.Router) -> None:
    """The pain.002 behind the payment id, with the bank's own date."""
    network.get(STATUS).mock(side_effect=answering(200, report("ACSC"), XML))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    assert (answer.heard, answer.kind, answer.channel_payout_id) == (Heard.QUERY, K.SUCCEEDED, "BNK1")
    assert answer.as_of is not None
    assert answer.as_of.isoformat() == "2026-01-01T00:00:05+00:00"
    assert network.calls[0].request.headers["Accept"] == XML


@pytest.mark.parametrize(
    ("reasons", "kind", "finality", "reason"),
    [
        (("AC04",), K.REJECTED, Finality.FINAL_ON_REPEAT, RejectReason.PAYEE_ACCOUNT_CLOSED),
        (("AM04",), K.REJECTED, Finality.FINAL_ON_REPEAT, RejectReason.INSUFFICIENT_FUNDS),
        (("MS03",), K.REJECTED, Finality.FINAL_ON_REPEAT, RejectReason.UNKNOWN),
        ((), K.REJECTED, Finality.UNKNOWN, RejectReason.UNKNOWN),
        (("ZZ99",), K.REJECTED, Finality.UNKNOWN, RejectReason.UNKNOWN),
    ],
)
async def test_a_refusal_in_a_report(
    bank: BankChannel,
    network: respx.Router,
    reasons: tuple[str, ...],
    kind: OutcomeKind,
    finality: Finality,
    reason: RejectReason,
) -> None:
    """It decides, however often we sent, when it gives a listed reason that is no duplicate code; else it does not."""
    network.get(STATUS).mock(side_effect=answering(200, report("RJCT", reasons), XML))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    assert (answer.kind, answer.finality, answer.reason) == (kind, finality, reason)
    assert (classify(answer, 0, 3).kind is K.REJECTED) == (finality is Finality.FINAL_ON_REPEAT)


MISMATCHES = {
    "OrgnlMsgId": report(msg_id="MXXX23456789DEFGHJKMNPQRST"),
    "OrgnlMsgId not ours": report(msg_id="SOMEBODY-ELSE"),
    "OrgnlEndToEndId": report(end_to_end_id="POXXX23456789DEFGHJKMNPQRST"),
    "another order": report(reference="XBC23456789DEFGHJKMNPQRSTU"),
    "OrgnlUETR": report(uetr="7d9f9bd1-4f0a-4c0e-9a52-0e2c7e0a0002"),
    "InstdAmt": report(amount='<InstdAmt Ccy="CNY">123.46</InstdAmt>'),
    "currency": report(amount='<InstdAmt Ccy="EUR">123.45</InstdAmt>'),
    "no end-to-end id": report().replace(f"<OrgnlEndToEndId>PO{REFERENCE}</OrgnlEndToEndId>".encode(), b""),
    "no time zone": report().replace(b"08:00:05+08:00", b"08:00:05"),
    "another version": report().replace(b"pain.002.001.10", b"pain.002.001.03"),
    "doctype": report().replace(b"<Document", b"<!DOCTYPE x><Document"),
    "not xml": b"hello",
}


@pytest.mark.parametrize("name", MISMATCHES)
async def test_a_report_that_is_not_about_our_order_decides_nothing(
    bank: BankChannel, network: respx.Router, name: str
) -> None:
    """Every echo must be ours: message, ids, UETR, amount, currency. Under our ids with another amount it shows that
    the bank has an order there."""
    network.get(STATUS).mock(side_effect=answering(200, MISMATCHES[name], XML))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    assert (answer.kind, answer.alarm, answer.channel_payout_id) == (K.UNCLEAR, True, None)
    assert answer.other_content is (name in ("InstdAmt", "currency"))


async def test_a_report_with_the_right_amount_is_taken(bank: BankChannel, network: respx.Router) -> None:
    """The amount's check is not what refuses everything above."""
    body = report(amount='<InstdAmt Ccy="CNY">123.45</InstdAmt>')
    network.get(STATUS).mock(side_effect=answering(200, body, XML))
    assert (await bank.query(sent(bank, payment_id="BNK1"))).kind is K.SUCCEEDED


async def test_levels_that_contradict_are_pending_and_loud(bank: BankChannel, network: respx.Router) -> None:
    """A group refused and its transaction paid: nothing is decided, a person looks."""
    network.get(STATUS).mock(side_effect=answering(200, report("ACSC", group="RJCT"), XML))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    assert (answer.kind, answer.alarm) == (K.PENDING, True)


async def test_a_query_is_put_again_while_nothing_comes(bank: BankChannel, network: respx.Router) -> None:
    """At most three tries, each signed anew."""
    answers = iter([None, None, answering(200, report("ACSC"), XML)])

    def in_turn(asked: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if answer is None:
            raise httpx.ReadTimeout("silence")
        return answer(asked)

    network.get(STATUS).mock(side_effect=in_turn)
    assert (await bank.query(sent(bank, payment_id="BNK1"))).kind is K.SUCCEEDED
    ids = [call.request.headers["X-Request-ID"] for call in network.calls]
    assert len(ids) == len(set(ids)) == 3


@pytest.mark.parametrize(
    ("status", "code", "alarm", "fault"),
    [
        (401, "SIGNATURE_INVALID", True, False),
        (403, "SERVICE_BLOCKED", True, False),
        (429, "ACCESS_EXCEEDED", False, True),
        (503, "", False, True),
    ],
)
async def test_a_failed_question_is_unclear(
    bank: BankChannel, network: respx.Router, status: int, code: str, alarm: bool, fault: bool
) -> None:
    """No answer to a question is ever a no."""
    network.get(STATUS).mock(side_effect=answering(status, error(code)))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    assert (answer.kind, answer.alarm, answer.channel_fault) == (K.UNCLEAR, alarm, fault)


async def test_without_an_id_the_order_is_looked_up(bank: BankChannel, network: respx.Router) -> None:
    """By our EndToEndId; the bank's id is learned on the way."""
    found = network.get(URL, params={"endToEndId": f"PO{REFERENCE}"}).mock(side_effect=answering(200, lookup("BNK1")))
    network.get(STATUS).mock(side_effect=answering(200, report("ACSP"), XML))
    answer = await bank.query(sent(bank))
    assert found.called
    assert (answer.kind, answer.channel_payout_id) == (K.PENDING, "BNK1")


async def test_an_empty_list_is_absent_and_proves_nothing(bank: BankChannel, network: respx.Router) -> None:
    """The channel says it knows no such order; with this ground the same bytes go again, and nobody fails over."""
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup()))
    answer = await bank.query(sent(bank))
    assert answer.kind is K.ABSENT
    assert classify(answer, 0, 1, bank.ground.absence) == Outcome(K.UNCLEAR, answer, repeat=True)


async def test_an_id_the_bank_has_forgotten_is_looked_up(bank: BankChannel, network: respx.Router) -> None:
    """404 on its own id: absent so far, and somebody should look."""
    network.get(STATUS).mock(side_effect=answering(404, error("RESOURCE_UNKNOWN")))
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup()))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    assert (answer.kind, answer.alarm) == (K.ABSENT, True)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (report("ACSC"), K.SUCCEEDED),
        (report("ACSP"), K.PENDING),
        (report("RJCT", ("AC04",)), K.REJECTED),
        (report("RJCT", ("DU04",)), K.UNCLEAR),
    ],
    ids=["paid", "pending", "refused", "duplicates all"],
)
async def test_a_duplicate_code_asks_for_the_original(
    bank: BankChannel, network: respx.Router, first: bytes, expected: OutcomeKind
) -> None:
    """The id we hold is that of a refused repeat: what became of the first decides."""
    network.get(STATUS).mock(side_effect=answering(200, report("RJCT", ("DU04",)), XML))
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup("BNK0", "BNK1")))
    network.get(f"{URL}/BNK0/status").mock(side_effect=answering(200, first, XML))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    assert answer.kind is expected
    if expected is not K.UNCLEAR:
        assert answer.channel_payout_id == "BNK0"


@pytest.mark.parametrize(
    ("first", "expected"), [(report("ACSC"), K.SUCCEEDED), (report("ACSP"), K.PENDING), (None, K.REJECTED)]
)
async def test_a_repeat_refused_for_another_reason_does_not_fail_the_first(
    network: respx.Router, first: bytes | None, expected: OutcomeKind
) -> None:
    """Where a repeat gets an id of its own, its AM04 may only mean that the first order took the funds.

    A list without the first proves nothing either, it may be late: the refusal is the repeat's own.
    """
    bank = channel(settings(duplicate_mode="refuse"))
    network.get(STATUS).mock(side_effect=answering(200, report("RJCT", ("AM04",)), XML))
    listed = lookup("BNK1") if first is None else lookup("BNK0", "BNK1")
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, listed))
    network.get(f"{URL}/BNK0/status").mock(side_effect=answering(200, first or b"", XML))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    await bank.close()
    assert answer.kind is expected
    assert classify(answer, 0, 2).kind is (K.UNCLEAR if expected is K.REJECTED else expected)


@pytest.mark.parametrize(
    ("mode", "finality"),
    [("same_resource", Finality.FINAL_ON_REPEAT), ("refuse", Finality.FINAL), ("none", Finality.FINAL)],
)
@pytest.mark.parametrize("status", ["RJCT", "CANC"])
async def test_a_refusal_is_the_orders_only_where_one_id_is_one_order(
    network: respx.Router, mode: str, finality: Finality, status: str
) -> None:
    """By the attempt's ground. Sent once, it decides everywhere."""
    bank = channel(settings(duplicate_mode=mode))
    network.get(STATUS).mock(side_effect=answering(200, report(status, ("AM04",)), XML))
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup()))
    answer = await bank.query(sent(bank, payment_id="BNK1"))
    await bank.close()
    assert (answer.kind, answer.finality) == (K.REJECTED, finality)
    assert classify(answer, 0, 1).kind is K.REJECTED


@pytest.mark.parametrize("mode", ["same_resource", "refuse"])
async def test_a_refusal_does_not_decide_while_another_order_is_not_found(network: respx.Router, mode: str) -> None:
    """The bank lists it and then knows nothing of it: ask on and tell somebody, and send nothing again meanwhile."""
    bank = channel(settings(duplicate_mode=mode))
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup("BNK0", "BNK1")))
    network.get(STATUS).mock(side_effect=answering(200, report("RJCT", ("AM04",)), XML))
    network.get(f"{URL}/BNK0/status").mock(side_effect=answering(404, error("RESOURCE_UNKNOWN")))
    answer = await bank.query(sent(bank))
    await bank.close()
    assert (answer.kind, answer.alarm) == (K.UNCLEAR, True)
    assert classify(answer, 0, 1) == Outcome(K.UNCLEAR, answer)


async def test_a_refusal_does_not_decide_while_another_order_is_silent(
    bank: BankChannel, network: respx.Router
) -> None:
    """Two orders under our id, one refused, of the other no word: it may be the one that pays."""
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup("BNK0", "BNK1")))
    network.get(STATUS).mock(side_effect=answering(200, report("RJCT", ("AC04",)), XML))
    network.get(f"{URL}/BNK0/status").mock(side_effect=answering(503, error("INTERNAL_SERVER_ERROR")))
    assert (await bank.query(sent(bank))).kind is K.UNCLEAR


async def test_two_payments_of_one_order_are_loud(bank: BankChannel, network: respx.Router) -> None:
    """The bank paid twice: success, with an alarm."""
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup("BNK0", "BNK1")))
    network.get(url__regex=rf"{URL}/BNK[01]/status").mock(side_effect=answering(200, report("ACSC"), XML))
    answer = await bank.query(sent(bank))
    assert (answer.kind, answer.alarm) == (K.SUCCEEDED, True)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        lookup("BNK1", reference="XBC23456789DEFGHJKMNPQRSTU"),
        json_bytes({"payments": [{"paymentId": "BNK1"}]}),
        lookup(*(f"BNK{number}" for number in range(6))),
    ],
    ids=["no list", "another's order", "no end-to-end id", "too many"],
)
async def test_a_list_that_is_not_ours_decides_nothing(bank: BankChannel, network: respx.Router, body: bytes) -> None:
    """Least of all that there is no order."""
    network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, body))
    answer = await bank.query(sent(bank))
    assert (answer.kind, answer.alarm) == (K.UNCLEAR, True)


async def test_without_lookup_or_id_nobody_can_be_asked(network: respx.Router) -> None:
    """Then the same bytes again is all there is; nothing is asked in vain."""
    bank = channel(settings(has_lookup=False))
    answer = await bank.query(sent(bank))
    assert (answer.kind, len(network.calls)) == (K.ABSENT, 0)
    network.get(STATUS).mock(side_effect=answering(200, report("RJCT", ("DU04",)), XML))
    assert (await bank.query(sent(bank, payment_id="BNK1"))).kind is K.UNCLEAR
    await bank.close()


@pytest.mark.parametrize(
    ("status", "kind"), [(204, K.PENDING), (202, K.PENDING), (405, K.PENDING), (404, K.UNCLEAR), (500, K.UNCLEAR)]
)
async def test_a_cancellation_is_never_proof(
    bank: BankChannel, network: respx.Router, status: int, kind: OutcomeKind
) -> None:
    """Section 12: whatever a DELETE is answered, the next question tells."""
    body = b"" if status == 204 else error("CANCELLATION_INVALID")
    network.delete(f"{URL}/BNK1").mock(side_effect=answering(status, body))
    answer = await bank.cancel(sent(bank, payment_id="BNK1"))
    assert (answer.heard, answer.kind) == (Heard.CANCEL, kind)
    assert classify(answer, 0, 1).kind is K.UNCLEAR


async def test_a_cancellation_without_an_id_looks_it_up_first(bank: BankChannel, network: respx.Router) -> None:
    """And cancels nothing when there is nothing."""
    listed = network.get(url__startswith=f"{URL}?").mock(side_effect=answering(200, lookup("BNK1")))
    deleted = network.delete(f"{URL}/BNK1").mock(side_effect=answering(204))
    assert (await bank.cancel(sent(bank))).kind is K.PENDING
    assert deleted.called
    listed.mock(side_effect=answering(200, lookup()))
    assert (await bank.cancel(sent(bank))).kind is K.UNCLEAR


async def test_a_cancellation_without_an_answer_is_unclear(bank: BankChannel, network: respx.Router) -> None:
    """Even one that was not sent: nothing of the order is proved by it."""
    network.delete(f"{URL}/BNK1").mock(side_effect=dropped)
    assert (await bank.cancel(sent(bank, payment_id="BNK1"))).kind is K.UNCLEAR


async def test_extra_headers_are_sent(network: respx.Router) -> None:
    """What a bank demands besides, and a notification address among it is signed."""
    extra = {"PSU-ID": "corp-1", "TPP-Notification-URI": "https://gateway.example.test/n"}
    bank = channel(settings(extra_headers=extra))
    network.post(URL).mock(side_effect=answering(201, created("RCVD")))
    assert (await submit(bank)).kind is K.PENDING
    headers = network.calls[0].request.headers
    assert headers["PSU-ID"] == "corp-1"
    assert '"tpp-notification-uri"' in headers["Signature-Input"]
    await bank.close()


async def test_a_bank_key_that_is_not_on_file_proves_nothing(network: respx.Router) -> None:
    """The same answers, once the bank's key is another."""
    bank = channel(settings(bank_keys={"throwaway-test-bank-other": {"public_key": "env:BANK_KEY"}}))
    network.post(URL).mock(side_effect=answering(201, created("ACSC")))
    assert (await submit(bank)).kind is K.UNCLEAR
    assert signing_key(BANK).keyid not in bank.ground.key_ids
    await bank.close()


async def test_amounts_go_out_as_they_are(bank: BankChannel) -> None:
    """The prepared bytes hold the order's own amount and ids."""
    body = bank.prepare(order(1), NOW).body.decode()
    assert '<InstdAmt Ccy="CNY">0.01</InstdAmt>' in body
    for one in (f"M{REFERENCE}", f"P{REFERENCE}", f"I{REFERENCE}", f"PO{REFERENCE}"):
        assert f">{one}<" in body or f">{one} " in body
