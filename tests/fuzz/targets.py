"""What is fuzzed: every function that reads what others wrote, with the errors it declares and honest seeds.

The promise is the same for all: a value, or an error of its own; never another exception, and in bounded time.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from adapters.bank import camt053, camt054, notices, pain002
from adapters.bank import wire as bank_wire
from adapters.bank.signature_base import Request, SignatureRefused, Tag
from adapters.bank.signing import sign_message
from adapters.bank.structured import Malformed, parse_byte_dictionary, parse_signature_input
from adapters.bank.verifying import verify_message
from adapters.bank.xml import XmlRefused, parse
from adapters.channel import NotificationRefused, Sent
from adapters.http import HttpAnswer
from adapters.json_text import NotJson, read_object
from adapters.mock import wire as mock_wire
from adapters.wechat import wire as wechat_wire
from adapters.wechat.bill import BillRefused, read_bill
from adapters.wechat.cipher import open_resource
from adapters.wechat.codes import Pause
from adapters.wechat.keys import read_certificates
from adapters.wechat.reading import read_event
from adapters.wechat.signing import Refused as WechatRefused
from adapters.wechat.signing import header_fields, verify
from gateway.api import cursor
from gateway.api.flags import mixes_scripts
from gateway.api.problems import Refused
from gateway.api.query import LIST_PARAMS, read_query
from gateway.api.reading import read
from gateway.api.schemas import CreatePayout
from gateway.api.signed_request import parse_authorization
from gateway.api.source import source
from gateway.api.strict_json import BadJson
from gateway.api.strict_json import parse as parse_strict
from gateway.callbacks.schedule import retry_after
from gateway.callbacks.target import RefusedTarget, check_url
from gateway.config.durations import parse_duration
from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.config.urls import BadAddress, parse_address, split_url
from gateway.domain.outcome import Answer, Heard
from gateway.redact import redact
from gateway.store.records import PayoutFilter, Position
from tests.support import bank, wechat
from tests.support.config_files import LIVE, SPECS

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = b"cursor key"

ORDER = (
    b'{"reference":"r-1","amount":{"value":1.0,"currency":"CNY"},"beneficiary":{"type":"wechat","openid":"o1",'
    b'"name":"\\u5f20\xe4\xb8\x89"},"description":"d","metadata":{"k":"v"}}'
)
ACCOUNT = (
    b'{"reference":"r-1","amount":{"value":1e2,"currency":"EUR"},"beneficiary":{"type":"bank_account",'
    b'"account_number":"DE89 3704-0044 0532","name":"A B","bank_code":"DEUTDEFF","country":"DE"},"purpose":"SALA"}'
)


@dataclass(frozen=True, slots=True)
class Target:
    """One reader. `seeds` are inputs it takes, so that changes of them get past its first check."""

    run: Callable[[bytes], object]
    declared: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]

    def strike(self, data: bytes) -> object:
        """Run it once; an error that it does not declare escapes."""
        try:
            return self.run(data)
        except self.declared:
            return None


def _text(data: bytes) -> str:
    """Any string a header or a file may hold, lone surrogates included."""
    return data.decode("utf-8", "surrogateescape")


def _header(data: bytes) -> str:
    return data.decode("latin-1")


# The API --------------------------------------------------------------------------------------------------------------


def _cursor(data: bytes) -> object:
    return cursor.read(KEY, "shop", PayoutFilter(), _header(data))


def _cursors() -> list[bytes]:
    made = cursor.make(KEY, "shop", PayoutFilter(), Position(NOW, "po_1"))
    return [made.encode(), cursor.make(KEY, "rival", PayoutFilter(), Position(NOW, "po_2")).encode()]


def _forwarded(data: bytes) -> object:
    return source("10.0.0.1", _header(data).split("\n"), (ip_network("10.0.0.0/8"),))


AUTHORIZATION = (
    b'PAYMUX-HMAC-SHA256 key_id="shop-1",timestamp="1767225600",nonce="0123456789abcdef",'
    b'signature="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="'
)


# The bank -------------------------------------------------------------------------------------------------------------


@cache
def _samples() -> list[bytes]:
    files = bank.vector_files("iso20022_samples*.json")
    return [sample["xml"].encode() for file in files for sample in file["samples"]]


def _reports() -> list[bytes]:
    return [
        *_samples(),
        bank.report(),
        bank.report("RJCT", ("AC04",)),
        bank.report(amount='<InstdAmt Ccy="CNY">1</InstdAmt>'),
    ]


@cache
def _bank() -> tuple[Any, Sent]:
    channel = bank.channel()
    return channel, bank.sent(channel, payment_id="BNK1")


@cache
def _accepted() -> frozenset[str]:
    return frozenset({pain002.MESSAGE, camt054.MESSAGE})


def _bank_notice(data: bytes) -> object:
    reading = _bank()[0].reading
    media_type = "application/json" if data[:1] in (b"{", b"[") else "application/xml"
    return notices.read(media_type, data, "req-1", reading, _accepted())


def _bank_answer(data: bytes) -> object:
    """Status, content type and body from the data; every reader of an answer gets it."""
    channel, sent = _bank()
    head, _, body = data.partition(b"\n")
    fields = head.split(b" ", 1)
    status = int(fields[0]) if fields[0].isdigit() and len(fields[0]) == 3 else 200
    headers = {"retry-after": _header(fields[1])} if len(fields) > 1 else {}
    answer = HttpAnswer(status, headers, body)
    read: list[object] = [
        bank_wire.submitted(sent, answer, channel.reading),
        bank_wire.status(sent, "BNK1", answer, channel.reading),
        bank_wire.looked_up(sent, answer),
        bank_wire.cancelled(answer),
    ]
    if not all(isinstance(each, Answer | tuple) for each in read):
        raise AssertionError("neither an answer nor a list")
    return read


def _bank_answers() -> list[bytes]:
    bodies = [*_reports(), bank.created("ACSC"), bank.error("FORMAT_ERROR"), bank.lookup("BNK1", "BNK2")]
    return [b"%d 30\n" % status + body for body in bodies for status in (200, 201, 400, 429)]


def _bank_signature(data: bytes) -> object:
    """The data are the header lines of a notification whose body is fixed."""
    lines = [line.partition(": ") for line in _header(data).split("\n")]
    message = Request("POST", "https://g.test/n", tuple((name, value) for name, _, value in lines), b"<a/>")
    return verify_message(message, Tag.NOTIFICATION, bank.public_keys(), bank.NOW)


def _bank_signatures() -> list[bytes]:
    plain = (("Content-Type", "application/xml"), ("X-Request-ID", "1b4e28ba-2fa1-41d2-883f-0016d3cca427"))
    message = Request("POST", "https://g.test/n", plain, b"<a/>")
    signed = sign_message(message, Tag.NOTIFICATION, bank.signing_key(bank.BANK), bank.NOW, "ZmVkY2JhOTg3NjU0MzIxMA")
    return ["\n".join(f"{name}: {value}" for name, value in (*plain, *signed)).encode()]


def _fields(which: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: which(_header(data))


# WeChat ---------------------------------------------------------------------------------------------------------------


@cache
def _wechat() -> tuple[Sent, wechat_wire.Terms]:
    channel = wechat.make_channel(wechat.context())
    return wechat.sent(channel, bill_no=wechat.BILL_NO), wechat_wire.Terms(86_400.0, dict.fromkeys(Pause, 5.0))


def _wechat_answer(data: bytes) -> object:
    sent, terms = _wechat()
    head, _, body = data.partition(b"\n")
    status = int(head) if head.isdigit() and len(head) == 3 else 200
    answer = HttpAnswer(status, {"retry-after": _header(head), "request-id": _header(head)}, body)
    read = [wechat_wire.read_answer(heard, sent, answer, None, terms) for heard in Heard]
    if not all(isinstance(each, Answer) for each in read):
        raise AssertionError("not an answer")
    return read


def _wechat_answers() -> list[bytes]:
    told = [wechat.members(), wechat.members("FAIL", fail_reason="ACCOUNT_FROZEN"), wechat.created()]
    refused = [{"code": code, "message": "m"} for code in ("NOT_FOUND", "FREQUENCY_LIMITED", "PARAM_ERROR")]
    return [
        *(b"200\n" + wechat.body_of(each) for each in told),
        *(b"400\n" + wechat.body_of(each) for each in refused),
    ]


def _wechat_event(data: bytes) -> object:
    return read_event(data, str(wechat.keys()["mchid"]), b"raw")


def _wechat_resource(data: bytes) -> object:
    return open_resource(wechat.APIV3_KEY, read_object(data))


def _wechat_resources() -> list[bytes]:
    envelope = json.loads(wechat.notification(wechat.event()).body)
    return [json.dumps(envelope["resource"]).encode()]


def _wechat_signature(data: bytes) -> object:
    lines = [line.partition(": ") for line in _header(data).split("\n")]
    fields = header_fields([(name, value) for name, _, value in lines])
    key = wechat.private_key("wechatpay_public_key").public_key()
    return verify(fields, b"{}", lambda _serial: key, wechat.NOW.timestamp())


def _wechat_signatures() -> list[bytes]:
    return ["\n".join(f"{name}: {value}" for name, value in wechat.signature_headers(b"{}").items()).encode()]


def _bill(data: bytes) -> object:
    return read_bill(data, hashlib.sha1(data, usedforsecurity=False).hexdigest())


def _bills() -> list[bytes]:
    text = next(iter(wechat.vector_files("*bill*.json")), None)
    found = [value.encode() for value in _strings(text) if value.startswith("记账时间")]
    return found or ["记账时间,微信支付业务单号\r\n".encode()]


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]


# The mock, callbacks, the configuration -------------------------------------------------------------------------------

EVENT = (
    b'{"event_id":"e1","type":"paid","channel_reference":"r","channel_payout_id":"p",'
    b'"amount":{"minor":1,"currency":"CNY"},"as_of":"2026-01-01T00:00:00+00:00"}'
)
MOCK_ORDER = b'{"channel_reference":"r","amount":{"minor":1,"currency":"CNY"},"beneficiary":{"account":"62220000"}}'


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="paymux-fuzz-"))


def _config(data: bytes) -> object:
    path = _folder() / "config.toml"
    path.write_bytes(data)
    path.chmod(0o600)
    return load(path, {}, SPECS)


def _logged(data: bytes) -> object:
    text = _text(data)
    redacted = redact({"event": text, text[:40]: text, "nested": {"at": [text]}, "error": ValueError(text)})
    return json.dumps(redacted, ensure_ascii=True)


def _url(data: bytes) -> object:
    check_url(_text(data), live=False)
    return split_url(_text(data))


TARGETS: dict[str, Target] = {
    "strict_json": Target(parse_strict, (BadJson,), lambda: [ORDER, ACCOUNT]),
    "create_payout": Target(lambda data: read(CreatePayout, data), (Refused,), lambda: [ORDER, ACCOUNT]),
    "query": Target(
        lambda data: read_query(_header(data), LIST_PARAMS),
        (Refused,),
        lambda: [b"status=paid&limit=3&created_gte=2026-01-01T00%3A00%3A00Z&expand=attempts,timeline&cursor=AA"],
    ),
    "authorization": Target(lambda data: parse_authorization(_header(data)), (), lambda: [AUTHORIZATION]),
    "cursor": Target(_cursor, (Refused,), _cursors),
    "forwarded_for": Target(_forwarded, (), lambda: [b"203.0.113.7, 10.1.1.1", b"::1,[::1]:80"]),
    "names": Target(lambda data: mixes_scripts(_text(data)), (), lambda: ["Аnna 张三".encode()]),
    "channel_json": Target(read_object, (NotJson,), lambda: [ORDER, EVENT]),
    "bank_pain002": Target(lambda data: pain002.read(parse(data)), (XmlRefused, pain002.Unreadable), _reports),
    "bank_camt053": Target(lambda data: camt053.read(parse(data)), (XmlRefused, pain002.Unreadable), _samples),
    "bank_camt054": Target(lambda data: camt054.read(parse(data)), (XmlRefused, pain002.Unreadable), _samples),
    "bank_notice": Target(
        _bank_notice, (NotificationRefused,), lambda: [*_reports(), b'{"paymentId":"p","transactionStatus":"ACSC"}']
    ),
    "bank_answer": Target(_bank_answer, (), _bank_answers),
    "bank_signature": Target(_bank_signature, (SignatureRefused,), _bank_signatures),
    "bank_signature_input": Target(
        _fields(parse_signature_input),
        (Malformed,),
        lambda: [b'sig1=("@method" "content-digest";req);created=1767225600;keyid="k";nonce="n";tag="t"'],
    ),
    "bank_byte_dictionary": Target(
        _fields(parse_byte_dictionary), (Malformed,), lambda: [b"sig1=:AAAA:, sha-256=:AA==:"]
    ),
    "wechat_answer": Target(_wechat_answer, (), _wechat_answers),
    "wechat_event": Target(_wechat_event, (WechatRefused,), lambda: [wechat.body_of(wechat.event())]),
    "wechat_resource": Target(_wechat_resource, (WechatRefused, NotJson), _wechat_resources),
    "wechat_certificates": Target(
        lambda data: read_certificates(data, wechat.APIV3_KEY),
        (WechatRefused,),
        lambda: [file["response"]["body"].encode() for file in wechat.vector_files("wechat_certificates*.json")],
    ),
    "wechat_signature": Target(_wechat_signature, (WechatRefused,), _wechat_signatures),
    "wechat_bill": Target(_bill, (BillRefused,), _bills),
    "mock_event": Target(mock_wire.read_event, (mock_wire.Unreadable,), lambda: [EVENT]),
    "mock_order": Target(mock_wire.read_order, (mock_wire.Unreadable,), lambda: [MOCK_ORDER]),
    "config": Target(_config, (ConfigError,), lambda: [LIVE.encode(), (ROOT / "config.toml").read_bytes()]),
    "duration": Target(lambda data: parse_duration(_text(data)), (PydanticCustomError,), lambda: [b"30s", b"500ms"]),
    "callback_url": Target(
        _url, (RefusedTarget, BadAddress), lambda: [b"https://a.example:8443/x?y=1", b"http://[::1]/"]
    ),
    "listen_address": Target(
        lambda data: parse_address(_text(data)), (BadAddress,), lambda: [b"127.0.0.1:1", b"[::1]:80"]
    ),
    "retry_after": Target(
        lambda data: retry_after(_header(data), NOW), (), lambda: [b"120", b"Wed, 21 Oct 2026 07:28:00 GMT"]
    ),
    "log_line": Target(_logged, (), lambda: ["account 6222 0000 \u2028 signature=abc Bearer x".encode()]),
}
