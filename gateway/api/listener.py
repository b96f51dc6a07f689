"""One listening socket: opened, and closed without cutting anybody off."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl as tls
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import http_parser, web

from gateway.api.connections import ConnectionCap, ConnectionLimits
from gateway.api.doorway import Porch
from gateway.api.gate import Gate
from gateway.api.protocol import Connection

GATE = web.AppKey("GATE", Gate)
"""An application's own look at the bytes of orders, where it has one."""
STOP_S = 20.0
"""How long requests in progress may take to end."""
ACCEPTS = 12
"""New connections in one turn of the loop. uvloop takes one from a socket in each, and a busy loop has thirty turns
a second: whoever connects would wait in the kernel's queue for minutes, until it overflows. So the one queue is
listened to under so many descriptors."""
_BACKLOG = 4096
_LIMITS = ConnectionLimits()
_HANDSHAKE_S = 10.0


@dataclass(frozen=True, slots=True)
class Listener:
    """An open listener. `port` is the real one, also where 0 was asked for."""

    host: str
    port: int
    _servers: tuple[asyncio.Server, ...]
    porch: Porch
    _runner: web.AppRunner

    async def stop(self) -> None:
        """Take no new connection, let requests in progress end, close."""
        for server in self._servers:
            server.close()
        self.porch.close()
        await self._runner.cleanup()


async def start_listener(
    app: web.Application,
    host: str,
    port: int,
    ssl: tls.SSLContext | None = None,
    limits: ConnectionLimits = _LIMITS,
    *,
    shared: bool = False,
) -> Listener:
    """Serve `app` on `host` and `port`; 0 takes a free port. `limits` bounds how many connections are open. `shared`:
    other processes of ours listen on the same port, and the kernel deals connections out (SO_REUSEPORT).

    A handler is never cancelled because its client went away: what it began, it ends (R10).

    Raises:
        OSError: the address cannot be bound.
        RuntimeError: aiohttp runs on its pure-Python parser, which is the one that smuggling bugs are found in (S8).
    """
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise RuntimeError("aiohttp is installed without its C parser; install a wheel that has it")
    runner = await _runner(app)
    porch = _porch(runner, limits, app.get(GATE))
    handshake_s, loop = _HANDSHAKE_S if ssl else None, asyncio.get_running_loop()
    serve = partial(loop.create_server, porch, ssl=ssl, backlog=_BACKLOG, ssl_handshake_timeout=handshake_s)
    servers: list[asyncio.Server] = []
    try:
        servers.append(await serve(host, port, reuse_port=shared or None))
        bound = [each.fileno() for each in servers[0].sockets for _ in range(ACCEPTS - 1)]
        servers.extend([await serve(sock=socket.socket(fileno=os.dup(descriptor))) for descriptor in bound])
    except OSError:
        for server in servers:
            server.close()
        await runner.cleanup()
        raise
    return Listener(host, servers[0].sockets[0].getsockname()[1], tuple(servers), porch, runner)


async def start_private(app: web.Application, path: Path) -> Listener:
    """Serve `app` on a socket file, for processes of our own user: as much as the umask and the folder let in.

    Raises:
        OSError: it cannot be made, or is there.
    """
    runner = await _runner(app)
    porch = _porch(runner, _LIMITS, None)
    try:
        server = await asyncio.get_running_loop().create_unix_server(porch, str(path))
    except OSError:
        await runner.cleanup()
        raise
    return Listener(str(path), 0, (server,), porch, runner)


async def _runner(app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=STOP_S)
    await runner.setup()
    return runner


def _porch(runner: web.AppRunner, limits: ConnectionLimits, gate: Gate | None) -> Porch:
    manager, loop = runner.server, asyncio.get_running_loop()
    assert manager is not None  # noqa: S101 - what setup() made
    return Porch(ConnectionCap(limits), lambda peer, cap: Connection(manager, loop, peer, cap, gate))
