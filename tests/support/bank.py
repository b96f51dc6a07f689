"""A bank channel over a mocked network, and a bank that signs what the test says, with the published test keys."""

from __future__ import annotations

import base64
import itertools
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization

from adapters.bank import SPEC
from adapters.bank.algorithms import Algorithm, PrivateKey, SigningKey, VerifyingKey, load_public
from adapters.bank.channel import BankChannel
from adapters.bank.signature_base import Request, Response, Tag
from adapters.bank.signing import sign_message
from adapters.channel import ChannelContext, Order, RawNotification, Sent, Timeouts
from adapters.http import ChannelHttp, HttpxFactory
from adapters.signer import Headers
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.money import Money
from gateway.secret import Secret
from tests.support.clock import FakeClock

VECTORS = Path(__file__).parent.parent / "vectors"
NOW = datetime.fromtimestamp(1767225600, UTC)
BASE = "https://bank.example.test"
REFERENCE = "ABC23456789DEFGHJKMNPQRSTU"
UETR = "7d9f9bd1-4f0a-4c0e-9a52-0e2c7e0a0001"
PRODUCT = "pain.001-domestic-credit-transfers"
CLIENT, BANK = "throwaway-test-client-ec-2026", "throwaway-test-bank-ec-2026"
CLIENT_RSA = "throwaway-test-client-rsa-2026"

_KINDS = {
    "ed25519": {Algorithm.ED25519},
    "ec": {Algorithm.ECDSA_P256_SHA256},
    "rsa": {Algorithm.RSA_PSS_SHA512, Algorithm.RSA_V1_5_SHA256},
}


def vector_files(pattern: str) -> list[Any]:
    """The content of every vector file of that name pattern; there is at least one."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(VECTORS.glob(pattern))]
    assert found, f"no vector file matches {pattern}"
    return found


@cache
def _records() -> dict[str, tuple[frozenset[Algorithm], str, bytes]]:
    (held,) = vector_files("THROWAWAY_TEST_KEYS_bank.json")
    return {
        key["keyid"]: (
            frozenset(_KINDS[name.split("-")[1]]),
            key["public_key_pem"],
            base64.b64decode(key["private_key_pkcs8_der_base64"]),
        )
        for name, key in held["keys"].items()
    }


def public_keys() -> dict[str, VerifyingKey]:
    """All published test keys, the RSA ones for both RSA algorithms."""
    return {
        keyid: VerifyingKey(keyid, algorithms, load_public(pem.encode(), algorithms))
        for keyid, (algorithms, pem, _) in _records().items()
    }


def public_pem(keyid: str) -> bytes:
    return _records()[keyid][1].encode()


def private_key(keyid: str) -> PrivateKey:
    key = serialization.load_der_private_key(_records()[keyid][2], None)
    assert isinstance(key, PrivateKey)
    return key


def private_pem(keyid: str) -> bytes:
    return private_key(keyid).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def signing_key(keyid: str, algorithm: Algorithm | None = None) -> SigningKey:
    algorithms = _records()[keyid][0]
    return SigningKey(keyid, algorithm or next(iter(algorithms)), private_key(keyid))


def settings(**changes: object) -> dict[str, object]:
    """A settings table as it comes out of TOML."""
    table: dict[str, object] = {
        "base_url": BASE,
        "duplicate_mode": "same_resource",
        "has_lookup": True,
        "customer_number": "MCH0000001",
        "signing_key": {"keyid": CLIENT, "key": "env:CLIENT_KEY"},
        "bank_keys": {BANK: {"public_key": "env:BANK_KEY"}},
        "products": {
            "CNY": {"name": PRODUCT, "category_purpose": "SUPP"},
            "EUR": {
                "name": "pain.001-sepa-credit-transfers",
                "service_level": "SEPA",
                "charge_bearer": "SLEV",
            },
        },
        "payer": {
            "name": "测试付款商户有限公司",
            "account": "110000000000000001",
            "currency": "CNY",
            "bank_code": "000100000001",
        },
    }
    return table | changes


def secret(reference: str) -> Secret:
    found = {"env:CLIENT_KEY": private_pem(CLIENT), "env:BANK_KEY": public_pem(BANK)}
    return Secret(found[reference], reference)


def order(minor: int = 12_345, currency: str = "CNY", **changes: Any) -> Order:
    payees = {
        "CNY": BankBeneficiary("6200000000000000001", "张三", "000200000002", "CN"),
        "EUR": BankBeneficiary("FR1420041010050500013M02606", "Jean Test", "TESTFRPPXXX", "FR"),
    }
    payee = payees.get(currency, payees["CNY"])
    made = Order("po_1", "app-ref-1", REFERENCE, UETR, Money(minor, currency), payee)
    return replace(made, **changes)


class EagerClock(FakeClock):
    """A fake clock on which sleeping takes no time: waits between questions are somebody else's test."""

    async def sleep(self, seconds: float) -> None:
        self.move(max(seconds, 0.0))


_TLS = ssl.create_default_context()
"""Made once: reading the system's store takes longer than a test."""


def _client(tls: ssl.SSLContext | None = None) -> ChannelHttp:
    return HttpxFactory(5, 5, 5)(tls or _TLS)


def context(clock: FakeClock, **changes: Any) -> ChannelContext:
    numbers = itertools.count(1)

    async def deliver(_raw: RawNotification) -> int:
        raise AssertionError("a bank posts to the gateway's address")

    made = ChannelContext(
        clock=clock,
        random_bytes=lambda size: next(numbers).to_bytes(size, "big"),
        http=_client,
        secret=secret,
        notify_url="https://gateway.example.test/notify/bank/bank1",
        timeouts=Timeouts(),
        deliver=deliver,
    )
    return replace(made, **changes)


def channel(table: Mapping[str, object] | None = None, **changes: Any) -> BankChannel:
    """A channel; close it. Its clock stands at the vectors' time."""
    clock = changes.pop("clock", None) or EagerClock(NOW)
    built = SPEC.build("bank1", settings() if table is None else table, context(clock, **changes))
    assert isinstance(built, BankChannel)
    return built


def sent(bank: BankChannel, made: Order | None = None, payment_id: str | None = None) -> Sent:
    made = made or order()
    return Sent(made, bank.ground, bank.prepare(made, NOW), payment_id)


Spoil = Callable[[Response], Response]


def answering(
    status: int, body: bytes = b"", content_type: str = "application/json", *, spoil: Spoil | None = None, **more: str
) -> Callable[[httpx.Request], httpx.Response]:
    """A bank that gives this answer to whatever it is asked, signed as the answer to just that."""

    def answer(asked: httpx.Request) -> httpx.Response:
        headers = signed(asked, status, body, content_type, spoil)
        extra = [(name.replace("_", "-"), value) for name, value in more.items()]
        return httpx.Response(status, headers=[*headers, *extra], content=body)

    return answer


def signed(asked: httpx.Request, status: int, body: bytes, content_type: str, spoil: Spoil | None = None) -> Headers:
    request = Request(
        asked.method,
        str(asked.url),
        tuple((name.lower(), value) for name, value in asked.headers.items()),
        asked.content,
    )
    typed = (("Content-Type", content_type),) if body else ()
    plain: Headers = (*typed, ("X-Request-ID", asked.headers["X-Request-ID"]))
    message = Response(status, plain, request, body)
    message = spoil(message) if spoil else message
    nonce = base64.urlsafe_b64encode(b"0123456789abcdef").rstrip(b"=").decode()
    return message.headers + sign_message(message, Tag.RESPONSE, signing_key(BANK), NOW, nonce)


def json_bytes(found: object) -> bytes:
    return json.dumps(found).encode()


def created(status: str, payment_id: str = "BNK1") -> bytes:
    return json_bytes({"transactionStatus": status, "paymentId": payment_id})


def error(code: str) -> bytes:
    return json_bytes({"tppMessages": [{"category": "ERROR", "code": code, "text": "no"}]})


def report(
    status: str = "ACSC",
    reasons: tuple[str, ...] = (),
    *,
    reference: str = REFERENCE,
    msg_id: str | None = None,
    end_to_end_id: str | None = None,
    uetr: str = UETR,
    group: str = "",
    amount: str = "",
) -> bytes:
    """A pain.002 about the standard order, or about something a little different."""
    given = "".join(f"<StsRsnInf><Rsn><Cd>{code}</Cd></Rsn></StsRsnInf>" for code in reasons)
    reference_to = f"<OrgnlTxRef><Amt>{amount}</Amt></OrgnlTxRef>" if amount else ""
    group_status = f"<GrpSts>{group}</GrpSts>" if group else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
        "<GrpHdr><MsgId>S1</MsgId><CreDtTm>2026-01-01T08:00:05+08:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{msg_id or 'M' + reference}</OrgnlMsgId>"
        f"<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{group_status}</OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>P{reference}</OrgnlPmtInfId><TxInfAndSts>"
        f"<OrgnlInstrId>I{reference}</OrgnlInstrId>"
        f"<OrgnlEndToEndId>{end_to_end_id or 'PO' + reference}</OrgnlEndToEndId><OrgnlUETR>{uetr}</OrgnlUETR>"
        f"<TxSts>{status}</TxSts>{given}<AcctSvcrRef>REF1</AcctSvcrRef>{reference_to}"
        "</TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def lookup(*payment_ids: str, reference: str = REFERENCE) -> bytes:
    rows = [
        {
            "paymentId": payment_id,
            "endToEndId": f"PO{reference}",
            "msgId": f"M{reference}",
            "transactionStatus": "RCVD",
        }
        for payment_id in payment_ids
    ]
    return json_bytes({"payments": rows})
