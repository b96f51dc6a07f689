"""A WeChat channel with the published test keys, and a service that signs what the test says."""

from __future__ import annotations

import base64
import itertools
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from adapters.channel import ChannelContext, Order, RawNotification, Sent, Timeouts
from adapters.http import HttpClientFactory, HttpxFactory
from adapters.wechat import SPEC
from adapters.wechat.channel import WechatChannel
from adapters.wechat.cipher import seal_resource
from adapters.wechat.signing import answer_message, sign_bytes
from gateway.domain.beneficiary import WechatBeneficiary
from gateway.domain.money import Money
from gateway.secret import Secret, SecretError
from tests.support.clock import FakeClock

VECTORS = Path(__file__).parent.parent / "vectors"
BASE = "https://api.example.test"
BACKUP = "https://api2.example.test"
REFERENCE = "ABC23456789DEFGHJKMNPQRSTU"
BILL_NO = "1330000000000000000000000000000000000001"
OPENID = "oTESTopenid000000000000000001"
CREATE = "/v3/fund-app/mch-transfer/transfer-bills"
QUERY = f"{CREATE}/out-bill-no/{REFERENCE}"
CREATED_AT = "2026-01-01T08:00:00+08:00"
UPDATED_AT = "2026-01-01T08:00:01.500+08:00"


def vector_files(pattern: str) -> list[Any]:
    """The content of every vector file of that name pattern; there is at least one."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(VECTORS.glob(pattern))]
    assert found, f"no vector file matches {pattern}"
    return found


@cache
def keys() -> dict[str, Any]:
    [held] = vector_files("THROWAWAY_TEST_KEYS_wechat.json")
    return dict(held)


NOW = datetime.fromtimestamp(1767225600, UTC)
PUBLIC_KEY_ID = keys()["wechatpay_public_key"]["public_key_id"]
SERIAL_A = keys()["platform_certificate_a"]["serial_no"]
SERIAL_B = keys()["platform_certificate_b"]["serial_no"]
APIV3_KEY = keys()["apiv3_key"].encode()


@cache
def private_key(name: str) -> RSAPrivateKey:
    """`merchant`, `wechatpay_public_key`, `platform_certificate_a` or `platform_certificate_b`."""
    key = load_der_private_key(base64.b64decode(keys()[name]["private_key_pkcs8_der_base64"]), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _merchant_pem() -> bytes:
    body = keys()["merchant"]["private_key_pkcs8_der_base64"]
    return f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n".encode()


SECRETS: dict[str, bytes] = {
    "file:merchant": _merchant_pem(),
    "file:apiv3": APIV3_KEY,
    "file:public_key": keys()["wechatpay_public_key"]["public_key_pem"].encode(),
    "file:certificate_a": keys()["platform_certificate_a"]["certificate_pem"].encode(),
    "file:certificate_b": keys()["platform_certificate_b"]["certificate_pem"].encode(),
}

SCENE: dict[str, object] = {
    "id": "1000",
    "report_infos": [
        {"info_type": "活动名称", "info_content": "新会员有礼"},
        {"info_type": "奖励说明", "info_content": "注册奖励"},
    ],
}

SETTINGS: dict[str, object] = {
    "base_url": BASE,
    "mchid": keys()["mchid"],
    "appid": keys()["appid"],
    "merchant_serial_no": keys()["merchant"]["serial_no"],
    "merchant_private_key": "file:merchant",
    "apiv3_key": "file:apiv3",
    "platform_keys": {PUBLIC_KEY_ID: "file:public_key"},
    "scene": SCENE,
    "remark": "测试付款",
}


def secret(reference: str) -> Secret:
    if reference not in SECRETS:
        raise SecretError(f"{reference}: not there")
    return Secret(SECRETS[reference], reference)


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def client_factory(transport: httpx.AsyncBaseTransport | None = None) -> HttpClientFactory:
    """The real factory; reading the system's certificates, which takes a while, is done once for all tests."""
    real = HttpxFactory(2.0, 5.0, 10.0, transport=transport)
    return lambda tls=None: real(tls or _trust())


def context(
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    clock: FakeClock | None = None,
    notify_url: str = "https://gateway.example.test/notify/wechat/token",
    secrets: Callable[[str], Secret] = secret,
) -> ChannelContext:
    async def deliver(_raw: RawNotification) -> int:
        raise AssertionError("a real channel does not deliver in-process")

    numbers = itertools.count(1)
    return ChannelContext(
        clock=clock or FakeClock(NOW),
        random_bytes=lambda size: next(numbers).to_bytes(size, "big"),
        http=client_factory(transport),
        secret=secrets,
        notify_url=notify_url,
        timeouts=Timeouts(),
        deliver=deliver,
    )


def make_channel(
    context: ChannelContext, settings: Mapping[str, object] = SETTINGS, **changes: object
) -> WechatChannel:
    channel = SPEC.build("wechat", {**settings, **changes}, context)
    assert isinstance(channel, WechatChannel)
    return channel


def order(
    *,
    fen: int = 12345,
    openid: str = OPENID,
    name: str | None = None,
    reference: str = REFERENCE,
    currency: str = "CNY",
) -> Order:
    return Order(
        payout_id="po_aaa00000000000000000000000000",
        reference="upstream-1",
        channel_reference=reference,
        uetr="7d9f9bd1-4f0a-4c0e-9a52-0e2c7e0a0001",
        amount=Money(fen, currency),
        beneficiary=WechatBeneficiary(openid, name),
    )


def sent(channel: WechatChannel, of: Order | None = None, *, bill_no: str | None = None) -> Sent:
    of = of or order()
    return Sent(of, channel.ground, channel.prepare(of, NOW), bill_no)


def members(state: str = "SUCCESS", **changes: object) -> dict[str, object]:
    """A right query answer for `order()`; a change to None leaves the member out."""
    whole: dict[str, object] = {
        "mch_id": keys()["mchid"],
        "out_bill_no": REFERENCE,
        "transfer_bill_no": BILL_NO,
        "appid": keys()["appid"],
        "state": state,
        "transfer_amount": 12345,
        "transfer_remark": "测试付款",
        "openid": OPENID,
        "create_time": CREATED_AT,
        "update_time": UPDATED_AT,
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def created(state: str = "WAIT_USER_CONFIRM", **changes: object) -> dict[str, object]:
    """A right create answer for `order()`."""
    whole: dict[str, object] = {
        "out_bill_no": REFERENCE,
        "transfer_bill_no": BILL_NO,
        "create_time": CREATED_AT,
        "state": state,
    }
    if state == "WAIT_USER_CONFIRM":
        whole["package_info"] = "VEhST1dBV0FZ"
    return {name: value for name, value in (whole | changes).items() if value is not None}


def body_of(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()


def signature_headers(
    body: bytes, *, key: str = "wechatpay_public_key", serial: str = PUBLIC_KEY_ID, at: datetime = NOW
) -> dict[str, str]:
    """What the service adds to an answer or notification."""
    timestamp, nonce = str(int(at.timestamp())), "c5ac7061fccab6bf3e254dcf98995b8c"
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": sign_bytes(private_key(key), answer_message(timestamp, nonce, body)),
        "Wechatpay-Serial": serial,
    }


@dataclass(frozen=True)
class Said:
    """An answer that can be given any number of times (an httpx one can be read once)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, headers=list(self.headers), stream=httpx.ByteStream(self.body))


def answer(value: object, status: int = 200, *, signed: bool = True, **headers: str) -> Said:
    """An answer of the service; `headers` are added, underscores read as dashes."""
    body = body_of(value)
    extra = {name.replace("_", "-"): text for name, text in headers.items()}
    whole = {"Request-ID": "08F78BB5", **(signature_headers(body) if signed else {}), **extra}
    return Said(status, tuple(whole.items()), body)


def error(code: str, status: int, *, signed: bool = True, **headers: str) -> Said:
    return answer({"code": code, "message": "as the test says"}, status, signed=signed, **headers)


def event(state: str = "SUCCESS", **changes: object) -> dict[str, object]:
    """The plaintext of a bill event for `order()`."""
    return members(state, appid=None, transfer_remark=None) | changes


def notification(
    plaintext: object, *, event_type: str = "MCHTRANSFER.BILL.FINISHED", apiv3_key: bytes = APIV3_KEY, **changes: object
) -> RawNotification:
    """A signed notification that carries `plaintext`; `changes` replace members of the envelope."""
    sealed = seal_resource(apiv3_key, body_of(plaintext), nonce="fdasflkja484", associated_data="mch_payment")
    envelope: dict[str, object] = {
        "id": "7d9f9bd1-4f0a-5c0e-9a52-0e2c7e0a0001",
        "create_time": CREATED_AT,
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": "x",
        "resource": {"original_type": "mch_payment"} | sealed,
    }
    return raw(body_of({name: value for name, value in (envelope | changes).items() if value is not None}))


def raw(body: bytes, headers: Mapping[str, str] | None = None, at: datetime = NOW) -> RawNotification:
    head = signature_headers(body) if headers is None else headers
    return RawNotification("POST", "/notify/wechat/token", tuple(head.items()), body, at)


def with_header(notice: RawNotification, name: str, value: str | None) -> RawNotification:
    """The same with one header replaced, or left out."""
    kept = tuple(pair for pair in notice.headers if pair[0].lower() != name.lower())
    return replace(notice, headers=kept if value is None else (*kept, (name, value)))
