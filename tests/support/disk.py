"""Disks that run full when a test says so: SQLite's own limit, a small file system, the limit on file sizes."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, event

from gateway.sealing import Sealer
from gateway.store.data_keys import unlock
from gateway.store.engine import writer_engine
from gateway.store.migrate import stamp_mode, upgrade
from gateway.store.rows import Rows
from gateway.store.sqlite import MemoryStore
from gateway.store.writer import GroupCommitter

ROOMY_PAGES = 1_000_000


class SmallDisk(MemoryStore):
    """A file, written inline; `full` means that the file may not grow by a page any more, as long as it is set."""

    def __init__(self, path: Path) -> None:
        self.full = False
        engine = writer_engine(path)
        upgrade(engine)
        stamp_mode(engine, "sandbox")
        sealer = Sealer([bytes(32)], bytes)
        unlock(engine, sealer)
        self._committer = GroupCommitter(engine, Rows(sealer))

        @event.listens_for(engine, "begin")
        def _limit(connection: Connection) -> None:
            # SQLite takes a limit below the present size as the present size. It is a connection's own, and a
            # connection is replaced after an error: so it is set at the beginning of each transaction.
            connection.exec_driver_sql(f"PRAGMA max_page_count={1 if self.full else ROOMY_PAGES}")


class Room(Protocol):
    """Space in a folder, for the process that writes there."""

    name: str

    def fill(self, pid: int) -> None:
        """From now on the process `pid` finds no room."""
        ...

    def free(self, pid: int) -> None: ...


class SmallFileSystem:
    """A tmpfs of its own. Only root may mount one."""

    name = "a small file system"

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, pid: int) -> None:
        """To the last byte: a page's worth at a time, then byte by byte."""
        with self._filler.open("ab", buffering=0) as filler:
            for chunk in (b"\0" * 65536, b"\0" * 4096, b"\0"):
                with contextlib.suppress(OSError):
                    while filler.write(chunk) == len(chunk):
                        pass

    def free(self, pid: int) -> None:
        self._filler.unlink()


class LimitedFiles:
    """No file may be written beyond so many bytes: the process's own limit, which anybody may set for a child."""

    name = "a limit on file sizes"
    BYTES = 65536

    def fill(self, pid: int) -> None:
        self._change(pid, self.BYTES)

    def free(self, pid: int) -> None:
        self._change(pid, resource.RLIM_INFINITY)

    @staticmethod
    def _change(pid: int, soft: int) -> None:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_file_system(folder: Path, megabytes: int) -> Iterator[Room]:
    """A file system of that size at `folder`; where it cannot be mounted, the limit on file sizes, and the reason."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "paymux-test", str(folder)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
        refusal = made.stderr.strip() if made.returncode else ""
    except OSError as error:
        refusal = str(error)
    if refusal or os.geteuid() != 0:
        print(  # noqa: T201 - the reason is wanted in the test's output
            f"no small file system here ({refusal or 'not root'}): a limit on file sizes stands in for it"
        )
        yield LimitedFiles()
        return
    try:
        yield SmallFileSystem(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - wherever it is, as for mount
