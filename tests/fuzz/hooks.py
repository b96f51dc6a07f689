"""What a schema cannot say, told to schemathesis: a cursor is signed, and so is a quote's id. One that fits the form as
published, yet was never given out, is refused as it must be; so only those that this server gave out, and malformed
ones, are sent. A quote is of one payout, so none that was invented beside an order fits it.
"""

from __future__ import annotations

import re
import zlib
from itertools import count
from typing import Any

import schemathesis

from gateway.api.endpoint_schemas import URL_MAX
from gateway.api.routes import PATH_PARAMS
from gateway.api.words import CHANNEL_PATTERN, CHANNELS_MAX, QUOTE_PATTERN, REFERENCE_PATTERN
from gateway.callbacks.target import URL_PATTERN
from gateway.domain.identity import BENEFICIARY_ID_PATTERN
from tests.fuzz.signing import sign_everything

sign_everything()

_FORM = re.compile(r"[A-Za-z0-9_-]{1,256}")
_ID = re.compile(rb'"(?:id|payout_id|batch_id|event_id)":"(po_|ba_|be_|ep_|evt_)([A-Za-z0-9_-]+)"')
_PREFIXES = {"po_": "payout_id", "ba_": "batch_id", "be_": "beneficiary_id", "ep_": "endpoint_id", "evt_": "event_id"}
_KNOWN_MAX = 50
_given: set[str] = set()
_ids: dict[str, list[str]] = {}
"""Of each kind, those that were given out last."""
_numbers = count(1)


@schemathesis.hook
def before_call(_context: Any, case: Any, **_kwargs: Any) -> None:
    """Leave out an invented cursor, or quote's id, of the right form."""
    quote_id = case.body.get("quote_id") if isinstance(case.body, dict) else None
    if isinstance(quote_id, str) and re.fullmatch(QUOTE_PATTERN, quote_id):
        del case.body["quote_id"]
    if isinstance(case.body, dict) and isinstance(case.body.get("send_at"), str):
        case.body["send_at"] = "2020-01-01T00:00:00Z"  # what is too far ahead, no schema says
    _one_there_is(case)
    if isinstance(case.body, dict):
        _anew(case)
        _at_home(case.body)
        _channels_there_are(case.body)
        _somebody(case)
    _a_file(case)
    cursor = (case.query or {}).get("cursor")
    if isinstance(cursor, str) and _FORM.fullmatch(cursor) and cursor not in _given:
        del case.query["cursor"]


def _one_there_is(case: Any) -> None:
    """Which payouts, batches, events there are, no schema says: for one that was invented, in the right form, comes one
    that this server gave out."""
    for name, value in (case.path_parameters or {}).items():
        known = _ids.get(name)
        param = PATH_PARAMS.get(name)
        if known and param and isinstance(value, str) and re.fullmatch(param.pattern, value) and value not in known:
            case.path_parameters[name] = known[zlib.crc32(value.encode()) % len(known)]


def _anew(case: Any) -> None:
    """A reference belongs to one content, which no schema says: mostly it is a new one; one in eight stays as it is."""
    reference = case.body.get("reference")
    if case.method == "POST" and isinstance(reference, str) and re.fullmatch(REFERENCE_PATTERN, reference):
        number = next(_numbers)
        case.body["reference"] = reference if number % 8 == 0 else f"{reference[:40]}-{number}"


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
    """Remember the cursors and the ids that were given out."""
    body = response.content
    if response.status_code < 300 and "json" in response.headers.get("Content-Type", ""):
        _remember(body)
    if b'"next_cursor":"' in body:
        _given.add(response.json()["next_cursor"])


def _remember(body: bytes) -> None:
    for prefix, rest in _ID.findall(body):
        found = (prefix + rest).decode()
        known = _ids.setdefault(_PREFIXES[prefix.decode()], [])
        if found not in known:
            known.append(found)
            del known[:-_KNOWN_MAX]
