"""One signed POST against real receivers, kind and unkind. Deadlines are shortened, never slept for."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer, unused_port
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from standardwebhooks import Webhook

from gateway.callbacks.sender import CallbackSender, Limits, Sent, client_tls, guarded_connector
from gateway.clock import SystemClock
from tests.support.callbacks import make_endpoint, whsec

BODY = b'{"id":"evt_1"}'
SHORT = Limits(total_s=0.3, connect_s=0.3, read_s=0.3)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """An app's server that answers as told and remembers every request."""

    server: TestServer
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def url(self, path: str = "/callbacks") -> str:
        return str(self.server.make_url(path))


@asynccontextmanager
async def receiver(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    app = web.Application()
    server = TestServer(app, scheme="https" if tls else "http")
    got = Receiver(server)

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        got.requests.append((request.method, request.path_qs, dict(request.headers), body))
        return await answer(request)

    app.router.add_route("*", "/{path:.*}", handle)
    await server.start_server(ssl=tls, shutdown_timeout=0)
    try:
        yield got
    finally:
        await server.close()


def answering(status: int, text: str = "", **headers: str) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=named)

    return answer


async def send(url: str, **options: Any) -> Sent:
    async with CallbackSender(SystemClock(), live=False, **options) as sender:
        return await sender.send(make_endpoint(url), "evt_1", BODY)


async def test_a_callback_arrives_signed_and_whole() -> None:
    """One POST, the bytes as stored, headers that the independent library verifies."""
    async with receiver(answering(200, "ok")) as got:
        sent = await send(got.url("/callbacks?app=1"))
    assert (sent.status, sent.detail, sent.retry_after) == (200, "HTTP 200", None)
    [(method, path, headers, body)] = got.requests
    assert (method, path, body) == ("POST", "/callbacks?app=1", BODY)
    assert headers["User-Agent"] == "paymux"
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == "evt_1"
    Webhook(whsec()).verify(body, headers)


@pytest.mark.parametrize("status", [204, 400, 410, 500, 503])
async def test_the_status_comes_back(status: int) -> None:
    """What the receiver answered is for the schedule to judge; one request each."""
    async with receiver(answering(status)) as got:
        sent = await send(got.url())
    assert (sent.status, len(got.requests)) == (status, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """The Location may point anywhere: nobody goes there."""
    async with receiver(answering(status, Location="/elsewhere")) as got:
        sent = await send(got.url())
    assert sent.status == status
    assert [path for _, path, _, _ in got.requests] == ["/callbacks"]


async def test_retry_after_comes_back() -> None:
    """The receiver's wish is passed on to the schedule."""
    async with receiver(answering(503, Retry_After="120")) as got:
        assert (await send(got.url())).retry_after == timedelta(seconds=120)


async def test_nothing_the_receiver_writes_is_kept() -> None:
    """Answers are untrusted and may hold secrets of theirs: none of it is in the record of the try."""
    async with receiver(answering(500, "private words", X_Private="words")) as got:
        assert "words" not in repr(await send(got.url()))


async def test_a_receiver_that_hangs_meets_the_deadline() -> None:
    """No answer in time is no answer; the receiver sees the connection go."""
    released = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with receiver(hang) as got:
        sent = await send(got.url(), limits=SHORT)
        released.set()
    assert (sent.status, sent.detail) == (None, "no answer in time")
    assert len(got.requests) == 1


async def test_an_answer_that_never_ends_meets_the_deadline_in_all() -> None:
    """The status came, the body does not end: the total deadline lets go of it, and the status counts."""
    released = asyncio.Event()

    async def begin(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=500)
        await answer.prepare(request)
        await answer.write(b"once upon a time")
        await released.wait()
        return answer

    async with receiver(begin) as got:
        sent = await send(got.url(), limits=Limits(total_s=0.3))
        released.set()
    assert sent.status == 500


async def test_a_huge_answer_is_cut() -> None:
    """No more than the limit is read; the connection is closed on the rest, and the status counts."""
    gone, written = asyncio.Event(), 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal written
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * 65536)
                written += 65536
        finally:
            gone.set()

    async with receiver(flood) as got, CallbackSender(SystemClock(), live=False) as sender:
        sent = await sender.send(make_endpoint(got.url()), "evt_1", BODY)
        await gone.wait()
    assert sent.status == 200
    assert written < 32 << 20, "more was taken than fits the buffers on the way"


async def test_a_refused_connection_is_no_answer() -> None:
    """Nobody listens: said in the system's words."""
    sent = await send(f"http://127.0.0.1:{unused_port()}/")
    assert sent.status is None
    assert sent.detail.startswith("no answer: ClientConnector")


@pytest.mark.parametrize("raw", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000])
async def test_garbage_is_no_answer(raw: bytes) -> None:
    """An answer that is not HTTP, is cut off or has endless headers: no answer, one request, nothing quoted."""
    heads = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(raw)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        sent = await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert sent.status is None
    assert sent.detail.startswith("no answer: ")
    assert "garbage" not in sent.detail
    assert "yyy" not in sent.detail
    assert len(heads) == 1


async def test_a_dead_kept_connection_is_not_tried_again_by_itself() -> None:
    """The receiver closes a kept connection under the second callback: that try failed, and is not repeated here."""
    heads = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (b"HTTP/1.1 204 No Content\r\n\r\n", b""):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(len(BODY))
            writer.write(reply)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    endpoint = make_endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    async with server, CallbackSender(SystemClock(), live=False) as sender:
        tries = [await sender.send(endpoint, "evt_1", BODY) for _ in range(2)]
    assert [sent.status for sent in tries] == [204, None]
    assert len(heads) == 2


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is not ours to trust."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")
    async with receiver(answering(200)) as got:
        assert (await send(got.url())).status == 200


async def test_a_bad_secret_sends_nothing() -> None:
    """A key that cannot sign is a failed try that says why, not an unsigned callback."""
    async with receiver(answering(200)) as got, CallbackSender(SystemClock(), live=False) as sender:
        sent = await sender.send(make_endpoint(got.url(), secrets=("hunter2",)), "evt_1", BODY)
    assert (sent.status, got.requests) == (None, [])
    assert sent.detail.startswith("not sent: a callback secret")
    assert "hunter2" not in sent.detail


class FakeResolver(AbstractResolver):
    """Answers with the next list of addresses, whatever the name."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in self.answers.pop(0)
        ]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"]])
async def test_a_name_that_resolves_inside_is_refused_in_live_mode(addresses: list[str]) -> None:
    """One private address among its answers is enough: nothing is dialled."""
    resolver = FakeResolver(addresses)
    async with CallbackSender(SystemClock(), True, resolver=resolver) as sender:
        sent = await sender.send(make_endpoint("https://acme.example/"), "evt_1", BODY)
    assert resolver.asked == ["acme.example"]
    assert sent.status is None
    assert sent.detail.startswith("not sent: the address is refused")


async def test_a_name_is_looked_up_and_checked_at_every_dial() -> None:
    """Rebinding: good at the first callback, pointing inside at the second, which is refused."""
    resolver = FakeResolver(["127.0.0.1"], ["10.0.0.1"])
    async with (
        receiver(answering(200, Connection="close")) as got,
        CallbackSender(SystemClock(), False, resolver=resolver) as sender,
    ):
        endpoint = make_endpoint(got.url().replace("127.0.0.1", "acme.example"))
        tries = [await sender.send(endpoint, "evt_1", BODY) for _ in range(2)]
    assert [sent.status for sent in tries] == [200, None]
    assert tries[1].detail == "not sent: the address is refused: not public"
    assert len(got.requests) == 1


async def test_a_literal_is_checked_where_no_resolver_is_asked() -> None:
    """aiohttp asks no resolver for an IP literal; the dial refuses it all the same."""
    resolver = FakeResolver()
    async with (
        receiver(answering(200)) as got,
        aiohttp.ClientSession(connector=guarded_connector(True, resolver)) as session,
    ):
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.post(got.url())
    assert str(refused.value.os_error) == "the address is refused: loopback"
    assert (resolver.asked, got.requests) == ([], [])


@pytest.mark.parametrize(
    ("live", "url"),
    [
        (True, "http://acme.example/"),
        (True, "https://127.0.0.1/"),
        (True, "https://[::1]/"),
        (True, "https://2130706433/"),
        (True, "https://①②⑦.⓪.⓪.①/"),
        (False, "http://10.0.0.1/"),
        (False, "http://169.254.169.254/latest"),
        (False, "http://0x7f.1/"),
        (False, "http://user@127.0.0.1/"),
    ],
)
async def test_a_bad_url_is_refused_before_any_lookup(live: bool, url: str) -> None:
    """However it came into the configuration, nothing is resolved, dialled or sent."""
    resolver = FakeResolver()
    async with CallbackSender(SystemClock(), live, resolver=resolver) as sender:
        sent = await sender.send(make_endpoint(url), "evt_1", BODY)
    assert (sent.status, resolver.asked) == (None, [])
    assert sent.detail.startswith("not sent: ")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Certificate and key for 127.0.0.1, signed by nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acme")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    chain, secret = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, secret


async def test_an_unknown_certificate_is_refused_and_a_known_one_taken(tmp_path: Path) -> None:
    """TLS is verified: the same receiver is refused until its authority is trusted."""
    chain, secret = self_signed(tmp_path)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(chain, secret)
    trusting = client_tls()
    trusting.load_verify_locations(chain)
    async with receiver(answering(200), theirs) as got:
        refused = await send(got.url())
        taken = await send(got.url(), tls=trusting)
    assert refused.status is None
    assert "Certificate" in refused.detail
    assert taken.status == 200
    assert len(got.requests) == 1


def test_tls_is_verified_and_new_enough() -> None:
    """TLS 1.2 or later, certificate and name checked."""
    context = client_tls()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
