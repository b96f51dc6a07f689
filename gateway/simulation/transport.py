"""The simulated network under the channels' one HTTP client: as an httpx transport, or in its leanest form.

`Transport` is what httpx is given; all of httpx runs above it. `LeanFactory` makes the same `HttpxHttp`, with the two
calls it makes of httpx played by a few lines: a tenth of the time, for the seeds that are not about httpx.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httpx  # the port that is played

from adapters.channel import Timeouts
from adapters.http import HEADERS, ChannelHttp, HttpxHttp
from gateway.simulation.messages import Answered, Asked, Headers
from gateway.simulation.trip import Fire, Patience

Exchange = Callable[[Asked, Fire, Patience], Awaitable[Answered]]
"""One request and its answer. Raises httpx.TransportError."""


class Transport(httpx.AsyncBaseTransport):
    """httpx's port, over the simulated network."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
        target = request.url.raw_path.decode("ascii")
        asked = Asked(request.method, request.url.netloc.decode("ascii"), target, headers, await request.aread())
        limits = request.extensions["timeout"]
        said = await self._exchange(asked, _firing(request.extensions), Patience(limits["connect"], limits["read"]))
        return httpx.Response(said.status, headers=list(said.headers), stream=httpx.ByteStream(said.body))


def _firing(extensions: Any) -> Fire:
    trace = extensions.get("trace")

    async def fire(event: str) -> None:
        if trace is not None:
            await trace(event, {})

    return fire


@dataclass(frozen=True, slots=True)
class _Request:
    asked: Asked
    fire: Fire


class _Names:
    """The headers of an answer, as far as `HttpxHttp` reads them: lower-case names, those of one name joined."""

    def __init__(self, headers: Headers) -> None:
        self._listed = headers
        self._found: dict[str, str] = {}
        for name, value in headers:
            lower = name.lower()
            self._found[lower] = f"{self._found[lower]}, {value}" if lower in self._found else value

    def get(self, name: str, default: str | None = None) -> str | None:
        return self._found.get(name, default)

    def items(self) -> Any:
        return self._found.items()

    def multi_items(self) -> Any:
        return self._listed


class _Response:
    def __init__(self, said: Answered) -> None:
        self.status_code = said.status
        self.headers = _Names(said.headers)
        self._body = said.body

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        if self._body:
            yield self._body

    async def aclose(self) -> None:
        return None


_DEFAULTS: Headers = (
    ("Accept", "*/*"),
    *HEADERS.items(),
)
"""What our clients add by themselves."""


class _LeanClient:
    """The two calls that `HttpxHttp` makes of `httpx.AsyncClient`."""

    def __init__(self, exchange: Exchange, patience: Patience) -> None:
        self._exchange = exchange
        self._patience = patience

    def build_request(
        self, method: str, url: str, *, headers: list[tuple[str, str]], content: bytes | None, extensions: Any
    ) -> _Request:
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        body = content or b""
        length = (("Content-Length", str(len(body))),) if body or method == "POST" else ()
        given = {name.lower() for name, _ in headers}
        own = tuple(default for default in _DEFAULTS if default[0].lower() not in given)
        listed = (("Host", parts.netloc), *own, *headers, *length)
        return _Request(Asked(method, parts.netloc, target, listed, body), _firing(extensions))

    async def send(self, request: _Request, *, stream: bool) -> _Response:
        return _Response(await self._exchange(request.asked, request.fire, self._patience))

    async def aclose(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class LeanFactory:
    """`adapters.http.HttpClientFactory` without httpx between the channel and the simulated network."""

    exchange: Exchange
    timeouts: Timeouts

    def __call__(self, tls: ssl.SSLContext | None = None) -> ChannelHttp:
        client = _LeanClient(self.exchange, Patience(self.timeouts.connect_s, self.timeouts.read_s))
        return HttpxHttp(cast(httpx.AsyncClient, client), 2 * self.timeouts.total_s, always_traces=False)
