"""A peer and a proxy of our own, byte by byte: what no mocked client and no well-behaved server can play.

    async with peer(saying(OK)) as origin, peer(through(origin, request_bytes=17)) as proxy:
        found = await client.send("POST", proxy.url, (), b"...")

A `Play` is what the peer does with one accepted connection. When it returns, the connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from adapters.http import FACTORIES, ChannelHttp
from tests.support.patience import PATIENCE_S

HOST = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

TLS = ssl.create_default_context()
"""Made once: reading the system's store takes longer than a test."""

_under = ["aiohttp"]


@contextmanager
def over(name: str) -> Iterator[None]:
    """Clients made inside are of this kind."""
    _under.append(name)
    try:
        yield
    finally:
        _under.pop()


def client(
    *,
    connect_s: float = PATIENCE_S,
    read_s: float = PATIENCE_S,
    total_s: float = PATIENCE_S,
    connections: int = 16,
    tls: ssl.SSLContext = TLS,
) -> ChannelHttp:
    """A channel's client as the gateway makes it. Close it."""
    return FACTORIES[_under[-1]](connect_s, read_s, total_s, connections)(tls)


@dataclass(eq=False)
class Line:
    """One accepted connection, from the peer's side."""

    number: int
    """1 for the first connection the peer took."""
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: bytearray = field(default_factory=bytearray)

    async def some(self, most: int = 65536) -> bytes:
        """What comes next; empty at the end."""
        data = await self.reader.read(most)
        self.heard += data
        return data

    async def request(self) -> bytes:
        """One whole request, head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *([0-9]+)", head, re.IGNORECASE)
        body = await self.reader.readexactly(int(length[1])) if length else b""
        self.heard += head + body
        return head + body

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_left(self) -> None:
        """Hang, until the other side goes away."""
        while await self.some():
            pass

    def reset(self) -> None:
        """End it with an RST."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Play = Callable[[Line], Awaitable[None]]


@dataclass(eq=False)
class Peer:
    """A listening peer and everything it was told."""

    play: Play
    tls: ssl.SSLContext | None = None
    lines: list[Line] = field(default_factory=list)
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.port}/orders"

    @property
    def base(self) -> str:
        return self.url.removesuffix("/orders")

    def taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(len(self.lines) + 1, reader, writer)
        self.lines.append(line)
        task = asyncio.get_running_loop().create_task(self._serve(line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, line: Line) -> None:
        # The other side may go away at any byte: that is its right, and what it left is in `heard`.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self.play(line)
        line.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await line.writer.wait_closed()

    async def quiet(self) -> None:
        """Wait until every connection has come to its end."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        for task in set(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for line in self.lines:
            line.writer.transport.abort()


@asynccontextmanager
async def peer(play: Play, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A peer on a free port of loopback."""
    made = Peer(play, tls)
    server = await asyncio.start_server(made.taken, HOST, 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.stop()
        await asyncio.sleep(0)  # the loop closes transports on its next turn


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server((HOST, 0)) as held:
        return int(held.getsockname()[1])


def saying(*answers: bytes) -> Play:
    """Hears a whole request, answers with these bytes, then waits for the other side to leave."""

    async def play(line: Line) -> None:
        await line.request()
        for answer in answers:
            await line.say(answer)
        await line.until_left()

    return play


def blurting(answer: bytes) -> Play:
    """Hears a whole request, answers with these bytes, and closes."""

    async def play(line: Line) -> None:
        await line.request()
        await line.say(answer)

    return play


async def listening(line: Line) -> None:
    """Takes everything in and never says a word."""
    await line.until_left()


async def hanging_up(_line: Line) -> None:
    """Accepts, and closes."""


async def resetting(line: Line) -> None:
    """Accepts, and resets."""
    line.reset()


async def dropping(line: Line) -> None:
    """Hears a whole request, and closes."""
    await line.request()


async def dropping_hard(line: Line) -> None:
    """Hears a whole request, and resets."""
    await line.request()
    line.reset()


@dataclass
class Cut:
    """Where a proxy breaks both sides off: after so many bytes of the request, or of the answer."""

    request_bytes: int | None = None
    answer_bytes: int | None = None
    reset: bool = False


def through(origin: Peer, cut: Cut) -> Play:
    """A proxy to `origin`; `cut` may be changed between two connections."""

    async def play(line: Line) -> None:
        reader, writer = await asyncio.open_connection(HOST, origin.port)
        try:
            if cut.request_bytes is not None:
                await _pump(line.reader, writer, cut.request_bytes)
            else:
                await _both_ways(line, reader, writer, cut.answer_bytes)
        finally:
            writer.close()
        if cut.reset:
            line.reset()

    return play


async def _both_ways(
    line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer_bytes: int | None
) -> None:
    asked = asyncio.ensure_future(_pump(line.reader, writer, None))
    try:
        await _pump(reader, line.writer, answer_bytes)
    finally:
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
    """Pass on until the end, or until `most` bytes were passed; with 0 the first byte is awaited and swallowed."""
    left = most
    while data := await reader.read(65536):
        passed = data if left is None else data[:left]
        writer.write(passed)
        await writer.drain()
        if left is not None:
            left -= len(passed)
            if left == 0:
                return
