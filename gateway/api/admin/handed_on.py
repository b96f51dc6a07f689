"""Requests that come through the parent of several workers: they come from whoever sent them to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

SEEN_AS = "X-Forwarded-For"
"""Who asked the parent. Believed on a worker's private socket, which nobody but the parent can reach; never else."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def as_the_parent_saw_it(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The address is the one that the parent names."""
    return await handler(request.clone(remote=request.headers.get(SEEN_AS, "")))
