"""The short list of what is proved not to have been sent: no byte of the head was written, and the transport saw it.

Everything that is not in this file counts as sent (or is a whole answer): see the other files here.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.http import ChannelHttp, HttpAnswer, NoAnswer
from tests.support import wire, wire_tls
from tests.support.wire import HOST, OK, Line, peer, saying

pytestmark = pytest.mark.usefixtures("under")

LABEL_TOO_LONG = "x" * 64
"""No resolver can know such a name, so none is asked."""


async def ask(http: ChannelHttp, url: str) -> HttpAnswer | NoAnswer:
    try:
        return await http.send("POST", url, (), b"an order")
    finally:
        await http.close()


def not_sent(found: HttpAnswer | NoAnswer) -> bool:
    return isinstance(found, NoAnswer) and not found.sent


async def test_refused() -> None:
    """Nobody listens."""
    found = await ask(wire.client(), f"http://{HOST}:{wire.free_port()}/")
    assert not_sent(found), found


@pytest.mark.parametrize(
    "url",
    [
        f"http://{LABEL_TOO_LONG}.test/",
        "http://[::zz]/",
        "http://127.0.0.1:99999/",
        "gopher://127.0.0.1/",
        "http:///orders",
    ],
    ids=["a name that does not resolve", "no IPv6 address", "no such port", "no such scheme", "no host"],
)
async def test_an_address_that_leads_nowhere(url: str) -> None:
    """There is nobody to write to; and nothing is raised."""
    found = await ask(wire.client(), url)
    assert not_sent(found), found


async def test_tls_to_a_plain_peer() -> None:
    """The peer answers the handshake with HTTP."""

    async def play(line: Line) -> None:
        await line.some()
        await line.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with peer(play) as plain:
        found = await ask(wire.client(), plain.url.replace("http:", "https:"))
        assert not_sent(found), found
        assert b"an order" not in plain.lines[0].heard


@pytest.mark.parametrize("play", [wire.hanging_up, wire.resetting], ids=["closed", "reset"])
async def test_a_peer_that_leaves_during_the_handshake(play: wire.Play) -> None:
    """The connection stood, TLS did not: the head is only written after it."""
    async with peer(play) as gone:
        found = await ask(wire.client(), gone.url.replace("http:", "https:"))
        assert not_sent(found), found


async def test_a_handshake_that_takes_for_ever() -> None:
    """The connect time-out covers it."""
    async with peer(wire.listening) as silent:
        found = await ask(wire.client(connect_s=0.05), silent.url.replace("http:", "https:"))
        assert not_sent(found), found


async def test_the_wrong_ca(tmp_path: Path) -> None:
    """A peer that somebody else vouches for is told nothing."""
    serving = wire_tls.serving(wire_tls.authority("another CA"), tmp_path)
    http = wire.client(tls=wire_tls.trusting(wire_tls.authority()))
    async with peer(saying(OK), serving) as stranger:
        found = await ask(http, stranger.url)
        assert not_sent(found), found
        assert stranger.lines == [], "no connection ever got through the handshake"


async def test_an_expired_certificate(tmp_path: Path) -> None:
    """The right CA, ten years late."""
    serving = wire_tls.serving(wire_tls.authority(), tmp_path, wire_tls.LONG_AGO)
    http = wire.client(tls=wire_tls.trusting(wire_tls.authority()))
    async with peer(saying(OK), serving) as late:
        found = await ask(http, late.url)
        assert not_sent(found), found
        assert "expired" in found.error  # type: ignore[union-attr] - just seen to be a NoAnswer


async def test_the_right_certificate_is_believed(tmp_path: Path) -> None:
    """So that the two above fail for the reason they say."""
    serving = wire_tls.serving(wire_tls.authority(), tmp_path)
    http = wire.client(tls=wire_tls.trusting(wire_tls.authority()))
    async with peer(saying(OK), serving) as right:
        found = await ask(http, right.url)
        assert isinstance(found, HttpAnswer)
        assert found.body == b"hello"


async def test_no_connection_left_in_the_pool() -> None:
    """All are in use: it waited, gave up, and never came near a socket."""
    heard = asyncio.Event()

    async def play(line: Line) -> None:
        await line.request()
        heard.set()
        await line.until_left()

    async with peer(play) as busy:
        http = wire.client(connect_s=1.0, connections=1)
        first = asyncio.ensure_future(http.send("POST", busy.url, (), b"the first"))
        came = asyncio.ensure_future(heard.wait())
        await asyncio.wait({first, came}, return_when=asyncio.FIRST_COMPLETED)
        assert heard.is_set(), "the first got its connection"
        found = await http.send("POST", busy.url, (), b"the second")
        assert not_sent(found), found
        assert isinstance(found, NoAnswer)
        assert found.local, "a fault of ours, not of the peer"
        assert [bytes(line.heard)[-9:] for line in busy.lines] == [b"the first"]
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await http.close()
