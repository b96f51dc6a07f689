"""docs/reliability.md 4, rows 1-23, on raw sockets: a request has one reading or is refused, as a problem."""

from __future__ import annotations

import asyncio
import json

import pytest

from gateway.api import doorway, framing, protocol
from tests.support.api_server import ApiServer, http, parse_answer
from tests.support.patience import PATIENCE_S

shared = pytest.mark.asyncio(loop_scope="module")

HEAD = b"Host: gateway.test\r\n"
"""Without `Connection: close`: where reading to the end ends, it was the server that closed."""


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return line + b"\r\n" + HEAD + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


POST = b"POST /v1/payouts HTTP/1.1"
LIST = b"GET /v1/payouts HTTP/1.1"

MALFORMED = {
    "1 CL and TE": request(POST, b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "2 two CL, same": request(POST, b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
    "2 two CL, different": request(POST, b"Content-Length: 2", b"Content-Length: 3", body=b"{}"),
    "3 +4": request(POST, b"Content-Length: +4", body=b"{}  "),
    "3 4_0": request(POST, b"Content-Length: 4_0", body=b"{}"),
    "3 -1": request(POST, b"Content-Length: -1"),
    "3 empty": request(POST, b"Content-Length: "),
    "3 20 digits": request(POST, b"Content-Length: 99999999999999999999"),
    "4 xchunked": request(POST, b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "4 chunked, identity": request(POST, b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "5 two Hosts": request(LIST, b"Host: evil.test"),
    "5 no Host": b"GET /v1/payouts HTTP/1.1\r\n\r\n",
    "6 obs-fold": request(LIST, b"X-A: 1\r\n 2"),
    "6 space before colon": request(LIST, b"X-A : 1"),
    "6 NUL in a header": request(LIST, b"X-A: \x00"),
    "6 LF only": request(LIST).replace(b"\r\n", b"\n"),
    "7 LF in a chunk extension": request(POST, b"Transfer-Encoding: chunked", body=b"2;a\nb\r\n{}\r\n0\r\n\r\n"),
    "7 chunk of 2^64": request(POST, b"Transfer-Encoding: chunked", body=b"1" + b"0" * 16 + b"\r\n{}"),
    "8 long header": request(LIST, b"X-A: " + b"a" * 8200),
    "8 65 headers": request(LIST, *(b"X-%d: 1" % number for number in range(65))),
    "8 long URL": request(b"GET /v1/payouts?a=" + b"a" * 8200 + b" HTTP/1.1"),
    "22 HTTP/1.0": request(b"GET /v1/payouts HTTP/1.0"),
    "22 HTTP/2.0": request(b"GET /v1/payouts HTTP/2.0"),
    "23 websocket": request(LIST, b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    "23 h2c": request(LIST, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    "23 prior-knowledge h2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "16 absolute form": request(b"GET http://evil/v1/payouts HTTP/1.1"),
    "16 no slash": request(b"GET v1/payouts HTTP/1.1"),
    "expectation": request(POST, b"Content-Length: 2", b"Expect: a-pony", body=b"{}"),
    "control in the method": request(b"GE\x01T / HTTP/1.1"),
}


@shared
@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed(shared_api: ApiServer, name: str) -> None:
    """400, as a problem with our id, with nothing of the parser's words; and the connection ends."""
    answer = await shared_api.raw(MALFORMED[name])
    assert (answer.status, answer.json()["code"]) == (400, "bad_request"), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert b"aiohttp" not in answer.body
    assert "server" not in answer.headers


@shared
async def test_http_09(shared_api: ApiServer) -> None:
    """Row 22: HTTP/0.9 gets no payout: a refusal, or a closed connection."""
    raw = await shared_api.raw_bytes(b"GET /v1/payouts\r\n\r\n")
    assert not raw or parse_answer(raw).status == 400


@shared
async def test_thousand_trailers(shared_api: ApiServer) -> None:
    """Row 7: trailers are bounded like headers."""
    trailers = b"".join(b"X-%d: 1\r\n" % number for number in range(1000))
    answer = await shared_api.raw(
        request(
            POST,
            b"Transfer-Encoding: chunked",
            b"Content-Type: application/json",
            body=b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n",
        )
    )
    assert answer.status == 400


@shared
@pytest.mark.parametrize("length", [65_537, 10 * 1024**3])
async def test_announced_too_large(shared_api: ApiServer, length: int) -> None:
    """Rows 9 and 13: what is announced as too large is refused before a byte of it is read."""
    head = request(POST, b"Content-Type: application/json", b"Content-Length: %d" % length)
    answer = await shared_api.raw(head + b"{")
    assert (answer.status, answer.json()["code"]) == (413, "body_too_large")


@shared
async def test_chunked_too_large(shared_api: ApiServer) -> None:
    """Row 13: so is what turns out too large, without a length announced."""
    chunks = b"".join(b"1000\r\n" + b" " * 4096 + b"\r\n" for _ in range(17)) + b"0\r\n\r\n"
    answer = await shared_api.raw(
        request(POST, b"Content-Type: application/json", b"Transfer-Encoding: chunked", body=chunks)
    )
    assert (answer.status, answer.json()["code"]) == (413, "body_too_large")


@shared
async def test_largest_body(shared_api: ApiServer) -> None:
    """64 KiB are read; one byte more is not."""
    order = json.dumps(shared_api.order()).encode()
    answer = await shared_api.signed("POST", "/v1/payouts", order.ljust(65_536))
    assert answer.status == 201
    assert (await shared_api.signed("POST", "/v1/payouts", order.ljust(65_537))).status == 413


@shared
@pytest.mark.parametrize("coding", ["gzip", "br", "identity", "deflate, gzip"])
async def test_content_encoding(shared_api: ApiServer, coding: str) -> None:
    """Row 12: no compressed body, so no bomb: 415 without a look into it."""
    order = json.dumps(shared_api.order()).encode()
    answer = await shared_api.signed("POST", "/v1/payouts", order, headers={"Content-Encoding": coding})
    assert (answer.status, answer.json()["code"]) == (415, "unsupported_media_type")


@shared
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=gbk",
        "application/jsonp",
        "application/json, text/plain",
        "application/x-www-form-urlencoded",
    ],
)
async def test_content_type(shared_api: ApiServer, content_type: str) -> None:
    """Row 21: 415 for anything but JSON in UTF-8."""
    order = json.dumps(shared_api.order()).encode()
    answer = await shared_api.signed("POST", "/v1/payouts", order, headers={"Content-Type": content_type})
    assert (answer.status, answer.json()["code"]) == (415, "unsupported_media_type")


@shared
@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json "]
)
async def test_content_type_spellings(shared_api: ApiServer, content_type: str) -> None:
    """The spellings that mean JSON in UTF-8 are accepted."""
    order = json.dumps(shared_api.order()).encode()
    answer = await shared_api.signed("POST", "/v1/payouts", order, headers={"Content-Type": content_type})
    assert answer.status == 201


@shared
@pytest.mark.parametrize("name", framing.SINGLE_HEADERS)
async def test_doubled_headers(shared_api: ApiServer, name: str) -> None:
    """Row 15: a header that decides something, twice, is refused, and named."""
    answer = await shared_api.raw(request(LIST, f"{name}: a".encode(), f"{name.lower()}: a".encode()))
    assert answer.status == 400
    if name != "Content-Type":  # that one aiohttp's own parser refuses, namelessly
        assert (answer.json()["code"], answer.json()["detail"]) == ("duplicate_header", name)


@shared
@pytest.mark.parametrize(
    "path",
    [
        "/v1/%70ayouts",
        "/v1//payouts",
        "//v1/payouts",
        "/v1/payouts/",
        "/v1/payouts;x",
        "/v1/./payouts",
        "/v1/payouts/../payouts",
        "/v1/%2e%2e/v1/payouts",
        "/v1/payouts%2f",
        "/v1/payouts%00",
        "/v1/payouts%0a",
        "/V1/payouts",
        "/v1/payouts/by-reference/a%41",
        "/v1/payouts/by-reference/" + "a" * 65,
        "/v1/payouts/nonsense",
        "/v1/payouts#x",
        "/",
        "/admin",
        "/livez",
        "/readyz",
        "/metrics",
    ],
)
async def test_raw_paths(shared_api: ApiServer, path: str) -> None:
    """Row 17: a path is what stands on the wire; no other spelling of it reaches a handler. Admin is not here (S7)."""
    answer = await shared_api.signed("GET", path)
    assert (answer.status, answer.json()["code"]) == (404, "not_found")


@shared
@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "HEAD", "PUT", "PATCH", "DELETE", "PROPFIND"])
async def test_methods(shared_api: ApiServer, method: str) -> None:
    """Row 18: no other method on a money route, and the answer names those that are."""
    answer = await shared_api.signed(method, "/v1/payouts")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
    if method != "HEAD":
        assert answer.json()["code"] == "method_not_allowed"


@shared
@pytest.mark.parametrize(
    "target", [b"/v1/payouts?reference=\xff", b"/v1/payouts/\xff", b"/v1/payouts?\xc3\xa9", b"/\xed\xa0\x80"]
)
async def test_bytes_in_the_target(shared_api: ApiServer, target: bytes) -> None:
    """Row 17: bytes beyond ASCII in a target are refused one way or another, and never a fault of ours."""
    answer = await shared_api.raw(request(b"GET " + target + b" HTTP/1.1", b"Connection: close"))
    assert answer.status in (400, 401, 404)


@shared
async def test_connect(shared_api: ApiServer) -> None:
    """Row 18: we are no proxy."""
    answer = await shared_api.raw(request(b"CONNECT evil.test:443 HTTP/1.1"))
    assert answer.status in (400, 405)


@shared
async def test_method_override_is_ignored(shared_api: ApiServer) -> None:
    """Row 20: the method is the one on the request line."""
    answer = await shared_api.signed("GET", "/v1/payouts", headers={"X-HTTP-Method-Override": "DELETE"})
    assert answer.status == 200
    assert (await shared_api.signed("PUT", "/v1/payouts", headers={"X-HTTP-Method-Override": "GET"})).status == 405


@shared
async def test_no_banner(shared_api: ApiServer) -> None:
    """S7: no answer says what it was made with."""
    for target in ("/v1/payouts", "/docs", "/nowhere"):
        answer = await shared_api.signed("GET", target)
        assert "server" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"


@shared
async def test_expect_continue(shared_api: ApiServer) -> None:
    """A client that waits to be told to send its body is told."""
    order = json.dumps(shared_api.order()).encode()
    headers = shared_api.auth("POST", "/v1/payouts", order)
    data = http("POST", "/v1/payouts", order, {**headers, "Expect": "100-continue"})
    reader, writer = await shared_api.connect()
    writer.write(data[: -len(order)])
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(order)
        assert parse_answer(await reader.read()).status == 201
    writer.close()


@shared
async def test_pipelining(shared_api: ApiServer) -> None:
    """Row 14: a thousand requests sent without waiting are answered in order, one after the other."""
    one = b"GET /problems/not_found HTTP/1.1\r\nHost: a\r\nX-Request-Id: id-%d\r\n\r\n"
    data = b"".join(one % number for number in range(1000)) + request(b"GET /nowhere HTTP/1.1", b"Connection: close")
    raw = await shared_api.raw_bytes(data)
    ids = [line.partition(b": ")[2].strip() for line in raw.split(b"\r\n") if line.startswith(b"X-Request-Id")]
    assert ids[:1000] == [b"id-%d" % number for number in range(1000)]
    assert len(ids) == 1001


@shared
async def test_keep_alive(shared_api: ApiServer) -> None:
    """A refused body does not poison the next request on the same connection, for the two are told apart."""
    order = json.dumps(shared_api.order()).encode()
    headers = shared_api.auth("POST", "/v1/payouts", order)
    first = http("POST", "/v1/payouts", order, headers).replace(b"Connection: close\r\n", b"")
    second = http("GET", "/v1/payouts", b"", shared_api.auth("GET", "/v1/payouts"))
    raw = await shared_api.raw_bytes(first + second)
    assert raw.count(b"HTTP/1.1 201 ") == 1
    assert raw.count(b"HTTP/1.1 200 ") == 1


async def test_body_deadline(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows 9 and 11: a body that does not come is given up, with an answer and a closed connection."""
    monkeypatch.setattr(framing, "BODY_DEADLINE_S", 0.05)
    head = request(POST, b"Content-Type: application/json", b"Content-Length: 100")
    answer = await api.raw(head + b'{"ref')
    assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /v1/payouts HTTP/1.1\r\nHost: a\r\nX-Slow: "])
async def test_head_deadline(api: ApiServer, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """Row 10: a head that does not come is given up without a word."""
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.05)
    monkeypatch.setattr(doorway, "HEAD_DEADLINE_S", 0.05)
    assert await api.raw_bytes(sent) == b""


async def test_head_deadline_of_the_next_request(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 10: it holds for each request of a connection, while resting between them is allowed."""
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.05)
    monkeypatch.setattr(doorway, "HEAD_DEADLINE_S", 0.05)
    reader, writer = await api.connect()
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(2):
            writer.write(b"GET /problems/not_found HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        writer.write(b"GET /problems/not_found HTTP/1.1\r\nHo")
        assert await reader.read() == b""
    writer.close()


async def test_body_that_breaks_off(api: ApiServer) -> None:
    """A client that hangs up within its body leaves nothing behind, and the next one is served."""
    _, writer = await api.connect()
    writer.write(request(POST, b"Content-Type: application/json", b"Content-Length: 100", body=b"{"))
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await api.signed("GET", "/v1/payouts")).json()["data"] == []
