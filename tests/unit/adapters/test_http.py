"""The one client: what it sends, gives back, and refuses to read. What it proves is shown in tests/wire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import respx

from adapters.http import ANSWER_MAX_BYTES, ChannelHttp, HttpAnswer, HttpxFactory, NoAnswer

URL = "https://channel.example.test/orders"
TLS = ssl.create_default_context()


@pytest.fixture
def network() -> Iterator[respx.Router]:
    with respx.mock as mocked:
        yield mocked


@pytest.fixture
async def http() -> AsyncIterator[ChannelHttp]:
    made = HttpxFactory(1, 1, 1)(TLS)
    yield made
    await made.close()


async def answered(http: ChannelHttp, network: respx.Router, response: httpx.Response) -> HttpAnswer | NoAnswer:
    network.route().mock(return_value=response)
    return await http.send("POST", URL, (("X-A", "1"),), b"body")


async def test_it_sends_what_it_is_given(http: ChannelHttp, network: respx.Router) -> None:
    """Method, address, headers and body as they were signed; and asks for no content coding."""
    await answered(http, network, httpx.Response(200))
    (call,) = network.calls
    asked = call.request
    assert (asked.method, str(asked.url), asked.content) == ("POST", URL, b"body")
    assert (asked.headers["x-a"], asked.headers["accept-encoding"]) == ("1", "identity")
    assert asked.headers["user-agent"] == "paymux"


async def test_a_question_has_no_body(http: ChannelHttp, network: respx.Router) -> None:
    """No `Content-Length: 0` on a GET, which some signatures would stumble over."""
    network.get(URL).mock(return_value=httpx.Response(200))
    await http.send("GET", URL, ())
    assert "content-length" not in network.calls[0].request.headers


async def test_an_answer_has_lower_case_names_and_tells_doubled_ones(http: ChannelHttp, network: respx.Router) -> None:
    """One value per name; a name that came twice is marked, so that nobody believes either."""
    found = await answered(http, network, httpx.Response(201, headers=[("X-B", "1"), ("x-b", "2"), ("X-C", "3")]))
    assert isinstance(found, HttpAnswer)
    assert (found.status, found.headers["x-c"], found.doubled) == (201, "3", {"x-b"})


async def test_redirects_are_answers(http: ChannelHttp, network: respx.Router) -> None:
    """A redirected submit would be a second one."""
    found = await answered(http, network, httpx.Response(307, headers={"Location": "https://elsewhere.test/"}))
    assert isinstance(found, HttpAnswer)
    assert found.status == 307
    assert len(network.calls) == 1


@pytest.mark.parametrize("size", [ANSWER_MAX_BYTES, ANSWER_MAX_BYTES + 1])
async def test_an_answer_is_read_up_to_its_cap(http: ChannelHttp, network: respx.Router, size: int) -> None:
    """The cap itself is still an answer; a byte more is none, and counts as sent."""
    found = await answered(http, network, httpx.Response(200, content=b"x" * size))
    if size <= ANSWER_MAX_BYTES:
        assert isinstance(found, HttpAnswer)
        assert len(found.body) == size
    else:
        assert isinstance(found, NoAnswer)
        assert (found.sent, found.error) == (True, f"Unreadable: the answer is longer than {ANSWER_MAX_BYTES} bytes")


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "x"])
async def test_a_content_coding_makes_it_unreadable(http: ChannelHttp, network: respx.Router, coding: str) -> None:
    """Nothing is ever unpacked; that an answer came proves that the order left."""
    stream = httpx.ByteStream(b"\x1f\x8b")
    found = await answered(http, network, httpx.Response(200, headers={"Content-Encoding": coding}, stream=stream))
    assert isinstance(found, NoAnswer)
    assert found.sent


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.InvalidURL("x"),
        OSError("x"),
        ssl.SSLError("x"),
        RuntimeError("x"),
        ExceptionGroup("x", [OverflowError("port")]),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("began", [True, False])
async def test_no_error_escapes_and_none_is_proof(
    http: ChannelHttp, network: respx.Router, error: Exception, began: bool
) -> None:
    """Whatever its class: sent if the head was begun, not sent if it was not."""

    async def play(asked: httpx.Request) -> httpx.Response:
        if began:
            await asked.extensions["trace"]("http11.send_request_headers.started", {})
        raise error

    network.route().mock(side_effect=play)
    found = await http.send("POST", URL, (), b"body")
    assert isinstance(found, NoAnswer)
    assert found.sent is began


@pytest.mark.parametrize(
    ("error", "began", "local"),
    [
        (httpx.PoolTimeout("x"), False, True),
        (httpx.PoolTimeout("x"), True, False),
        (httpx.ConnectTimeout("x"), False, False),
    ],
)
async def test_only_our_own_full_pool_is_local(
    http: ChannelHttp, network: respx.Router, error: Exception, began: bool, local: bool
) -> None:
    """And only while the trace proves that nothing was sent."""

    async def play(asked: httpx.Request) -> httpx.Response:
        if began:
            await asked.extensions["trace"]("http11.send_request_headers.started", {})
        raise error

    network.route().mock(side_effect=play)
    found = await http.send("POST", URL, (), b"body")
    assert isinstance(found, NoAnswer)
    assert (found.sent, found.local) == (began, local)


async def test_a_cancellation_escapes(http: ChannelHttp, network: respx.Router) -> None:
    """It is the caller's own wish."""

    def play(_asked: httpx.Request) -> httpx.Response:
        raise asyncio.CancelledError

    network.route().mock(side_effect=play)
    with pytest.raises(asyncio.CancelledError):
        await http.send("POST", URL, ())


def test_evidence_has_all_that_came_and_says_what_did_not() -> None:
    """Status line first; and for no answer, whether it was sent, and why."""
    assert HttpAnswer(200, {"a": "b"}, b"\x00body").evidence() == b"HTTP 200\r\na: b\r\n\r\n\x00body"
    assert NoAnswer(True, "ReadTimeout").evidence() == b"no answer (sent): ReadTimeout"
    assert NoAnswer(False, "ConnectError").evidence() == b"no answer (not sent): ConnectError"


def test_bodies_are_not_in_reprs() -> None:
    """A body may hold a name or an account; a repr may end up in a log."""
    assert "secret" not in repr(HttpAnswer(200, {}, b"secret"))


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch, network: respx.Router) -> None:
    """No proxy, no netrc, no CA from environment variables."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    http = HttpxFactory(1, 1, 1)(TLS)
    found = await answered(http, network, httpx.Response(200))
    await http.close()
    assert isinstance(found, HttpAnswer)
