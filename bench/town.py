"""The other side of `bench e2e`, in a process of its own: the app that orders and is called back, and the channel.

Told what to do by lines of JSON on stdin, and answers likewise on stdout. HTTP is read and written by hand, as little
of it as is needed, so that this process is not what is measured.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import sys
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import cast

import uvloop
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bench.letters import APP, Letters, Secrets, letters, signed_answer
from bench.load import Client
from gateway.domain.identity import attempt_ids

LATE_S = 30.0
"""A callback that has not come by then is an error."""
SETTLE_S = 0.5

Answer = Callable[[bytes, bytes], bytes]
"""Head and body of a request, to the bytes of an answer."""

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_NO = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


class Served(asyncio.Protocol):
    """One connection to us: requests with a length, one after the other."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # TCP; uvloop's is not of that class

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, rest = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(rest) < length or self._transport is None:
            return
        self._data = rest[length:]
        self._transport.write(self._answer(head, rest[:length]))
        if b"connection: close" in lower:
            self._transport.close()


class Lines:
    """Connections to whom is measured, kept open and handed round."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: deque[Client] = deque()

    async def ask(self, request: bytes) -> int:
        """The status of the answer; 0 for none."""
        client = await self._connected()
        status = await client.ask(request)
        if client.open:
            self._idle.append(client)
        return status

    async def _connected(self) -> Client:
        while self._idle:
            client = self._idle.pop()
            if client.open:
                return client
        _, made = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", self._port)
        return made

    def close(self) -> None:
        for client in self._idle:
            client.close()


class Town:
    """App and channel, and what they saw."""

    def __init__(self, known: Secrets) -> None:
        self._known = known
        self._lines = Lines(0)
        self._letters: dict[str, Letters] = {}
        self._orders: deque[Letters] = deque()
        self._asked: Counter[str] = Counter()
        self._called_back: dict[str, asyncio.Future[float]] = {}
        self._notifying: set[asyncio.Task[None]] = set()
        self.errors: Counter[str] = Counter()

    def prepare(self, port: int, notify_path: str, references: list[str], numbers: list[str]) -> None:
        """Get ready to order these from whoever listens there."""
        self._lines.close()
        self._lines = Lines(port)
        made = [letters(self._known, *pair, notify_path) for pair in zip(references, numbers, strict=True)]
        self._letters = {each.number: each for each in made}
        self._orders = deque(made)
        self._asked.clear()
        self._called_back.clear()

    # The channel

    def take_order(self, head: bytes, body: bytes) -> bytes:
        """Answer an order, and notify of its end at once. Whoever has to ask is told, and counted as an error."""
        if head.startswith(b"GET "):
            self.errors["asked"] += 1
            known = self._letters.get(head.split(b" ", 2)[1].rpartition(b"/")[2].decode())
            return _NO if known is None else signed_answer(self._known, known.paid)
        number = json.loads(body)["out_bill_no"]
        self._asked[number] += 1
        known = self._letters.get(number)
        if known is None:
            self.errors["unknown order"] += 1
            return _NO
        if self._asked[number] == 1:
            task = asyncio.get_running_loop().create_task(self._notify(known))
            self._notifying.add(task)
            task.add_done_callback(self._notifying.discard)
        return known.answer

    async def _notify(self, known: Letters) -> None:
        status = await self._lines.ask(known.notification)
        if status not in (200, 204):
            self.errors[f"notification {status}"] += 1

    # The app

    def take_callback(self, head: bytes, body: bytes) -> bytes:
        """Verify a callback's signature before believing a word of it."""
        found = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
        fields = {name.lower(): value for name, value in found.items()}
        signed = f"{fields.get('webhook-id')}.{fields.get('webhook-timestamp')}.".encode() + body
        mac = base64.b64encode(hmac.digest(self._known.callback, signed, hashlib.sha256)).decode()
        if not hmac.compare_digest(fields.get("webhook-signature", ""), f"v1,{mac}"):
            self.errors["callback not signed"] += 1
            return _NO
        event = json.loads(body)
        waiting = self._called_back.get(event["data"]["object"]["reference"])
        if event["type"] == "payout.paid" and waiting is not None and not waiting.done():
            waiting.set_result(perf_counter())
        return _OK

    async def _order(self, known: Letters, took_ms: list[float]) -> None:
        """Order one payout and wait until we are told that it is paid."""
        began_s, waiting = perf_counter(), asyncio.get_running_loop().create_future()
        self._called_back[known.reference] = waiting
        status = await self._lines.ask(known.order)
        if status != 201:
            self.errors[f"order {status}"] += 1
            return
        try:
            async with asyncio.timeout(LATE_S):
                took_ms.append((await waiting - began_s) * 1000)
        except TimeoutError:
            self.errors["no callback"] += 1

    # Load

    async def press(self, at_once: int) -> tuple[float, list[float]]:
        """All that is prepared, so many at a time; how long it took, and each."""
        took_ms: list[float] = []

        async def again() -> None:
            while self._orders:
                await self._order(self._orders.popleft(), took_ms)

        began_s = perf_counter()
        await asyncio.gather(*(again() for _ in range(at_once)))
        return perf_counter() - began_s, took_ms

    async def pace(self, per_s: float) -> tuple[float, list[float]]:
        """All that is prepared at a rate that waits for nobody."""
        took_ms: list[float] = []
        began_s, tasks = perf_counter(), []
        for number, known in enumerate(tuple(self._orders)):
            await asyncio.sleep(max(began_s + number / per_s - perf_counter(), 0))
            tasks.append(asyncio.create_task(self._order(known, took_ms)))
        await asyncio.gather(*tasks)
        return perf_counter() - began_s, took_ms

    async def settle(self) -> None:
        """Until everybody has been told everything."""
        while self._notifying:
            await asyncio.wait(set(self._notifying))
        await asyncio.sleep(SETTLE_S)

    @property
    def sent_twice(self) -> int:
        return sum(times - 1 for times in self._asked.values())


async def live(folder: Path) -> None:
    """Serve, and obey, until stdin ends."""
    key = load_pem_private_key((folder / "platform.pem").read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)  # noqa: S101 - the stage made it
    named = {name: (folder / f"{name}.key").read_bytes() for name in ("app", "callback", "apiv3")}
    town = Town(Secrets(**named, platform=key))
    loop = asyncio.get_running_loop()
    ports = []
    for answer in (town.take_order, town.take_callback):
        server = await loop.create_server(lambda answer=answer: Served(answer), "127.0.0.1", 0)  # type: ignore[misc]  # a default argument binds it
        ports.append(server.sockets[0].getsockname()[1])
    _say(channel=ports[0], app=ports[1])
    identity = bytes.fromhex((folder / "identity.key").read_text())
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await _obey(town, json.loads(line), identity)


async def _obey(town: Town, wish: dict[str, object], identity: bytes) -> None:
    match wish:
        case {"prepare": int(port), "path": str(path), "name": str(name), "count": int(many), "derived": bool(derived)}:
            references = [f"{name}x{number}" for number in range(many)]
            numbers = [_number(identity, each) if derived else each for each in references]
            town.prepare(port, path, references, numbers)
            _say(ready=many)
        case {"press": int(at_once)}:
            await _tell(town, await town.press(at_once))
        case {"pace": float(per_s)}:
            await _tell(town, await town.pace(per_s))
        case _:
            raise ValueError(f"no such wish: {wish}")


async def _tell(town: Town, result: tuple[float, list[float]]) -> None:
    await town.settle()
    _say(seconds=result[0], took_ms=result[1], sent_twice=town.sent_twice, errors=dict(town.errors))
    town.errors.clear()


def _number(identity: bytes, reference: str) -> str:
    return attempt_ids(identity, APP, reference, "wechat", 1).channel_reference


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(live(Path(sys.argv[1])))
