"""The API's answers: a verified request in, status and body out (sheet sections 5.1, 7 and 14)."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from adapters.wechat.cipher import seal_field, seal_resource
from adapters.wechat.orders import BILLS
from adapters.wechat.sandbox.book import Bill, Book
from adapters.wechat.sandbox.gate import Signer
from adapters.wechat.sandbox.intake import Fields
from adapters.wechat.sandbox.minting import MCHID, PlatformPair, SandboxKeys
from adapters.wechat.sandbox.options import KeyMode
from adapters.wechat.sandbox.plays import State
from adapters.wechat.sandbox.refusal import Refuse
from adapters.wechat.sandbox.statement import Statements

_BEIJING = timezone(timedelta(hours=8))
FILE = "/v3/billdownload/file"


class Service(Protocol):
    """What the routes work on."""

    keys: SandboxKeys
    signer: Signer
    book: Book
    statements: Statements

    @property
    def base_url(self) -> str: ...

    def create(self, body: bytes, wechatpay_serial: str) -> Bill: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One verified request."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))


def answer(service: Service, call: Call) -> dict[str, object] | bytes:
    """A 200's members, or a file. Raises `Refuse`."""
    for method, pattern, act in _ROUTES:
        match = pattern.fullmatch(call.path)
        if match is not None and method == call.method:
            return act(service, call, *match.groups())
    raise Refuse("NOT_FOUND", "no such address")


def _create(service: Service, call: Call) -> Fields:
    return created(service.create(call.body, call.headers.get("Wechatpay-Serial", "")))


def _query_number(service: Service, _call: Call, number: str) -> Fields:
    return _queried(service, service.book.find(number=number))


def _query_bill_no(service: Service, _call: Call, bill_no: str) -> Fields:
    return _queried(service, service.book.find(transfer_bill_no=bill_no))


def _cancel(service: Service, _call: Call, number: str) -> Fields:
    bill = service.book.find(number=number)
    service.book.cancel(bill)
    return {
        "out_bill_no": bill.number,
        "transfer_bill_no": bill.transfer_bill_no,
        "state": bill.state,
        "update_time": stamp(bill.updated_at),
    }


def _certificates(service: Service, _call: Call) -> Fields:
    if service.signer.mode is KeyMode.PUBLIC_KEY:
        raise Refuse("RESOURCE_NOT_EXISTS", "the merchant is in public-key mode")
    return {"data": [_listed(service, pair) for pair in service.signer.listed()]}


def _listed(service: Service, pair: PlatformPair) -> Fields:
    if pair.certificate is None:
        raise ValueError(f"{pair.key_id} has no certificate")
    pem = pair.certificate.public_bytes(Encoding.PEM)
    nonce = secrets.token_hex(6)
    return {
        "serial_no": pair.key_id,
        "effective_time": stamp(pair.certificate.not_valid_before_utc),
        "expire_time": stamp(pair.certificate.not_valid_after_utc),
        "encrypt_certificate": seal_resource(service.keys.apiv3_key, pem, nonce=nonce, associated_data="certificate"),
    }


def _fund_flow(service: Service, call: Call) -> Fields:
    return service.statements.name(call.query, service.base_url)


def _file(service: Service, call: Call) -> bytes:
    return service.statements.fetch(call.query.get("token", ""))


def _generation_one(_service: Service, _call: Call) -> Fields:
    raise Refuse("NO_AUTH", "this merchant is on generation two: the batch product is closed")


_Act = Callable[..., Fields | bytes]

_ROUTES: tuple[tuple[str, re.Pattern[str], _Act], ...] = (
    ("POST", re.compile(BILLS), _create),
    ("GET", re.compile(f"{BILLS}/out-bill-no/([A-Za-z0-9]+)"), _query_number),
    ("GET", re.compile(f"{BILLS}/transfer-bill-no/([A-Za-z0-9]+)"), _query_bill_no),
    ("POST", re.compile(f"{BILLS}/out-bill-no/([A-Za-z0-9]+)/cancel"), _cancel),
    ("GET", re.compile("/v3/certificates"), _certificates),
    ("GET", re.compile("/v3/bill/fundflowbill"), _fund_flow),
    ("GET", re.compile(FILE), _file),
    ("POST", re.compile("/v3/transfer/batches"), _generation_one),
)


def created(bill: Bill) -> Fields:
    """A create's answer: the present state."""
    members: Fields = {
        "out_bill_no": bill.number,
        "transfer_bill_no": bill.transfer_bill_no,
        "create_time": stamp(bill.created_at),
        "state": bill.state,
    }
    if bill.state is State.WAIT_USER_CONFIRM:
        members["package_info"] = bill.package_info
    return members | _failure(bill)


def _queried(service: Service, bill: Bill) -> Fields:
    members: Fields = {
        "mch_id": MCHID,
        "out_bill_no": bill.number,
        "transfer_bill_no": bill.transfer_bill_no,
        "appid": bill.fields["appid"],
        "state": bill.state,
        "transfer_amount": bill.fen,
        "transfer_remark": bill.fields["transfer_remark"],
        "openid": bill.openid,
        "create_time": stamp(bill.created_at),
        "update_time": stamp(bill.updated_at),
    }
    if "user_name" in bill.fields:
        members["user_name"] = seal_field(service.keys.merchant, str(bill.fields["user_name"]))
    return members | _failure(bill)


def event(bill: Bill) -> Fields:
    """The plaintext of a bill's notification."""
    members: Fields = {
        "out_bill_no": bill.number,
        "transfer_bill_no": bill.transfer_bill_no,
        "state": bill.state,
        "mch_id": MCHID,
        "transfer_amount": bill.fen,
        "openid": bill.openid,
        "create_time": stamp(bill.created_at),
        "update_time": stamp(bill.updated_at),
    }
    return members | _failure(bill)


def _failure(bill: Bill) -> Fields:
    return {"fail_reason": bill.fail_reason} if bill.state is State.FAIL else {}


def stamp(at: datetime) -> str:
    """RFC 3339 in Beijing time, as the service writes it."""
    return at.astimezone(_BEIJING).isoformat(timespec="milliseconds")


def compact(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
