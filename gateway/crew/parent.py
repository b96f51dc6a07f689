"""The parent of the workers: starts them, answers on the admin listener, watches the file, and ends with them."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from aiohttp import web

from gateway.api.listener import Listener, start_listener, start_private
from gateway.api.server import health_app
from gateway.clock import SystemClock
from gateway.config.config import Config
from gateway.config.errors import ConfigError
from gateway.config.load import load
from gateway.config.references import Mark, folders, mark
from gateway.config.resolve import DATABASE
from gateway.config.urls import Address
from gateway.crew.front import Front
from gateway.crew.post import folder_of
from gateway.crew.processes import Crew
from gateway.crew.rounds import NOT_ASKED
from gateway.store.lock import FileLock
from gateway.triggers import triggers

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ONE_WRITER = "SQLite takes one writing process: --workers needs a PostgreSQL (docs/stores.md)"
WORKERS_MAX = 64
LAST_WORDS_S = 30.0
"""Beside the grace that the workers give to their work, for closing everything."""


def check(config: Config, workers: int) -> None:
    """Raises `ConfigError`: these workers cannot serve under this configuration."""
    if workers > WORKERS_MAX:
        raise ConfigError([config.fault(("gateway",), f"--workers: {WORKERS_MAX} at most")])
    if not config.on_postgres:
        raise ConfigError([config.fault(DATABASE, ONE_WRITER)])
    if not (config.gateway.listen.port and config.gateway.admin_listen.port):
        raise ConfigError([config.fault(("gateway", "listen"), "workers that share a port need its number")])


async def run_crew(config: Config, workers: int, *, quarantine: bool = False) -> None:
    """Run until a signal, then let all drain. A second signal ends the parent at once, and the workers drain alone.

    Raises:
        ConfigError: see `check`.
        NotStarted: a worker did not come up; it has said why.
        OSError: an address cannot be bound.
        StoreUnavailable: another parent has these workers' folder.
    """
    check(config, workers)
    folder = folder_of(config)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    lock = FileLock(folder / "lock")
    lock.acquire()
    for left in folder.glob("*.socket"):
        left.unlink()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _ask_to_stop, loop, stop)
    crew = Crew(config.path, folder, workers, SystemClock())
    with reserved(config.gateway.listen):
        try:
            await _serve(config, crew, stop, quarantine=quarantine)
        finally:
            lock.release()


async def _serve(config: Config, crew: Crew, stop: asyncio.Event, *, quarantine: bool) -> None:
    front, listeners = Front(crew), list[Listener]()
    stopping = asyncio.create_task(stop.wait())
    try:
        await _listen(config, crew, front, listeners)
        starting = asyncio.create_task(crew.start(quarantine=quarantine))
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return
        starting.result()
        async with triggers(File(config, crew)):
            await stopping
    finally:
        stopping.cancel()
        front.health.draining = True
        await crew.stop(config.gateway.shutdown_grace_s + LAST_WORDS_S)
        await asyncio.gather(*(listener.stop() for listener in listeners))
        log.info("workers.stopped")


async def _listen(config: Config, crew: Crew, front: Front, listeners: list[Listener]) -> None:
    part = config.gateway
    listeners.append(await start_listener(front.app(), part.admin_listen.host, part.admin_listen.port))
    if (probes := part.health_listen) is not None:
        listeners.append(await start_listener(health_app(front.health), probes.host, probes.port))
    listeners.append(await start_private(_words_app(crew), crew.members[0].post.parent))


def _ask_to_stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    stop.set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)


@contextmanager
def reserved(address: Address) -> Iterator[None]:
    """Hold the port for processes of our own user, from before the first worker until after the last, without
    listening: nobody else can take it meanwhile, and who has it already is noticed now. Raises `OSError`.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((address.host, address.port))
        yield


def _words_app(crew: Crew) -> web.Application:
    """Where the workers say how they get on with a file."""

    async def heard(request: web.Request) -> web.Response:
        match await request.json():
            case {"worker": int(worker), "ready": str(sha256)}:
                why = NOT_ASKED if crew.round is None else await crew.round.ready(worker, sha256)
            case {"worker": int(worker), "ended": str() | None as ended}:
                why = None
                if crew.round is not None:
                    crew.round.ended(worker, ended)
            case _:
                raise web.HTTPBadRequest
        return web.json_response({"why": why})

    app = web.Application()
    app.router.add_post("/", heard)
    return app


class File:
    """The file as the parent sees it: `gateway.triggers.Reloads`. What is wrong with it the workers say."""

    def __init__(self, config: Config, crew: Crew) -> None:
        self._read = config
        self._crew = crew
        self._tried: Mark | None = None

    def folders(self) -> frozenset[Path]:
        return folders(self._read)

    async def look(self) -> None:
        """A round when anything changed, and for as long as not all are known to run the same."""
        if self._crew.unsure or await asyncio.to_thread(mark, self._read) != self._tried:
            await self.try_reload("file")

    async def try_reload(self, actor: str) -> None:
        try:
            was = self._read
            self._read = await asyncio.to_thread(load, was.path, was.environ, was.adapters)
        except ConfigError:
            log.warning("workers.file_unread", actor=actor)
        self._tried = await asyncio.to_thread(mark, self._read)
        await self._crew.by_signal()
