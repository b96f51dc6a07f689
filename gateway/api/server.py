"""The two applications: what apps and channels reach, and what only the operator reaches."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path

from aiohttp import web

import gateway
from gateway.admission.commit_wait import NO_PRESSURE
from gateway.admission.limits import Load
from gateway.api import openapi
from gateway.api.admin.auth import PersonDoor
from gateway.api.admin.desk import Desk
from gateway.api.admin.handlers import People, Reviews
from gateway.api.admin.keys import SealingKeys, key_routes
from gateway.api.admin.panel import Switches, panel_routes
from gateway.api.admin.parked import Parked, parked_routes
from gateway.api.admin.personal import Personal, personal_routes
from gateway.api.admin.routes import desk_routes, people_routes, review_routes
from gateway.api.auth import Authenticator, Presented, Proof, claimed
from gateway.api.calls import calls
from gateway.api.dispatch import Authenticate, Dispatcher, LetIn
from gateway.api.docs import Docs
from gateway.api.gate import Gate
from gateway.api.health import Health, Probes
from gateway.api.intake import Intake, Pressed, Visit
from gateway.api.keys import KeyRing, Scope
from gateway.api.listener import GATE, Listener, start_listener
from gateway.api.metrics import Exposition, metrics_route
from gateway.api.notifications import Notifications
from gateway.api.payouts import Payouts
from gateway.api.problems import Code, Refused
from gateway.api.routes import Route, RouteTable
from gateway.api.source import source
from gateway.api.state import Doors, InForce, PublicState, Snapshot
from gateway.api.table import admin_routes, health_routes, public_routes
from gateway.operations.panel import Panel
from gateway.operations.services import Current

__all__ = [
    "PUBLIC_STATE", "Doors", "Health", "InForce", "KeyRing", "Listener", "Snapshot", "admin_app", "health_app",
    "public_app", "start_listener",
]  # fmt: skip

PUBLIC_STATE = web.AppKey("PUBLIC_STATE", PublicState)
"""The public application's state."""


def public_app(
    in_force: InForce, *, sandbox: bool, cursor_key: bytes, pressure: Pressed = lambda: NO_PRESSURE
) -> web.Application:
    """The public API. `sandbox` lets bearer test keys in; `cursor_key` signs the cursors of lists; `pressure` says how
    the store stands.
    """
    intake = Intake(in_force.services.clock, pressure)
    state = PublicState(in_force, Authenticator(sandbox=sandbox), intake, cursor_key, sandbox=sandbox)
    docs = Docs()
    table = RouteTable(public_routes(Payouts(state), Notifications(state), docs, calls(state)))

    @cache
    def document(preferences: tuple[str, ...]) -> openapi.Json:
        return openapi.build(table.routes, gateway.__version__, sandbox=sandbox, preferences=preferences)

    docs.draw = lambda: document(tuple(sorted(state.services.router.preferences)))
    app = _app(Dispatcher(table, _authenticate(state), meter=state.services.meter, let_in=_let_in(state)))
    app[PUBLIC_STATE] = state
    app.on_shutdown.append(_closing(state))
    app[GATE] = Gate(state)
    return app


def admin_app(
    health: Health,
    current: Current,
    random_bytes: Callable[[int], bytes],
    first_token: Path,
    exposition: Exposition | None = None,
    panel: Panel | None = None,
) -> web.Application:
    """The probes and the metrics, for everybody; the rest for people with a token. HTTP/1.0 is let in here: simple load
    balancers still probe with it. `random_bytes` makes tokens; `first_token` is the file of the first one.
    """
    people = People(current, random_bytes, first_token)
    by_people = (
        *people_routes(people), *review_routes(Reviews(current)), *desk_routes(Desk(current)),
        *parked_routes(Parked(current)), *key_routes(SealingKeys(current)), *personal_routes(Personal(current)),
    )  # fmt: skip
    scraped = () if exposition is None else (metrics_route(exposition),)
    switches = () if panel is None else panel_routes(Switches(current, panel))
    table = RouteTable((*admin_routes(Probes(health)), *scraped, *by_people, *switches))
    return _app(Dispatcher(table, None, PersonDoor(current), http10=True, meter=current.services.meter))


def _closing(state: PublicState) -> Callable[[web.Application], Awaitable[None]]:
    async def closing(_app: web.Application) -> None:
        state.closing.set()

    return closing


LOADS = {Scope.SUBMIT: Load.ORDERS, Scope.QUERY: Load.READS, Scope.CANCEL: Load.READS, Scope.CALLBACKS: Load.READS}
"""What kind of work a route is, by the scope it needs."""


def _let_in(state: PublicState) -> LetIn:
    def let_in(request: web.Request, route: Route) -> Visit:
        key = claimed(state.keys, request.headers.getall("Authorization", ()))
        assert isinstance(route.access, Scope)  # noqa: S101 - the dispatcher asks for no other route
        return state.intake.visit(
            route.load or LOADS[route.access], state.doors.intake, key, partial(_hang_up, request)
        )

    return let_in


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def health_app(health: Health) -> web.Application:
    """The probes and nothing else."""
    return _app(Dispatcher(RouteTable(health_routes(Probes(health))), None, http10=True))


def _authenticate(state: PublicState) -> Authenticate:
    async def authenticate(request: web.Request, body: bytes, *, settled: bool) -> Proof:
        presented = Presented(
            method=request.method,
            target=request.raw_path.encode("utf-8", "surrogateescape"),
            authorization=request.headers.getall("Authorization", ()),
            body=body,
            source=source(
                request.remote or "", request.headers.getall("X-Forwarded-For", ()), state.doors.trusted_proxies
            ),
        )
        return await state.auth.authenticate(state.services, state.keys, presented, settled=settled)

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
