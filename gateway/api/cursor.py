"""The cursor of a list: where the next page starts, signed and bound to its app and filter: it means nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime

from gateway.api.problems import Code, Fault, Refused
from gateway.store.records import PayoutFilter, Position

_MAC_BYTES = 16
_LABEL = b"paymux cursor v1\0"


def make(key: bytes, app: str, wanted: PayoutFilter, position: Position) -> str:
    """The cursor of the page after `position`."""
    return sign_text(key, app, _bound(wanted), f"{position.created_at.isoformat()}|{position.payout_id}")


def read(key: bytes, app: str, wanted: PayoutFilter, cursor: str) -> Position:
    """The position in a cursor.

    Raises:
        Refused: not one of ours, or made for another app or filter.
    """
    created_at, _, payout_id = open_text(key, app, _bound(wanted), cursor).partition("|")
    return Position(datetime.fromisoformat(created_at), payout_id)


def sign_text(key: bytes, app: str, bound: Sequence[object], text: str) -> str:
    """The cursor that stands for `text` in the list that `bound`, its filters as JSON can say them, is about."""
    payload = text.encode()
    return base64.urlsafe_b64encode(_mac(key, app, bound, payload) + payload).decode().rstrip("=")


def open_text(key: bytes, app: str, bound: Sequence[object], cursor: str) -> str:
    """What a cursor stands for. Raises `Refused` as `read` does."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _refused() from None
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, app, bound, payload)):
        raise _refused()
    return payload.decode()


def _bound(wanted: PayoutFilter) -> list[object]:
    return [
        sorted(wanted.statuses),
        wanted.currency,
        wanted.channel,
        wanted.reference,
        wanted.batch_id,
        wanted.created_gte and wanted.created_gte.isoformat(),
        wanted.created_lt and wanted.created_lt.isoformat(),
        sorted(wanted.metadata),
    ]


def _mac(key: bytes, app: str, bound: Sequence[object], payload: bytes) -> bytes:
    message = _LABEL + json.dumps([app, *bound]).encode() + b"\0" + payload
    return hmac.digest(key, message, hashlib.sha256)[:_MAC_BYTES]


def _refused() -> Refused:
    detail = "not a cursor of this list; keep the filters and pass next_cursor on as it was given"
    return Refused(Code.INVALID_REQUEST, faults=[Fault("?cursor", "bad_cursor", detail)])
