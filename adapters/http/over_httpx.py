"""The port over httpx, and the only place that imports it for the wire.

The trace extension tells whether the head of a request began to be written, on any connection tried. The same
`ConnectError`, `ReadError` or `PoolTimeout` is raised on both sides of that line, so the line is drawn by the trace
alone.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import httpx

from adapters.http.port import (
    ANSWER_MAX_BYTES,
    HEADERS,
    ChannelHttp,
    HttpAnswer,
    NoAnswer,
    check_method,
    check_readable,
    describe,
    too_long,
)

_HEAD_STARTED = ".send_request_headers.started"


@dataclass(slots=True)
class _Trace:
    """Records whether a request head began to be written during one call."""

    head_started: bool = False
    seen: bool = False

    async def __call__(self, event: str, _info: object) -> None:
        self.seen = True
        if event.endswith(_HEAD_STARTED):
            self.head_started = True


class HttpxHttp(ChannelHttp):
    """HTTP for one channel, by httpx."""

    def __init__(self, client: httpx.AsyncClient, close_after_s: float, *, always_traces: bool) -> None:
        self._client = client
        self._close_after_s = close_after_s
        self._always_traces = always_traces
        """Whether silence of the trace is proof: true of httpx's own transport, unknown of any other."""

    async def send(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes = b"",
        max_bytes: int = ANSWER_MAX_BYTES,
    ) -> HttpAnswer | NoAnswer:
        check_method(method)
        trace = _Trace()
        try:
            async with asyncio.timeout(self._close_after_s):
                return await self._exchange(method, url, headers, body, max_bytes, trace)
        except Exception as error:  # noqa: BLE001 - the port's promise; what it means is told by the trace alone
            silent = not trace.seen and not self._always_traces
            sent = trace.head_started or silent
            return NoAnswer(sent, describe(error), local=isinstance(error, httpx.PoolTimeout) and not sent)

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        max_bytes: int,
        trace: _Trace,
    ) -> HttpAnswer:
        request = self._client.build_request(
            method, url, headers=list(headers), content=body or None, extensions={"trace": trace}
        )
        response = await self._client.send(request, stream=True)
        trace.head_started = True  # an answer came, whatever becomes of reading it
        try:
            check_readable(response.headers.get("content-encoding"))
            read = await _read_capped(response, max_bytes)
        finally:
            await response.aclose()
        names = [name.lower() for name, _ in response.headers.multi_items()]
        doubled = frozenset(name for name in names if names.count(name) > 1)
        return HttpAnswer(response.status_code, dict(response.headers.items()), read, doubled)

    async def close(self) -> None:
        await self._client.aclose()


async def _read_capped(response: httpx.Response, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > max_bytes:
            raise too_long(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


@dataclass(frozen=True, slots=True)
class HttpxFactory:
    """The real thing. `transport` replaces the network in tests; to prove "not sent" it has to fire trace events."""

    connect_s: float
    read_s: float
    total_s: float
    connections: int = 16
    transport: httpx.AsyncBaseTransport | None = None

    def __call__(self, tls: ssl.SSLContext | None = None) -> HttpxHttp:
        client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            verify=tls if tls is not None else True,
            timeout=httpx.Timeout(connect=self.connect_s, read=self.read_s, write=self.read_s, pool=self.connect_s),
            limits=httpx.Limits(max_connections=self.connections, max_keepalive_connections=0),
            headers=HEADERS,
            transport=self.transport,
        )
        return HttpxHttp(client, 2 * self.total_s, always_traces=self.transport is None)
