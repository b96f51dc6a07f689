"""Faults to order: what may happen to the next requests, and how it is played on the wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from aiohttp import web

_PAGE_OF_A_PROXY = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class Fault(StrEnum):
    """Everything a sandbox can do wrong on request. "Before" and "after" are about its own work."""

    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    ERROR_500_BEFORE = "error_500_before"
    ERROR_500_AFTER = "error_500_after"
    BAD_GATEWAY_502 = "bad_gateway_502"
    """An HTML page from something in between; no work was done."""
    TOO_MANY_429 = "too_many_429"
    ACCEPTED_202 = "accepted_202"
    """Taken, not settled; no work was done."""
    CUT_BODY = "cut_body"
    """The work is done, the answer's body breaks off in the middle."""
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    WRONG_KEY = "wrong_key"
    STALE_TIMESTAMP = "stale_timestamp"
    NO_SIGNATURE = "no_signature"
    SIGNATURE_PROBE = "signature_probe"
    """A signature made wrong on purpose and marked so, where the channel has such a thing."""
    OTHER_REQUEST = "other_request"
    """The answer is bound to (or made of) another request than the one it answers."""


SIGNATURE_FAULTS = frozenset(
    {Fault.WRONG_KEY, Fault.STALE_TIMESTAMP, Fault.NO_SIGNATURE, Fault.SIGNATURE_PROBE, Fault.OTHER_REQUEST}
)
"""Played by the sandbox's own signer; the rest is played here."""


@dataclass(slots=True)
class _Ordered:
    fault: Fault
    left: int
    method: str | None


class FaultQueue:
    """Faults for the next requests, in the order they were ordered."""

    def __init__(self) -> None:
        self._ordered: deque[_Ordered] = deque()

    def add(self, fault: Fault, count: int = 1, method: str | None = None) -> None:
        """The next `count` requests (of `method`, when given) meet `fault`.

        Raises:
            ValueError: a count below 1.
        """
        if count < 1:
            raise ValueError("count is 1 or more")
        self._ordered.append(_Ordered(fault, count, method))

    def take(self, method: str) -> Fault | None:
        """The fault of this request, if one was ordered."""
        for ordered in self._ordered:
            if ordered.method in (None, method):
                ordered.left -= 1
                if ordered.left == 0:
                    self._ordered.remove(ordered)
                return ordered.fault
        return None

    def clear(self) -> None:
        self._ordered.clear()


Work = Callable[[Fault | None], Awaitable[web.Response]]
"""Does the request's work and signs the answer; a fault given is one of `SIGNATURE_FAULTS`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a fault needs to be played: the channel's own form of an error, and how long a time-out hangs."""

    refusal: Callable[[int], web.Response]
    """The channel's signed answer for 202, 429 or 500."""
    hang: Callable[[], Awaitable[None]]
    """Returns when a hanging request should be dropped."""


async def play(fault: Fault | None, request: web.Request, work: Work, stage: Stage) -> web.StreamResponse:
    """Answer `request` with `work`, spoiled by `fault`."""
    if fault is None or fault in SIGNATURE_FAULTS:
        return await work(fault)
    match fault:
        case Fault.TIMEOUT_BEFORE | Fault.DROP_BEFORE:
            return await _drop(request, fault is Fault.TIMEOUT_BEFORE, stage)
        case Fault.TIMEOUT_AFTER | Fault.DROP_AFTER:
            await work(None)
            return await _drop(request, fault is Fault.TIMEOUT_AFTER, stage)
        case Fault.ERROR_500_AFTER:
            await work(None)
            return stage.refusal(500)
        case Fault.CUT_BODY:
            return await _cut(request, await work(None))
        case Fault.BAD_GATEWAY_502:
            return web.Response(status=502, body=_PAGE_OF_A_PROXY, content_type="text/html")
        case _:
            return stage.refusal(_STATUS[fault])


_STATUS = {Fault.ERROR_500_BEFORE: 500, Fault.TOO_MANY_429: 429, Fault.ACCEPTED_202: 202}


def drop_connection(request: web.BaseRequest) -> None:
    """Break the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()


async def _drop(request: web.Request, hang: bool, stage: Stage) -> web.Response:
    if hang:
        await stage.hang()
    drop_connection(request)
    return web.Response(status=500)  # never seen: the connection is gone


async def _cut(request: web.Request, answer: web.Response) -> web.StreamResponse:
    body = answer.body if isinstance(answer.body, bytes) else b""
    cut = web.StreamResponse(status=answer.status, headers=answer.headers)
    cut.content_length = len(body)
    await cut.prepare(request)
    await cut.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return cut
