"""Imported by the process that gateways are forked from: a gateway is opened and closed once, so that everything is
imported and compiled that `serve` needs. Nothing of it is left but that: no thread, no connection, no file."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tempfile
import threading
from pathlib import Path

from gateway.__main__ import build
from gateway.app import Gateway
from gateway.config.load import load
from gateway.demo.stage import free_ports, write_config
from gateway.world import system_world


async def rehearse(folder: Path) -> None:
    gateway = await Gateway.open(load(write_config(folder, free_ports())), system_world())
    await gateway.stop()


build()
with tempfile.TemporaryDirectory(prefix="paymux-rehearsal-") as folder, contextlib.redirect_stdout(io.StringIO()):
    asyncio.run(rehearse(Path(folder)))
assert threading.active_count() == 1, "a thread is left: it would not be there after a fork, and its locks would"
