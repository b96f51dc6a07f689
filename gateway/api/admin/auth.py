"""Which person is calling: a bearer token, compared by its hash and in constant time.

Every failure is the same 401, and its reason goes to the log only. A token that travelled in the clear over a network
is refused even where it is right: it is taken over the loopback or TLS.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

import structlog
from aiohttp import web

from gateway.api.admin.rights import RIGHTS
from gateway.api.backoff import Backoff
from gateway.api.problems import Code, Refused
from gateway.api.routes import Access, Route
from gateway.domain.principal import TOKEN_PREFIX, Bearer
from gateway.operations.principals import identify
from gateway.operations.services import Current

_log = structlog.get_logger("api")

_BEARER = re.compile(rf"Bearer ({TOKEN_PREFIX}[A-Za-z0-9_-]{{43}})", re.ASCII)
_CHALLENGE = (("WWW-Authenticate", "Bearer"),)
_BUCKET = "person"
"""Refusals of one address are counted together: a token names nobody before it is proved."""


class PersonDoor:
    """Tells who is calling, and remembers who keeps failing to say."""

    def __init__(self, current: Current) -> None:
        self._current = current
        self._backoff = Backoff()

    async def __call__(self, request: web.Request, route: Route) -> Bearer:
        """Who may call this route with the token of this request.

        Raises:
            Refused: unauthorized, or rate_limited for an address that keeps failing; who proves itself is served.
                role_missing: a person whose role may not do this.
            StoreUnavailable: nobody can be looked up.
        """
        bearer, reason = await self._prove(request)
        if bearer is not None and bearer.name is None and route.access is not Access.FIRST:
            bearer, reason = None, "first_token_elsewhere"
        if bearer is not None:
            self._check_right(bearer, route)
            return bearer
        source = request.remote or ""
        if not self._backoff.note_refusal(source, _BUCKET, self._current.services.clock.monotonic()):
            raise Refused(Code.RATE_LIMITED)
        _log.info("admin.unauthorized", reason=reason, source=source)
        raise Refused(Code.UNAUTHORIZED, headers=_CHALLENGE)

    @staticmethod
    def _check_right(bearer: Bearer, route: Route) -> None:
        """Raises `Refused` for a role that may not do this."""
        right = RIGHTS[route.name]
        if not bearer.may(right):
            _log.info("admin.forbidden", person=bearer.name, route=route.path, right=str(right))
            raise Refused(Code.ROLE_MISSING)

    async def _prove(self, request: web.Request) -> tuple[Bearer | None, str]:
        """The bearer, or None and why."""
        found = _BEARER.fullmatch(request.headers.get("Authorization", ""))
        if found is None:
            return None, "malformed"
        if not (request.secure or is_loopback(request.remote or "")):
            return None, "in_the_clear"
        return await identify(self._current.services, found[1]), "unknown_token"


def is_loopback(address: str) -> bool:
    """Whether it is this machine; text that is no address is not."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (mapped or parsed).is_loopback
