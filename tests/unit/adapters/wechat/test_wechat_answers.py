"""Every answer the service can give to a create, a query or a cancel, and what it is taken for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
import respx

from adapters.signer import HERE
from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind, classify
from gateway.domain.reasons import RejectReason
from tests.support import wechat
from tests.support.signer import Slow
from tests.support.wechat import Said, answer, created, error, members

PENDING, SUCCEEDED, REJECTED = OutcomeKind.PENDING, OutcomeKind.SUCCEEDED, OutcomeKind.REJECTED
UNCLEAR, ABSENT = OutcomeKind.UNCLEAR, OutcomeKind.ABSENT


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as mocked:
        yield mocked


@pytest.fixture
async def channel(router: respx.MockRouter) -> AsyncIterator[wechat.WechatChannel]:
    channel = wechat.make_channel(wechat.context(clock=Impatient()))
    yield channel
    await channel.close()


class Impatient(wechat.FakeClock):
    """Sleeps take no time: pauses between questions are not what is tested here."""

    def __init__(self) -> None:
        super().__init__(wechat.NOW)

    async def sleep(self, seconds: float) -> None:
        self.move(max(seconds, 0.0))


async def submitted(channel: wechat.WechatChannel, router: respx.MockRouter, said: Said) -> Answer:
    router.post(wechat.BASE + wechat.CREATE).mock(side_effect=said)
    return await channel.submit(channel.sign(wechat.sent(channel)))


async def queried(
    channel: wechat.WechatChannel, router: respx.MockRouter, said: Said, bill_no: str | None = None
) -> Answer:
    router.get(wechat.BASE + wechat.QUERY).mock(side_effect=said)
    return await channel.query(wechat.sent(channel, bill_no=bill_no))


async def cancelled(channel: wechat.WechatChannel, router: respx.MockRouter, said: Said) -> Answer:
    router.post(f"{wechat.BASE}{wechat.QUERY}/cancel").mock(side_effect=said)
    return await channel.cancel(wechat.sent(channel))


# --- what leaves


async def test_a_create_leaves_once_with_the_stored_bytes(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """One request, the prepared body, signed; also after an answer that says "later"."""
    sent = wechat.sent(channel)
    route = router.post(wechat.BASE + wechat.CREATE).mock(side_effect=error("SYSTEM_ERROR", 500))
    await channel.submit(channel.sign(sent))
    assert route.call_count == 1
    request = route.calls.last.request
    assert request.content == sent.prepared.body
    assert request.headers["Wechatpay-Serial"] == wechat.PUBLIC_KEY_ID
    assert request.headers["Authorization"].startswith("WECHATPAY2-SHA256-RSA2048 mchid=")
    assert request.headers["User-Agent"]
    assert request.headers["Accept"] == "application/json"


async def test_a_signature_from_elsewhere_is_waited_for(router: respx.MockRouter) -> None:
    """Order, question and cancel leave as they would with a signature made at once: to the byte."""
    router.route().mock(side_effect=error("SYSTEM_ERROR", 500))
    for signer in (HERE, slow := Slow()):
        context = replace(wechat.context(clock=Impatient()), signer=signer)
        channel = wechat.make_channel(context)
        sent = wechat.sent(channel)
        signed = channel.sign(sent)
        assert ("Authorization" in dict(signed.headers)) is (signer is HERE)
        await channel.submit(signed)
        await channel.query(sent)
        await channel.cancel(sent)
        await channel.close()
    heads = [sorted(call.request.headers.items()) for call in router.calls]
    assert heads[: slow.begun] == heads[slow.begun :]
    assert slow.begun >= 3


async def test_a_question_is_asked_again_with_a_fresh_signature_and_then_at_the_second_address(
    router: respx.MockRouter,
) -> None:
    """Three tries at the pinned address, then one at the backup; no nonce is used twice."""
    channel = wechat.make_channel(wechat.context(clock=Impatient()), backup_base_url=wechat.BACKUP)
    first = router.get(wechat.BASE + wechat.QUERY).mock(side_effect=httpx.ConnectError("down"))
    second = router.get(wechat.BACKUP + wechat.QUERY).mock(side_effect=answer(members()))
    found = await channel.query(wechat.sent(channel))
    await channel.close()
    assert found.kind is SUCCEEDED
    assert (first.call_count, second.call_count) == (3, 1)
    signatures = [call.request.headers["Authorization"] for call in router.calls]
    assert len(set(signatures)) == 4


# --- states


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("ACCEPTED", PENDING),
        ("PROCESSING", PENDING),
        ("WAIT_USER_CONFIRM", PENDING),
        ("TRANSFERING", PENDING),
        ("CANCELING", PENDING),
        ("SUCCESS", SUCCEEDED),
    ],
)
async def test_each_state_that_is_no_failure(
    channel: wechat.WechatChannel, router: respx.MockRouter, state: str, kind: OutcomeKind
) -> None:
    """Told by a create and by a query alike, with the service's number and its date."""
    made = await submitted(channel, router, answer(created(state)))
    asked = await queried(channel, router, answer(members(state)))
    assert (made.heard, made.kind, made.channel_payout_id) == (Heard.SUBMIT, kind, wechat.BILL_NO)
    assert (asked.heard, asked.kind, asked.channel_payout_id) == (Heard.QUERY, kind, wechat.BILL_NO)
    assert asked.as_of == datetime(2026, 1, 1, 0, 0, 1, 500_000, UTC)
    assert not any((made.alarm, asked.alarm, made.channel_fault, asked.channel_fault))


@pytest.mark.parametrize(
    ("state", "changes", "reason", "code", "alarm"),
    [
        ("FAIL", {"fail_reason": "NAME_NOT_CORRECT"}, "payee_name_mismatch", "NAME_NOT_CORRECT", False),
        ("FAIL", {"fail_reason": "OVERDUE_CLOSE"}, "expired", "OVERDUE_CLOSE", False),
        ("FAIL", {"fail_reason": "NEW_TO_US"}, "unknown", "NEW_TO_US", True),
        ("FAIL", {}, "unknown", "FAIL", True),
        ("CANCELLED", {}, "cancelled", "CANCELLED", False),
    ],
)
async def test_a_failure_is_final_when_a_query_says_it_and_only_then(
    channel: wechat.WechatChannel,
    router: respx.MockRouter,
    state: str,
    changes: dict[str, object],
    reason: str,
    code: str,
    alarm: bool,
) -> None:
    """A create that answers FAIL is asked about first: before money goes another way a query has to say so."""
    asked = await queried(channel, router, answer(members(state, **changes)))
    assert (asked.kind, asked.reason, asked.channel_code) == (REJECTED, reason, code)
    assert asked.finality is Finality.FINAL_ON_REPEAT, "one number is one order, however often it was sent"
    assert asked.alarm is alarm
    assert classify(asked, 0, 2).kind is REJECTED
    made = await submitted(channel, router, answer(created(state, **changes)))
    assert classify(made, 1, 1).kind is UNCLEAR


async def test_a_state_that_is_new_to_us_is_unclear_and_loud(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """Wait and call somebody; the word is kept."""
    for found in (
        await submitted(channel, router, answer(created("REFUNDED"))),
        await queried(channel, router, answer(members("REFUNDED"))),
    ):
        assert (found.kind, found.alarm, found.channel_code) == (UNCLEAR, True, "REFUNDED")


async def test_a_payee_who_must_confirm_is_an_action_with_a_deadline(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """The front end gets merchant, app and package; 24 hours from the order's making."""
    found = await submitted(channel, router, answer(created()))
    assert found.action is not None
    assert found.action.type == "wechat_confirm"
    assert dict(found.action.fields) == {
        "mch_id": "1900000001",
        "app_id": "wxtest0000000000a1",
        "package_info": "VEhST1dBV0FZ",
    }
    assert found.action.expires_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert (await submitted(channel, router, answer(created("ACCEPTED")))).action is None


# --- echoes


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("out_bill_no", "ANOTHER"),
        ("mch_id", "1900000002"),
        ("mchid", "1900000002"),
        ("appid", "wxother"),
        ("transfer_amount", 12346),
        ("transfer_amount", "12345"),
        ("transfer_amount", True),
        ("transfer_amount", 12345.0),
        ("openid", "oOTHER"),
        ("transfer_bill_no", "1330000000000000000000000000000000000002"),
    ],
)
async def test_an_answer_about_another_order_is_never_folded_in(
    channel: wechat.WechatChannel, router: respx.MockRouter, name: str, value: object
) -> None:
    """Rightly signed, but one member is not ours: unclear, and somebody is called. Under our number with another amount
    or payee it shows that the service has an order there."""
    found = await queried(channel, router, answer(members("FAIL", **{name: value})), wechat.BILL_NO)
    assert (found.kind, found.alarm) == (UNCLEAR, True)
    assert found.other_content is (name in ("transfer_amount", "openid"))
    made = await submitted(channel, router, answer(members("SUCCESS", **{name: value})))
    if name != "transfer_bill_no":  # before the first answer there is no number to compare it with
        assert (made.kind, made.alarm) == (UNCLEAR, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"SUCCESS"',
        b"<html>",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(created("SUCCESS", out_bill_no=None)).encode(),
        json.dumps(created("SUCCESS", transfer_bill_no=None)).encode(),
        json.dumps(created("SUCCESS", transfer_bill_no="x" * 65)).encode(),
        json.dumps(created("SUCCESS", transfer_bill_no="\ud800")).encode(),
        json.dumps(created("SUCCESS", update_time="yesterday")).encode(),
        json.dumps(created("SUCCESS", update_time="2026-01-01T08:00:00")).encode(),
        json.dumps(created("SUCCESS") | {"state": None}).encode(),
        json.dumps(created("SUCCESS") | {"state": ["SUCCESS"]}).encode(),
    ],
)
async def test_a_signed_200_that_is_no_order_is_unclear_and_loud(
    channel: wechat.WechatChannel, router: respx.MockRouter, body: bytes
) -> None:
    """A missing or malformed member is not read as anything."""
    for found in (await submitted(channel, router, answer(body)), await queried(channel, router, answer(body))):
        assert (found.kind, found.alarm) == (UNCLEAR, True)


# --- signatures


@pytest.mark.parametrize(
    "spoil",
    [
        {"Wechatpay_Signature": "AAAA"},
        {"Wechatpay_Signature": "not base64"},
        {"Wechatpay_Timestamp": "1767225299"},
        {"Wechatpay_Timestamp": "1767225900"},
        {"Wechatpay_Timestamp": "x"},
        {"Wechatpay_Nonce": "another"},
        {"Wechatpay_Serial": "PUB_KEY_ID_99"},
        {"Wechatpay_Serial": "5157F09EFDC096DE15EBE81A47057A7200000001"},
        {"Wechatpay_Signature_Type": "WECHATPAY2-SM2-WITH-SM3"},
        {"Wechatpay_Serial": ""},
    ],
)
@pytest.mark.parametrize("status", [200, 403, 404])
async def test_an_answer_with_a_bad_signature_is_no_answer(
    channel: wechat.WechatChannel, router: respx.MockRouter, spoil: dict[str, str], status: int
) -> None:
    """Success, refusal, not found: nothing that is wrongly signed says anything."""
    body: object = created("SUCCESS") if status == 200 else {"code": "NO_AUTH" if status == 403 else "NOT_FOUND"}
    for found in (
        await submitted(channel, router, answer(body, status, **spoil)),
        await queried(channel, router, answer(body, status, **spoil)),
    ):
        assert (found.kind, found.alarm, found.channel_fault) == (UNCLEAR, True, True)


async def test_a_signature_header_that_came_twice_is_no_signature(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """Which of the two was meant is not ours to guess."""
    right = answer(created("SUCCESS"))
    doubled = Said(200, (*right.headers, ("Wechatpay-Nonce", "another")), right.body)
    found = await submitted(channel, router, doubled)
    assert (found.kind, found.alarm) == (UNCLEAR, True)
    assert "came twice" in found.detail


async def test_a_signature_probe_is_no_answer_but_calls_nobody(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """The service makes them on purpose."""
    found = await queried(channel, router, answer(members(), Wechatpay_Signature="WECHATPAY/SIGNTEST/AAAA"))
    assert (found.kind, found.alarm) == (UNCLEAR, False)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_an_unsigned_2xx_is_no_answer(
    channel: wechat.WechatChannel, router: respx.MockRouter, status: int
) -> None:
    """Whatever stands in it."""
    found = await submitted(channel, router, answer(created("SUCCESS"), status, signed=False))
    assert (found.kind, found.alarm) == (UNCLEAR, True)


async def test_an_unsigned_refusal_is_believed_for_its_code_and_a_half_signed_one_is_not(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """On the strength of TLS; but whoever begins to sign has to end it."""
    believed = await submitted(channel, router, error("PARAM_ERROR", 400, signed=False))
    assert (believed.kind, believed.finality) == (REJECTED, Finality.FINAL)
    half = await submitted(channel, router, error("PARAM_ERROR", 400, signed=False, Wechatpay_Serial="x"))
    assert half.kind is UNCLEAR


# --- refusals of a create (sheet section 10.1)


@pytest.mark.parametrize(
    ("status", "code", "kind", "finality", "reason"),
    [
        (400, "PARAM_ERROR", REJECTED, Finality.FINAL, "invalid_request"),
        (400, "INVALID_REQUEST", REJECTED, Finality.UNKNOWN, "invalid_request"),
        (401, "SIGN_ERROR", REJECTED, Finality.RETRY_SAME_ID, "signature_error"),
        (403, "NO_AUTH", REJECTED, Finality.FINAL, "payer_not_authorised"),
        (403, "NOT_ENOUGH", REJECTED, Finality.RETRY_SAME_ID, "insufficient_funds"),
        (403, "ACCOUNT_ERROR", REJECTED, Finality.UNKNOWN, "payer_account_unusable"),
        (403, "ACCOUNTERROR", REJECTED, Finality.UNKNOWN, "payer_account_unusable"),
        (400, "USER_ERROR", REJECTED, Finality.UNKNOWN, "payer_account_unusable"),
        (400, "ALREADY_EXISTS", REJECTED, Finality.UNKNOWN, "duplicate"),
        (429, "FREQUENCY_LIMITED", REJECTED, Finality.RETRY_SAME_ID, "rate_limited"),
        (429, "FREQUENCY_LIMIT_EXCEED", REJECTED, Finality.RETRY_SAME_ID, "rate_limited"),
        (429, "RATELIMIT_EXCEEDED", REJECTED, Finality.RETRY_SAME_ID, "rate_limited"),
        (429, "QUOTA_EXCEED", REJECTED, Finality.UNKNOWN, "amount_limit"),
        (500, "SYSTEM_ERROR", UNCLEAR, Finality.UNKNOWN, None),
        (502, "SERVICE_UNAVAILABLE", UNCLEAR, Finality.UNKNOWN, None),
        (503, "SERVICE_UNAVAILABLE", UNCLEAR, Finality.UNKNOWN, None),
        (418, "HEARD_BY_NOBODY", UNCLEAR, Finality.UNKNOWN, None),
        (500, "PARAM_ERROR", UNCLEAR, Finality.UNKNOWN, None),
        (404, "PARAM_ERROR", UNCLEAR, Finality.UNKNOWN, None),
        (200, "PARAM_ERROR", UNCLEAR, Finality.UNKNOWN, None),
        (302, "PARAM_ERROR", UNCLEAR, Finality.UNKNOWN, None),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
async def test_each_refusal_of_a_create(
    channel: wechat.WechatChannel,
    router: respx.MockRouter,
    status: int,
    code: str,
    kind: OutcomeKind,
    finality: Finality,
    reason: str | None,
    signed: bool,
) -> None:
    """By its code, with a status it comes with; the code is kept. Signed or not, for all but a 200."""
    found = await submitted(channel, router, error(code, status, signed=signed))
    assert (found.kind, found.finality, found.reason) == (kind, finality, reason and RejectReason(reason))
    assert found.channel_code == code


@pytest.mark.parametrize(
    ("status", "code", "alarm", "fault"),
    [
        (401, "SIGN_ERROR", True, True),
        (403, "NO_AUTH", True, True),
        (400, "PARAM_ERROR", True, False),
        (403, "NOT_ENOUGH", False, False),
        (429, "FREQUENCY_LIMITED", False, False),
        (400, "INVALID_REQUEST", False, False),
        (418, "HEARD_BY_NOBODY", True, False),
        (500, "SYSTEM_ERROR", False, True),
    ],
)
async def test_who_is_called_and_what_counts_against_the_channel(
    channel: wechat.WechatChannel, router: respx.MockRouter, status: int, code: str, alarm: bool, fault: bool
) -> None:
    """What every order will meet stops the channel; what only this one meets does not."""
    found = await submitted(channel, router, error(code, status))
    assert (found.alarm, found.channel_fault) == (alarm, fault)


@pytest.mark.parametrize(
    ("status", "code", "wish", "after_s"),
    [
        (403, "NOT_ENOUGH", None, 60.0),
        (429, "FREQUENCY_LIMITED", None, 5.0),
        (429, "FREQUENCY_LIMITED", "17", 17.0),
        (429, "FREQUENCY_LIMITED", "0", 1.0),
        (429, "FREQUENCY_LIMITED", "999999", 300.0),
        (429, "FREQUENCY_LIMITED", "9" * 400, 5.0),
        (429, "FREQUENCY_LIMITED", "tomorrow", 5.0),
        (401, "SIGN_ERROR", None, 300.0),
        (400, "INVALID_REQUEST", "5", None),
    ],
)
async def test_when_the_same_bytes_are_wanted_again(
    channel: wechat.WechatChannel, router: respx.MockRouter, status: int, code: str, wish: str | None, after_s: float
) -> None:
    """The service's wish, clamped; else our own pause. Never a new number."""
    headers = {"Retry_After": wish} if wish else {}
    found = await submitted(channel, router, error(code, status, **headers))
    assert found.resend_after_s == after_s
    assert classify(found, 1, 1).repeat is (after_s is not None)


@pytest.mark.parametrize(
    "said",
    [
        answer(b"", 202),
        answer({}, 204),
        answer(created("SUCCESS"), 202),
        answer(b"<html>bad gateway</html>", 502, signed=False),
        answer(b"", 503, signed=False),
        answer(b"<html>forbidden</html>", 403, signed=False),
        answer(b"{}", 400, signed=False),
        answer({"code": 7}, 400, signed=False),
        answer({"code": ""}, 400, signed=False),
        answer(b'{"code": "\\ud800"}', 400, signed=False),
        answer(b"", 301, signed=False, Location="https://elsewhere.example"),
        answer(created("SUCCESS"), 200, signed=False, Location="https://elsewhere.example"),
    ],
)
async def test_what_is_neither_an_order_nor_a_refusal_is_unclear(
    channel: wechat.WechatChannel, router: respx.MockRouter, said: Said
) -> None:
    """Taken-but-not-settled, proxies, redirects (never followed): ask, and count it against the channel."""
    found = await submitted(channel, router, said)
    assert (found.kind, found.channel_fault) == (UNCLEAR, True)


async def test_an_answer_that_is_too_long_or_encoded_is_no_answer(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """A compression bomb is not unpacked, an endless body is not read."""
    long = created("SUCCESS", padding="x" * 300_000)
    for said in (answer(long), answer(created("SUCCESS"), Content_Encoding="compress")):
        found = await submitted(channel, router, said)
        assert (found.kind, found.channel_fault) == (UNCLEAR, True)


async def test_a_proved_not_sent_is_said_for_a_create_only(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """The mocked transport writes no byte, and says so; a question that never left is only unclear."""
    router.route().mock(side_effect=httpx.ConnectError("refused"))
    sent = wechat.sent(channel)
    made = await channel.submit(channel.sign(sent))
    assert (made.kind, made.channel_fault) == (OutcomeKind.NOT_SENT, True)
    for found in (await channel.query(sent), await channel.cancel(sent)):
        assert (found.kind, found.channel_fault) == (UNCLEAR, True)


async def test_our_own_full_pool_is_no_fault_of_the_service(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """Nothing left, for want of a connection of ours: not sent, and the breaker hears nothing of it."""
    router.route().mock(side_effect=httpx.PoolTimeout("full"))
    sent = wechat.sent(channel)
    made = await channel.submit(channel.sign(sent))
    assert (made.kind, made.channel_fault) == (OutcomeKind.NOT_SENT, False)
    for found in (await channel.query(sent), await channel.cancel(sent)):
        assert (found.kind, found.channel_fault) == (UNCLEAR, False)


# --- refusals of a query and of a cancel


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NOT_FOUND", ABSENT),
        (400, "NOT_FOUND", ABSENT),
        (404, "RESOURCE_NOT_EXISTS", ABSENT),
        (400, "PARAM_ERROR", UNCLEAR),
        (403, "NO_AUTH", UNCLEAR),
        (401, "SIGN_ERROR", UNCLEAR),
        (429, "FREQUENCY_LIMITED", UNCLEAR),
        (500, "SYSTEM_ERROR", UNCLEAR),
        (404, "SOMETHING_ELSE", UNCLEAR),
    ],
)
async def test_a_refused_question_changes_no_order_but_absent_is_said(
    channel: wechat.WechatChannel, router: respx.MockRouter, status: int, code: str, kind: OutcomeKind
) -> None:
    """Absent is absent so far: it asks for the same bytes again, and proves nothing."""
    found = await queried(channel, router, error(code, status))
    assert (found.kind, found.channel_code) == (kind, code)
    outcome = classify(found, 0, 1, channel.ground.absence)
    assert outcome.kind is UNCLEAR
    assert outcome.repeat is (kind is ABSENT)


async def test_a_404_without_a_code_is_not_absent(channel: wechat.WechatChannel, router: respx.MockRouter) -> None:
    """A proxy can make up a status."""
    found = await queried(channel, router, answer(b"not found", 404, signed=False))
    assert found.kind is UNCLEAR


@pytest.mark.parametrize("state", ["CANCELING", "CANCELLED", "SUCCESS"])
async def test_the_answer_to_a_cancel_is_no_proof_and_asks_at_once(
    channel: wechat.WechatChannel, router: respx.MockRouter, state: str
) -> None:
    """Query until CANCELLED, or SUCCESS: the payee may have been quicker."""
    said = created(state, create_time=None, update_time=wechat.UPDATED_AT)
    found = await cancelled(channel, router, answer(said))
    assert found.heard is Heard.CANCEL
    outcome = classify(found, 0, 1)
    assert (outcome.kind, outcome.ask_now) == (UNCLEAR, True)


@pytest.mark.parametrize(("status", "code"), [(400, "INVALID_REQUEST"), (404, "NOT_FOUND"), (500, "SYSTEM_ERROR")])
async def test_a_refused_cancel_says_nothing_of_the_order(
    channel: wechat.WechatChannel, router: respx.MockRouter, status: int, code: str
) -> None:
    """It may be paid already, or not be known yet."""
    found = await cancelled(channel, router, error(code, status))
    assert (found.kind, found.channel_code) == (UNCLEAR, code)


async def test_the_evidence_is_whole_and_the_line_for_people_is_short(
    channel: wechat.WechatChannel, router: respx.MockRouter
) -> None:
    """Status, headers and body as they came are kept; the detail names the id that support asks for, and no payee."""
    found = await queried(channel, router, answer(members()))
    assert found.raw.startswith(b"HTTP 200\r\n")
    assert found.raw.endswith(wechat.body_of(members()))
    assert "08F78BB5" in found.detail
    assert wechat.OPENID not in found.detail
