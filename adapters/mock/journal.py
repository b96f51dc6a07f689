"""An append-only file of JSON lines, shared by processes: what the mock bank remembers of a killed gateway's life.

Everything happens under an exclusive lock on the file. Under it nobody else can be in the middle of a write, so a
last line without its newline is what a killed process left: it was never acknowledged, and it is cut off.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Journal:
    """The file, opened when first needed. Every method may raise OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._read_to = 0

    @contextmanager
    def locked(self) -> Iterator[list[bytes]]:
        """Hold the lock; gives the complete lines that were written since it was last held, ours excepted."""
        fd = self._open()
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            yield self._news(fd)
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def append(self, line: bytes) -> None:
        """Write one line and its newline through to the disk. The caller holds the lock."""
        fd, rest = self._open(), line + b"\n"
        size = len(rest)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.fsync(fd)
        self._read_to += size

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def rewind(self) -> None:
        """Give every line again as news."""
        self._read_to = 0

    def _open(self) -> int:
        if self._fd is None:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return self._fd

    def _news(self, fd: int) -> list[bytes]:
        chunks = []
        at = self._read_to
        while chunk := os.pread(fd, 1 << 20, at):
            chunks.append(chunk)
            at += len(chunk)
        lines, torn = complete_lines(b"".join(chunks))
        if torn:
            os.ftruncate(fd, at - len(torn))
        self._read_to = at - len(torn)
        return lines


def complete_lines(data: bytes) -> tuple[list[bytes], bytes]:
    """The lines that end in a newline, without it, and what follows the last one."""
    *lines, torn = data.split(b"\n")
    return lines, torn
