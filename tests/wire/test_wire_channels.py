"""The same line, seen through the channels: what is proved not to have left is `NOT_SENT`, all the rest is `UNCLEAR`.

And each submit comes to the peer once: a channel that tries again behind the gateway's back may pay twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from adapters.channel import Channel, Sent
from adapters.http import ChannelHttp
from gateway.domain.outcome import Answer, Heard, OutcomeKind
from tests.support import bank, wechat, wire
from tests.support.wire import HOST, OK, Cut, Line, Play, blurting, peer, saying, through

pytestmark = pytest.mark.usefixtures("under")

Open = Callable[[str, ChannelHttp], tuple[Channel, Sent]]
K = OutcomeKind


def open_bank(base_url: str, http: ChannelHttp) -> tuple[Channel, Sent]:
    made = bank.channel(bank.settings(base_url=base_url), http=lambda _tls=None: http)
    return made, bank.sent(made)


def open_wechat(base_url: str, http: ChannelHttp) -> tuple[Channel, Sent]:
    context = replace(wechat.context(clock=bank.EagerClock(wechat.NOW)), http=lambda _tls=None: http)
    made = wechat.make_channel(context, base_url=base_url)
    return made, wechat.sent(made)


CHANNELS: dict[str, Open] = {"bank": open_bank, "wechat": open_wechat}


@pytest.fixture(params=sorted(CHANNELS))
def opening(request: pytest.FixtureRequest) -> Open:
    return CHANNELS[request.param]


@asynccontextmanager
async def channel_to(
    opening: Open, base_url: str, http: ChannelHttp | None = None
) -> AsyncIterator[tuple[Channel, Sent]]:
    channel, sent = opening(base_url, http or wire.client())
    try:
        yield channel, sent
    finally:
        await channel.close()


async def submit(opening: Open, base_url: str, http: ChannelHttp | None = None) -> Answer:
    async with channel_to(opening, base_url, http) as (channel, sent):
        answer = await channel.submit(channel.sign(sent))
    assert (answer.heard, answer.channel_fault) == (Heard.SUBMIT, True)
    return answer


@pytest.mark.parametrize(
    "base_url",
    [f"http://{HOST}:{{free}}", f"http://{'x' * 64}.test"],
    ids=["refused", "a name that does not resolve"],
)
async def test_not_sent(opening: Open, base_url: str) -> None:
    """The connection never stood: another channel may be tried."""
    assert (await submit(opening, base_url.format(free=wire.free_port()))).kind is K.NOT_SENT


async def test_not_sent_for_want_of_tls(opening: Open) -> None:
    """A peer that does not speak TLS, or stops in the middle of the handshake."""

    async def plain(line: Line) -> None:
        await line.some()
        await line.say(OK)

    for play in (plain, wire.hanging_up):
        async with peer(play) as made:
            assert (await submit(opening, made.base.replace("http:", "https:"))).kind is K.NOT_SENT


UNCLEAR: dict[str, Play] = {
    "accepted, then closed": wire.hanging_up,
    "accepted, then reset": wire.resetting,
    "the order heard, then closed": wire.dropping,
    "the order heard, then reset": wire.dropping_hard,
    "garbage": blurting(b"\x00garbage\r\n\r\n"),
    "half a status line": blurting(b"HTTP/1.1 20"),
    "a length too long": blurting(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"),
    "an answer nobody signed": blurting(OK),
    "twice": saying(OK + OK),
    "500": saying(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"),
    "502 from in between": saying(b"HTTP/1.1 502 Bad\r\nContent-Length: 13\r\n\r\n<html></html>"),
    "a redirect": saying(b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    "404 from in between": saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    "compressed": saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
    "too long": saying(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000),
}


@pytest.mark.parametrize("play", UNCLEAR.values(), ids=UNCLEAR.keys())
async def test_unclear_and_sent_once(opening: Open, play: Play) -> None:
    """Whatever the peer does with the connection, the order may have been taken; and it is not sent again."""
    async with peer(play) as made:
        assert (await submit(opening, made.base)).kind is K.UNCLEAR
        assert len(made.lines) == 1


async def test_unclear_when_it_hangs(opening: Open) -> None:
    """Accepted, and then not a word."""
    async with peer(wire.listening) as silent:
        assert (await submit(opening, silent.base, wire.client(read_s=0.05))).kind is K.UNCLEAR
        assert len(silent.lines) == 1


PARTS = 4
"""Every byte is a place to cut; so many tests share them, each taking every fourth."""


@pytest.mark.parametrize("part", range(1, PARTS + 1))
async def test_unclear_at_every_byte_of_the_order(opening: Open, part: int) -> None:
    """Whatever part of it reached the channel, from one byte to all: unclear, one connection. Every other is reset."""
    cut = Cut()
    async with peer(wire.listening) as origin, peer(through(origin, cut)) as proxy:
        async with channel_to(opening, proxy.base) as (channel, sent):
            signed = channel.sign(sent)
            length = await _length(channel, sent, opening)
            wrong = []
            places = range(part, length + 1, PARTS)
            for cut.request_bytes in places:
                cut.reset = not cut.reset
                answer = await channel.submit(signed)
                await origin.quiet()
                if answer.kind is not K.UNCLEAR or len(origin.lines[-1].heard) != cut.request_bytes:
                    wrong.append((cut.request_bytes, answer.kind, len(origin.lines[-1].heard)))
        assert wrong == []
        assert len(origin.lines) == len(places) > 250


async def _length(channel: Channel, sent: Sent, opening: Open) -> int:
    """How long an order is on the wire: ports have five digits here, so it is the same everywhere."""
    async with peer(wire.dropping) as straight, channel_to(opening, straight.base) as (other, same):
        await other.submit(other.sign(same))
        assert straight.lines[0].heard.endswith(same.prepared.body), "the stored bytes are what leaves"
        return len(straight.lines[0].heard)


async def test_what_leaves_is_what_was_stored(opening: Open) -> None:
    """Two transmissions on the wire: the same body byte for byte, the target that was prepared, other signatures."""
    async with peer(wire.dropping) as made, channel_to(opening, made.base) as (channel, sent):
        for _ in range(2):
            await channel.submit(channel.sign(sent))
        await made.quiet()
        first, second = (bytes(line.heard).split(b"\r\n\r\n", 1) for line in made.lines)
        assert first[1] == second[1] == sent.prepared.body
        assert first[0] != second[0]
        assert first[0].startswith(f"POST {sent.prepared.target} HTTP/1.1\r\n".encode())


async def test_a_question_is_asked_three_times_at_most(opening: Open) -> None:
    """The contrast that gives "once" its meaning: a query to the same peer comes again."""
    async with peer(wire.dropping) as made:
        async with channel_to(opening, made.base) as (channel, sent):
            answer = await channel.query(sent)
        assert answer.kind is K.UNCLEAR
        assert len(made.lines) == 3
