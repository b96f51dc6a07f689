"""Load on a gateway: signed orders as bytes, sent at a rate that does not wait for answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import count
from statistics import median, quantiles
from typing import cast

from bench.stage import APP, KEY_ID, SECRET
from gateway.api.signed_request import Algorithm, authorization

ANSWER_S = 30.0
_numbers = count(1)


@dataclass(slots=True)
class Seen:
    """What became of the requests of one phase."""

    seconds: float
    sent: int = 0
    unsent: int = 0
    """Due, and no connection was free to send it on: not offered."""
    statuses: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    """References that were answered 201."""
    accepted_ms: list[float] = field(default_factory=list)
    """How long each of these took, from the moment it was due."""

    @property
    def accepted_per_s(self) -> float:
        return len(self.accepted) / self.seconds

    def told(self) -> dict[str, object]:
        """For people and programs."""
        many = len(self.accepted_ms) > 1
        return {
            "offered_per_s": round(self.sent / self.seconds, 1),
            "not_offered": self.unsent,
            "accepted_per_s": round(self.accepted_per_s, 1),
            "accepted_p50_ms": round(median(self.accepted_ms), 1) if self.accepted_ms else None,
            "accepted_p99_ms": round(quantiles(self.accepted_ms, n=100)[98], 1) if many else None,
            "answers": dict(sorted(self.statuses.items())),
        }


def ratio(one: object, other: object) -> float | None:
    """`one` as a share of `other`, where both were measured."""
    return round(one / other, 2) if isinstance(one, float) and isinstance(other, float) and other else None


def an_order() -> tuple[str, bytes]:
    """A new reference, and the request that orders it."""
    reference = f"{APP}-{time.time_ns()}-{next(_numbers)}"
    payee = {
        "type": "bank_account",
        "account_number": "6222000000000199",
        "name": "张三",
        "bank_code": "000200000002",
        "country": "CN",
    }
    order = {"reference": reference, "amount": {"value": 12345, "currency": "CNY"}, "beneficiary": payee}
    return reference, signed("POST", "/v1/payouts", json.dumps(order).encode())


def signed(method: str, target: str, body: bytes = b"") -> bytes:
    """One request on a connection that stays open."""
    proof = authorization(
        Algorithm.HMAC_SHA256,
        KEY_ID,
        SECRET,
        method=method,
        target=target,
        timestamp=int(time.time()),
        nonce=f"bench-{time.time_ns()}-{next(_numbers)}",
        body=body,
    )
    typed = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/1.1\r\nHost: bench\r\nAuthorization: {proof}\r\n{typed}\r\n".encode() + body


class Client(asyncio.Protocol):
    """One connection, one request at a time. Reads as much of HTTP as our own answers need."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._data = b""
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # TCP; uvloop's is not of that class

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """The status of the answer; 0 when the connection ended without one."""
        assert self._transport is not None  # noqa: S101 - connected
        self._answer, self._data = asyncio.get_running_loop().create_future(), b""
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found or self._answer is None or self._answer.done():
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(body) >= length:
            if b"connection: close" in head.lower():
                self.open = False
            self._answer.set_result(int(head[9:12]))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Load:
    """Connections to one gateway, opened as they are needed."""

    def __init__(self, port: int, connections_max: int) -> None:
        self._port = port
        self._max = connections_max
        self._idle: deque[Client] = deque()
        self._count = 0
        self._ready: deque[tuple[str, bytes]] = deque()

    def prepare(self, orders: int) -> None:
        """Have so many signed before the clock starts: signing takes from the gateway's cores, and is not what is
        measured. A signature holds for five minutes."""
        self._ready.extend(an_order() for _ in range(orders - len(self._ready)))

    async def offer(self, per_s: float, seconds: float) -> Seen:
        """Orders at a rate, whatever becomes of them; then wait for the answers."""
        seen, loop = Seen(seconds), asyncio.get_running_loop()
        began_s, tasks = loop.time(), set[asyncio.Task[None]]()
        for number in range(int(per_s * seconds)):
            due_s = began_s + number / per_s
            if (wait_s := due_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
            if not self._idle and self._count >= self._max:
                seen.unsent += 1
                if number % 50 == 0:
                    await asyncio.sleep(0)
                continue
            task = asyncio.create_task(self._order(seen, due_s))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        seen.seconds = max(loop.time() - began_s, seconds)
        if tasks:
            await asyncio.wait(tasks, timeout=ANSWER_S)
        return seen

    async def press(self, at_once: int, seconds: float) -> Seen:
        """So many at once, each asking again as soon as it is answered."""
        seen, until_s = Seen(seconds), asyncio.get_running_loop().time() + seconds

        async def again() -> None:
            while (now_s := asyncio.get_running_loop().time()) < until_s:
                await self._order(seen, now_s)

        await asyncio.gather(*(again() for _ in range(at_once)))
        return seen

    async def _order(self, seen: Seen, due_s: float) -> None:
        client = await self._connected()
        reference, request = self._ready.popleft() if self._ready else an_order()
        seen.sent += 1
        try:
            async with asyncio.timeout(ANSWER_S):
                status = await client.ask(request)
        except TimeoutError:
            client.close()
            client.open, status = False, -1
        seen.statuses[{0: "closed", -1: "no answer"}.get(status, str(status))] += 1
        if status == 201:
            seen.accepted.append(reference)
            seen.accepted_ms.append((asyncio.get_running_loop().time() - due_s) * 1000)
        if client.open:
            self._idle.append(client)
        else:
            self._count -= 1

    async def _connected(self) -> Client:
        while self._idle:
            client = self._idle.pop()
            if client.open:
                return client
            self._count -= 1
        self._count += 1
        try:
            _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", self._port)
        except OSError:
            self._count -= 1
            raise
        return client

    def close(self) -> None:
        for client in self._idle:
            client.close()
