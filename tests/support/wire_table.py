"""Everything that can go wrong on a line, as one table: what happens, where, and what it may be taken for.

A row opens a way from a client to an *origin* (any HTTP server that answers an order properly) through a peer or proxy
of our own that does the harm. The same rows are played to the bare client, to real channels and to a whole gateway.

The rule the table obeys: `NOT_SENT` exactly where it broke before the head of the request (`BEFORE_THE_HEAD`).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from adapters.http import ChannelHttp
from tests.support import wire, wire_tls
from tests.support.patience import PATIENCE_S
from tests.support.wire import HOST, Line, Peer, peer


class Verdict(StrEnum):
    """What a call may be taken for."""

    NOT_SENT = "not sent"
    UNKNOWN = "unknown"
    ANSWER = "an answer"


class Where(StrEnum):
    """Where the line broke."""

    POOL = "no free connection of ours"
    NAME = "the name of the host"
    CONNECT = "the connection"
    TLS = "the handshake"
    REQUEST = "the request"
    SILENCE = "between request and answer"
    ANSWER = "the answer"


BEFORE_THE_HEAD = frozenset({Where.POOL, Where.NAME, Where.CONNECT, Where.TLS})


@dataclass(eq=False)
class Origin:
    """The server at the far end, as a proxy reaches it."""

    port: int
    whole_requests: int = 0
    """How many orders it was handed from beginning to end."""

    async def exchange(self, request: bytes) -> bytes:
        """One whole request; the answer byte for byte, head and body."""
        self.whole_requests += 1
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            writer.write(request)
            await writer.drain()
            return await _whole_answer(reader)
        finally:
            writer.close()
            await writer.wait_closed()

    async def hear(self, part: bytes) -> None:
        """A request that breaks off."""
        _, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(part)
        await writer.drain()
        writer.close()
        await writer.wait_closed()


async def _whole_answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\ncontent-length: *([0-9]+)", head, re.IGNORECASE)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


@dataclass
class Place:
    """Where a row is played: the origin, a folder for certificates, and who must know the address that is used."""

    origin: Origin
    folder: Path
    front: Callable[[str], None] = lambda _base: None
    mended: bool = False
    """From now on proxies pass everything on as it is."""


@dataclass
class Reach:
    """The way that a row opened."""

    base: str
    http: ChannelHttp
    peers: list[Peer] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return sum(len(one.lines) for one in self.peers)

    @property
    def heard(self) -> bytes:
        """All that the peers were told, one after the other."""
        return b"".join(bytes(line.heard) for one in self.peers for line in one.lines)


Opens = Callable[[Place], AbstractAsyncContextManager[Reach]]
Tamper = Callable[[Line, Origin], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """One thing that goes wrong."""

    where: Where
    verdict: Verdict
    opens: Opens
    signed: Verdict | None = None
    """What a channel makes of it that believes signatures only, where that differs."""

    @property
    def for_channels(self) -> Verdict:
        return self.signed or self.verdict


# --- ways


@asynccontextmanager
async def _reaching(
    base: str,
    *peers: Peer,
    connect_s: float = PATIENCE_S,
    read_s: float = PATIENCE_S,
    total_s: float = PATIENCE_S,
    tls: object = None,
) -> AsyncIterator[Reach]:
    trusted = tls if isinstance(tls, ssl.SSLContext) else wire.TLS
    http = wire.client(connect_s=connect_s, read_s=read_s, total_s=total_s, tls=trusted)
    try:
        yield Reach(base, http, list(peers))
    finally:
        await http.close()


def relayed(tamper: Tamper, **patience: float) -> Opens:
    """By a proxy that does `tamper` with each connection."""

    @asynccontextmanager
    async def opened(place: Place) -> AsyncIterator[Reach]:
        async def play(line: Line) -> None:
            await (_straight if place.mended else tamper)(line, place.origin)

        async with peer(play) as proxy, _reaching(proxy.base, proxy, **patience) as reach:
            place.front(proxy.base)
            yield reach

    return opened


async def _straight(line: Line, origin: Origin) -> None:
    await line.say(await origin.exchange(await line.request()))


def answering(change: Callable[[bytes], bytes], *, reset: bool = False, hang: bool = False) -> Tamper:
    """The order arrives and is answered; what comes back is changed, then the line is closed, reset or left open."""

    async def tamper(line: Line, origin: Origin) -> None:
        answer = await origin.exchange(await line.request())
        await line.say(change(answer))
        if hang:
            await line.until_left()
        if reset:
            line.reset()

    return tamper


def cut_request(share: float, *, reset: bool = False) -> Tamper:
    """The origin gets this share of the order, never less than a byte nor all of it."""

    async def tamper(line: Line, origin: Origin) -> None:
        request = await line.request()
        await origin.hear(request[: min(max(1, int(len(request) * share)), len(request) - 1)])
        if reset:
            line.reset()

    return tamper


def taken_then(reset: bool) -> Tamper:
    """The origin has the whole order; not a byte comes back."""

    async def tamper(line: Line, origin: Origin) -> None:
        await origin.exchange(await line.request())
        if reset:
            line.reset()

    return tamper


async def _taken_then_silence(line: Line, origin: Origin) -> None:
    await origin.exchange(await line.request())
    await line.until_left()


async def _hanging_up(_line: Line, _origin: Origin) -> None:
    """Accepts, and closes."""


async def _resetting(line: Line, _origin: Origin) -> None:
    line.reset()


async def _listening(line: Line, _origin: Origin) -> None:
    await line.until_left()


async def _trickling(line: Line, origin: Origin) -> None:
    """The true answer, a byte at a time, and too slowly ever to end: no single read takes long."""
    answer = await origin.exchange(await line.request())
    for at in range(len(answer) - 1):
        await line.say(answer[at : at + 1])
        await asyncio.sleep(0.005)
    await line.until_left()


async def _byte_by_byte(line: Line, origin: Origin) -> None:
    answer = await origin.exchange(await line.request())
    for at in range(len(answer)):
        await line.say(answer[at : at + 1])
        await asyncio.sleep(0)


async def _early_word(line: Line, origin: Origin) -> None:
    """100 Continue before the order was heard, though nobody asked."""
    await line.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    await line.say(await origin.exchange(await line.request()))


async def _early_word_then_gone(line: Line, _origin: Origin) -> None:
    await line.request()
    await line.say(b"HTTP/1.1 100 Continue\r\n\r\n")


# --- before the head


@asynccontextmanager
async def _refused(_place: Place) -> AsyncIterator[Reach]:
    async with _reaching(f"http://{HOST}:{wire.free_port()}") as reach:
        yield reach


@asynccontextmanager
async def _never_accepted(_place: Place) -> AsyncIterator[Reach]:
    """A listener whose queue is full: the connection is asked for and never stands."""
    with socket.socket() as listener, contextlib.ExitStack() as held:
        listener.bind((HOST, 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(8):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(address)
        async with _reaching(f"http://{HOST}:{address[1]}", connect_s=0.1) as reach:
            yield reach


@contextmanager
def names(known: Mapping[str, str | Exception | None]) -> Iterator[list[str]]:
    """A resolver of our own: an address, an error, or never an answer. Yields the names it was asked for."""
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo
    asked: list[str] = []

    async def found(host: bytes | str | None, port: object, **how: int) -> object:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name not in known:
            return await real(host, port, **how)  # type: ignore[arg-type]  # whatever it was asked with
        asked.append(name)
        told = known[name]
        if told is None:
            await asyncio.Event().wait()
        if isinstance(told, Exception):
            raise told
        return await real(told, port, **how)  # type: ignore[arg-type]  # as above

    loop.getaddrinfo = found  # type: ignore[method-assign,assignment]  # it is put back below
    try:
        yield asked
    finally:
        loop.getaddrinfo = real  # type: ignore[method-assign]  # as it was


def nameless(told: Exception | None, connect_s: float = PATIENCE_S) -> Opens:
    """A host whose name the resolver does not know, or never answers for."""

    @asynccontextmanager
    async def opened(place: Place) -> AsyncIterator[Reach]:
        with names({"bank.test": told}) as asked:
            base = f"http://bank.test:{place.origin.port}"
            async with _reaching(base, connect_s=connect_s) as reach:
                yield reach
            assert asked, "the resolver was never asked"

    return opened


def tls_to(play: wire.Play, connect_s: float = PATIENCE_S) -> Opens:
    """A peer that does not get through the handshake."""

    @asynccontextmanager
    async def opened(_place: Place) -> AsyncIterator[Reach]:
        async with (
            peer(play) as made,
            _reaching(made.base.replace("http:", "https:"), made, connect_s=connect_s) as reach,
        ):
            yield reach

    return opened


async def _speaks_plainly(line: Line) -> None:
    await line.some()
    await line.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def _half_a_greeting(line: Line) -> None:
    """The beginning of a ServerHello, and away."""
    await line.some()
    await line.say(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")


def certified(
    issuer: str | None, *, host: str = HOST, made_at: datetime | None = None, trusted: str = "the trusted CA"
) -> Opens:
    """A peer with a certificate by `issuer` (None: by itself), reached as `host`, while `trusted` is believed."""

    @asynccontextmanager
    async def opened(place: Place) -> AsyncIterator[Reach]:
        vouches = wire_tls.authority(issuer) if issuer else None
        serving = wire_tls.serving(vouches, place.folder, made_at)
        tls = wire_tls.trusting(wire_tls.authority(trusted))

        async def play(line: Line) -> None:
            await line.say(await place.origin.exchange(await line.request()))

        async with peer(play, serving) as made:
            base = f"https://{host}:{made.port}"
            place.front(base)
            with names({"other.test": HOST}):
                async with _reaching(base, made, tls=tls) as reach:
                    yield reach

    return opened


@asynccontextmanager
async def _pool_exhausted(place: Place) -> AsyncIterator[Reach]:
    """The one connection is held by another order, which hangs."""
    heard = asyncio.Event()

    async def play(line: Line) -> None:
        await line.request()
        heard.set()
        await line.until_left()

    async with peer(play) as busy, peer(wire.listening) as idle:
        http = wire.client(connect_s=0.2, connections=1)
        first = asyncio.ensure_future(http.send("POST", busy.url, (), b"the first"))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await heard.wait()
            yield Reach(idle.base, http, [idle])
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await http.close()


# --- the table

_W, _V = Where, Verdict

_GARBAGE = b"\x00\xff\x16\x03\x01garbage\r\n\r\n"
_WAIT = b"HTTP/1.1 100 Continue\r\n\r\n"


def _length(found: bytes, change: Callable[[int], object]) -> bytes:
    """The answer with another Content-Length."""
    return re.sub(
        rb"(?i)(\ncontent-length: *)([0-9]+)", lambda m: m[1] + str(change(int(m[2]))).encode(), found, count=1
    )


def _head(answer: bytes) -> bytes:
    return answer[: answer.index(b"\r\n\r\n") + 4]


def _chunked(answer: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    plain = re.sub(rb"(?i)\r\ncontent-length: *[0-9]+", b"", head)
    return plain + b"\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body) + end


def _not_sent(where: Where, opens: Opens) -> Row:
    return Row(where, _V.NOT_SENT, opens)


def _unknown(where: Where, tamper: Tamper, **patience: float) -> Row:
    return Row(where, _V.UNKNOWN, relayed(tamper, **patience))


def _spoiled(change: Callable[[bytes], bytes], *, reset: bool = False) -> Row:
    return Row(_W.ANSWER, _V.UNKNOWN, relayed(answering(change, reset=reset)))


def _whole(tamper: Tamper, signed: Verdict | None = None) -> Row:
    return Row(_W.ANSWER, _V.ANSWER, relayed(tamper), signed)


AROUND = frozenset(
    {
        "an empty line before the answer", "a length too short", "a length of zero", "the answer twice",
        "the answer twice, then silence", "another answer after it", "garbage after it",
    }
)  # fmt: skip
"""Where something stands before or after an answer. aiohttp's parser may take both together for none, or pass over the
empty line: the whole answer or an unknown outcome, in either case. Nothing else about them is left open."""

TABLE: dict[str, Row] = {
    "no connection left in our pool": _not_sent(_W.POOL, _pool_exhausted),
    "no such name": _not_sent(_W.NAME, nameless(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))),
    "the name server fails": _not_sent(_W.NAME, nameless(socket.gaierror(socket.EAI_AGAIN, "Temporary failure"))),
    "the name server is silent": _not_sent(_W.NAME, nameless(None, connect_s=0.05)),
    "refused": _not_sent(_W.CONNECT, _refused),
    "never accepted": _not_sent(_W.CONNECT, _never_accepted),
    "TLS: the peer speaks plainly": _not_sent(_W.TLS, tls_to(_speaks_plainly)),
    "TLS: closed": _not_sent(_W.TLS, tls_to(wire.hanging_up)),
    "TLS: reset": _not_sent(_W.TLS, tls_to(wire.resetting)),
    "TLS: cut in the handshake": _not_sent(_W.TLS, tls_to(_half_a_greeting)),
    "TLS: silence": _not_sent(_W.TLS, tls_to(wire.listening, connect_s=0.05)),
    "TLS: another host's certificate": _not_sent(_W.TLS, certified("the trusted CA", host="other.test")),
    "TLS: expired": _not_sent(_W.TLS, certified("the trusted CA", made_at=wire_tls.LONG_AGO)),
    "TLS: self-signed": _not_sent(_W.TLS, certified(None)),
    "TLS: another CA": _not_sent(_W.TLS, certified("another CA")),
    "accepted, then closed": _unknown(_W.REQUEST, _hanging_up),
    "accepted, then reset": _unknown(_W.REQUEST, _resetting),
    "accepted, then silence": _unknown(_W.REQUEST, _listening, read_s=0.05),
    "cut after a byte of the request": _unknown(_W.REQUEST, cut_request(0.0)),
    "cut in the request": _unknown(_W.REQUEST, cut_request(0.5)),
    "reset in the request": _unknown(_W.REQUEST, cut_request(0.5, reset=True)),
    "cut before the request's last byte": _unknown(_W.REQUEST, cut_request(1.0)),
    "reset before the request's last byte": _unknown(_W.REQUEST, cut_request(1.0, reset=True)),
    "cut after the request": _unknown(_W.SILENCE, taken_then(reset=False)),
    "reset after the request": _unknown(_W.SILENCE, taken_then(reset=True)),
    "silence after the request": _unknown(_W.SILENCE, _taken_then_silence, read_s=0.3),
    "100 Continue, then closed": _unknown(_W.SILENCE, _early_word_then_gone),
    "cut after a byte of the answer": _spoiled(lambda a: a[:1]),
    "reset after a byte of the answer": _spoiled(lambda a: a[:1], reset=True),
    "cut in the answer's head": _spoiled(lambda a: a[:30]),
    "cut after the answer's head": _spoiled(_head),
    "cut in the answer's body": _spoiled(lambda a: a[:-2]),
    "reset in the answer's body": _spoiled(lambda a: a[:-2], reset=True),
    "cut before the answer's last byte": _spoiled(lambda a: a[:-1]),
    "a trickle past the deadline": Row(_W.ANSWER, _V.UNKNOWN, relayed(_trickling, total_s=0.15)),
    "garbage": _spoiled(lambda _: _GARBAGE),
    "garbage before the answer": _spoiled(lambda a: _GARBAGE + a),
    "another protocol": _spoiled(lambda a: a.replace(b"HTTP/1.1", b"SIP/2.0", 1)),
    "a length too long": _spoiled(lambda a: _length(a, lambda n: n + 1)),
    "a length far too long": _spoiled(lambda a: _length(a, lambda n: 10**9)),
    "a length below zero": _spoiled(lambda a: _length(a, lambda n: -n)),
    "a length that is no number": _spoiled(lambda a: _length(a, lambda n: f"{n}_0")),
    "two lengths": _spoiled(lambda a: a.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n", 1)),
    "length and chunks": _spoiled(lambda a: a.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n", 1)),
    "chunks without an end": _spoiled(lambda a: _chunked(a, end=b"")),
    "chunks with half an end": _spoiled(lambda a: _chunked(a, end=b"0\r\n")),
    "compressed, it says": _spoiled(lambda a: a.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1)),
    "100 Continue with a body": _spoiled(lambda a: b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nhi" + a),
    "half a 100 Continue": _spoiled(lambda a: _WAIT[:14] + a),
    "101 Switching Protocols": _spoiled(lambda a: b"HTTP/1.1 101 Switch\r\nUpgrade: h2c\r\n\r\n" + a),
    "an empty line before the answer": _spoiled(lambda a: b"\r\n\r\n" + a),
    "a length too short": _whole(answering(lambda a: _length(a, lambda n: n - 1)), _V.UNKNOWN),
    "a length of zero": _whole(answering(lambda a: _length(a, lambda _: 0)), _V.UNKNOWN),
    "no length": _whole(answering(lambda a: re.sub(rb"(?i)\r\ncontent-length: *[0-9]+", b"", a))),
    "a byte of the body changed": _whole(answering(lambda a: a[:-1] + bytes([a[-1] ^ 1])), _V.UNKNOWN),
    "another status": _whole(
        answering(lambda a: re.sub(rb"^HTTP/1.1 [0-9]+ [^\r]*", b"HTTP/1.1 500 Oh", a)), _V.UNKNOWN
    ),
    "another answer first": _whole(
        answering(lambda a: b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno" + a), _V.UNKNOWN
    ),
    "the answer twice": _whole(answering(lambda a: a + a)),
    "the answer twice, then silence": _whole(answering(lambda a: a + a, hang=True)),
    "another answer after it": _whole(answering(lambda a: a + b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno")),
    "garbage after it": _whole(answering(lambda a: a + _GARBAGE)),
    "the answer byte by byte": _whole(_byte_by_byte),
    "the answer, then silence": _whole(answering(lambda a: a, hang=True)),
    "in chunks": _whole(answering(_chunked)),
    "100 Continue before the request": _whole(_early_word),
    "100 Continue, then the answer": _whole(answering(lambda a: _WAIT + a)),
    "100 Continue fifty times, then the answer": _whole(answering(lambda a: _WAIT * 50 + a)),
    "103 Early Hints, then the answer": _whole(answering(lambda a: b"HTTP/1.1 103 Hints\r\nLink: <x>\r\n\r\n" + a)),
    "TLS: as it should be": Row(_W.ANSWER, _V.ANSWER, certified("the trusted CA")),
}
