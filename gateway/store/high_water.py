"""The high-water file: how far the store had come, kept outside of it, so that an older copy is recognised (R15).

A restored store looks whole: nothing in it says that there was more. So a small file beside it says how many events
there were. A store with fewer is an older copy, and is sent nothing from until people looked (`operations.quarantine`).

What cannot be seen by the number alone:

* another history that came just as far: the *lineage* differs, a random word that each quarantine draws anew;
* a backup of the last moments: the file is written after commits, at most every second, so it may lag a little behind
  a store that crashed. A copy made by `db backup` carries a mark of its own, and is taken for the store itself only
  where the file was written by an orderly stop (`clean`) at exactly its number;
* a store and a file that were restored together. Nothing here can see that: leave the file where it is.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from gateway.clock import Clock
from gateway.domain.errors import StoreError
from gateway.store.port import ReadTx, Store

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LINEAGE = "lineage"
BACKUP = "backup"
"""Names of rows in the store: the word of its history, and in a copy made by `db backup` when that was."""
SAFETY = "safety"
"""Likewise: quarantine and ask-first time."""

FILE_SUFFIX = ".high-water"
WRITE_EVERY_S = 1.0
_FILE_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class History:
    """What a store says of its own past."""

    event: int
    """Grows with every event, never shrinks: 0 is an empty store."""
    lineage: str | None
    backup: str | None
    """When it was copied by `db backup`; None for a store at work."""


@dataclass(frozen=True, slots=True)
class HighWater:
    """What the file says."""

    event: int
    lineage: str
    clean: bool
    """Written by an orderly stop: nothing came after it."""
    channels: Mapping[str, str] = field(default_factory=dict)
    """The channels there were then, as `Safety.channels`: an older configuration may be restored with the store."""


@dataclass(frozen=True, slots=True)
class MarkRead:
    """What reading the file gave: a mark, no file, or (`unreadable`) a file that makes no sense."""

    found: HighWater | None = None
    unreadable: str | None = None

    @property
    def absent(self) -> bool:
        """There is no file."""
        return self.found is None and self.unreadable is None


def history_in(tx: ReadTx) -> History:
    """The store's own part of the comparison."""
    return History(tx.high_water(), tx.meta(LINEAGE), tx.meta(BACKUP))


def suspicion(store: History, mark: MarkRead) -> str | None:
    """Why this store may be older than what was sent from it; None when it is the one we left."""
    if mark.unreadable is not None:
        return f"the high-water file cannot be read: {mark.unreadable}"
    if mark.found is None:
        return "there is no high-water file beside a store that is not empty" if store.event else None
    found = mark.found
    if store.event < found.event:
        return f"the store ends at event {store.event}, the high-water file says {found.event}: it is an older copy"
    if store.lineage != found.lineage:
        return "the high-water file belongs to another history of this store"
    if store.backup is not None and not (found.clean and found.event == store.event):
        return f"the store is a backup of {store.backup}, and more may have been sent since"
    return None


class HighWaterFile:
    """The file. Written whole or not at all, readable by us alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> MarkRead:
        """What it says. Anything but a good file or no file at all is `unreadable`: never an exception."""
        try:
            with self.path.open("rb") as file:
                data = file.read(_FILE_MAX_BYTES)
        except FileNotFoundError:
            return MarkRead()
        except OSError as error:
            return MarkRead(unreadable=error.strerror or type(error).__name__)
        try:
            return MarkRead(_parse(data))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return MarkRead(unreadable=f"not a mark ({type(error).__name__})")

    def write(self, mark: HighWater) -> None:
        """Replace it: on disk under its name when this returns. Raises OSError."""
        fields = {"event": mark.event, "lineage": mark.lineage, "clean": mark.clean, "channels": dict(mark.channels)}
        # Of our own: the workers of one machine keep one file, and whoever comes last has looked last.
        written = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(json.dumps(fields, ensure_ascii=False, sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        written.replace(self.path)
        sync_folder(self.path.parent)


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(data: bytes) -> HighWater:
    fields = json.loads(data)
    event, lineage, clean, channels = (fields[name] for name in ("event", "lineage", "clean", "channels"))
    whole = type(event) is int and event >= 0 and isinstance(lineage, str) and isinstance(clean, bool)
    whole = whole and isinstance(channels, dict)
    if not whole or not all(isinstance(each, str) for pair in channels.items() for each in pair):
        raise ValueError("not a mark")
    return HighWater(event, lineage, clean, channels)


class HighWaterKeeper:
    """Keeps the file behind the store: at most once a second, and at the end."""

    def __init__(
        self,
        file: HighWaterFile,
        store: Store,
        clock: Clock,
        channels: Mapping[str, str],
        watch: Callable[[ReadTx], object],
    ) -> None:
        self._file = file
        self._store = store
        self._clock = clock
        self._channels = channels
        self._watch = watch
        """Looks at the same snapshot: whoever else wants to know how the store stands."""
        self._written: HighWater | None = None
        self._writing = asyncio.Lock()

    def know(self, channels: Mapping[str, str]) -> None:
        """More channels, or others under old names: a channel that was once known is never forgotten."""
        self._channels = {**self._channels, **channels}

    async def run(self) -> None:
        """Until cancelled. A file that cannot be written must not stop payouts: it lags, and is tried again."""
        while True:
            await self._clock.sleep(WRITE_EVERY_S)
            try:
                await self.write(clean=False)
            except (OSError, StoreError) as error:
                log.error("high_water.not_written", error=type(error).__name__, detail=str(error))

    async def write(self, *, clean: bool) -> None:
        """Bring the file up to date; `clean` when nothing more will come. Raises `OSError`, `StoreUnavailable`."""
        async with self._writing:
            history = await self._store.read(self._read)
            mark = HighWater(history.event, history.lineage or "", clean, self._channels)
            if mark != self._written:
                await asyncio.to_thread(self._file.write, mark)
                self._written = mark

    def _read(self, tx: ReadTx) -> History:
        self._watch(tx)
        return history_in(tx)
