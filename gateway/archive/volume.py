"""Writing an archive: a folder with one compressed file for each table, and the manifest, which comes last.

While it is written its name ends in `.partial`. It gets its own name once every file is on the disk and was read back:
only then may anything of it be deleted from the store.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.archive import manifest as sheet
from gateway.archive.lines import Damaged, head, line
from gateway.archive.manifest import Manifest, Part
from gateway.archive.verify import Checked, check_files
from gateway.store.archiving import MOVED, Dossier
from gateway.store.high_water import sync_folder

PARTIAL = ".partial"
_LEVEL = 1
"""Most of it is ciphertext, which nothing makes smaller than its hex digits are."""


class Volume:
    """An archive that is being written."""

    def __init__(self, folder: Path, name: str) -> None:
        """Raises `OSError`: a folder of that name is there, or none can be made."""
        self.name = name
        self.payouts: list[str] = []
        self._place = folder / name
        self._partial = folder / f"{name}{PARTIAL}"
        self._partial.mkdir(mode=0o700)
        self._files = {table.name: _File(self._partial, table.name, [c.name for c in table.columns]) for table in MOVED}

    def __enter__(self) -> Volume:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, dossier: Dossier) -> None:
        """Everything of one payout. Raises `OSError`."""
        for table, rows in dossier.rows.items():
            self._files[table].add(dossier.payout_id, rows)
        self.payouts.append(dossier.payout_id)

    def drop(self) -> None:
        """Nothing came of it."""
        for file in self._files.values():
            file.close()
            file.path.unlink()
        self._partial.rmdir()

    def finish(self, *, made_at: str, until: str, mode: str, version: str, schema: str) -> tuple[Manifest, Checked]:
        """Bring it to the disk, read it back, and give it its name.

        Raises:
            Damaged: what was read is not what was written.
            OSError: the disk is full, or broken.
        """
        first, last = (self.payouts[0], self.payouts[-1]) if self.payouts else (None, None)
        parts = tuple(file.done() for file in self._files.values())
        made = Manifest(self.name, made_at, until, mode, version, schema, len(self.payouts), first, last, parts)
        checked = check_files(self._partial, made)
        if checked.problems:
            raise Damaged("; ".join(checked.problems))
        with (self._partial / sheet.FILE).open("xb") as file:
            file.write(made.text())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._partial)
        self._partial.rename(self._place)
        sync_folder(self._place.parent)
        return made, checked


class _Hashing:
    """A file that is hashed as it is written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def done(self) -> tuple[int, str]:
        """Its size and its hash, once it is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        return size, self._hash.hexdigest()

    def close(self) -> None:
        self._file.close()


class _File:
    """The rows of one table."""

    def __init__(self, folder: Path, table: str, columns: list[str]) -> None:
        self._table, self._columns = table, tuple(columns)
        self.path = folder / f"{table}.csv.gz"
        self._raw = _Hashing(self.path)
        self._packed = gzip.GzipFile("", "wb", _LEVEL, self._raw, mtime=0)
        self._packed.write(head(columns).encode())
        self._rows = 0
        self._first: str | None = None
        self._last: str | None = None

    def add(self, payout_id: str, rows: Iterable[Any]) -> None:
        for row in rows:
            self._packed.write(line(row).encode())
            self._first, self._last = self._first or payout_id, payout_id
            self._rows += 1

    def done(self) -> Part:
        self._packed.close()
        size, sha256 = self._raw.done()
        return Part(self._table, self.path.name, self._columns, self._rows, self._first, self._last, size, sha256)

    def close(self) -> None:
        with suppress(OSError):  # it is done, or of no use
            self._packed.close()
        self._raw.close()
