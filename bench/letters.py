"""Everything that is signed in a round of `bench e2e`, made beforehand: orders, a channel's answers, its notifications.

Who plays the channel and the app shares the machine with whom is measured, and signing with RSA is half of what a
payout costs; so the other side's signatures are made before the clock starts.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from adapters.wechat.channel import EVENT_ID_MAX
from adapters.wechat.cipher import seal_resource
from adapters.wechat.signing import answer_message, sign_bytes
from gateway.api.signed_request import Algorithm, authorization

APP, KEY_ID = "bench", "bench-1"
MCHID, SERIAL = "1900000001", "PUB_KEY_ID_0119000000012025010100000000000001"
AMOUNT, OPENID = 12345, "oBENCH0001"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the other side knows."""

    app: bytes = field(repr=False)
    callback: bytes = field(repr=False)
    apiv3: bytes = field(repr=False)
    platform: RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letters:
    """All that is said about one payout from outside, as bytes on the wire."""

    reference: str
    number: str
    """What the channel knows it by."""
    paid: bytes = field(repr=False)
    """The order as it ends, in the channel's words."""
    order: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    notification: bytes = field(repr=False)


def letters(known: Secrets, reference: str, number: str, notify_path: str) -> Letters:
    """Sign everything about one payout, at this moment: signatures last for minutes."""
    bill = {"out_bill_no": number, "transfer_bill_no": f"T{number}"}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    taken = {**bill, "create_time": now, "state": "PROCESSING"}
    paid = {
        **bill,
        "mch_id": MCHID,
        "openid": OPENID,
        "transfer_amount": AMOUNT,
        "state": "SUCCESS",
        "create_time": now,
        "update_time": now,
    }
    return Letters(
        reference,
        number,
        json.dumps(paid).encode(),
        _order(known, reference),
        signed_answer(known, json.dumps(taken).encode()),
        _notification(known, reference, json.dumps(paid).encode(), notify_path),
    )


def _order(known: Secrets, reference: str) -> bytes:
    payee = {"type": "wechat", "openid": OPENID}
    order = {"reference": reference, "amount": {"value": AMOUNT, "currency": "CNY"}, "beneficiary": payee}
    body = json.dumps(order).encode()
    proof = authorization(
        Algorithm.HMAC_SHA256,
        KEY_ID,
        known.app,
        method="POST",
        target="/v1/payouts",
        timestamp=int(time.time()),
        nonce=secrets.token_hex(12),
        body=body,
    )
    return _request("/v1/payouts", {"Authorization": proof}, body)


def _notification(known: Secrets, reference: str, paid: bytes, path: str) -> bytes:
    resource = seal_resource(known.apiv3, paid, nonce=secrets.token_hex(6), associated_data="mch_payment")
    event = {
        "id": reference[-EVENT_ID_MAX:],  # it ends in its number
        "create_time": datetime.now(UTC).isoformat(timespec="seconds"),
        "resource_type": "encrypt-resource",
        "event_type": "MCHTRANSFER.BILL.FINISHED",
        "summary": "商家转账单据终态通知",
        "resource": {"original_type": "mch_payment", **resource},
    }
    body = json.dumps(event).encode()
    return _request(path, _proof(known, body), body)


def signed_answer(known: Secrets, body: bytes) -> bytes:
    """A 200 of the channel."""
    head = "".join(f"{name}: {value}\r\n" for name, value in _proof(known, body).items())
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-ID: 08F78BB5AF0610D302\r\n"
        b"%bContent-Length: %d\r\n\r\n%b" % (head.encode(), len(body), body)
    )


def _proof(known: Secrets, body: bytes) -> dict[str, str]:
    timestamp, nonce = str(int(time.time())), base64.b64encode(secrets.token_bytes(18)).decode()
    return {
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": SERIAL,
        "Wechatpay-Signature": sign_bytes(known.platform, answer_message(timestamp, nonce, body)),
    }


def _request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    typed = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: bench\r\n{typed}{head}\r\n".encode() + body
