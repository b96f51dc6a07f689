"""What a schema cannot say, told to schemathesis: a cursor is signed, and so is a quote's id. One that fits the form as
published, yet was never given out, is refused as it must be; so only those that this server gave out, and malformed
ones, are sent. A quote is of one payout, so none that was invented beside an order fits it.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import schemathesis

from gateway.api.endpoint_schemas import URL_MAX
from gateway.api.schemas import CHANNEL_PATTERN, CHANNELS_MAX, QUOTE_PATTERN, REFERENCE_PATTERN
from gateway.callbacks.target import URL_PATTERN
from gateway.domain.identity import BENEFICIARY_ID_PATTERN

_FORM = re.compile(r"[A-Za-z0-9_-]{1,256}")
_given: set[str] = set()


@schemathesis.hook
def before_call(_context: Any, case: Any, **_kwargs: Any) -> None:
    """Leave out an invented cursor, or quote's id, of the right form."""
    quote_id = case.body.get("quote_id") if isinstance(case.body, dict) else None
    if isinstance(quote_id, str) and re.fullmatch(QUOTE_PATTERN, quote_id):
        del case.body["quote_id"]
    if isinstance(case.body, dict) and isinstance(case.body.get("send_at"), str):
        case.body["send_at"] = "2020-01-01T00:00:00Z"  # what is too far ahead, no schema says
    if isinstance(case.body, dict):
        _at_home(case.body)
        _channels_there_are(case.body)
        _somebody(case)
    _a_file(case)
    cursor = (case.query or {}).get("cursor")
    if isinstance(cursor, str) and _FORM.fullmatch(cursor) and cursor not in _given:
        del case.query["cursor"]


def _at_home(body: dict[str, Any]) -> None:
    """Of a URL that fits the form, no schema says where it leads: it is one of this machine, so that none is asked for
    elsewhere; and a cursor in a body is as one in a query."""
    url, cursor = body.get("url"), body.get("cursor")
    if isinstance(url, str) and len(url) <= URL_MAX and re.fullmatch(URL_PATTERN, url):
        body["url"] = f"http://127.0.0.1:9/{zlib.crc32(url.encode())}"
    if isinstance(cursor, str) and _FORM.fullmatch(cursor) and cursor not in _given:
        del body["cursor"]


def _channels_there_are(body: dict[str, Any]) -> None:
    """Which channels there are, no schema says, nor that none is wanted and not wanted: where names and nothing else
    were invented, one that is there stands for all of them."""
    wish = body.get("channels")
    for side, name in (("allow", "mock"), ("deny", "bank")) if isinstance(wish, dict) else ():
        names = wish.get(side)
        if isinstance(names, list) and names and len(names) <= CHANNELS_MAX and all(map(_is_a_name, names)):
            wish[side] = [name] * (1 if len(names) == len(set(names)) else 2)


def _is_a_name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(CHANNEL_PATTERN, value) is not None


def _a_file(case: Any) -> None:
    """What a CSV is, no JSON schema says, nor that its reference stands in the query."""
    if case.media_type == "text/csv" and isinstance(case.body, str | bytes):
        case.body = f"reference,amount,currency,type,openid\nw-{len(case.body)},5,CNY,wechat,oDEMO0001\n"
        case.query = {"reference": "payroll", **(case.query or {})}


def _somebody(case: Any) -> None:
    """Nobody is saved under an id that was invented: somebody else is named in his place. And a batch in JSON has its
    reference in its body."""
    payee = case.body.get("beneficiary")
    saved = payee.get("id") if isinstance(payee, dict) and payee.get("type") == "saved" else None
    if isinstance(saved, str) and re.fullmatch(BENEFICIARY_ID_PATTERN, saved) and len(payee) == 2:
        if case.path == "/v1/quotes":
            del case.body["beneficiary"]
            case.body["method"] = "wechat"
        else:
            case.body["beneficiary"] = {"type": "wechat", "openid": "oDEMO0001"}
    reference = (case.query or {}).get("reference")
    if case.path == "/v1/batches" and isinstance(reference, str) and re.fullmatch(REFERENCE_PATTERN, reference):
        del case.query["reference"]


@schemathesis.hook
def after_call(_context: Any, _case: Any, response: Any) -> None:
    """Remember the cursors that were given out."""
    body = response.content
    if b'"next_cursor":"' in body:
        _given.add(response.json()["next_cursor"])
