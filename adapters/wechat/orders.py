"""An order as the bytes of a create, made once and never again. Pure (sheet sections 2, 7.1 and 8).

A name is encrypted anew every time and gives other bytes every time, so the bytes are stored before the first send
and repeated as they are, together with the id of the key they were encrypted to.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from adapters.channel import Order, Unsendable
from adapters.wechat.cipher import field_bytes_max, seal_field
from gateway.domain.beneficiary import WechatBeneficiary
from gateway.domain.payout import Prepared
from gateway.domain.reasons import RejectReason

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
CURRENCY = "CNY"
NAME_FROM_FEN = 30
"""Below, a name must not be given."""
NAME_NEEDED_FROM_FEN = 200_000
_NOTIFY_URL_MAX = 256
_OUT_BILL_NO = re.compile(r"[A-Za-z0-9]{1,32}")
_OPENID = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True, slots=True)
class Form:
    """What every order of one channel has in common."""

    appid: str
    scene_id: str
    perception: str | None
    report_infos: tuple[tuple[str, str], ...]
    """(info_type, info_content)"""
    remark: str
    notify_url: str = field(repr=False)
    """Empty: no notifications, poll."""


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A key of the service and what it calls it."""

    key_id: str
    key: RSAPublicKey


def beyond_plane_0(text: str) -> bool:
    """Whether it has a character of four UTF-8 bytes, which the service refuses."""
    return any(ord(character) > 0xFFFF for character in text)


def prepare(form: Form, order: Order, key: NamedKey) -> Prepared:
    """The create of `order`. Raises `Unsendable` for what this product cannot carry."""
    payee = _payee(order)
    members: dict[str, object] = {
        "appid": form.appid,
        "out_bill_no": order.channel_reference,
        "transfer_scene_id": form.scene_id,
        "openid": payee.openid,
        "transfer_amount": order.amount.minor,
        "transfer_remark": form.remark,
        "transfer_scene_report_infos": [
            {"info_type": kind, "info_content": content} for kind, content in form.report_infos
        ],
    }
    # The service refuses null: what is not given is left out.
    if payee.name is not None:
        members["user_name"] = _sealed_name(payee.name, key)
    if form.perception is not None:
        members["user_recv_perception"] = form.perception
    if form.notify_url:
        members["notify_url"] = _checked_url(form.notify_url)
    body = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
    return Prepared(BILLS, body, (("Content-Type", "application/json"), ("Wechatpay-Serial", key.key_id)))


def _payee(order: Order) -> WechatBeneficiary:
    payee, fen = order.beneficiary, order.amount.minor
    if not isinstance(payee, WechatBeneficiary):
        raise Unsendable(RejectReason.PAYEE_ACCOUNT_INVALID, "only WeChat users can be paid")
    if order.amount.currency != CURRENCY:
        raise Unsendable(RejectReason.CURRENCY_NOT_SUPPORTED, f"{order.amount.currency} is not {CURRENCY}")
    if fen < 1:
        raise Unsendable(RejectReason.AMOUNT_INVALID, "the amount is not positive")
    if not _OUT_BILL_NO.fullmatch(order.channel_reference):
        raise Unsendable(RejectReason.INVALID_REQUEST, "the reference is not 1 to 32 letters and digits")
    if not _OPENID.fullmatch(payee.openid):
        raise Unsendable(RejectReason.PAYEE_ACCOUNT_INVALID, "the openid is not 1 to 64 plain characters")
    _check_name_threshold(payee.name, fen)
    return payee


def _check_name_threshold(name: str | None, fen: int) -> None:
    # A name asks the service to check it. Leaving it out would pay somebody the app wanted checked.
    if name is not None and fen < NAME_FROM_FEN:
        raise Unsendable(RejectReason.AMOUNT_LIMIT, f"below {NAME_FROM_FEN} fen no name is taken")
    if name is None and fen >= NAME_NEEDED_FROM_FEN:
        raise Unsendable(RejectReason.AMOUNT_LIMIT, f"from {NAME_NEEDED_FROM_FEN} fen a name is needed")


def _sealed_name(name: str, key: NamedKey) -> str:
    if not name.strip() or beyond_plane_0(name):
        raise Unsendable(RejectReason.INVALID_REQUEST, "the name is empty or has characters beyond U+FFFF")
    if len(name.encode()) > field_bytes_max(key.key):
        raise Unsendable(RejectReason.INVALID_REQUEST, f"the name is longer than {field_bytes_max(key.key)} bytes")
    return seal_field(key.key, name)


def _checked_url(url: str) -> str:
    if len(url) > _NOTIFY_URL_MAX or "?" in url or "#" in url:
        raise Unsendable(RejectReason.INVALID_REQUEST, f"notify_url has a query or more than {_NOTIFY_URL_MAX} bytes")
    return url
