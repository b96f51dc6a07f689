"""The few shapes of an answer, and the headers that all of them carry."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import hdrs, web

from gateway.api.problems import Refused, document

JSON = "application/json"
PROBLEM = "application/problem+json"
_CLOSES = frozenset({400, 408, 413})
"""After these we do not know where the next request begins, or do not want the rest: the connection ends."""


class Bare(web.Response):
    """A response that does not tell what it was made with (S7): no `Server` header."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)


def answer(status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> Bare:
    """Bytes with a type; never sniffed, and not stored by caches unless `headers` say so."""
    return Bare(
        status=status,
        body=body,
        headers={
            hdrs.CONTENT_TYPE: content_type,
            "X-Content-Type-Options": "nosniff",
            hdrs.CACHE_CONTROL: "no-store",
            **(headers or {}),
        },
    )


def as_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Bare:
    return answer(status, encode(value), JSON, headers)


def problem(refused: Refused, request_id: str) -> Bare:
    """The problem document of a refusal."""
    made = answer(refused.status, encode(document(refused, request_id)), PROBLEM, dict(refused.headers))
    if refused.status in _CLOSES:
        made.force_close()
    return made


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "backslashreplace"
    )
