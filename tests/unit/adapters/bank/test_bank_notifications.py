"""What the channel believes of a notification, and what it makes of it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.bank.channel import BankChannel
from adapters.bank.signature_base import Request, Tag
from adapters.bank.signing import sign_message
from adapters.channel import Notification, NotificationRefused, RawNotification
from gateway.domain.money import Money
from gateway.domain.outcome import Heard, OutcomeKind, classify
from gateway.domain.reasons import RejectReason
from gateway.secret import Secret
from tests.support.bank import (
    BANK,
    NOW,
    REFERENCE,
    channel,
    json_bytes,
    public_pem,
    report,
    secret,
    settings,
    signing_key,
    vector_files,
)

K = OutcomeKind
TARGET = "/notify/bank/bank1"
URL = f"https://gateway.example.test{TARGET}"
SAMPLES = {one["name"]: one["xml"] for file in vector_files("iso20022_samples*.json") for one in file["samples"]}
VECTOR_REFERENCE = "20260101000000000001"


@pytest.fixture
async def bank() -> AsyncIterator[BankChannel]:
    built = channel()
    yield built
    await built.close()


def posted(body: bytes, content_type: str = "application/xml", url: str = URL, keyid: str = BANK) -> RawNotification:
    """As the bank signs and posts it."""
    plain = (("Content-Type", content_type), ("X-Request-ID", "1b4e28ba-2fa1-41d2-883f-0016d3cca427"))
    nonce = base64.urlsafe_b64encode(b"fedcba9876543210").rstrip(b"=").decode()
    added = sign_message(Request("POST", url, plain, body), Tag.NOTIFICATION, signing_key(keyid), NOW, nonce)
    return RawNotification("POST", TARGET, plain + added, body, NOW)


async def refusal(bank: BankChannel, raw: RawNotification) -> NotificationRefused:
    with pytest.raises(NotificationRefused) as refused:
        await bank.read_notification(raw)
    return refused.value


async def test_a_report_becomes_a_notice(bank: BankChannel) -> None:
    """Its event id is the report's, its nonce is handed on to be used up, its verdict that of a query's report."""
    found = await bank.read_notification(posted(report("ACSC")))
    assert (found.event_id, found.nonce) == ("S1", (BANK, "ZmVkY2JhOTg3NjU0MzIxMA"))
    (notice,) = found.notices
    assert (notice.channel_reference, notice.channel_payout_id, notice.amount) == (REFERENCE, None, None)
    assert (notice.answer.heard, notice.answer.kind) == (Heard.NOTIFICATION, K.SUCCEEDED)
    assert notice.answer.as_of == datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)


async def test_a_refusal_only_asks(bank: BankChannel) -> None:
    """Failure by notification never folds by itself (R8)."""
    (notice,) = (await bank.read_notification(posted(report("RJCT", ("AC04",))))).notices
    assert (notice.answer.kind, notice.answer.reason) == (K.REJECTED, RejectReason.PAYEE_ACCOUNT_CLOSED)
    outcome = classify(notice.answer, 0, 1)
    assert (outcome.kind, outcome.ask_now) == (K.UNCLEAR, True)


async def test_a_duplicate_code_only_asks(bank: BankChannel) -> None:
    """It speaks of a repeat."""
    (notice,) = (await bank.read_notification(posted(report("RJCT", ("DU04",))))).notices
    assert (notice.answer.kind, notice.answer.reason) == (K.UNCLEAR, RejectReason.DUPLICATE)


async def test_a_debit_is_success_with_its_amount(bank: BankChannel) -> None:
    """A booked debit of ours; the amount is given to be compared."""
    (notice,) = (await bank.read_notification(posted(SAMPLES["camt054_debit"].encode()))).notices
    assert (notice.answer.kind, notice.amount) == (K.SUCCEEDED, Money(12345, "CNY"))
    assert notice.channel_reference == VECTOR_REFERENCE


async def test_a_credit_with_return_information_is_a_return(bank: BankChannel) -> None:
    """With its money, and the reason by the return map."""
    (notice,) = (await bank.read_notification(posted(SAMPLES["camt054_return"].encode()))).notices
    assert (notice.answer.kind, notice.answer.returned) == (K.RETURNED, Money(12345, "CNY"))
    assert (notice.answer.reason, notice.answer.channel_code) == (RejectReason.PAYEE_ACCOUNT_CLOSED, "AC04")
    assert notice.amount is None, "a partial return is a return too; the amount must not refuse it"


async def test_return_reasons_are_read_with_their_own_map(bank: BankChannel) -> None:
    """BE08 is the payee bank's error in a return, and a missing name in a status report."""
    text = SAMPLES["camt054_return"].replace("<Cd>AC04</Cd>", "<Cd>BE08</Cd>")
    (notice,) = (await bank.read_notification(posted(text.encode()))).notices
    assert notice.answer.reason is RejectReason.CHANNEL_UNAVAILABLE
    (other,) = (await bank.read_notification(posted(report("RJCT", ("BE08",))))).notices
    assert other.answer.reason is RejectReason.INVALID_REQUEST


async def test_an_unbooked_entry_says_nothing(bank: BankChannel) -> None:
    """Verified, and nothing to act on."""
    text = SAMPLES["camt054_debit"].replace("<Cd>BOOK</Cd>", "<Cd>INFO</Cd>")
    assert (await bank.read_notification(posted(text.encode()))).notices == ()


async def test_a_credit_of_ours_without_a_mark_is_doubted(bank: BankChannel) -> None:
    """Neither paid nor returned: ask, and look."""
    text = SAMPLES["camt054_debit"].replace("DBIT", "CRDT")
    (notice,) = (await bank.read_notification(posted(text.encode()))).notices
    assert (notice.answer.kind, notice.answer.alarm) == (K.UNCLEAR, True)


async def test_json_decides_nothing(bank: BankChannel) -> None:
    """It names a payment to ask about; its event is the request's id."""
    body = json_bytes({"paymentId": "BNK1", "transactionStatus": "ACSC"})
    found = await bank.read_notification(posted(body, "application/json"))
    (notice,) = found.notices
    assert (notice.channel_payout_id, notice.answer.kind) == ("BNK1", K.UNCLEAR)
    assert found.event_id == "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    assert classify(notice.answer, 0, 1).ask_now


async def test_ids_of_two_orders_are_doubted_for_both(bank: BankChannel) -> None:
    """A report that mixes orders folds into none of them."""
    other = "XBC23456789DEFGHJKMNPQRSTU"
    found = await bank.read_notification(posted(report("ACSC", end_to_end_id=f"PO{other}")))
    assert {notice.channel_reference for notice in found.notices} == {REFERENCE, other}
    assert all(notice.answer.kind is K.UNCLEAR and notice.answer.alarm for notice in found.notices)


async def test_a_message_id_that_is_not_ours_is_doubted(bank: BankChannel) -> None:
    """Rule 1 of section 8: OrgnlMsgId must be ours."""
    (notice,) = (await bank.read_notification(posted(report("ACSC", msg_id="SOMEBODY-ELSE")))).notices
    assert notice.answer.kind is K.UNCLEAR


async def test_somebody_elses_order_is_nobodys_notice(bank: BankChannel) -> None:
    """Verified, nothing of our form in it."""
    body = report("ACSC").replace(REFERENCE.encode(), b"x")
    assert (await bank.read_notification(posted(body))).notices == ()


CASES = [
    case
    for file in vector_files("bank_http_message_signatures*.json")
    for case in file["cases"]
    if case["kind"] == "notification"
]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
async def test_a_published_notification_is_read(case: dict[str, Any]) -> None:
    """The vectors' own posts, through the whole channel, under the key that signed them."""

    def vector_secret(reference: str) -> Secret:
        return Secret(public_pem(case["keyid"]), reference) if reference == "env:VECTOR_KEY" else secret(reference)

    keys = {case["keyid"]: {"algorithm": case["algorithm"], "public_key": "env:VECTOR_KEY"}}
    bank = channel(settings(bank_keys=keys), secret=vector_secret)
    raw = RawNotification("POST", TARGET, tuple(case["headers"].items()), case["body"].encode(), NOW)
    found: Notification = await bank.read_notification(raw)
    assert [notice.channel_reference for notice in found.notices] == [VECTOR_REFERENCE]
    await bank.close()


async def test_a_forged_notification_changes_nothing(bank: BankChannel) -> None:
    """Each part that is signed, changed: refused with the check that failed."""
    good = posted(report("ACSC"))
    headers = tuple(pair for pair in good.headers if not pair[0].startswith("Signature"))
    stale = replace(good, received_at=datetime(2026, 1, 1, 0, 6, tzinfo=UTC))
    cases = {
        "reject_missing": replace(good, headers=headers),
        "reject_digest": replace(good, body=report("ACCC")),
        "reject_signature": replace(good, target=TARGET + "?x=1"),
        "reject_time": stale,
        "reject_unknown_key": posted(report("ACSC"), keyid="throwaway-test-bank-ed25519-2026"),
    }
    assert {(await refusal(bank, raw)).code for raw in cases.values()} == set(cases)
    for code, raw in cases.items():
        found = await refusal(bank, raw)
        assert (found.code, found.status) == (code, 401)


async def test_what_cannot_be_read_is_refused_after_it_is_verified(bank: BankChannel) -> None:
    """Another message, a DOCTYPE, no JSON object, an unknown type."""
    cases = [
        (posted(report().replace(b"<Document", b"<!DOCTYPE x><Document")), "reject_doctype", 400),
        (posted(SAMPLES["camt053_statement"].encode()), "reject_content", 400),
        (posted(b"[]", "application/json"), "reject_content", 400),
        (posted(b"x", "text/plain"), "reject_content_type", 415),
        (posted(b"", "application/xml"), "reject_content_type", 415),
    ]
    for raw, code, status in cases:
        found = await refusal(bank, raw)
        assert (found.code, found.status) == (code, status)


async def test_only_agreed_messages_are_read() -> None:
    """A message that is not configured is not read, verified or not."""
    bank = channel(settings(accepted_messages=["pain.002.001.10"]))
    assert (await refusal(bank, posted(SAMPLES["camt054_debit"].encode()))).code == "reject_content"
    await bank.close()


async def test_without_an_address_no_notification_is_ours() -> None:
    """The target is checked against what we gave the bank; we gave it nothing."""
    bank = channel(notify_url="")
    assert (await refusal(bank, posted(report()))).status == 404
    await bank.close()


async def test_the_host_header_is_not_believed(bank: BankChannel) -> None:
    """Behind a proxy the target is our configured base and the raw path, whatever `Host` says."""
    good = posted(report("ACSC"))
    raw = replace(good, headers=(*good.headers, ("Host", "inner.local:8080")))
    assert (await bank.read_notification(raw)).event_id == "S1"
    assert (await refusal(bank, posted(report(), url=f"https://inner.local{TARGET}"))).code == "reject_signature"


@pytest.mark.parametrize(
    ("status", "code", "named"),
    [
        (401, "reject_signature", "SIGNATURE_INVALID"),
        (401, "reject_missing", "SIGNATURE_MISSING"),
        (404, "unknown", "RESOURCE_UNKNOWN"),
        (400, "reject_doctype", "FORMAT_ERROR"),
        (503, "store_down", "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_a_reply_is_in_the_banks_own_form(bank: BankChannel, status: int, code: str, named: str) -> None:
    """200 is empty; anything else is the error body of section 15."""
    assert (bank.reply(200, "").body, bank.reply(200, "").headers) == (b"", ())
    made = bank.reply(status, code)
    assert made.status == status
    assert f'"code":"{named}"'.encode() in made.body
