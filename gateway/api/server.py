"""The two applications: what apps and channels reach, and what only the operator reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aiohttp import web

import gateway
from gateway.api import openapi
from gateway.api.admin.auth import PersonDoor
from gateway.api.admin.handlers import People, Reviews
from gateway.api.admin.routes import people_routes, review_routes
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
from gateway.api.source import source
from gateway.api.state import Doors, PublicState
from gateway.api.table import admin_routes, public_routes
from gateway.operations.services import Services

__all__ = ["PUBLIC_STATE", "Doors", "Health", "KeyRing", "Listener", "admin_app", "public_app", "start_listener"]

PUBLIC_STATE = web.AppKey("PUBLIC_STATE", PublicState)
"""The public application's state; a reload sets new contents on it."""

_OPEN = Doors()


def public_app(
    services: Services,
    auth: KeyRing,
    notify_tokens: Mapping[str, str],
    *,
    sandbox: bool,
    cursor_key: bytes,
    doors: Doors = _OPEN,
) -> web.Application:
    """The public API. `sandbox` lets bearer test keys in; `cursor_key` signs the cursors of lists."""
    state = PublicState(services, Authenticator(auth, sandbox=sandbox), notify_tokens, cursor_key, doors)
    docs = Docs()
    table = RouteTable(public_routes(Payouts(state), Notifications(state), docs))
    docs.document = openapi.build(table.routes, gateway.__version__, sandbox=sandbox)
    app = _app(Dispatcher(table, _authenticate(state)))
    app[PUBLIC_STATE] = state
    return app


def admin_app(
    health: Health, services: Services, random_bytes: Callable[[int], bytes], first_token: Path
) -> web.Application:
    """The probes, for everybody; the rest for people with a token. HTTP/1.0 is let in here: simple load balancers
    still probe with it. `random_bytes` makes tokens; `first_token` is the file of the first one.
    """
    people = People(services, random_bytes, first_token)
    table = RouteTable((*admin_routes(Probes(health)), *people_routes(people), *review_routes(Reviews(services))))
    return _app(Dispatcher(table, None, PersonDoor(services), http10=True))


def _authenticate(state: PublicState) -> Authenticate:
    async def authenticate(request: web.Request, body: bytes) -> KeyRecord:
        presented = Presented(
            method=request.method,
            target=request.raw_path.encode("utf-8", "surrogateescape"),
            authorization=request.headers.getall("Authorization", ()),
            body=body,
            source=source(
                request.remote or "", request.headers.getall("X-Forwarded-For", ()), state.doors.trusted_proxies
            ),
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
