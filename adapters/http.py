"""The one HTTP client for channels: plain httpx, and the only place that imports it.

What it adds to httpx is exactly what money needs:

* **proof of "not sent"** (R3): the trace extension tells whether the head of a request began to be written, on any
  connection tried. Exception classes prove nothing: the same `ConnectError`, `ReadError` or `PoolTimeout` is raised
  on both sides of that line, so the line is drawn by the trace alone. A transport that says nothing proves nothing.
* **one exchange per connection**: what is left over on a kept connection (an answer sent twice, a body longer than its
  `Content-Length`) would be read as the answer to the next request, that is to another order. A kept connection that
  dies under a submit would make it unknown besides.
* **a total deadline**: httpx's time-outs are per read; a channel that trickles a byte a second never meets them.
* **a cap** on what is read, and no decoding: `Content-Encoding` in an answer makes it unreadable, so a
  compression bomb is never unpacked.

Redirects are off (a redirected submit is an answer we do not know), `trust_env` is off (no proxy from the environment),
pools are small and one per channel (a pool's cost grows with the square of its waiters).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

ANSWER_MAX_BYTES = 256 * 1024
"""The longest answer read by default; longer ones are no answer."""

_HEAD_STARTED = ".send_request_headers.started"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer. `headers` has lower-case names; a name that came twice is in `doubled`."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    doubled: frozenset[str] = frozenset()

    def evidence(self) -> bytes:
        """Status line, headers and body as they came, for the record."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return f"HTTP {self.status}\r\n{head}\r\n".encode() + self.body


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There is no answer to read. `sent` is False only if the transport proved that no byte of the head was written."""

    sent: bool
    error: str
    """What went wrong, for people: an exception's class and text, never proof of anything."""
    local: bool = False
    """It never left for want of a free connection in our own pool: nobody's fault but ours."""

    def evidence(self) -> bytes:
        return f"no answer ({'sent' if self.sent else 'not sent'}): {self.error}".encode()


@dataclass(slots=True)
class _Trace:
    """Records whether a request head began to be written during one call."""

    head_started: bool = False
    seen: bool = False

    async def __call__(self, event: str, _info: object) -> None:
        self.seen = True
        if event.endswith(_HEAD_STARTED):
            self.head_started = True


class _TooLong(Exception):
    pass


class _Encoded(Exception):
    pass


class ChannelHttp:
    """HTTP for one channel: its own small pool, its own TLS identity."""

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
        """One request, one answer; only a cancellation escapes.

        The caller waits as long as it likes (its deadline is its own business); the call itself is closed after
        twice the total deadline, so that a late answer is still read (R10).
        """
        trace = _Trace()
        try:
            async with asyncio.timeout(self._close_after_s):
                return await self._exchange(method, url, headers, body, max_bytes, trace)
        except Exception as error:  # noqa: BLE001 - see the promise above; what it means is told by the trace alone
            silent = not trace.seen and not self._always_traces
            sent = trace.head_started or silent
            return NoAnswer(sent, _describe(error), local=isinstance(error, httpx.PoolTimeout) and not sent)

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
            if response.headers.get("content-encoding", "identity") != "identity":
                raise _Encoded("the answer has a content coding")
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
            raise _TooLong(f"the answer is longer than {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _describe(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__


class HttpClientFactory(Protocol):
    """Makes the HTTP client of one channel; tests and the simulation hand in another one."""

    def __call__(self, tls: ssl.SSLContext | None = None) -> ChannelHttp: ...


@dataclass(frozen=True, slots=True)
class HttpxFactory:
    """The real thing. `transport` replaces the network in tests; to prove "not sent" it has to fire trace events."""

    connect_s: float
    read_s: float
    total_s: float
    connections: int = 16
    transport: httpx.AsyncBaseTransport | None = None

    def __call__(self, tls: ssl.SSLContext | None = None) -> ChannelHttp:
        client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            verify=tls if tls is not None else True,
            timeout=httpx.Timeout(connect=self.connect_s, read=self.read_s, write=self.read_s, pool=self.connect_s),
            limits=httpx.Limits(max_connections=self.connections, max_keepalive_connections=0),
            headers={"User-Agent": "paymux", "Accept-Encoding": "identity"},
            transport=self.transport,
        )
        return ChannelHttp(client, 2 * self.total_s, always_traces=self.transport is None)
