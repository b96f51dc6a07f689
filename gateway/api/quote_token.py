"""A quote's id: the quote itself, signed, and bound to its app and to the payout it was asked for.

Nothing is stored for it, so that asking costs nothing that an order would want, any node honours what another one
quoted, and there is nothing to clean up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from gateway.api.problems import Code, Fault, Refused
from gateway.domain.quote import Quote
from gateway.operations.quoting import Wish

_PREFIX = "qt_"
_MAC_BYTES = 16
_LABEL = b"paymux quote v1\0"


def make(key: bytes, wish: Wish, quote: Quote) -> str:
    """The id of the quote that `wish` was answered with."""
    payload = quote.text().encode()
    return _PREFIX + base64.urlsafe_b64encode(_mac(key, wish, payload) + payload).decode().rstrip("=")


def read(key: bytes, wish: Wish, token: str) -> Quote:
    """The quote of an order like `wish`, expired or not.

    Raises:
        Refused: not one of ours, or made for another app, amount, method or preference.
    """
    text = token.removeprefix(_PREFIX)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _refused() from None
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, wish, payload)):
        raise _refused()
    return Quote.from_text(payload.decode())


def _mac(key: bytes, wish: Wish, payload: bytes) -> bytes:
    bound = [wish.app, wish.amount.minor, wish.amount.currency, str(wish.method), wish.preference]
    message = _LABEL + json.dumps(bound).encode() + b"\0" + payload
    return hmac.digest(key, message, hashlib.sha256)[:_MAC_BYTES]


def _refused() -> Refused:
    detail = "not a quote for this app, amount, method and preference"
    return Refused(Code.INVALID_REQUEST, faults=[Fault("/quote_id", "bad_quote", detail)])
