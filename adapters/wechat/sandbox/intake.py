"""What a create must look like: everything the service refuses before it makes an order (sheet section 7.1).

Where the service does not say which code it refuses with, PARAM_ERROR is taken for the form of a member and
INVALID_REQUEST for its meaning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from adapters.wechat.cipher import open_field
from adapters.wechat.orders import NAME_FROM_FEN, NAME_NEEDED_FROM_FEN, beyond_plane_0
from adapters.wechat.sandbox.minting import APPID, SandboxKeys
from adapters.wechat.sandbox.refusal import Refuse, param_error
from adapters.wechat.scenes import info_types_fault, perception_fault

Fields = dict[str, object]

_RED_PACKET_MAX_FEN = 20_000


def _text(most: int, least: int = 1) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def _number(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9]{1,32}", value) is not None


def _amount(value: object) -> bool:
    return type(value) is int and value >= 1


def _infos(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_info, value))


def _info(item: object) -> bool:
    return (
        isinstance(item, dict)
        and set(item) == {"info_type", "info_content"}
        and all(isinstance(text, str) and 1 <= len(text) <= 32 for text in item.values())
    )


def _notify_url(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 256:
        return False
    url = urlsplit(value)
    loopback = url.hostname in ("127.0.0.1", "localhost")
    return (url.scheme == "https" or (url.scheme == "http" and loopback)) and not url.query


def _style(value: object) -> bool:
    return value in ({"type": "CONFIRM_PAGE"}, {"type": "RED_PACKET"})


MEMBERS: Mapping[str, tuple[bool, Callable[[object], bool]]] = {
    "appid": (True, _text(32)),
    "out_bill_no": (True, _number),
    "transfer_scene_id": (True, _text(36)),
    "openid": (True, _text(64)),
    "transfer_amount": (True, _amount),
    "transfer_remark": (True, _text(32)),
    "transfer_scene_report_infos": (True, _infos),
    "user_name": (False, _text(1024)),
    "notify_url": (False, _notify_url),
    "user_recv_perception": (False, _text(10)),
    "user_recv_style": (False, _style),
}
"""Each member: is it needed, and what it looks like."""


def read_create(body: bytes, wechatpay_serial: str, keys: SandboxKeys, amount_max_fen: int) -> Fields:
    """The fields of a create, its name decrypted: what an identical repeat has to equal. Raises `Refuse`."""
    fields = _object(body)
    for name, value in fields.items():
        if name not in MEMBERS or value is None:
            raise param_error(name, "undefined parameter")
    for name, (needed, looks_right) in MEMBERS.items():
        if (needed and name not in fields) or (name in fields and not looks_right(fields[name])):
            raise param_error(name, "missing or malformed")
    pair = keys.pair(wechatpay_serial)
    if pair is None:
        raise Refuse("PARAM_ERROR", "Wechatpay-Serial names no key of ours")
    if "user_name" in fields:
        try:
            fields["user_name"] = open_field(pair.key, str(fields["user_name"]))
        except ValueError as error:
            raise param_error("user_name", "not encrypted to the key that Wechatpay-Serial names") from error
    _check_meaning(fields, amount_max_fen)
    return fields


def _object(body: bytes) -> Fields:
    try:
        text = body.decode()
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refuse("PARAM_ERROR", "the body is not JSON in UTF-8") from error
    if not isinstance(fields, dict) or beyond_plane_0(text) or beyond_plane_0(json.dumps(fields, ensure_ascii=False)):
        raise Refuse("PARAM_ERROR", "the body is not an object, or has characters beyond U+FFFF")
    return fields


def _check_meaning(fields: Fields, amount_max_fen: int) -> None:
    fen, scene = int(str(fields["transfer_amount"])), str(fields["transfer_scene_id"])
    infos = fields["transfer_scene_report_infos"]
    kinds = [str(info["info_type"]) for info in infos] if isinstance(infos, list) else []
    if "user_name" in fields and fen < NAME_FROM_FEN:
        raise param_error("user_name", f"must be absent below {NAME_FROM_FEN} fen")
    if "user_name" not in fields and fen >= NAME_NEEDED_FROM_FEN:
        raise param_error("user_name", f"must be present from {NAME_NEEDED_FROM_FEN} fen")
    if info_types_fault(scene, kinds):
        raise param_error("transfer_scene_report_infos", "not the info_types of the scene")
    perception = fields.get("user_recv_perception")
    if perception_fault(scene, str(perception) if perception is not None else None):
        raise Refuse("INVALID_REQUEST", "not a perception of the scene")
    if fields["appid"] != APPID:
        raise Refuse("APPID_MCHID_NOT_MATCH", "the app is not bound to the merchant")
    if fen > amount_max_fen:
        raise Refuse("INVALID_REQUEST", "the amount is above the merchant's limit")
    if fields.get("user_recv_style") == {"type": "RED_PACKET"} and fen > _RED_PACKET_MAX_FEN:
        raise Refuse("INVALID_REQUEST", "the amount is above the limit of a red packet")
