"""How we answer the bank's notifications (sheet sections 13 and 15). Pure."""

from __future__ import annotations

import json

from adapters.bank.signature_base import Refusal
from adapters.channel import Reply

_CODES = {
    400: "FORMAT_ERROR",
    401: "SIGNATURE_INVALID",
    404: "RESOURCE_UNKNOWN",
    405: "SERVICE_INVALID",
    413: "FORMAT_ERROR",
    415: "REQUESTED_FORMATS_INVALID",
    429: "ACCESS_EXCEEDED",
}


def reply(status: int, code: str) -> Reply:
    """200 with nothing in it, or the error body. Anything but a success makes the bank send it again."""
    if 200 <= status < 300:
        return Reply(status)
    named = "SIGNATURE_MISSING" if code == Refusal.MISSING else _CODES.get(status, "INTERNAL_SERVER_ERROR")
    message = {"category": "ERROR", "code": named, "text": code[:200]}
    body = json.dumps({"tppMessages": [message]}, separators=(",", ":")).encode()
    return Reply(status, (("Content-Type", "application/json"),), body)
