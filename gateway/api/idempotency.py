"""The header `Idempotency-Key`, on the routes that take it (`Route.idempotent`)."""

from __future__ import annotations

import re

from aiohttp import web

from gateway.api.problems import Code, Fault, Refused

HEADER = "Idempotency-Key"
PATTERN = r"^[!-~]{1,255}$"
DESCRIPTION = (
    "A word of yours for this one call, kept for 30 days: said again under it with the same content it is the same "
    "call; with other content it is refused."
)


def idempotency_key(request: web.Request) -> str | None:
    """Raises `Refused` for what is none."""
    given = request.headers.get(HEADER)
    if given is not None and not re.fullmatch(PATTERN, given):
        detail = "1 to 255 visible ASCII characters"
        raise Refused(Code.INVALID_REQUEST, faults=[Fault(HEADER, "bad_format", detail)])
    return given
