"""The two applications: what apps and channels reach, and what only the operator reaches."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

import gateway
from gateway.api import openapi
from gateway.api.auth import Authenticator, Presented
from gateway.api.dispatch import Authenticate, Dispatcher
from gateway.api.docs import Docs
from gateway.api.health import Health, Probes
from gateway.api.keys import KeyRecord, KeyRing
from gateway.api.listener import Listener, start_listener
from gateway.api.notifications import Notifications
from gateway.api.payouts import Payouts
from gateway.api.problems import Code, Refused
from gateway.api.routes import RouteTable
from gateway.api.state import PublicState
from gateway.api.table import admin_routes, public_routes
from gateway.operations.services import Services

__all__ = ["PUBLIC_STATE", "Health", "KeyRing", "Listener", "admin_app", "public_app", "start_listener"]

PUBLIC_STATE = web.AppKey("PUBLIC_STATE", PublicState)
"""The public application's state; a reload sets new contents on it."""


def public_app(
    services: Services,
    auth: KeyRing,
    notify_tokens: Mapping[str, str],
    *,
    sandbox: bool,
    cursor_key: bytes,
) -> web.Application:
    """The public API. `sandbox` lets bearer test keys in; `cursor_key` signs the cursors of lists."""
    state = PublicState(services, Authenticator(auth, sandbox=sandbox), notify_tokens, cursor_key)
    docs = Docs()
    table = RouteTable(public_routes(Payouts(state), Notifications(state), docs))
    docs.document = openapi.build(table.routes, gateway.__version__, sandbox=sandbox)
    app = _app(Dispatcher(table, _authenticate(state)))
    app[PUBLIC_STATE] = state
    return app


def admin_app(health: Health) -> web.Application:
    """The probes. HTTP/1.0 is let in here: simple load balancers still probe with it."""
    return _app(Dispatcher(RouteTable(admin_routes(Probes(health))), None, http10=True))


def _authenticate(state: PublicState) -> Authenticate:
    async def authenticate(request: web.Request, body: bytes) -> KeyRecord:
        presented = Presented(
            method=request.method,
            target=request.raw_path.encode("utf-8", "surrogateescape"),
            authorization=request.headers.getall("Authorization", ()),
            body=body,
            source=request.remote or "",
        )
        return await state.auth.authenticate(state.services, presented)

    return authenticate


def _app(dispatcher: Dispatcher) -> web.Application:
    """An application whose every request, found or not, goes through the dispatcher."""

    @web.middleware
    async def everything(request: web.Request, handler: object) -> web.StreamResponse:
        return await dispatcher(request)

    app = web.Application(middlewares=[everything])
    app.router.add_route("*", r"/{anything:[\s\S]*}", _unreached, expect_handler=_continue)
    return app


async def _unreached(request: web.Request) -> web.StreamResponse:
    """aiohttp wants a handler behind its middleware; ours answers everything itself."""
    raise Refused(Code.NOT_FOUND)


async def _continue(request: web.Request) -> None:
    """Tell a client that waits for it to send its body. Other expectations are refused with the head."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
