"""One worker, as a process of its own: `python -m gateway.crew.member`, started by the parent and by nobody else."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import structlog

from gateway import failpoints, log, process
from gateway.app import Gateway
from gateway.cli.exit import plain_words
from gateway.config.config import Config
from gateway.config.load import load
from gateway.crew.post import ByParent, Post
from gateway.together import Station
from gateway.triggers import triggers
from gateway.world import system_world

LIFELINE = 0
"""The parent holds the other end of our stdin: its end is seen here, however it came."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway.crew.member", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--quarantine", action="store_true")
    given = parser.parse_args(arguments)
    with plain_words():
        loaded = load(given.config)
        failpoints.arm(os.environ.get(failpoints.VARIABLE), sandbox=loaded.sandbox)
        log.configure()
        structlog.contextvars.bind_contextvars(worker=given.number)
        os.umask(0o077)
        process.run(work(loaded, Post(given.folder, given.number), quarantine=given.quarantine))


async def work(config: Config, post: Post, *, quarantine: bool) -> None:
    """Serve until the parent says so or is gone. Told twice is told once: whoever stops a group tells all of it, and
    then the parent tells us as well.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(LIFELINE, _parent_gone, loop, stop)
    station = Station(post.socket, post.number == 1, ByParent(post))
    gateway = await Gateway.open(config, system_world(), quarantine=quarantine, station=station)
    try:
        await gateway.start()
        process.settle()
        async with triggers(gateway.reloader, watching=False):
            await stop.wait()
    finally:
        await gateway.stop()


def _parent_gone(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    loop.remove_reader(LIFELINE)
    stop.set()


if __name__ == "__main__":
    main()
