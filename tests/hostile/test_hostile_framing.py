"""Rows 1 to 23: one reading of a request for us and for every proxy before us, or a refusal. Who is slow, and many."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.api import doorway, framing, protocol
from gateway.api.connections import ConnectionLimits
from gateway.api.keys import KeyRing
from gateway.api.listener import start_listener
from gateway.api.server import Doors, InForce, Snapshot, public_app
from tests.hostile.support import Target, allowed_from, networks
from tests.support.api_server import CURSOR_KEY, SHOP, ApiServer, http, parse_answer
from tests.support.hostile import ACCOUNT, NAME, SECRET, Case
from tests.support.patience import PATIENCE_S

shared = pytest.mark.asyncio(loop_scope="module")

HEAD = f"Host: gateway.test\r\nX-Secret: {SECRET}\r\n".encode()
POST = b"POST /v1/payouts HTTP/1.1"
LIST = b"GET /v1/payouts?reference=%b HTTP/1.1" % ACCOUNT.encode()
BODY = json.dumps({"reference": SECRET, "description": ACCOUNT, "name": NAME}).encode()


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return line + b"\r\n" + HEAD + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def refused(*parts: bytes, body: bytes = b"") -> Case:
    return Case(request(*parts, body=body), 400, "bad_request")


def chunked(body: bytes) -> Case:
    return refused(POST, b"Transfer-Encoding: chunked", b"Content-Type: application/json", body=body)


def length(value: bytes) -> Case:
    return refused(POST, b"Content-Length: " + value, body=BODY)


def order(**headers: str) -> Case:
    """A rightly signed order with one header too many."""

    def make(api: ApiServer) -> bytes:
        body = json.dumps(api.order(description=SECRET)).encode()
        return http("POST", "/v1/payouts", body, {**api.auth("POST", "/v1/payouts", body), **headers})

    return Case(make, 415, "unsupported_media_type")


def signed(method: str, target: str, status: int, code: str, headers: Mapping[str, str] | None = None) -> Case:
    return Case(lambda api: http(method, target, b"", {**api.auth(method, target), **(headers or {})}), status, code)


def large(api: ApiServer) -> bytes:
    body = json.dumps(api.order(description=ACCOUNT)).encode().ljust(70_000)
    return http("POST", "/v1/payouts", body, api.auth("POST", "/v1/payouts", body))


def bomb(api: ApiServer) -> bytes:
    body = gzip.compress(b" " * 30_000_000)
    headers = {**api.auth("POST", "/v1/payouts", body), "Content-Encoding": "gzip"}
    return http("POST", "/v1/payouts", body, headers)


CASES: dict[str, Case] = {
    "row_1_length_and_chunks": refused(
        POST, b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + BODY
    ),
    "row_2_two_lengths_the_same": refused(POST, b"Content-Length: 2", b"Content-Length: 2", body=BODY),
    "row_2_two_lengths": refused(POST, b"Content-Length: 2", b"Content-Length: 3", body=BODY),
    "row_3_length_with_a_plus": length(b"+4"),
    "row_3_length_with_an_underscore": length(b"4_0"),
    "row_3_length_below_zero": length(b"-1"),
    "row_3_length_empty": length(b""),
    "row_3_length_of_20_digits": length(b"9" * 20),
    "row_4_xchunked": refused(POST, b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "row_4_chunked_identity": refused(POST, b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "row_5_two_hosts": refused(LIST, b"Host: evil.test"),
    "row_5_no_host": Case(LIST + b"\r\n\r\n", 400, "bad_request"),
    "row_6_line_feeds_only": Case(request(LIST).replace(b"\r\n", b"\n"), 400, "bad_request"),
    "row_6_folded_header": refused(LIST, b"X-A: 1\r\n 2"),
    "row_6_space_before_colon": refused(LIST, b"X-A : 1"),
    "row_6_nul_in_a_header": refused(LIST, b"X-A: \x00"),
    "row_7_line_feed_in_a_chunk_extension": chunked(b"2;a\nb\r\n{}\r\n0\r\n\r\n"),
    "row_7_chunk_of_2_to_the_64": chunked(b"1" + b"0" * 16 + b"\r\n{}"),
    "row_7_a_thousand_trailers": chunked(
        b"2\r\n{}\r\n0\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(1000)) + b"\r\n"
    ),
    "row_8_long_header": refused(LIST, b"X-A: " + SECRET.encode() * 300),
    "row_8_65_headers": refused(LIST, *(b"X-%d: 1" % number for number in range(64))),
    "row_8_long_target": refused(b"GET /v1/payouts?a=" + ACCOUNT.encode() * 500 + b" HTTP/1.1"),
    "row_9_ten_gigabytes_announced": Case(
        request(POST, b"Content-Type: application/json", b"Content-Length: 10737418240", body=b"{"),
        413,
        "body_too_large",
    ),
    "row_12_gzip_bomb": Case(bomb, 415, "unsupported_media_type"),
    "row_12_identity": order(**{"Content-Encoding": "identity"}),
    "row_13_70_kilobytes": Case(large, 413, "body_too_large"),
    "row_13_1_mebibyte_to_a_channel": Case(
        request(b"POST /notify/ear/tok_4f0c2a9e7b HTTP/1.1", b"Content-Length: 5242880", body=BODY),
        413,
        "body_too_large",
    ),
    **{
        f"row_15_two_{name.lower()}": Case(
            request(LIST, f"{name}: {SECRET}".encode(), f"{name}: {SECRET}".encode()), 400, "duplicate_header"
        )
        for name in ("X-Signature", "X-Timestamp", "X-Nonce", "Idempotency-Key", "Authorization")
    },
    "row_16_absolute_target": refused(f"GET http://evil/{SECRET} HTTP/1.1".encode()),
    "row_16_no_slash": refused(b"GET v1/payouts HTTP/1.1"),
    **{
        f"row_17_{name}": signed("GET", f"{path}?reference={ACCOUNT}", 404, "not_found")
        for name, path in {
            "encoded_dots": "/v1/%2e%2e/v1/payouts",
            "encoded_slash": "/v1/payouts%2f",
            "encoded_nul": "/v1/payouts%00",
            "double_slash": "/v1//payouts",
            "path_parameter": "/v1/payouts;x",
            "encoded_letter": "/v1/%70ayouts",
        }.items()
    },
    **{
        f"row_18_{method.lower()}": signed(method, "/v1/payouts", 405, "" if method == "HEAD" else "method_not_allowed")
        for method in ("TRACE", "OPTIONS", "HEAD", "DELETE")
    },
    "row_18_connect": refused(b"CONNECT evil.test:443 HTTP/1.1"),
    "row_20_method_override": signed(
        "PUT", "/v1/payouts", 405, "method_not_allowed", {"X-HTTP-Method-Override": "GET", "X-Method-Override": "GET"}
    ),
    "row_21_no_content_type": order(**{"Content-Type": ""}),
    "row_21_text": order(**{"Content-Type": "text/plain"}),
    "row_21_utf_16": order(**{"Content-Type": "application/json; charset=utf-16"}),
    "row_22_http_1_0": refused(b"GET /v1/payouts HTTP/1.0"),
    "row_22_http_2_0": refused(b"GET /v1/payouts HTTP/2.0"),
    "row_23_websocket": refused(LIST, b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    "row_23_h2c": refused(LIST, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
}


@shared
@pytest.mark.parametrize("name", CASES)
async def test_framing(shared_target: Target, name: str) -> None:
    """The stated refusal, a problem with an id, and nothing of what was sent in it."""
    answer = await shared_target.react(CASES[name])
    assert "server" not in answer.headers
    if answer.body:
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


@shared
async def test_row_22_http_0_9(shared_target: Target) -> None:
    """A refusal or a closed connection, never a payout."""
    raw = await shared_target.api.raw_bytes(b"GET /v1/payouts\r\n\r\n")
    assert not raw or parse_answer(raw).status == 400


@shared
async def test_row_17_the_raw_target_is_what_is_signed(shared_target: Target) -> None:
    """Another spelling of a signed target is another target."""
    headers = shared_target.api.auth("GET", "/v1/payouts?reference=a")
    answer = await shared_target.api.send("GET", "/v1/payouts?reference=%61", headers=headers)
    assert (answer.status, answer.json()["code"]) == (401, "unauthorized")


async def test_row_14_pipelining_is_bounded(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand requests sent at once are answered in order, and never more than a few of them wait in memory."""
    waiting: list[int] = []
    taken = protocol.Connection.data_received

    def counted(self: protocol.Connection, data: bytes) -> None:
        taken(self, data)
        waiting.append(len(self._messages))

    monkeypatch.setattr(protocol.Connection, "data_received", counted)
    one = b"GET /problems/not_found HTTP/1.1\r\nHost: a\r\nX-Request-Id: id-%d\r\n\r\n"
    data = b"".join(one % number for number in range(9_999)) + (one % 9_999).replace(
        b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await target.api.connect()
    async with asyncio.timeout(PATIENCE_S):
        told, _ = await asyncio.gather(reader.read(), _pour(writer, data))
    writer.close()
    ids = [line.partition(b": ")[2].strip() for line in told.split(b"\r\n") if line.startswith(b"X-Request-Id")]
    assert ids == [b"id-%d" % number for number in range(10_000)]
    assert 0 < max(waiting) <= 64


async def _pour(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def test_memory_stays_flat(target: Target) -> None:
    """All of the above again and again, and deep and long bodies besides: no more than 50 MB stay behind (T14)."""
    deep = http("POST", "/v1/payouts", b"[" * 60_000, target.api.auth("POST", "/v1/payouts", b"[" * 60_000))
    hostile = [each.send if isinstance(each.send, bytes) else each.send(target.api) for each in CASES.values()]
    for round_number in range(4):
        for data in (*hostile, deep):
            await target.api.raw_bytes(data)
        if round_number == 0:
            before = resident_bytes()
    assert resident_bytes() - before < 50 * 1024**2


def resident_bytes() -> int:
    """What this process, client and server in one, has in memory; where that is not told, the most it ever had."""
    gc.collect()
    if (told := Path("/proc/self/statm")).exists():
        return int(told.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# Slow and many --------------------------------------------------------------------------------------------------------


async def trickle(api: ApiServer, first: bytes, drop: bytes) -> bytes:
    """Send `first`, then a drop every few milliseconds until the server has had enough; what it said."""
    reader, writer = await api.connect()
    writer.write(first)
    begun = asyncio.ensure_future(reader.read(65_536))
    async with asyncio.timeout(PATIENCE_S):
        while not (await asyncio.wait([begun], timeout=0.005))[0]:
            writer.write(drop)
        told = b"" if begun.exception() else begun.result()
        with suppress(ConnectionError):  # our last drop may have met a closed door
            told += await reader.read()
    writer.close()
    return told


@pytest.mark.parametrize("drop", [b"x", b"X-A: 1\r\n"], ids=["a byte", "a header"])
async def test_row_10_a_head_that_trickles(target: Target, monkeypatch: pytest.MonkeyPatch, drop: bytes) -> None:
    """A byte or a header line now and then extends no deadline: the head is whole in time, or the connection ends."""
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.1)
    monkeypatch.setattr(doorway, "HEAD_DEADLINE_S", 0.1)
    told = await trickle(target.api, b"GET /v1/payouts HTTP/1.1\r\nHost: a\r\n", drop)
    assert not told or parse_answer(told).status == 400


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 60000\r\n", b"Transfer-Encoding: chunked\r\n"],
    ids=["announced", "chunked"],
)
async def test_row_11_a_body_that_trickles(target: Target, monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    """Rows 9 and 11: a byte of body now and then is not a body in time: 408, and the connection ends."""
    monkeypatch.setattr(framing, "BODY_DEADLINE_S", 0.1)
    drop = b" " if head.startswith(b"Content") else b"1\r\n \r\n"
    first = POST + b"\r\nHost: a\r\nContent-Type: application/json\r\n" + head + b"\r\n"
    answer = parse_answer(await trickle(target.api, first, drop))
    assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


async def test_row_11_a_notification_that_trickles(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels have the same five seconds, and their place among the notifications taken in is free again."""
    monkeypatch.setattr(framing, "BODY_DEADLINE_S", 0.1)
    first = b"POST /notify/ear/tok_4f0c2a9e7b HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"
    assert parse_answer(await trickle(target.api, first, b" ")).status == 408
    assert (await target.api.send("POST", "/notify/ear/tok_4f0c2a9e7b", b"{}")).status == 418


async def test_row_10_slow_clients_keep_nobody_out(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty connections that say half a head are closed; meanwhile and afterwards honest requests are served."""
    monkeypatch.setattr(protocol, "HEAD_DEADLINE_S", 0.3)
    monkeypatch.setattr(doorway, "HEAD_DEADLINE_S", 0.3)
    slow = [await target.api.connect() for _ in range(50)]
    for _, writer in slow:
        writer.write(b"GET /v1/payouts HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    assert (await target.api.signed("GET", "/v1/payouts")).status == 200
    async with asyncio.timeout(PATIENCE_S):
        assert [await reader.read() for reader, _ in slow] == [b""] * 50
    for _, writer in slow:
        writer.close()
    assert (await target.api.signed("GET", "/v1/payouts")).status == 200


ASKING = b"GET /problems/not_found HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n"


async def stays(api: ApiServer, source: str = "127.0.0.1") -> tuple[bool, asyncio.StreamWriter]:
    """Whether a new connection from `source` is let in; it stays open if so."""
    assert api.listener is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", api.listener.port, local_addr=(source, 0))
    writer.write(ASKING)
    try:
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
        return False, writer
    return head.startswith(b"HTTP/1.1 200"), writer


@pytest.mark.parametrize("trusted", [False, True], ids=["strangers", "a proxy of ours"])
async def test_row_10_connections_are_capped(target: Target, trusted: bool) -> None:
    """So many from one address, so many in all; for a proxy of ours the total counts only. A place that is free again
    is given again."""
    limits = ConnectionLimits(total=5, per_address=3, trusted=networks("127.0.0.1/32") if trusted else ())
    own = target.api.listener
    target.api.listener = capped = await start_listener(target.api.app, "127.0.0.1", 0, limits=limits)
    try:
        kept = [await stays(target.api) for _ in range(6)]
        inside = 5 if trusted else 3
        assert [let_in for let_in, _ in kept] == [number < inside for number in range(6)]
        others = [await stays(target.api, "127.0.0.2") for _ in range(3)]
        assert [let_in for let_in, _ in others] == [number < 5 - inside for number in range(3)]
        kept[0][1].close()
        await kept[0][1].wait_closed()
        async with asyncio.timeout(PATIENCE_S):
            while not (again := await stays(target.api))[0]:
                continue
        for _, writer in (*kept, *others, again):
            writer.close()
    finally:
        await capped.stop()
        target.api.listener = own


# Who it is that calls -------------------------------------------------------------------------------------------------

FORWARDED = {
    "a stranger's own word": (False, "203.0.113.7", 403),
    "a proxy's word": (True, "203.0.113.7", 200),
    "invented before the proxy": (True, "203.0.113.7, 198.51.100.9", 403),
    "through two proxies of ours": (True, "203.0.113.7, 127.0.0.9", 200),
    "no address": (True, "203.0.113.7, <script>", 403),
    "nothing": (True, "", 403),
}


@pytest.mark.parametrize("name", FORWARDED)
async def test_row_19_forwarded_for(target: Target, name: str) -> None:
    """`X-Forwarded-For` counts as far as proxies of ours wrote it; a stranger's is not looked at."""
    trusted, header, status = FORWARDED[name]
    await target.api.listener.stop()  # type: ignore[union-attr]  # it was started
    keys = KeyRing([allowed_from(SHOP.record, "203.0.113.0/24")])
    doors = Doors(trusted_proxies=networks("127.0.0.0/8") if trusted else ())
    in_force = InForce(Snapshot(target.api.services, keys, doors=doors))
    target.api.app = public_app(in_force, sandbox=True, cursor_key=CURSOR_KEY)
    await target.api.start()
    answer = await target.api.signed("GET", "/v1/payouts", headers={"X-Forwarded-For": header} if header else {})
    assert answer.status == status
    if status == 403:
        assert answer.json()["code"] == "forbidden"
