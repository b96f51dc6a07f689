"""The two clients: one blocks, one awaits. All they do themselves is send and wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self, TypeVar

import httpx

from paymux_client.call import Call
from paymux_client.keys import Key
from paymux_client.methods import AsyncMethods, Methods
from paymux_client.retries import Retries
from paymux_client.talk import Heard, Send, Step, Talk, Wait, World, talk

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

TIMEOUT_S = 30.0
"""For each wait of one try: connecting, sending, reading."""


class Page(Protocol[R_co]):
    """One page of a list."""

    @property
    def data(self) -> Sequence[R_co]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def next_cursor(self) -> str | None: ...


class Client(Methods):
    """The blocking client. One may be shared between threads; close it, or use it with `with`.

    `url` is the gateway's address, `key` who is calling. `http` is yours to hand in, for proxies, certificates or other
    time-outs; then it is yours to close.
    """

    def __init__(
        self,
        url: str,
        key: Key | None,
        *,
        retries: Retries | None = None,
        http: httpx.Client | None = None,
        world: World | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._key = httpx.URL(url.rstrip("/")), key
        self._retries, self._world, self._sleep = retries or Retries(), world or World(), sleep
        self._http, self._owned = http or httpx.Client(timeout=TIMEOUT_S), http is None

    def do(self, call: Call[T]) -> T:
        """Carry out a call of `paymux_client.calls`."""
        talking: Talk[T] = talk(call, self._key, _prefix(self._url), self._retries, self._world)
        heard: Heard = None
        while True:
            try:
                step = talking.send(heard)
            except StopIteration as said:
                made: T = said.value
                return made
            heard = self._step(step)

    def each(self, call: Call[Page[T]]) -> Iterator[T]:
        """Everything on all pages of a list, asked for as it is used."""
        while True:
            page = self.do(call)
            yield from page.data
            if not page.has_more or page.next_cursor is None:
                return
            call = _next(call, page.next_cursor)

    def close(self) -> None:
        """Close connections that are its own."""
        if self._owned:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _step(self, step: Step) -> Heard:
        if isinstance(step, Wait):
            self._sleep(step.seconds)
            return None
        try:
            return self._http.send(_request(self._http, self._url, step), follow_redirects=False)
        except httpx.TransportError as error:
            return error


class AsyncClient(AsyncMethods):
    """The same for asyncio; close it with `aclose`, or use it with `async with`."""

    def __init__(
        self,
        url: str,
        key: Key | None,
        *,
        retries: Retries | None = None,
        http: httpx.AsyncClient | None = None,
        world: World | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url, self._key = httpx.URL(url.rstrip("/")), key
        self._retries, self._world, self._sleep = retries or Retries(), world or World(), sleep
        self._http, self._owned = http or httpx.AsyncClient(timeout=TIMEOUT_S), http is None

    async def do(self, call: Call[T]) -> T:
        """Carry out a call of `paymux_client.calls`."""
        talking: Talk[T] = talk(call, self._key, _prefix(self._url), self._retries, self._world)
        heard: Heard = None
        while True:
            try:
                step = talking.send(heard)
            except StopIteration as said:
                made: T = said.value
                return made
            heard = await self._step(step)

    async def each(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """Everything on all pages of a list, asked for as it is used."""
        while True:
            page = await self.do(call)
            for one in page.data:
                yield one
            if not page.has_more or page.next_cursor is None:
                return
            call = _next(call, page.next_cursor)

    async def aclose(self) -> None:
        """Close connections that are its own."""
        if self._owned:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _step(self, step: Step) -> Heard:
        if isinstance(step, Wait):
            await self._sleep(step.seconds)
            return None
        try:
            return await self._http.send(_request(self._http, self._url, step), follow_redirects=False)
        except httpx.TransportError as error:
            return error


def _prefix(url: httpx.URL) -> str:
    return url.raw_path.decode().rstrip("/")


def _request(http: httpx.Client | httpx.AsyncClient, url: httpx.URL, step: Send) -> httpx.Request:
    """The request with the target to the byte as it was signed, and the client's time-outs."""
    target = url.copy_with(raw_path=step.target.encode())
    return http.build_request(step.method, target, headers=list(step.headers), content=step.body)


def _next(call: Call[Page[T]], cursor: str) -> Call[Page[T]]:
    kept = tuple(pair for pair in call.query if pair[0] != "cursor")
    return replace(call, query=(*kept, ("cursor", cursor)))
