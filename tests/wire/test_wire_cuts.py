"""Every byte of a request and of an answer is a place where the line may break. Only a whole answer is one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.http import ChannelHttp, HttpAnswer, NoAnswer
from tests.support import wire
from tests.support.wire import OK, Cut, peer, saying, through

pytestmark = pytest.mark.usefixtures("under")

BODY = b'{"pay":"once"}'
HEADERS = (("Content-Type", "application/json"), ("X-Request-ID", "1"))
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


@pytest.fixture
async def http() -> AsyncIterator[ChannelHttp]:
    made = wire.client()
    yield made
    await made.close()


async def order(http: ChannelHttp, url: str) -> HttpAnswer | NoAnswer:
    return await http.send("POST", url, HEADERS, BODY)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_request_cut_after_any_byte_counts_as_sent(http: ChannelHttp, reset: bool) -> None:
    """From the first byte to the last but one the channel has part of our order; who knows what it makes of it."""
    cut = Cut()
    async with peer(wire.listening) as origin, peer(through(origin, cut)) as proxy:
        cut.request_bytes = await _length_of_a_request(http)
        await order(http, proxy.url)
        await origin.quiet()
        whole = bytes(origin.lines[0].heard)
        assert whole.endswith(BODY), "the stored bytes are what leaves"
        wrong = []
        cut.reset = reset
        for cut.request_bytes in range(1, len(whole)):
            found = await order(http, proxy.url)
            await origin.quiet()
            if (
                found.__class__ is not NoAnswer
                or not found.sent
                or origin.lines[-1].heard != whole[: cut.request_bytes]
            ):
                wrong.append((cut.request_bytes, found))
        assert wrong == []
        assert len(origin.lines) == len(whole), "no request was sent twice"


async def _length_of_a_request(http: ChannelHttp) -> int:
    """Ports have five digits here, so that all requests of one test are equally long."""
    async with peer(saying(OK)) as straight:
        await order(http, straight.url)
        return len(straight.lines[0].heard)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_whole_request_without_an_answer_counts_as_sent(http: ChannelHttp, reset: bool) -> None:
    """The channel has it all; only its answer is lost."""
    cut = Cut(await _length_of_a_request(http), reset=reset)
    async with peer(saying(OK)) as origin, peer(through(origin, cut)) as proxy:
        found = await order(http, proxy.url)
        assert isinstance(found, NoAnswer)
        assert found.sent
        await origin.quiet()
        assert origin.lines[0].heard.endswith(BODY)
        assert len(origin.lines) == 1


@pytest.mark.parametrize("answer", [OK, CHUNKED], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_an_answer_cut_after_any_byte_is_none(http: ChannelHttp, answer: bytes, reset: bool) -> None:
    """Half an answer is no answer, though its status line may read 200; the whole one is one."""
    cut = Cut(reset=reset)
    async with peer(saying(answer)) as origin, peer(through(origin, cut)) as proxy:
        wrong = []
        for cut.answer_bytes in range(len(answer)):
            found = await order(http, proxy.url)
            if not isinstance(found, NoAnswer) or not found.sent:
                wrong.append((cut.answer_bytes, found))
        assert wrong == []
        cut.answer_bytes, cut.reset = None, False
        found = await order(http, proxy.url)
        assert isinstance(found, HttpAnswer)
        assert (found.status, found.body) == (200, b"hello")
        assert len(origin.lines) == len(answer) + 1, "no request was sent twice"
