"""The route as a value: what is called, who may call it, and what it answers. Routing, authentication and the OpenAPI
document all read the same table, so that none of them can know a route the others do not.

Paths are matched raw, as they stand on the request line (docs/reliability.md 4, row 17): nothing is decoded, so no
second spelling of a path reaches a handler.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from aiohttp import web
from pydantic import BaseModel

from gateway.admission.limits import Load
from gateway.api.keys import Scope
from gateway.api.problems import Code, Refused
from gateway.api.query import QueryParam
from gateway.api.reading import Body
from gateway.api.schemas import BODY_BYTES_MAX
from gateway.api.words import REFERENCE_PATTERN
from gateway.domain.identity import BATCH_ID_PATTERN, BENEFICIARY_ID_PATTERN, PAYOUT_ID_PATTERN
from gateway.domain.principal import NAME_PATTERN, Bearer
from gateway.operations.first_use import FirstUse


class Access(Enum):
    """Who may call a route that needs no app's key."""

    PUBLIC = "public"
    PERSON = "person"
    """Somebody with a token of their own (`gateway.api.admin`)."""
    FIRST = "person or first token"


PUBLIC = Access.PUBLIC


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler gets it: matched, authenticated, its query read. The body is still raw bytes."""

    request: web.Request
    request_id: str
    app: str
    """Whose key signed it; empty on a public route."""
    path: Mapping[str, str]
    query: Mapping[str, Sequence[object]]
    body: bytes = field(repr=False)
    """Empty on a public route, which reads it itself if it wants it."""
    bearer: Bearer | None = None
    """Whose token it was; None on a route that needs none."""
    first_use: FirstUse | None = None
    """The nonce it came with, where the handler uses it up (`Route.uses_nonce`)."""

    def one(self, name: str) -> object:
        """The value of a query parameter, or None."""
        values = self.query.get(name, ())
        return values[0] if values else None


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One way a route answers when all is well."""

    status: int
    description: str
    model: type[BaseModel] | None = None
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Name -> meaning."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path. `access` has no default: a route without one cannot be written."""

    method: str
    path: str
    access: Scope | Access
    name: str
    summary: str
    handler: Handler
    answers: tuple[Answer, ...]
    problems: frozenset[Code] = frozenset()
    """Those beyond what every route of its kind can answer."""
    body: type[Body] | None = None
    query: tuple[QueryParam, ...] | None = ()
    """None: the query is not ours to judge."""
    body_bytes_max: int = BODY_BYTES_MAX
    csv_bytes_max: int | None = None
    """It takes `text/csv` up to this size beside JSON; None: it does not."""
    idempotent: bool = False
    """Whether it takes an `Idempotency-Key`."""
    uses_nonce: bool = False
    """Its handler uses the request's nonce up with what it stores; elsewhere that is done before it is called."""
    load: Load | None = None
    """What kind of work it is; None: as its scope says."""


@dataclass(frozen=True, slots=True)
class PathParam:
    """A variable part of a path: what it may look like. Anything else is another path, and a 404."""

    pattern: str
    description: str


PATH_PARAMS: dict[str, PathParam] = {
    "payout_id": PathParam(PAYOUT_ID_PATTERN, "The payout's id"),
    "reference": PathParam(REFERENCE_PATTERN, "Your reference"),
    "batch_id": PathParam(BATCH_ID_PATTERN, "The batch's id"),
    "beneficiary_id": PathParam(BENEFICIARY_ID_PATTERN, "The saved beneficiary's id"),
    "channel": PathParam(r"^[A-Za-z0-9_-]{1,64}$", "The channel's name"),
    "token": PathParam(r"^[A-Za-z0-9_-]{1,128}$", "The channel's secret path token"),
    "code": PathParam(r"^[a-z_]{1,64}$", "A problem's code"),
    "person": PathParam(NAME_PATTERN, "A person's name"),
    "app": PathParam(r"^[A-Za-z0-9_-]{1,64}$", "The app's name"),
    "endpoint_id": PathParam(r"^ep_[A-Za-z0-9_-]{1,64}$", "The callback endpoint's id"),
    "event_id": PathParam(r"^evt_[A-Za-z0-9_-]{1,64}$", "The event's id"),
    "request_id": PathParam(r"^[A-Za-z0-9_-]{1,64}$", "The id of a request of two people"),
}

_VARIABLE = re.compile(r"\{([a-z_]+)\}")


def path_variables(path: str) -> list[str]:
    return _VARIABLE.findall(path)


def _compile(path: str) -> re.Pattern[str]:
    """The raw paths that a template stands for."""
    parts = _VARIABLE.split(path)
    pattern = "".join(
        f"(?P<{part}>{PATH_PARAMS[part].pattern.strip('^$')})" if index % 2 else re.escape(part)
        for index, part in enumerate(parts)
    )
    return re.compile(pattern, re.ASCII)


class RouteTable:
    """Finds the route of a raw path and method."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Raises ValueError for two routes of one method and path."""
        self.routes = tuple(routes)
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = by_path.setdefault(route.path, {})
            if route.method in methods:
                raise ValueError(f"two routes for {route.method} {route.path}")
            methods[route.method] = route
        self._fixed = {path: methods for path, methods in by_path.items() if "{" not in path}
        self._variable = [(_compile(path), methods) for path, methods in by_path.items() if "{" in path]

    def match(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route and its path's variables. Raises `Refused`: not_found or method_not_allowed."""
        methods, variables = self._find(path)
        route = methods.get(method)
        if route is None:
            raise Refused(Code.METHOD_NOT_ALLOWED, headers=(("Allow", ", ".join(sorted(methods))),))
        return route, variables

    def _find(self, path: str) -> tuple[dict[str, Route], Mapping[str, str]]:
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed, {}
        for pattern, methods in self._variable:
            found = pattern.fullmatch(path)
            if found:
                return methods, found.groupdict()
        raise Refused(Code.NOT_FOUND)
