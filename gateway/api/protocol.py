"""The server's side of one connection, with the deadline that aiohttp lacks and the plain words it does not have.

A request head must be here within five seconds of its first byte (docs/reliability.md 4, row 10; the first one is
waited for in `doorway`), and one that cannot be parsed is answered with a problem like everything else, without a word
about what parsed it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from gateway.api.connections import ConnectionCap
from gateway.api.dispatch import REQUEST_ID, log_unhandled, mint_request_id
from gateway.api.doorway import HEAD_DEADLINE_S, tcp
from gateway.api.gate import Gate, whole_request
from gateway.api.problems import Code, Refused
from gateway.api.responses import problem

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

IDLE_S = 75.0
"""How long a connection may rest between requests."""


class Connection(web.RequestHandler):
    """One connection. Its base class keeps its state in private names; a test holds on to those used here."""

    __slots__ = ("_cap", "_gate", "_head_timer", "_newest_body", "_pause", "_peer", "_plain", "_resting")

    def __init__(
        self, manager: web.Server, loop: asyncio.AbstractEventLoop, peer: str, cap: ConnectionCap, gate: Gate | None
    ) -> None:
        """`peer` was counted in by `cap`; it is counted out at the end."""
        settings: dict[str, Any] = {
            "keepalive_timeout": IDLE_S,
            "auto_decompress": False,
            "max_headers": 64,
            "lingering_time": 1.0,
            "access_log": None,
        }
        super().__init__(manager, loop=loop, **settings)
        self._cap = cap
        self._peer = peer
        self._head_timer: asyncio.TimerHandle | None = None
        self._newest_body: StreamReader = EMPTY_PAYLOAD
        self._gate = gate
        self._plain = gate is not None
        """All that came so far were whole requests, each by itself: aiohttp holds no part of one."""
        self._pause: asyncio.TimerHandle | None = None
        self._resting = False

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cap.leave(self._peer)
        self._head_came()
        if self._pause is not None:
            self._pause_over().cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes belong to a head when the body before them has ended."""
        if data and self._plain and self._turned_away(data):  # aiohttp calls with nothing, when it is ready for more
            return
        if self._resting:
            self._head_came()
        heads, in_head = self._request_count, self._newest_body.is_eof()
        super().data_received(data)
        if self._request_count > heads:
            self._head_came()
            self._newest_body = self._messages[-1][1]
        elif in_head and self._head_timer is None:
            self._await_head()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp refuses by itself, as a problem. The connection ends: we do not know what follows."""
        request_id = mint_request_id()
        if status == 400:
            refused = Refused(Code.BAD_REQUEST, "this is not well-formed HTTP/1.1")
        else:
            refused = Refused(Code.INTERNAL_ERROR)
            if exc is not None and not isinstance(exc, ConnectionError):
                log_unhandled(exc, request_id)
        made = problem(refused, request_id)
        made.headers[REQUEST_ID] = request_id
        made.force_close()
        return made

    # Turned away ------------------------------------------------------------------------------------------------------

    def _turned_away(self, data: bytes) -> bool:
        """Whether the gate refuses these bytes; what comes behind them is not read before they are answered."""
        head = whole_request(data)
        self._plain = head is not None
        if head is None or self._gate is None or self._request_in_progress or self._messages:
            return False
        turned = self._gate.look(head)
        if turned is None:
            return False
        if turned.answer is None or self.transport is None:
            self.force_close()
            return True
        self._head_came()
        tcp(self.transport).pause_reading()
        self._pause = self._loop.call_later(turned.pause_s, self._answer_turned_away, turned.answer, turned.closes)
        return True

    def _answer_turned_away(self, answer: bytes, closes: bool) -> None:
        self._pause_over()
        if self.transport is None or self.transport.is_closing():
            return
        transport = tcp(self.transport)
        transport.write(answer)
        if closes:
            transport.close()
            return
        transport.resume_reading()
        self._resting, self._head_timer = True, self._loop.call_later(IDLE_S, self._head_is_late)

    def _pause_over(self) -> asyncio.TimerHandle:
        pause, self._pause = self._pause, None
        assert self._gate is not None and pause is not None  # noqa: S101, PT018 - whoever is paused was looked at
        self._gate.answered()
        return pause

    # The head's deadline ----------------------------------------------------------------------------------------------

    def _await_head(self) -> None:
        self._head_timer = self._loop.call_later(HEAD_DEADLINE_S, self._head_is_late)

    def _head_came(self) -> None:
        self._resting = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        """Close; a request before it that is still being answered gets its answer first."""
        self._head_timer = None
        if self._request_in_progress:
            self.close()
        else:
            self.force_close()
