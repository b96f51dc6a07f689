"""`GET /metrics`, on the admin listener only: what Prometheus asks for, every few seconds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.api.responses import answer
from gateway.api.routes import PUBLIC, Answer, Call, Route

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATH = "/metrics"

Exposition = Callable[[], Awaitable[bytes]]
"""Every metric, in Prometheus' text format."""


def metrics_route(exposition: Exposition) -> Route:
    """Without a token, as the probes: there is no id and no name of a payee in it."""

    async def metrics(_call: Call) -> web.StreamResponse:
        return answer(200, await exposition(), CONTENT_TYPE)

    answers = (Answer(200, "The metrics", media_type=CONTENT_TYPE),)
    return Route("GET", PATH, PUBLIC, "metrics", "What it counts and how it stands", metrics, answers)
