"""Ten thousand clients that send a byte now and then and never finish: what honest ones notice of them.

The slow ones come from 127.0.0.2 to 127.0.0.50, each address with as many connections as the gateway lets it have. They
send a byte every two seconds, and connect again two seconds after they were thrown out. Honest orders come at a rate
far below what the gateway can do.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import resource
import socket
from typing import Any

import uvloop

from bench.load import Load, Seen, ratio
from bench.stage import Stage, stage

ADDRESSES = [f"127.0.0.{last}" for last in range(2, 51)]
PER_ADDRESS = 256
HONEST_PER_S = 30.0
DRIP_S = 2.0
AGAIN_S = 2.0
DIAL_AT_ONCE = 50
HEAD = b"POST /v1/payouts HTTP/1.1\r\nHost: slow\r\nX-Slow: "


def measure(clients: int, seconds: float) -> dict[str, Any]:
    """Honest orders for `seconds` without slow clients, then for as long with `clients` of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 65536), hard), hard))
    with stage(per_address=PER_ADDRESS) as on:
        on.start()
        return asyncio.run(_measure(on, clients, seconds))


def table(result: dict[str, Any]) -> str:
    """For people."""
    lines = ["phase    offered/s  accepted/s  p50 ms  p99 ms  answers"]
    for name in ("before", "during"):
        row = result[name]
        lines.append(
            f"{name:<7}  {row['offered_per_s']:>9}  {row['accepted_per_s']:>10}  {row['accepted_p50_ms'] or '-':>6}"
            f"  {row['accepted_p99_ms'] or '-':>6}  {row['answers']}"
        )
    return "\n".join([*lines, *(f"{name} {result[name]}" for name in list(result)[2:])])


class _Crowd:
    """The slow ones, in a process of their own: how busy they are must not be measured as the gateway's slowness."""

    def __init__(self, port: int, clients: int) -> None:
        apart = multiprocessing.get_context("spawn")
        self.open, self.most, self.thrown_out = apart.Value("q", 0), apart.Value("q", 0), apart.Value("q", 0)
        counts = (self.open, self.most, self.thrown_out)
        self._process = apart.Process(target=_come, args=(port, clients, counts), daemon=True)
        self._process.start()

    async def assembled(self, clients: int) -> None:
        """Wait until most are connected, a minute at most: some are always being thrown out."""
        for _ in range(120):
            if self.open.value >= 0.6 * clients:
                return
            await asyncio.sleep(0.5)

    def leave(self) -> None:
        self._process.kill()
        self._process.join()


Count = Any
"""A whole number that two processes see."""


def _come(port: int, clients: int, counts: tuple[Count, Count, Count]) -> None:
    uvloop.run(_all(port, clients, counts))


async def _all(port: int, clients: int, counts: tuple[Count, Count, Count]) -> None:
    dialling = asyncio.Semaphore(DIAL_AT_ONCE)
    await asyncio.gather(*(_drip(port, ADDRESSES[n % len(ADDRESSES)], dialling, counts) for n in range(clients)))


async def _drip(port: int, address: str, dialling: asyncio.Semaphore, counts: tuple[Count, Count, Count]) -> None:
    """One client, for ever: a head that never ends, byte by byte."""
    while True:
        sock = socket.socket()
        sock.setblocking(False)
        try:
            async with dialling:
                sock.bind((address, 0))
                await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        except OSError:
            sock.close()
        else:
            await _hold(sock, *counts)
        await asyncio.sleep(AGAIN_S)


async def _hold(sock: socket.socket, opened: Count, most: Count, thrown_out: Count) -> None:
    loop = asyncio.get_running_loop()
    opened.value += 1
    most.value = max(most.value, opened.value)
    with sock, contextlib.suppress(OSError):
        await loop.sock_sendall(sock, HEAD)
        while True:
            await asyncio.sleep(DRIP_S)
            await loop.sock_sendall(sock, b"x")
    opened.value -= 1
    thrown_out.value += 1


async def _measure(on: Stage, clients: int, seconds: float) -> dict[str, Any]:
    load = Load(on.public, 200)
    await load.offer(HONEST_PER_S, 3.0)
    before = await load.offer(HONEST_PER_S, seconds)
    rss_mb, crowd = on.rss_mb(), _Crowd(on.public, clients)
    await crowd.assembled(clients)
    during = await load.offer(HONEST_PER_S, seconds)
    most_mb = on.rss_mb()
    crowd.leave()
    load.close()
    on.stop()
    return {
        "before": before.told(),
        "during": during.told(),
        **_summary(before, during, crowd),
        "rss_mb": {"before": round(rss_mb), "during": round(most_mb)},
    }


def _summary(before: Seen, during: Seen, crowd: _Crowd) -> dict[str, Any]:
    return {
        "p99_of_before": ratio(during.told()["accepted_p99_ms"], before.told()["accepted_p99_ms"]),
        "slow_open_at_most": crowd.most.value,
        "slow_thrown_out": crowd.thrown_out.value,
    }
