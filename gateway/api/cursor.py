"""The cursor of a list: where the next page starts, signed and bound to its app and filter: it means nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime

from gateway.api.problems import Code, Fault, Refused
from gateway.store.port import PayoutFilter, Position

_MAC_BYTES = 16
_LABEL = b"paymux cursor v1\0"


def make(key: bytes, app: str, wanted: PayoutFilter, position: Position) -> str:
    """The cursor of the page after `position`."""
    payload = f"{position.created_at.isoformat()}|{position.payout_id}".encode()
    return base64.urlsafe_b64encode(_mac(key, app, wanted, payload) + payload).decode().rstrip("=")


def read(key: bytes, app: str, wanted: PayoutFilter, cursor: str) -> Position:
    """The position in a cursor.

    Raises:
        Refused: not one of ours, or made for another app or filter.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _refused() from None
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, app, wanted, payload)):
        raise _refused()
    created_at, _, payout_id = payload.decode().partition("|")
    return Position(datetime.fromisoformat(created_at), payout_id)


def _mac(key: bytes, app: str, wanted: PayoutFilter, payload: bytes) -> bytes:
    bound = [
        app,
        sorted(wanted.statuses),
        wanted.currency,
        wanted.channel,
        wanted.reference,
        wanted.created_gte and wanted.created_gte.isoformat(),
        wanted.created_lt and wanted.created_lt.isoformat(),
    ]
    message = _LABEL + json.dumps(bound).encode() + b"\0" + payload
    return hmac.digest(key, message, hashlib.sha256)[:_MAC_BYTES]


def _refused() -> Refused:
    detail = "not a cursor of this list; keep the filters and pass next_cursor on as it was given"
    return Refused(Code.INVALID_REQUEST, faults=[Fault("?cursor", "bad_cursor", detail)])
