"""The way of every request: head, route, body, who is calling, query, handler. And the one place where it is answered
when something is refused or fails.

The order is the cheap before the dear and the proof before the parsing: nothing in a body is looked at before its
signature is right.
"""

from __future__ import annotations

import re
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import structlog
from aiohttp import hdrs, web

from gateway.api.auth import Proof
from gateway.api.framing import USUAL_BYTES_MAX, check_head, check_json_type, is_csv, read_body
from gateway.api.intake import TURNED_AWAY, Visit
from gateway.api.keys import Scope
from gateway.api.problems import Code, Refused, refusal
from gateway.api.query import read_query
from gateway.api.responses import problem
from gateway.api.routes import PUBLIC, Access, Call, Route, RouteTable
from gateway.domain.errors import CommitUnknown, PaymuxError
from gateway.domain.principal import BY_FIRST_TOKEN, Bearer
from gateway.metrics.port import BLIND, Meter
from gateway.metrics.table import HTTP_DURATION, HTTP_REQUESTS

_log = structlog.get_logger("api")


class Authenticate(Protocol):
    """The key that signed a request with this body, its nonce used up if it is to be `settled`. Raises `Refused` or a
    `PaymuxError`."""

    def __call__(self, request: web.Request, body: bytes, *, settled: bool) -> Awaitable[Proof]: ...


Identify = Callable[[web.Request, Route], Awaitable[Bearer]]
"""Whose token a request to this route carries, if that is enough for it. Raises `Refused` or a `PaymuxError`."""

LetIn = Callable[[web.Request, Route], Visit]
"""The visit of a request to a route that needs a key: whether there is room for it, and its place."""

REQUEST_ID = "X-Request-Id"
_SANE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_FRAMES_MAX = 8


def mint_request_id() -> str:
    return f"req_{secrets.token_hex(12)}"


@dataclass(frozen=True, slots=True)
class _Admitted:
    """Who was let in, with what."""

    body: bytes = field(default=b"", repr=False)
    app: str = ""
    bearer: Bearer | None = None
    proof: Proof | None = None
    """Not settled yet."""

    def shown(self) -> dict[str, str]:
        """For the log line."""
        person = {} if self.bearer is None else {"person": self.bearer.name or BY_FIRST_TOKEN}
        return {"app": self.app, **person}


class Dispatcher:
    """Answers every request of one listener from its route table."""

    def __init__(
        self,
        table: RouteTable,
        authenticate: Authenticate | None,
        identify: Identify | None = None,
        *,
        http10: bool = False,
        meter: Meter = BLIND,
        let_in: LetIn | None = None,
    ) -> None:
        """`authenticate` may be None only where no route needs a scope, `identify` only where none needs a person;
        `http10` lets simple health probes in; `meter` counts the answers; `let_in` comes with `authenticate`.
        """
        if None in (authenticate, let_in) and any(isinstance(route.access, Scope) for route in table.routes):
            raise ValueError("a route needs a scope, and nothing here can tell who is calling")
        if identify is None and any(route.access in (Access.PERSON, Access.FIRST) for route in table.routes):
            raise ValueError("a route needs a person, and nothing here can tell who is calling")
        self._table = table
        self._authenticate = authenticate
        self._identify = identify
        self._http10 = http10
        self._meter = meter
        self._let_in = let_in

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer, whatever happens; one log line says what it was."""
        began_s = perf_counter()
        request_id = _request_id(request)
        seen: dict[str, str] = {}
        response = await self._answer(request, request_id, seen)
        response.headers[REQUEST_ID] = request_id
        took_s, route = perf_counter() - began_s, seen.get("route", "none")
        method = request.method if request.method in hdrs.METH_ALL else "other"
        self._meter.add(HTTP_REQUESTS, route, method, str(response.status))
        self._meter.observe(HTTP_DURATION, took_s, route)
        if "turned_away" in seen:
            return response  # counted, not told one by one: a flood must not become a flood of lines
        _log.info(
            "api.request",
            **{"route": "none", **seen},
            method=method,
            status=response.status,
            duration_ms=round(took_s * 1000, 1),
            request_id=request_id,
        )
        return response

    async def _answer(self, request: web.Request, request_id: str, seen: dict[str, str]) -> web.StreamResponse:
        try:
            return await self._serve(request, request_id, seen)
        except Refused as refused:
            if refused.code in TURNED_AWAY:
                seen["turned_away"] = refused.code
            return problem(refused, request_id)
        except PaymuxError as error:
            return problem(self._translated(error, request_id), request_id)
        except Exception as error:  # noqa: BLE001 - the last resort (S20): one id, no detail
            log_unhandled(error, request_id)
            return problem(Refused(Code.INTERNAL_ERROR), request_id)

    async def _serve(self, request: web.Request, request_id: str, seen: dict[str, str]) -> web.StreamResponse:
        check_head(request, http10=self._http10)
        route, variables = self._table.match(request.method, request.raw_path.partition("?")[0])
        seen["route"] = route.path
        if not isinstance(route.access, Scope):
            return await self._handle(request, request_id, seen, route, variables, await self._admit(request, route))
        assert self._let_in is not None  # noqa: S101 - __init__ refused a table that needs it without it
        with self._let_in(request, route) as visit:
            admitted = await self._admit_app(request, route, visit)
            try:
                response = await self._handle(request, request_id, seen, route, variables, admitted)
            except CommitUnknown:
                raise  # nobody knows whether it happened: no other answer is true
            except (Refused, PaymuxError):
                await _settle(admitted.proof, visit)
                raise
            response.headers.update(visit.headers)
            return response

    async def _handle(
        self,
        request: web.Request,
        request_id: str,
        seen: dict[str, str],
        route: Route,
        variables: Mapping[str, str],
        admitted: _Admitted,
    ) -> web.StreamResponse:
        raw_query = request.raw_path.partition("?")[2]
        seen |= admitted.shown()
        query: Mapping[str, list[object]] = {} if route.query is None else read_query(raw_query, route.query)
        first_use = None if admitted.proof is None else admitted.proof.first_use
        call = Call(request, request_id, admitted.app, variables, query, admitted.body, admitted.bearer, first_use)
        return await route.handler(call)

    async def _admit(self, request: web.Request, route: Route) -> _Admitted:
        """Who calls, and the body, where no key is needed; nothing of either on a public route."""
        return _Admitted() if route.access is PUBLIC else await self._admit_person(request, route)

    async def _admit_person(self, request: web.Request, route: Route) -> _Admitted:
        """The token stands in the head: nothing of a stranger's body is read."""
        assert self._identify is not None  # noqa: S101 - __init__ refused a table that needs it without it
        bearer = await self._identify(request, route)
        if route.body is not None:
            check_json_type(request)
        body = await read_body(request, route.body_bytes_max)
        if body and route.body is None:
            raise Refused(Code.BAD_REQUEST, "this call takes no body")
        return _Admitted(body, bearer=bearer)

    async def _admit_app(self, request: web.Request, route: Route, visit: Visit) -> _Admitted:
        assert self._authenticate is not None  # noqa: S101 - __init__ refused a table that needs it without it
        bytes_max = _bytes_max(request, route)
        await visit.look()
        body = await read_body(request, bytes_max, visit.grow if bytes_max > USUAL_BYTES_MAX else None)
        await visit.enter()
        proof = await self._authenticate(request, body, settled=not route.uses_nonce)
        visit.proved()
        if route.access not in proof.key.scopes:
            await _settle(proof, visit)
            raise Refused(Code.SCOPE_MISSING, f"this call needs the scope {route.access}")
        if body and route.body is None:
            raise Refused(Code.BAD_REQUEST, "this call takes no body")
        return _Admitted(body, proof.key.app, proof=proof if route.uses_nonce else None)

    @staticmethod
    def _translated(error: PaymuxError, request_id: str) -> Refused:
        refused = refusal(error)
        if refused.status >= 500:
            _log.warning("api.failed", error=type(error).__name__, code=refused.code, request_id=request_id)
        return refused


async def _settle(proof: Proof | None, visit: Visit) -> None:
    """What is refused uses its nonce up, too: it would otherwise wait for a better day to be said again by somebody
    else. Raises `Refused`: it was somebody else, and then nothing counts for the key."""
    if proof is None:
        return
    try:
        await proof.settle()
    except Refused:
        visit.disproved()
        raise


def _bytes_max(request: web.Request, route: Route) -> int:
    """How large the body may be, by what it is. Raises `Refused` for a type that the route does not take."""
    if route.csv_bytes_max is not None and is_csv(request):
        return route.csv_bytes_max
    if route.body is not None:
        check_json_type(request)
    return route.body_bytes_max


def log_unhandled(error: BaseException, request_id: str) -> None:
    """What failed and where, without the error's text: that may hold what was sent."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    _log.error("api.unhandled", error=type(error).__name__, where=where, request_id=request_id)


def sane_request_id(given: str) -> str | None:
    """The caller's own id, if it is one that can be shown."""
    return given if _SANE_ID.fullmatch(given) else None


def _request_id(request: web.Request) -> str:
    """The caller's own id if it is sane, else a new one."""
    return sane_request_id(request.headers.get(REQUEST_ID, "")) or mint_request_id()
