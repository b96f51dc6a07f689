"""Where a worker stands among the others, and its way to the parent: socket files in a folder that only we can open."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gateway.config.config import Config
from gateway.config.errors import ConfigError
from gateway.crew.rounds import DECIDE_S

FOLDER = "workers"
"""In the state folder: the sockets, and the lock of the parent."""
PATH_MAX_BYTES = 100
"""The kernel takes a little more for the name of a socket."""
ANSWERS_WITHIN_S = DECIDE_S + 10.0


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place."""

    folder: Path
    number: int
    """From 1 on. The first one does what is done once for a machine: it prepares the first token."""

    @property
    def socket(self) -> Path:
        """Where it serves what only the parent may ask."""
        return self.folder / f"{self.number}.socket"

    @property
    def parent(self) -> Path:
        """Where the parent listens."""
        return self.folder / "parent.socket"


def folder_of(config: Config) -> Path:
    """Raises `ConfigError` where the sockets' names would be too long."""
    folder = config.state_dir.absolute() / FOLDER
    if len(os.fsencode(folder / "parent.socket")) > PATH_MAX_BYTES:
        what = f"{folder} is too long a name for the sockets of workers: {PATH_MAX_BYTES} bytes with the file's"
        raise ConfigError([config.fault(("gateway", "state_dir"), what)])
    return folder


class ByParent:
    """`gateway.together.Others`, asked through the parent."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def agree(self, sha256: str) -> str | None:
        try:
            why = await self._say({"worker": self._post.number, "ready": sha256})
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return f"the parent process does not answer ({type(error).__name__})"
        return None if why is None else str(why)

    async def ended(self, why: str | None) -> None:
        try:
            await self._say({"worker": self._post.number, "ended": why})
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return  # it hears of it by what we show, or it is gone, and so are we soon

    async def _say(self, what: dict[str, object]) -> object:
        timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN_S)
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._post.parent)), timeout=timeout) as session,
            session.post("http://parent/", json=what) as response,
        ):
            return (await response.json())["why"]
