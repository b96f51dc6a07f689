"""Notifications: verified over the raw bytes, opened, read; everything else is refused and changes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from adapters.channel import NotificationRefused, RawNotification
from gateway.domain.money import Money
from gateway.domain.outcome import Heard, OutcomeKind, classify
from tests.support import wechat
from tests.support.wechat import event, notification


@pytest.fixture
async def channel() -> AsyncIterator[wechat.WechatChannel]:
    channel = wechat.make_channel(wechat.context(httpx.MockTransport(lambda _request: httpx.Response(500))))
    yield channel
    await channel.close()


@pytest.mark.parametrize(
    ("state", "changes", "kind", "ask_now"),
    [
        ("SUCCESS", {}, OutcomeKind.SUCCEEDED, False),
        ("FAIL", {"fail_reason": "ACCOUNT_FROZEN"}, OutcomeKind.UNCLEAR, True),
        ("CANCELLED", {}, OutcomeKind.UNCLEAR, True),
        ("NEW_TO_US", {}, OutcomeKind.UNCLEAR, True),
    ],
)
async def test_what_each_event_amounts_to(
    channel: wechat.WechatChannel, state: str, changes: dict[str, object], kind: OutcomeKind, ask_now: bool
) -> None:
    """Success may settle; a failure only makes us ask."""
    found = await channel.read_notification(notification(event(state, **changes)))
    [notice] = found.notices
    assert found.event_id == "7d9f9bd1-4f0a-5c0e-9a52-0e2c7e0a0001"
    assert (notice.channel_reference, notice.amount) == (wechat.REFERENCE, Money(12345, "CNY"))
    assert notice.answer.heard is Heard.NOTIFICATION
    outcome = classify(notice.answer, 0, 1)
    assert (outcome.kind, outcome.ask_now) == (kind, ask_now)
    assert notice.answer.alarm is (state == "NEW_TO_US")


async def test_the_merchant_may_be_spelled_either_way(channel: wechat.WechatChannel) -> None:
    """`mch_id` and `mchid`."""
    told = event(mchid=wechat.keys()["mchid"])
    del told["mch_id"]
    assert (await channel.read_notification(notification(told))).notices


@pytest.mark.parametrize("event_type", ["MCHTRANSFER.BATCH.FINISHED", "TRANSACTION.SUCCESS", "SOMETHING.NEW"])
async def test_an_event_of_another_kind_is_taken_and_says_nothing(
    channel: wechat.WechatChannel, event_type: str
) -> None:
    """Verified, so it is not sent again; but no order is touched."""
    assert (await channel.read_notification(notification(event(), event_type=event_type))).notices == ()


def _stale(notice: RawNotification) -> RawNotification:
    return wechat.raw(notice.body, wechat.signature_headers(notice.body, at=wechat.NOW - timedelta(seconds=300)))


FORGERIES = [
    (wechat.raw(b"{}", {}), "reject_headers"),
    (wechat.with_header(notification(event()), "Wechatpay-Nonce", None), "reject_headers"),
    (wechat.with_header(notification(event()), "Wechatpay-Signature-Type", "SM2"), "reject_signature_type"),
    (wechat.with_header(notification(event()), "Wechatpay-Serial", "PUB_KEY_ID_9"), "reject_unknown_key"),
    (wechat.with_header(notification(event()), "Wechatpay-Serial", wechat.SERIAL_A), "reject_unknown_key"),
    (_stale(notification(event())), "reject_timestamp"),
    (wechat.raw(notification(event()).body + b" ", dict(notification(event()).headers)), "reject_signature"),
    (notification(event(), apiv3_key=b"x" * 32), "reject_decrypt"),
    (notification(event(mch_id="1900000002")), "reject_merchant"),
    (wechat.raw(b"not json"), "reject_body"),
    (wechat.raw(b"[]"), "reject_body"),
    (notification(event(), id=None), "reject_body"),
    (notification(event(), id="x" * 37), "reject_body"),
    (notification(event(), id="\x00"), "reject_body"),
    (notification(event(), resource=None), "reject_body"),
    (notification(event(), resource={"algorithm": "AEAD_SM4_GCM", "nonce": "x", "ciphertext": ""}), "reject_body"),
    (
        notification(event(), resource={"algorithm": "AEAD_AES_256_GCM", "nonce": "x" * 12, "ciphertext": "?"}),
        "reject_body",
    ),
    (
        notification(event(), resource={"algorithm": "AEAD_AES_256_GCM", "nonce": "x", "ciphertext": "AAAA"}),
        "reject_body",
    ),
    (
        notification(event(), resource={"algorithm": "AEAD_AES_256_GCM", "nonce": "x" * 12, "ciphertext": "AAAA"}),
        "reject_decrypt",
    ),
    (notification(b"not json"), "reject_body"),
    (notification(event(out_bill_no=7)), "reject_body"),
    (notification(event(transfer_amount="12345")), "reject_body"),
    (notification(event(transfer_amount=True)), "reject_body"),
]


@pytest.mark.parametrize(("notice", "code"), FORGERIES, ids=[f"{n}-{code}" for n, (_, code) in enumerate(FORGERIES)])
async def test_what_cannot_be_believed_is_refused_by_the_first_check_that_fails(
    channel: wechat.WechatChannel, notice: RawNotification, code: str
) -> None:
    """Never answered as taken; a key of ours that does not fit is our fault: 5xx, so that it comes again."""
    with pytest.raises(NotificationRefused) as refused:
        await channel.read_notification(notice)
    assert refused.value.code == code
    assert refused.value.status == {"reject_decrypt": 500, "reject_body": 400, "reject_merchant": 400}.get(code, 401)


async def test_a_doubled_signature_header_is_refused(channel: wechat.WechatChannel) -> None:
    """Even when one of the two is right."""
    right = notification(event())
    doubled = RawNotification(
        right.method, right.target, (*right.headers, ("wechatpay-nonce", "x")), right.body, right.received_at
    )
    with pytest.raises(NotificationRefused) as refused:
        await channel.read_notification(doubled)
    assert refused.value.code == "reject_headers"


def test_a_reply_says_taken_by_its_status_alone(channel: wechat.WechatChannel) -> None:
    """200 and 204 are empty; anything else carries the service's own form."""
    for status in (200, 204):
        reply = channel.reply(status, "ok")
        assert (reply.status, reply.body) == (status, b"")
    refused = channel.reply(404, "unknown_order")
    assert refused.status == 404
    assert json.loads(refused.body) == {"code": "FAIL", "message": "unknown_order"}
    assert dict(refused.headers)["Content-Type"] == "application/json"
