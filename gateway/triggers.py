"""What makes a running gateway look at its file and secrets again: something in their folders, or SIGHUP."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Protocol

import structlog

from gateway.config.watching import events

log: structlog.stdlib.BoundLogger = structlog.get_logger()

WATCH_AGAIN_S = 5.0
"""A folder that cannot be watched (it was moved away) is tried again so often."""


class Reloads(Protocol):
    """Whoever takes a file up."""

    def folders(self) -> frozenset[Path]:
        """Where something may happen that `look` would want to know."""
        ...

    async def look(self) -> None:
        """Something may have happened there."""
        ...

    async def try_reload(self, actor: str) -> None:
        """Take the file up as it is, if it can be."""
        ...


@asynccontextmanager
async def triggers(reloader: Reloads, *, watching: bool = True) -> AsyncIterator[None]:
    """Inside, both lead to a reload. SIGHUP tries again what was refused; an event does not. Without `watching` there
    is SIGHUP alone: somebody else watches, and says so by it.
    """
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    tasks = [asyncio.create_task(_obey(reloader, asked))]
    if watching:
        tasks.append(asyncio.create_task(_follow(reloader)))
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(reloader: Reloads) -> None:
    while True:
        try:
            await _watch(reloader, reloader.folders())
        except OSError as error:
            log.error("config.not_watched", error=type(error).__name__, detail=str(error))
            await asyncio.sleep(WATCH_AGAIN_S)


async def _watch(reloader: Reloads, folders: frozenset[Path]) -> None:
    """Until other folders are to be watched. Raises OSError when one of them is not there."""
    async with aclosing(events(folders)) as watching:
        async for _ in watching:
            await reloader.look()
            if reloader.folders() != folders:
                return


async def _obey(reloader: Reloads, asked: asyncio.Event) -> None:
    while True:
        await asked.wait()
        asked.clear()
        await reloader.try_reload("signal")
