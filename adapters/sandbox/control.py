"""The control surface: how tests and demos steer a sandbox. On a port of its own, loopback only, unsigned.

    GET  /health
    GET  /books            what really happened (`books.BookEntry`)
    POST /faults           {"fault": "timeout_after", "count": 3, "method": "POST"}; {} clears them
    POST /listener         {"open": false}: connecting is refused, open connections break
    POST /clock            {"forward_s": 86400}
    POST /scenario         the channel's own
    POST /notifications    {"never": true}, {"repeat": 2}, {"reorder": true}, {"waits_s": [1, 2]}

A refused order is answered 400 with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiohttp import web

from adapters.sandbox.books import BookEntry
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.faults import Fault, FaultQueue
from adapters.sandbox.notifier import Notifier


class Sandbox(Protocol):
    """What the control surface steers."""

    faults: FaultQueue
    clock: SandboxClock

    @property
    def notifier(self) -> Notifier: ...

    def books(self) -> list[BookEntry]: ...

    def scenario(self, order: Mapping[str, object]) -> object:
        """The channel's own orders; what it returns is answered as JSON. Raises ValueError for one it does not know."""
        ...

    async def set_listener(self, open_: bool) -> None: ...


Order = Mapping[str, object]


def control_app(sandbox: Sandbox) -> web.Application:
    """The routes above."""
    app = web.Application(middlewares=[_refusals])
    app.router.add_get("/health", _health)
    app.router.add_get("/books", _reading(sandbox))
    for path, act in _acts(sandbox).items():
        app.router.add_post(path, _posting(act))
    return app


def _acts(sandbox: Sandbox) -> dict[str, Callable[[Order], Awaitable[object]]]:
    async def faults(order: Order) -> object:
        if not order:
            sandbox.faults.clear()
            return {}
        method = order.get("method")
        sandbox.faults.add(Fault(str(order["fault"])), _whole(order.get("count", 1)), str(method) if method else None)
        return {}

    async def listener(order: Order) -> object:
        await sandbox.set_listener(_flag(order["open"]))
        return {}

    async def clock(order: Order) -> object:
        sandbox.clock.forward(_seconds(order["forward_s"]))
        return {"now": sandbox.clock.now().isoformat()}

    async def scenario(order: Order) -> object:
        return sandbox.scenario(order)

    async def notifications(order: Order) -> object:
        sandbox.notifier.change(**{name: _READ[name](value) for name, value in order.items()})
        return {}

    return {
        "/faults": faults,
        "/listener": listener,
        "/clock": clock,
        "/scenario": scenario,
        "/notifications": notifications,
    }


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError("expected a whole number")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number of seconds")
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _waits(value: object) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise ValueError("expected a list of seconds")
    return tuple(_seconds(item) for item in value)


_READ: dict[str, Callable[[object], object]] = {
    "waits_s": _waits,
    "repeat": _whole,
    "reorder": _flag,
    "hold_s": _seconds,
    "never": _flag,
}


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _reading(sandbox: Sandbox) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def books(_request: web.Request) -> web.Response:
        return web.json_response([entry.as_json() for entry in sandbox.books()])

    return books


def _posting(act: Callable[[Order], Awaitable[object]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        order = json.loads(await request.read() or b"{}")
        if not isinstance(order, dict):
            raise ValueError("expected a JSON object")
        return web.json_response(await act(order))

    return handle


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except KeyError as error:
        return web.json_response({"error": f"unknown or missing: {error}"}, status=400)
    except (ValueError, TypeError) as error:
        return web.json_response({"error": str(error)}, status=400)
