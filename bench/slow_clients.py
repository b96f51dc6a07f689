"""Ten thousand clients that send a byte now and then and never finish: what honest ones notice of them.

The slow ones come from 127.0.0.2 to 127.0.0.50, each address with as many connections as the gateway lets it have. They
send a byte every two seconds, and connect again two seconds after they were thrown out. Honest orders come at a rate
far below what the gateway can do.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from dataclasses import dataclass
from typing import Any

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


@dataclass(slots=True)
class _Crowd:
    """The slow ones, and what became of them."""

    port: int
    open: int = 0
    most: int = 0
    thrown_out: int = 0

    async def drip(self, address: str, dialling: asyncio.Semaphore) -> None:
        """One client, for ever: a head that never ends, byte by byte."""
        while True:
            sock = socket.socket()
            sock.setblocking(False)
            try:
                async with dialling:
                    sock.bind((address, 0))
                    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
            except OSError:
                sock.close()
            else:
                await self._hold(sock)
            await asyncio.sleep(AGAIN_S)

    async def _hold(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.open += 1
        self.most = max(self.most, self.open)
        with sock, contextlib.suppress(OSError):
            await loop.sock_sendall(sock, HEAD)
            while True:
                await asyncio.sleep(DRIP_S)
                await loop.sock_sendall(sock, b"x")
        self.open -= 1
        self.thrown_out += 1


async def _measure(on: Stage, clients: int, seconds: float) -> dict[str, Any]:
    load = Load(on.public, 200)
    await load.offer(HONEST_PER_S, 3.0)
    before = await load.offer(HONEST_PER_S, seconds)
    rss_mb, crowd, dialling = on.rss_mb(), _Crowd(on.public), asyncio.Semaphore(DIAL_AT_ONCE)
    tasks = [asyncio.create_task(crowd.drip(ADDRESSES[n % len(ADDRESSES)], dialling)) for n in range(clients)]
    await _assembled(crowd, clients)
    during = await load.offer(HONEST_PER_S, seconds)
    most_mb = on.rss_mb()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    load.close()
    on.stop()
    return {
        "before": before.told(),
        "during": during.told(),
        **_summary(before, during, crowd),
        "rss_mb": {"before": round(rss_mb), "during": round(most_mb)},
    }


async def _assembled(crowd: _Crowd, clients: int) -> None:
    """Wait until most are connected, a minute at most: some are always being thrown out."""
    for _ in range(120):
        if crowd.open >= 0.6 * clients:
            return
        await asyncio.sleep(0.5)


def _summary(before: Seen, during: Seen, crowd: _Crowd) -> dict[str, Any]:
    return {
        "p99_of_before": ratio(during.told()["accepted_p99_ms"], before.told()["accepted_p99_ms"]),
        "slow_open_at_most": crowd.most,
        "slow_thrown_out": crowd.thrown_out,
    }
