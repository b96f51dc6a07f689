"""One signed POST to an app. Never repeated in here: when to try again is a date in the database.

The receiver is not trusted: no redirect is followed, little of its answer is read and none of it is kept, the whole try
has a deadline, and the address that is really dialled is checked (`target`), whatever its name resolved to before.
POST only, because aiohttp sends other methods again by itself when a kept connection dies.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.schedule import retry_after
from gateway.callbacks.signing import BadKey, sign
from gateway.callbacks.target import RefusedTarget, check_address, check_url
from gateway.clock import Clock

CONNECTIONS_MAX = 64

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one try may take, and how much of the answer is read."""

    total_s: float = 15.0
    connect_s: float = 10.0
    read_s: float = 10.0
    answer_max_bytes: int = 16 * 1024


@dataclass(frozen=True, slots=True)
class Sent:
    """What one try came to. `status` is None when there was no answer; `detail` holds nothing the receiver wrote."""

    status: int | None
    detail: str
    retry_after: timedelta | None
    duration_ms: int


class GuardedResolver(AbstractResolver):
    """Refuses a name as soon as one of its addresses is refused: no race between a good and a bad one."""

    def __init__(self, inner: AbstractResolver, live: bool) -> None:
        self._inner = inner
        self._live = live

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for result in found:
            check_address(result["host"], self._live)
        return found

    async def close(self) -> None:
        await self._inner.close()


@dataclass(frozen=True, slots=True)
class GuardedDial:
    """Makes the socket for one address, if it may be called. Literals come by here too, which no resolver is asked."""

    live: bool

    def __call__(self, info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        check_address(str(address[0]), self.live)
        return socket.socket(family, kind, protocol)


def guarded_connector(
    live: bool, resolver: AbstractResolver | None = None, tls: ssl.SSLContext | None = None
) -> aiohttp.TCPConnector:
    """Looks a name up at every dial, and checks the answer and the address dialled."""
    return aiohttp.TCPConnector(
        resolver=GuardedResolver(resolver or aiohttp.ThreadedResolver(), live),
        socket_factory=GuardedDial(live),
        use_dns_cache=False,
        ssl=tls or client_tls(),
        limit=CONNECTIONS_MAX,
    )


class CallbackSender:
    """Sends callbacks over one pool. Made inside the running loop; close it, or use it as a context."""

    def __init__(
        self,
        clock: Clock,
        live: bool,
        limits: Limits = Limits(),
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`resolver` and `tls` are for a private name service or certificate authority; both stay guarded."""
        self._clock, self._live, self._limits = clock, live, limits
        self._session = aiohttp.ClientSession(
            connector=guarded_connector(live, resolver, tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=limits.total_s, sock_connect=limits.connect_s, sock_read=limits.read_s),
            headers={"User-Agent": "paymux", "Accept-Encoding": "identity", "Content-Type": "application/json"},
        )

    async def send(self, endpoint: Endpoint, message_id: str, body: bytes) -> Sent:
        """Sign and send once. Whatever happens on the network comes back as a value."""
        started_s, now = self._clock.monotonic(), self._clock.now()
        status, header = None, None
        try:
            check_url(endpoint.url, self._live)
            status, header = await self._post(endpoint.url, sign(endpoint, message_id, now, body), body)
            detail = f"HTTP {status}"
        except (aiohttp.ClientError, OSError, TimeoutError, BadKey) as error:
            detail = _explain(error)
        duration_ms = round((self._clock.monotonic() - started_s) * 1000)
        return Sent(status, detail, retry_after(header, now), duration_ms)

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str | None]:
        """The status decides. The rest of the answer is only read so that the connection can be used again."""
        target = URL(url, encoded=True)
        async with self._session.post(target, data=body, headers=headers, allow_redirects=False) as answer:
            try:
                await self._drain(answer)
            except (aiohttp.ClientError, OSError, TimeoutError):
                answer.close()
            return answer.status, answer.headers.get("Retry-After")

    async def _drain(self, answer: aiohttp.ClientResponse) -> None:
        left = self._limits.answer_max_bytes
        while chunk := await answer.content.read(left):
            left -= len(chunk)
            if left == 0:
                answer.close()
                return

    async def close(self) -> None:
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def client_tls() -> ssl.SSLContext:
    """Certificates and names verified against the system's authorities, TLS 1.2 or later."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _explain(error: Exception) -> str:
    """What went wrong, in our words and the system's: an error's own text may quote the answer."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    match cause:
        case RefusedTarget() | BadKey():
            return f"not sent: {cause}"
        case TimeoutError():
            return "no answer in time"
        case OSError(strerror=str(reason)):
            return f"no answer: {type(error).__name__}: {reason}"
        case _:
            return f"no answer: {type(error).__name__}"
