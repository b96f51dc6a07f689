"""What a request must be before anybody looks at its path: one reading for us and for every proxy before us.

aiohttp itself refuses ambiguous lengths, bad line ends and oversized heads; what it lets through and we do not is here
(docs/reliability.md 4, rows 9, 11-13, 15, 16 and 18-23).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from aiohttp import HttpVersion11, web

from gateway.api.problems import Code, Refused

BODY_DEADLINE_S = 5.0
USUAL_BYTES_MAX = 64 * 1024
"""Where larger bodies are taken they have a deadline of their own, and only so many of them are taken in at once."""
LARGE_BODY_DEADLINE_S = 60.0

SINGLE_HEADERS = (
    "Authorization",
    "Content-Type",
    "Content-Encoding",
    "Expect",
    "Idempotency-Key",
    "X-Nonce",
    "X-Request-Id",
    "X-Signature",
    "X-Timestamp",
)
"""With two of one of these, two readers could each believe another."""

_CSV_UTF8 = re.compile(r"""text/csv[ \t]*(;[ \t]*(charset=("utf-8"|utf-8)|header=present)[ \t]*)*""", re.IGNORECASE)
_JSON_UTF8 = re.compile(r"""application/json[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?""", re.IGNORECASE)


def check_head(request: web.Request, *, http10: bool) -> None:
    """Refuse what has more than one reading, or asks for another protocol.

    Raises:
        Refused: bad_request, duplicate_header, or unsupported_media_type for a compressed body.
    """
    if request.version != HttpVersion11 and not http10:
        raise Refused(Code.BAD_REQUEST, "only HTTP/1.1 is spoken here")
    if not request.raw_path.startswith("/"):
        raise Refused(Code.BAD_REQUEST, "the request target must start with a slash")
    if "Upgrade" in request.headers:
        raise Refused(Code.BAD_REQUEST, "no other protocol is spoken here")
    for name in SINGLE_HEADERS:
        if len(request.headers.getall(name, ())) > 1:
            raise Refused(Code.DUPLICATE_HEADER, name)
    if request.headers.get("Expect", "100-continue").lower() != "100-continue":
        raise Refused(Code.BAD_REQUEST, "the only expectation that is met is 100-continue")
    if "Content-Encoding" in request.headers:
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")


def check_json_type(request: web.Request) -> None:
    """The Content-Type must say JSON in UTF-8. Raises `Refused`."""
    if not _JSON_UTF8.fullmatch(request.headers.get("Content-Type", "")):
        raise Refused(Code.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json, in UTF-8")


def is_csv(request: web.Request) -> bool:
    return bool(_CSV_UTF8.fullmatch(request.headers.get("Content-Type", "")))


async def read_body(request: web.Request, bytes_max: int, grow: Callable[[], object] | None = None) -> bytes:
    """The whole body, within a deadline and a size. Where large ones are taken, `grow` is asked first, and may refuse.

    Raises:
        Refused: body_too_large (before it is read, where its length is announced), request_timeout, or bad_request
            for a body that breaks off.
    """
    if not request.body_exists:
        return b""
    if (request.content_length or 0) > bytes_max:
        raise Refused(Code.BODY_TOO_LARGE, f"at most {bytes_max} bytes")
    parts: list[bytes] = []
    size = 0
    if grow is not None and (request.content_length or 0) > USUAL_BYTES_MAX:
        grow()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S if grow is None else LARGE_BODY_DEADLINE_S):
            while chunk := await request.content.readany():
                size += len(chunk)
                if size > bytes_max:
                    raise Refused(Code.BODY_TOO_LARGE, f"at most {bytes_max} bytes")
                if grow is not None and size > USUAL_BYTES_MAX:
                    grow()
                parts.append(chunk)
    except TimeoutError:
        raise Refused(Code.REQUEST_TIMEOUT) from None
    except (web.RequestPayloadError, ConnectionError):
        raise Refused(Code.BAD_REQUEST, "the body broke off before its end") from None
    return b"".join(parts)
