"""The one admin listener: probes and metrics of all workers as those of one gateway, and everything else handed on.

People are known by the workers, so a request with a token goes to one of them as it came, with the address that it came
from. A reload goes to all at once (`gateway.crew.rounds`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import structlog
from aiohttp import web

from gateway.api.admin.bodies import REQUEST_BYTES_MAX
from gateway.api.admin.handed_on import SEEN_AS
from gateway.api.dispatch import mint_request_id
from gateway.api.health import Check, Finding, Health
from gateway.api.metrics import CONTENT_TYPE
from gateway.api.metrics import PATH as METRICS
from gateway.api.problems import Code, Refused
from gateway.api.responses import answer, as_json, problem
from gateway.crew.post import ANSWERS_WITHIN_S
from gateway.crew.processes import UNHEARD, Crew, Member
from gateway.crew.views import one_of

log: structlog.stdlib.BoundLogger = structlog.get_logger()

RELOAD = ("POST", "/admin/v1/config/reload")
CHANNELS = ("GET", "/admin/v1/channels")
HANDED_ON = ("Authorization", "Content-Type", "Accept")
HANDED_BACK = ("Content-Type", "WWW-Authenticate", "Retry-After", "Allow")


@dataclass(frozen=True, slots=True)
class Said:
    """What a worker answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Front:
    """Answers every request of the admin listener."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self.health = Health({f"worker {each.number}": _check(each) for each in crew.members})

    def app(self) -> web.Application:
        made = web.Application(client_max_size=REQUEST_BYTES_MAX + 1)
        made.router.add_route("*", r"/{anything:[\s\S]*}", self._answer)
        return made

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        which = (request.method, request.path)
        try:
            match which:
                case ("GET" | "HEAD", "/livez"):
                    return as_json({"status": "live"})
                case ("GET" | "HEAD", "/readyz"):
                    return await self._ready(verbose="verbose" in request.query)
                case ("GET" | "HEAD", path) if path == METRICS:
                    return answer(200, await self._crew.exposition(), CONTENT_TYPE)
                case _ if which == RELOAD:
                    return _back(await self._from_all(request))
                case _ if which == CHANNELS:
                    return _back(await self._from_each(request))
                case _:
                    return _back(await self._from_one(request))
        except Refused as refused:
            return problem(refused, mint_request_id())

    async def _ready(self, *, verbose: bool) -> web.StreamResponse:
        """Ready is who has every worker: one that is missing is worth a look, and comes back by itself."""
        findings = await self.health.findings()
        ready = not self.health.draining and all(each.ok for each in findings.values())
        told: dict[str, object] = {"status": "ready" if ready else "not_ready", "draining": self.health.draining}
        if verbose:
            told["checks"] = [{"name": name, "ok": it.ok, "detail": it.detail} for name, it in findings.items()]
        return as_json(told, 200 if ready else 503)

    async def _from_one(self, request: web.Request) -> Said:
        """The first that can be reached. One that took the request and says nothing is not followed by another."""
        body = await _body(request)
        for member in self._crew.ready:
            try:
                return await _hand_on(member, request, body)
            except aiohttp.ClientConnectorError:
                continue  # it never came there
            except UNHEARD as error:
                log.warning("worker.unheard", worker=member.number, error=type(error).__name__)
                raise Refused(Code.COMMIT_UNKNOWN) from error
        raise Refused(Code.UNAVAILABLE)

    async def _from_each(self, request: web.Request) -> Said:
        """What all of them say to a question, put together as one answer."""
        voters = self._crew.ready
        if not voters:
            raise Refused(Code.UNAVAILABLE)
        said = await asyncio.gather(*(_hand_on(each, request, b"") for each in voters), return_exceptions=True)
        heard = [each for each in said if isinstance(each, Said)]
        if not heard:
            raise Refused(Code.UNAVAILABLE)
        good = [each.body for each in heard if each.status == 200]
        return Said(200, one_of(good), heard[0].headers) if len(good) == len(heard) else _first_refusal(heard)

    async def _from_all(self, request: web.Request) -> Said:
        """A reload: every worker is asked, and all take the file up or none does."""
        body = await _body(request)

        async def ask(member: Member) -> Said | None:
            try:
                return await _hand_on(member, request, body)
            except UNHEARD as error:
                log.warning("worker.unheard", worker=member.number, error=type(error).__name__)
                return None

        said = [each for each in await self._crew.take_up(ask) if each is not None]
        if not said:
            raise Refused(Code.UNAVAILABLE)
        return _first_refusal(said)


def _first_refusal(said: list[Said]) -> Said:
    return next((each for each in said if each.status >= 400), said[0])


def _check(member: Member) -> Check:
    async def check() -> Finding:
        try:
            status, text = await member.ask("GET", "/readyz?verbose", 2.0)
        except UNHEARD as error:
            return Finding(False, type(error).__name__ if member.ready else "not running")
        return Finding(status == 200, text)

    return check


async def _body(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Refused(Code.BODY_TOO_LARGE) from error


async def _hand_on(member: Member, request: web.Request, body: bytes) -> Said:
    """Raises `UNHEARD`."""
    if member.session is None:
        raise ConnectionError(f"worker {member.number} is not running")
    headers = {name: request.headers[name] for name in HANDED_ON if name in request.headers}
    headers[SEEN_AS] = request.remote or ""
    asked = member.session.request(
        request.method, f"http://worker{request.raw_path}", data=body or None, headers=headers,
        timeout=aiohttp.ClientTimeout(total=ANSWERS_WITHIN_S), allow_redirects=False,
    )  # fmt: skip
    async with asked as response:
        kept = {name: response.headers[name] for name in HANDED_BACK if name in response.headers}
        return Said(response.status, await response.read(), kept)


def _back(said: Said) -> web.StreamResponse:
    others = {name: value for name, value in said.headers.items() if name != "Content-Type"}
    return answer(said.status, said.body, said.headers.get("Content-Type", "application/json"), others)
