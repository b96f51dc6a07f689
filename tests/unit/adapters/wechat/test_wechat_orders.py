"""An order becomes bytes once, and what the product cannot carry is refused before anything is stored."""

from __future__ import annotations

import json

import httpx
import pytest

from adapters.channel import Order, Unsendable
from adapters.wechat.cipher import open_field
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.money import Money
from gateway.domain.payout import DuplicateMode
from tests.support import wechat

NOWHERE = httpx.MockTransport(lambda _request: httpx.Response(500))


@pytest.fixture
async def channel() -> wechat.WechatChannel:
    return wechat.make_channel(wechat.context(NOWHERE))


def test_the_body_of_a_create_is_the_sheets_example(channel: wechat.WechatChannel) -> None:
    """Compact JSON in raw UTF-8, no null, nothing that is not in the sheet."""
    prepared = channel.prepare(wechat.order(), wechat.NOW)
    assert prepared.target == "/v3/fund-app/mch-transfer/transfer-bills"
    assert prepared.body.decode() == (
        '{"appid":"wxtest0000000000a1","out_bill_no":"ABC23456789DEFGHJKMNPQRSTU","transfer_scene_id":"1000",'
        '"openid":"oTESTopenid000000000000000001","transfer_amount":12345,"transfer_remark":"测试付款",'
        '"transfer_scene_report_infos":[{"info_type":"活动名称","info_content":"新会员有礼"},'
        '{"info_type":"奖励说明","info_content":"注册奖励"}],'
        '"notify_url":"https://gateway.example.test/notify/wechat/token"}'
    )
    assert dict(prepared.headers) == {
        "Content-Type": "application/json",
        "Wechatpay-Serial": wechat.PUBLIC_KEY_ID,
    }


def test_the_name_is_encrypted_once_and_the_stored_bytes_are_what_is_signed(channel: wechat.WechatChannel) -> None:
    """Two transmissions of one order: the same bytes and the same key, another signature and nonce."""
    of = wechat.order(name="张三")
    sent = wechat.sent(channel, of)
    first, second = channel.sign(sent), channel.sign(sent)
    assert first.body == second.body == sent.prepared.body
    assert first.headers != second.headers
    assert {name: value for name, value in first.headers if name != "Authorization"} == {
        name: value for name, value in second.headers if name != "Authorization"
    }
    assert first.url == f"{wechat.BASE}{wechat.CREATE}"
    sealed = json.loads(first.body)["user_name"]
    assert open_field(wechat.private_key("wechatpay_public_key"), sealed) == "张三"
    assert b"\xe5\xbc\xa0" not in first.body


def test_what_is_not_given_is_left_out(channel: wechat.WechatChannel) -> None:
    """No name, no perception, no notify_url: no member, and never null."""
    silent = wechat.make_channel(wechat.context(NOWHERE, notify_url=""))
    members = json.loads(silent.prepare(wechat.order(), wechat.NOW).body)
    assert {"user_name", "user_recv_perception", "notify_url"}.isdisjoint(members)
    scene = wechat.SCENE | {"perception": "现金奖励"}
    shown = wechat.make_channel(wechat.context(NOWHERE), scene=scene)
    assert json.loads(shown.prepare(wechat.order(), wechat.NOW).body)["user_recv_perception"] == "现金奖励"


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (wechat.order(currency="EUR"), "currency_not_supported"),
        (wechat.order(fen=0), "amount_invalid"),
        (wechat.order(fen=-5), "amount_invalid"),
        (wechat.order(fen=29, name="张三"), "amount_limit"),
        (wechat.order(fen=200_000), "amount_limit"),
        (wechat.order(openid=""), "payee_account_invalid"),
        (wechat.order(openid="o" * 65), "payee_account_invalid"),
        (wechat.order(openid="o 1"), "payee_account_invalid"),
        (wechat.order(openid="o😀"), "payee_account_invalid"),
        (wechat.order(name="𠮷野"), "invalid_request"),
        (wechat.order(name=" "), "invalid_request"),
        (wechat.order(name="张" * 72), "invalid_request"),
        (wechat.order(reference="A-1"), "invalid_request"),
        (wechat.order(reference="A" * 33), "invalid_request"),
    ],
)
def test_an_order_that_cannot_be_carried_is_refused_early(
    channel: wechat.WechatChannel, of: Order, reason: str
) -> None:
    """The router hears why and tries the next channel."""
    with pytest.raises(Unsendable) as refused:
        channel.prepare(of, wechat.NOW)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "of",
    [
        wechat.order(fen=1),
        wechat.order(fen=29),
        wechat.order(fen=30, name="张三"),
        wechat.order(fen=199_999),
        wechat.order(fen=200_000, name="张" * 71),
        wechat.order(openid="o" * 64),
        wechat.order(reference="A" * 32),
    ],
)
def test_the_edges_of_what_can_be_carried(channel: wechat.WechatChannel, of: Order) -> None:
    """One inside each limit goes."""
    assert json.loads(channel.prepare(of, wechat.NOW).body)["transfer_amount"] == of.amount.minor


def test_a_bank_account_is_not_for_this_channel(channel: wechat.WechatChannel) -> None:
    """Only WeChat users are paid."""
    payee = BankBeneficiary("6222000000000123", "张三", "102100099996", "CN")
    of = Order("po", "r", wechat.REFERENCE, "u", Money(100, "CNY"), payee)
    with pytest.raises(Unsendable):
        channel.prepare(of, wechat.NOW)


@pytest.mark.parametrize("url", ["https://a.example/notify?x=1", "https://a.example/" + "x" * 256])
def test_a_notify_url_the_service_would_refuse_is_never_sent(url: str) -> None:
    """A query string or more than 256 characters."""
    channel = wechat.make_channel(wechat.context(NOWHERE, notify_url=url))
    with pytest.raises(Unsendable):
        channel.prepare(wechat.order(), wechat.NOW)


def test_the_ground_never_proves_absence_and_repeats_are_one_order(channel: wechat.WechatChannel) -> None:
    """What every attempt is pinned to."""
    ground = channel.ground
    assert (ground.absence, ground.duplicate_mode, ground.repeat_window_s) == (
        "never",
        DuplicateMode.SAME_RESOURCE,
        86_400,
    )
    assert (ground.base_address, ground.account_id) == (wechat.BASE, "1900000001")
    assert ground.key_ids == (wechat.keys()["merchant"]["serial_no"], wechat.PUBLIC_KEY_ID)
