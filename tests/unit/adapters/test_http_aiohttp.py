"""The port over aiohttp: what it sends, and that it sends it once. What it proves is shown in tests/wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from adapters.http import FACTORIES, AiohttpFactory, AiohttpHttp, HttpAnswer, HttpClientFactory, NoAnswer
from tests.support import wire
from tests.support.wire import OK, peer, saying


@pytest.fixture
async def http() -> AsyncIterator[AiohttpHttp]:
    made = AiohttpFactory(5, 5, 5)(wire.TLS)
    yield made
    await made.close()


async def test_it_sends_what_it_is_given(http: AiohttpHttp) -> None:
    """Method, target and body byte for byte as they were signed, the headers given and few others."""
    async with peer(saying(OK)) as made:
        url = f"{made.base}/a%2Fb//c?q=%41+1"
        found = await http.send("POST", url, (("X-Odd-Name", "1"), ("Content-Type", "application/json")), b"{}")
        heard = bytes(made.lines[0].heard)
    assert isinstance(found, HttpAnswer)
    head, _, body = heard.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    assert (first, body) == (b"POST /a%2Fb//c?q=%41+1 HTTP/1.1", b"{}")
    fields = dict(line.split(b": ", 1) for line in rest)
    assert fields.pop(b"Host") == made.base.removeprefix("http://").encode()
    assert fields == {
        b"X-Odd-Name": b"1",
        b"Content-Type": b"application/json",
        b"Content-Length": b"2",
        b"User-Agent": b"paymux",
        b"Accept-Encoding": b"identity",
        b"Accept": b"*/*",
        b"Connection": b"close",
    }


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_question_has_no_body_and_no_type(http: AiohttpHttp, method: str) -> None:
    """Which some signatures would stumble over. A DELETE may say that its body has no bytes."""
    async with peer(saying(OK)) as made:
        assert isinstance(await http.send(method, made.url, ()), HttpAnswer)
        heard = bytes(made.lines[0].heard).lower()
    if method == "DELETE":
        heard = heard.replace(b"content-length: 0\r\n", b"")
    assert b"content-length" not in heard
    assert b"content-type" not in heard


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_question_is_not_asked_again_behind_our_back(http: AiohttpHttp, method: str) -> None:
    """aiohttp by itself does, as the control shows; who asks how often is decided by `ask_again`."""
    async with peer(wire.dropping) as made:
        found = await http.send(method, made.url, ())
        assert isinstance(found, NoAnswer)
        assert (found.sent, len(made.lines)) == (True, 1)
    async with peer(wire.dropping) as made, aiohttp.ClientSession() as plain:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await plain.request(method, made.url)
        assert len(made.lines) == 2


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
async def test_only_what_was_proved_to_leave_once_is_sent(factory: Callable[..., HttpClientFactory]) -> None:
    """Other methods are an adapter's mistake, and said so before anything happens: by every client, so that an
    adapter's own tests meet it."""
    http = factory(1.0, 1.0, 2.0, 1)()
    with pytest.raises(ValueError, match="PUT"):
        await http.send("PUT", "http://127.0.0.1:1/", ())
    await http.close()


async def test_a_long_order_is_sent_whole(http: AiohttpHttp) -> None:
    """Piece by piece, so that the loop goes on meanwhile."""
    body = bytes(range(256)) * 8192
    async with peer(saying(OK)) as made:
        assert isinstance(await http.send("POST", made.url, (), body), HttpAnswer)
        assert made.lines[0].heard.endswith(body)


async def test_a_cancellation_escapes(http: AiohttpHttp) -> None:
    """It is the caller's own wish."""
    heard = asyncio.Event()

    async def play(line: wire.Line) -> None:
        await line.request()
        heard.set()
        await line.until_left()

    async with peer(play) as made:
        task = asyncio.ensure_future(http.send("POST", made.url, (), b"an order"))
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_environment_has_no_say(http: AiohttpHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy from environment variables."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{wire.free_port()}")
    async with peer(saying(OK)) as made:
        assert isinstance(await http.send("POST", made.url, (), b"an order"), HttpAnswer)


async def test_one_that_was_never_used_is_closed() -> None:
    """It has no session yet, and needs no loop to be made."""
    await AiohttpFactory(1, 1, 1)().close()
