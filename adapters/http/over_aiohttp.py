"""The port over aiohttp's client: a third of the processor time of the one over httpx.

What was sent is told by its trace events. Until a connection stands, TLS and all, there is nothing that a byte of the
head could be written to; from then on the request counts as sent. Every event is noted before aiohttp goes on.

aiohttp by itself sends a GET or a DELETE again when its connection dies, kept or new. What it would do that for is
given another name on its way out (`_never_again`), so that it does not.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
from yarl import URL

from adapters.http.port import (
    ANSWER_MAX_BYTES,
    HEADERS,
    ChannelHttp,
    HttpAnswer,
    NoAnswer,
    Unreadable,
    check_method,
    check_readable,
    describe,
    too_long,
)

_AT_ONCE_BYTES = 64 * 1024
"""A longer body is written piece by piece."""


@dataclass(slots=True)
class _Seen:
    """How far one call came."""

    queued: bool = False
    """It waited for a place in our own pool, and got none yet."""
    connected: bool = False
    """A connection stood that the head could be written to."""


async def _queued(_session: Any, call: SimpleNamespace, _params: Any) -> None:
    call.trace_request_ctx.queued = True


async def _dialling(_session: Any, call: SimpleNamespace, _params: Any) -> None:
    call.trace_request_ctx.queued = False


async def _connected(_session: Any, call: SimpleNamespace, _params: Any) -> None:
    call.trace_request_ctx.connected = True


def _tracing() -> aiohttp.TraceConfig:
    """Three events say the same, one after the other: whichever aiohttp may leave out one day, another is there."""
    config = aiohttp.TraceConfig()
    config.on_connection_queued_start.append(_queued)
    config.on_connection_create_start.append(_dialling)
    config.on_connection_create_end.append(_connected)
    config.on_connection_reuseconn.append(_connected)
    config.on_request_headers_sent.append(_connected)
    return config


class _Broken(Exception):
    """The connection broke."""


async def _never_again(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Broken(describe(error)) from error


class AiohttpHttp(ChannelHttp):
    """HTTP for one channel, by aiohttp."""

    def __init__(self, factory: AiohttpFactory, tls: ssl.SSLContext | None) -> None:
        self._factory = factory
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes = b"",
        max_bytes: int = ANSWER_MAX_BYTES,
    ) -> HttpAnswer | NoAnswer:
        check_method(method)
        seen = _Seen()
        try:
            async with asyncio.timeout(2 * self._factory.total_s):
                return await self._exchange(method, url, headers, body, max_bytes, seen)
        except Exception as error:  # noqa: BLE001 - the port's promise; what it means is told by the trace alone
            return NoAnswer(seen.connected, describe(error), local=seen.queued and not seen.connected)

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        max_bytes: int,
        seen: _Seen,
    ) -> HttpAnswer:
        response = await self._opened().request(
            method,
            URL(url, encoded=True),  # it is signed as it stands
            headers=headers,
            data=BytesIO(body) if len(body) > _AT_ONCE_BYTES else body or None,
            allow_redirects=False,
            trace_request_ctx=seen,
        )
        seen.connected = True  # an answer came, whatever becomes of reading it
        try:
            _check_framed(response)
            check_readable(response.headers.get("content-encoding"))
            return _answer(response, await _read_capped(response, max_bytes))
        finally:
            response.close()

    def _opened(self) -> aiohttp.ClientSession:
        """Made at the first call: it belongs to the loop that is running then."""
        if self._session is None:
            self._session = self._factory.session(self._tls)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _check_framed(response: ClientResponse) -> None:
    """Raises `Unreadable` for what aiohttp's parser lets pass: no clear end, or another protocol."""
    lengths = response.headers.getall("content-length", []) + response.headers.getall("transfer-encoding", [])
    if len(lengths) > 1 or response.headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise Unreadable("the end of the answer cannot be told")
    if response.status == 101:
        raise Unreadable("the answer changes the protocol")


def _answer(response: ClientResponse, body: bytes) -> HttpAnswer:
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.raw_headers]
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return HttpAnswer(response.status, fields, body)
    fields = {name: ", ".join(value for other, value in pairs if other == name) for name in fields}
    names = Counter(name for name, _ in pairs)
    return HttpAnswer(response.status, fields, body, frozenset(name for name, times in names.items() if times > 1))


async def _read_capped(response: ClientResponse, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > max_bytes:
            raise too_long(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


@dataclass(frozen=True, slots=True)
class AiohttpFactory:
    """Makes them for one channel. `connect_s` covers a place in the pool, the name, the connection and TLS."""

    connect_s: float
    read_s: float
    total_s: float
    connections: int = 16

    def __call__(self, tls: ssl.SSLContext | None = None) -> AiohttpHttp:
        return AiohttpHttp(self, tls)

    def session(self, tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
        """One exchange per connection. Made inside the running loop."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls if tls is not None else True, limit=self.connections, force_close=True, use_dns_cache=False
            ),
            timeout=aiohttp.ClientTimeout(total=None, connect=self.connect_s, sock_read=self.read_s),
            headers=HEADERS,
            skip_auto_headers=("Content-Type",),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[_tracing()],
            middlewares=(_never_again,),
        )
