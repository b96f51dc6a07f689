"""`paymux serve`: run the gateway until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from gateway import failpoints, log, process
from gateway.app import Gateway
from gateway.cli.exit import plain_words
from gateway.config.config import Config
from gateway.config.load import load
from gateway.crew.parent import run_crew
from gateway.triggers import triggers
from gateway.world import system_world


def serve(
    *,
    config: Path = Path("config.toml"),
    workers: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 1,
    quarantine: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Run the gateway: the public API and the admin listener, until SIGTERM or SIGINT.

    Example: `python -m gateway serve --config config.toml`

    Parameters
    ----------
    config
        The configuration file. State and keys live relative to its folder.
    workers
        How many processes share the public port, on a PostgreSQL: one for each processor that is to be used.
    quarantine
        Send nothing until two people end it: after a restore that the gateway cannot see by itself.
    """
    with plain_words():
        loaded = load(config)
        failpoints.arm(os.environ.get(failpoints.VARIABLE), sandbox=loaded.sandbox)
        log.configure()
        os.umask(0o077)  # state, keys and books are for us alone
        if workers == 1:
            process.run(run_until_signal(loaded, quarantine=quarantine))
        else:
            process.run(run_crew(loaded, workers, quarantine=quarantine))


async def run_until_signal(config: Config, *, quarantine: bool = False) -> None:
    """Open, start, wait for a signal, stop gracefully. A second signal ends it at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _ask_to_stop, loop, stop)
    gateway = await Gateway.open(config, system_world(), quarantine=quarantine)
    try:
        await gateway.start()
        process.settle()
        async with triggers(gateway.reloader):
            await stop.wait()
    finally:
        await gateway.stop()


def _ask_to_stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    stop.set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
