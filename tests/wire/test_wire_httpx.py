"""Over httpx the network can be replaced: neither its silence nor the class of its error is proof."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from adapters.http import ChannelHttp, HttpAnswer, HttpxFactory, NoAnswer
from tests.support import wire


async def ask(http: ChannelHttp, url: str) -> HttpAnswer | NoAnswer:
    try:
        return await http.send("POST", url, (), b"an order")
    finally:
        await http.close()


class Mute(httpx.AsyncBaseTransport):
    """Sends the request, loses the answer, fires no trace events; its errors look like those before sending."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("it says")


class Talking(Mute):
    """The same, but it tells how far it came."""

    def __init__(self, event: str) -> None:
        self._event = event

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.extensions["trace"](self._event, {})
        return await super().handle_async_request(request)


@pytest.mark.parametrize(
    ("transport", "sent"),
    [
        (Mute(), True),
        (Talking("connection.connect_tcp.failed"), False),
        (Talking("http11.send_request_headers.started"), True),
        (Talking("http2.send_request_headers.started"), True),
    ],
    ids=["says nothing", "failed to connect", "began the head", "began the head, HTTP/2"],
)
async def test_a_transport_that_says_nothing_proves_nothing(transport: httpx.AsyncBaseTransport, sent: bool) -> None:
    """Neither silence of a foreign transport nor the class of its error is proof; what it traced is."""
    found = await ask(HttpxFactory(5, 5, 5, transport=transport)(wire.TLS), "http://peer.test/")
    assert isinstance(found, NoAnswer)
    assert found.sent is sent


@pytest.mark.parametrize(
    ("event", "sent"), [("connection.connect_tcp.started", False), ("http11.send_request_headers.started", True)]
)
async def test_the_total_deadline_says_nothing_by_itself(event: str, sent: bool) -> None:
    """It ends a call that is still connecting, and one that waits for its answer: the trace tells which."""

    class Hanging(Talking):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.extensions["trace"](self._event, {})
            await asyncio.Event().wait()
            raise AssertionError("nobody sets it")

    found = await ask(HttpxFactory(5, 5, 0.01, transport=Hanging(event))(wire.TLS), "http://peer.test/")
    assert isinstance(found, NoAnswer)
    assert (found.error, found.sent) == ("TimeoutError", sent)
