"""GET /v1/payouts/{id}/stream: the timeline as server-sent events, from any line of it to the payout's end.

Each open stream looks into the store once a second: another node may have moved the payout, and one indexed question
costs less than a second channel between nodes that could fail by itself. `[limits] streams` bounds how many there are.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Sequence

import structlog
from aiohttp import hdrs, web
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from gateway.admission.limits import Load
from gateway.api.keys import Scope
from gateway.api.payouts import event_view
from gateway.api.problems import Code, Fault, Refused
from gateway.api.query import SINCE
from gateway.api.replies import Reply
from gateway.api.responses import Bare, encode
from gateway.api.routes import Answer, Call, Route
from gateway.api.state import PublicState
from gateway.clock import Clock
from gateway.domain.event import Event
from gateway.domain.payout import Payout
from gateway.domain.status import is_final
from gateway.domain.view import payout_view
from gateway.operations import follow
from gateway.operations.follow import News

_log = structlog.get_logger("api")

LOOK_EVERY_S = 1.0
PING_EVERY_S = 15.0
LASTS_S = 900.0
"""Then the client comes again with the last line it has: with a fresh signature, and to whichever node is there."""
WRITE_S = 10.0
"""Who does not read for so long is let go of."""
LAST_EVENT_ID = "Last-Event-ID"
_SEQUENCE = re.compile(r"[0-9]{1,15}", re.ASCII)
_HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
}
_PING = b": ping\n\n"


class StreamEventReply(Reply):
    """One of the events."""

    id: str | SkipJsonSchema[None] = Field(default_factory=lambda: None)
    """The line's sequence; `end` has none."""
    event: str
    """The line's type, or `end`."""
    data: str
    """JSON: the line as the timeline has it; with `end` the payout."""


class _Stream(web.StreamResponse):
    """Tells no more of what it was made with than every other answer."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.popall(hdrs.SERVER, None)


class Streams:
    """The handler."""

    def __init__(self, state: PublicState) -> None:
        self._state = state

    async def stream(self, call: Call) -> web.StreamResponse:
        """204 where there will be nothing more: it keeps an EventSource from coming again."""
        after, services = _after(call), self._state.services
        first = await follow.begin(services, call.app, call.path["payout_id"], after)
        if is_final(first.payout) and not first.events:
            return Bare(status=204, headers={hdrs.CACHE_CONTROL: "no-store"})
        response = _Stream(headers={**_HEADERS, "X-Request-Id": call.request_id})
        try:
            await response.prepare(call.request)
            await _Following(self._state, call.request, response).run(first, after)
        except (ConnectionResetError, TimeoutError):
            _log.info("api.stream_left", payout=first.payout.id, request_id=call.request_id)
        return response


class _Following:
    """One open stream."""

    def __init__(self, state: PublicState, request: web.Request, response: web.StreamResponse) -> None:
        self._state, self._request, self._response = state, request, response
        self._clock: Clock = state.services.clock
        self._spoke_s = self._clock.monotonic()

    async def run(self, first: News, after: int) -> None:
        """Until the payout has ended, or the stream: by its age, by the gateway's stop, by the client."""
        ends_s, found = self._clock.monotonic() + LASTS_S, first
        while True:
            after = await self._tell(found.events, after)
            if is_final(found.payout):
                return await self._write(_end(found.payout))
            more = None
            while more is None:
                if self._clock.monotonic() >= ends_s or not await self._wait():
                    return None
                more = await follow.news(self._state.services, found.payout.id, after)
            found = more

    async def _tell(self, events: Sequence[Event], after: int) -> int:
        for event in events:
            await self._write(_message(event))
        return events[-1].sequence if events else after

    async def _wait(self) -> bool:
        """Pause until the next look, with a sign of life where it is due; whether anybody listens still."""
        await _either(self._clock.sleep(LOOK_EVERY_S), self._state.closing.wait())
        transport = self._request.transport
        if self._state.closing.is_set() or transport is None or transport.is_closing():
            return False
        if self._clock.monotonic() - self._spoke_s >= PING_EVERY_S:
            await self._write(_PING)
        return True

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(WRITE_S):
            await self._response.write(data)
        self._spoke_s = self._clock.monotonic()


async def _either(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _after(call: Call) -> int:
    """The line that the client has: what it says as it comes again, else what it asked for at first."""
    given = call.request.headers.get(LAST_EVENT_ID, "")
    if given and not _SEQUENCE.fullmatch(given):
        detail = f"{LAST_EVENT_ID}: the id of a line of this stream"
        raise Refused(Code.INVALID_REQUEST, faults=[Fault("", "bad_value", detail)])
    since = call.one("since")
    return int(given) if given else since if isinstance(since, int) else 0


def _message(event: Event) -> bytes:
    """A line of the timeline; its sequence is what a client comes again with."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.sequence, event.type.encode(), encode(event_view(event)))


def _end(payout: Payout) -> bytes:
    return b"event: end\ndata: %s\n\n" % encode(payout_view(payout))


def stream_routes(streams: Streams) -> tuple[Route, ...]:
    """The one route."""
    return (
        Route(
            "GET",
            "/v1/payouts/{payout_id}/stream",
            Scope.QUERY,
            "streamTimeline",
            "The timeline as server-sent events; `Last-Event-ID` or `since` resumes it, `end` carries the payout",
            streams.stream,
            (
                Answer(200, "Events, until the payout has ended", StreamEventReply, "text/event-stream"),
                Answer(204, "It has ended, and you have all of it"),
            ),
            frozenset({Code.NOT_FOUND, Code.PAYOUT_ARCHIVED, Code.INVALID_REQUEST}),
            query=(SINCE,),
            load=Load.STREAMS,
        ),
    )
