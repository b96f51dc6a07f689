"""What comes back: a whole answer is an answer, whatever it says; everything else is none, and counts as sent."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import AsyncIterator

import pytest

from adapters.http import ANSWER_MAX_BYTES, ChannelHttp, HttpAnswer, NoAnswer
from tests.support import wire
from tests.support.wire import OK, Line, Play, blurting, peer, saying

pytestmark = pytest.mark.usefixtures("under")


@pytest.fixture
async def http() -> AsyncIterator[ChannelHttp]:
    made = wire.client()
    yield made
    await made.close()


async def order(http: ChannelHttp, url: str) -> HttpAnswer | NoAnswer:
    return await http.send("POST", url, (), b"an order")


async def one(http: ChannelHttp, play: Play) -> HttpAnswer | NoAnswer:
    """The result with such a peer, which was asked exactly once."""
    async with peer(play) as made:
        found = await order(http, made.url)
        assert len(made.lines) == 1, "never asked twice"
        return found


# --- no answer


async def test_accepted_and_closed_counts_as_sent(http: ChannelHttp) -> None:
    """The connection stood, so the head was written; whether it was read is not ours to know."""
    for play in (wire.hanging_up, wire.resetting, wire.dropping, wire.dropping_hard):
        found = await one(http, play)
        assert isinstance(found, NoAnswer)
        assert found.sent, play.__name__


async def test_silence_counts_as_sent() -> None:
    """The read time-out ends it."""
    http = wire.client(read_s=0.05)
    async with peer(wire.listening) as silent:
        found = await order(http, silent.url)
        await http.close()
        assert isinstance(found, NoAnswer)
        assert found.sent
        await silent.quiet()
        assert silent.lines[0].heard.endswith(b"an order")


async def test_a_trickle_is_ended_by_the_total_deadline() -> None:
    """No read ever takes long, so no time-out of a read ends it; the call is closed after twice the deadline."""

    async def play(line: Line) -> None:
        await line.request()
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while not line.writer.is_closing():
            await line.say(b"x")
            await asyncio.sleep(0.001)

    http = wire.client(total_s=0.05)
    found = await one(http, play)
    await http.close()
    assert isinstance(found, NoAnswer)
    assert (found.sent, found.error) == (True, "TimeoutError")


HEAD = b"HTTP/1.1 200 OK\r\n"
NO_ANSWER: dict[str, bytes] = {
    "nothing": b"",
    "garbage": b"\x00\xff\x16\x03\x01garbage\r\n\r\n",
    "a line of text": b"hello\r\n\r\n",
    "another protocol": b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a status that is none": b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
    "a header that is none": HEAD + b"no colon here\r\nContent-Length: 0\r\n\r\n",
    "a length too long": HEAD + b"Content-Length: 50\r\n\r\nhello",
    "a length below zero": HEAD + b"Content-Length: -5\r\n\r\nhello",
    "a length that is a word": HEAD + b"Content-Length: five\r\n\r\nhello",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "chunks without an end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "a chunk too short": HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhello\r\n0\r\n\r\n",
    "a chunk size that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "a coding of transfer we do not read": HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "a head without an end": HEAD + b"X: " + b"x" * 300_000,
    "only an early word": b"HTTP/1.1 100 Continue\r\n\r\n",
    "too long": HEAD + b"Content-Length: %d\r\n\r\n" % (ANSWER_MAX_BYTES + 1) + b"x" * (ANSWER_MAX_BYTES + 1),
    "too long, in chunks": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"10000\r\n%s\r\n" % (b"x" * 0x10000) * 5
    + b"0\r\n\r\n",
    "too long, until closed": HEAD + b"\r\n" + b"x" * (ANSWER_MAX_BYTES + 1),
    "compressed": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 25\r\n\r\n" + gzip.compress(b"hello", mtime=0),
    "compressed in a way unknown": HEAD + b"Content-Encoding: zpaq\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("answer", NO_ANSWER.values(), ids=NO_ANSWER.keys())
async def test_what_is_no_answer_counts_as_sent(http: ChannelHttp, answer: bytes) -> None:
    """Not one of them is raised, believed, or taken for "not sent"."""
    found = await one(http, blurting(answer))
    assert isinstance(found, NoAnswer)
    assert found.sent


async def test_no_bytes_whatever_are_raised_or_taken_for_not_sent(http: ChannelHttp) -> None:
    """Four hundred spoiled answers: each is an answer, or none that counts as sent."""
    dice = random.Random(7)
    said = b""

    async def play(line: Line) -> None:
        await line.request()
        await line.say(said)

    seen = set()
    async with peer(play) as made:
        for _ in range(400):
            said = _spoiled(dice, OK)
            found = await order(http, made.url)
            seen.add(found.__class__)
            assert isinstance(found, HttpAnswer) or found.sent, said
        assert len(made.lines) == 400
    assert seen == {HttpAnswer, NoAnswer}


def _spoiled(dice: random.Random, answer: bytes) -> bytes:
    """One to four bytes changed, doubled or left out."""
    made = bytearray(answer)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(made))
        made[at : at + dice.randint(0, 1)] = bytes(dice.randrange(256) for _ in range(dice.randint(0, 2)))
    return bytes(made)


# --- whole answers


ANSWERS: dict[str, tuple[bytes, int, bytes]] = {
    "as it should be": (OK, 200, b"hello"),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "an error": (b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", 500, b"no"),
    "a redirect, not followed": (
        b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        307,
        b"",
    ),
    "after 100 Continue": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"hello"),
    "after several early words": (
        b"HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Hints\r\nLink: <x>\r\n\r\n" + OK,
        200,
        b"hello",
    ),
    "twice": (OK + OK.replace(b"hello", b"other"), 200, b"hello"),
    "followed by garbage": (OK + b"\x00garbage", 200, b"hello"),
    "longer than it says": (HEAD + b"Content-Length: 4\r\n\r\nhello", 200, b"hell"),
    "as long as is read": (
        HEAD + b"Content-Length: %d\r\n\r\n" % ANSWER_MAX_BYTES + b"x" * ANSWER_MAX_BYTES,
        200,
        b"x" * ANSWER_MAX_BYTES,
    ),
    "said to be as it is": (HEAD + b"Content-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
    "until the end of the line": (HEAD + b"\r\nhello", 200, b"hello"),
}


GARBAGE_AFTER = {ANSWERS["followed by garbage"][0], ANSWERS["longer than it says"][0]}
"""aiohttp's parser may take answer and garbage together for none, which is less, and never more, than there is."""


@pytest.mark.parametrize(("answer", "status", "body"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_a_whole_answer_is_given_as_it_came(
    http: ChannelHttp, under: str, answer: bytes, status: int, body: bytes
) -> None:
    """Status and body, nothing decoded, nothing followed, early words left out.

    The last one cannot be told from one that was cut: HTTP/1.0 has no other end. A channel believes a body because it
    is signed, or not at all.
    """
    found = await one(http, blurting(answer))
    if under == "aiohttp" and answer in GARBAGE_AFTER and isinstance(found, NoAnswer):
        assert found.sent
        return
    assert isinstance(found, HttpAnswer)
    assert (found.status, found.body) == (status, body)


async def test_a_whole_answer_may_come_byte_by_byte(http: ChannelHttp) -> None:
    """Slow is not wrong."""

    async def play(line: Line) -> None:
        await line.request()
        for at in range(len(OK)):
            await line.say(OK[at : at + 1])
            await asyncio.sleep(0)

    found = await one(http, play)
    assert isinstance(found, HttpAnswer)
    assert found.body == b"hello"


@pytest.mark.parametrize("leave", [False, True], ids=["and reads on", "and leaves"])
async def test_an_answer_before_the_order_was_read(http: ChannelHttp, leave: bool) -> None:
    """An early answer is a whole one, or none that counts as sent; never "not sent"."""

    async def play(line: Line) -> None:
        await line.reader.readuntil(b"\r\n")
        await line.say(OK)
        if not leave:
            await line.until_left()

    async with peer(play) as early:
        found = await http.send("POST", early.url, (), b"x" * 2_000_000)
        assert len(early.lines) == 1
    assert isinstance(found, HttpAnswer) or found.sent
    if not leave:
        assert isinstance(found, HttpAnswer)


async def test_a_header_that_came_twice_is_told(http: ChannelHttp) -> None:
    """So that no adapter believes the one and checks the other."""
    found = await one(http, saying(OK.replace(b"\r\n\r\n", b"\r\nX-Sig: a\r\nx-sig: b\r\n\r\n")))
    assert isinstance(found, HttpAnswer)
    assert found.doubled == {"x-sig"}


# --- two requests, one after the other


@pytest.mark.parametrize(
    "extra", [OK.replace(b"hello", b"wrong"), b"\x00garbage", b"o"], ids=["answer", "garbage", "byte"]
)
async def test_what_is_left_over_is_not_the_answer_to_the_next(http: ChannelHttp, under: str, extra: bytes) -> None:
    """An answer that came twice belongs to no other order: each request has a connection of its own."""

    async def play(line: Line) -> None:
        while True:
            await line.request()
            await line.say(OK.replace(b"hello", b"no. %d" % line.number) + extra)

    async with peer(play) as twice:
        bodies = []
        for number in range(1, 5):
            found = await order(http, twice.url)
            if under == "aiohttp" and isinstance(found, NoAnswer) and found.sent:
                bodies.append(b"no. %d" % number)  # answer and rest together may be none, but never another's
                continue
            assert isinstance(found, HttpAnswer)
            bodies.append(found.body)
    assert bodies == [b"no. 1", b"no. 2", b"no. 3", b"no. 4"]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_connection_that_dies_between_two_requests_is_not_missed(http: ChannelHttp, reset: bool) -> None:
    """The second order has a connection of its own: it arrives, once, and is answered."""

    async def play(line: Line) -> None:
        await line.request()
        await line.say(OK)
        if reset:
            line.reset()

    async with peer(play) as mortal:
        for count in (1, 2, 3):
            found = await order(http, mortal.url)
            assert isinstance(found, HttpAnswer)
            await mortal.quiet()
            assert len(mortal.lines) == count


async def test_a_connection_that_dies_under_the_second_request_counts_as_sent(http: ChannelHttp) -> None:
    """The peer takes the second order and leaves: it may have it. It is not sent again behind our back."""

    async def play(line: Line) -> None:
        await line.request()
        if line.number == 1:
            await line.say(OK)
            await line.request()

    async with peer(play) as mortal:
        assert isinstance(await order(http, mortal.url), HttpAnswer)
        found = await order(http, mortal.url)
        assert isinstance(found, NoAnswer)
        assert found.sent
        await mortal.quiet()
        assert b"".join(bytes(line.heard) for line in mortal.lines).count(b"an order") == 2
