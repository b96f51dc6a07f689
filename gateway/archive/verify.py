"""Reading an archive: whether it is what was written, and whole.

By the manifest: every file with its size and hash, every row, the first and the last. By the rows themselves: each is
of a payout of this archive, every payout's history is 1, 2, 3 up to what the payout says, its attempts likewise.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.archive import manifest as sheet
from gateway.archive.lines import Damaged, head, line, records, values
from gateway.archive.manifest import Manifest, Part
from gateway.store.archiving import MOVED, Dossier

SHOWN_MAX = 10
"""As many of one kind of problem are named."""
_OWNER = {"payouts": "id", "deliveries": "callback_id"}
"""What names a row's payout, where that is not `payout_id`."""
_COUNTED = {"events": "sequence", "attempts": "number"}
"""Tables that are numbered 1, 2, 3 for each payout, and by what."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What reading came to. It may be relied on when `problems` is empty."""

    name: str
    payouts: int
    problems: tuple[str, ...]
    digests: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Of all rows of each payout, as they were read."""


def check_archive(folder: Path) -> Checked:
    """One archive, by its manifest."""
    try:
        found = sheet.read(folder)
    except (Damaged, OSError) as error:
        return Checked(folder.name, 0, (str(error),))
    named = [] if found.name == folder.name else [f"its name was {found.name}"]
    strange = {each.name for each in folder.iterdir()} - {sheet.FILE, *(part.file for part in found.parts)}
    named += [f"{each} does not belong to it" for each in sorted(strange)]
    checked = check_files(folder, found)
    return Checked(found.name, checked.payouts, (*named, *checked.problems), checked.digests)


def check_files(folder: Path, told: Manifest) -> Checked:
    """What its manifest tells, compared with the files."""
    reading = _Reading()
    problems = [f"{part.file}: {each}" for part in told.parts for each in reading.check(folder, part)]
    problems += reading.gaps()
    if [each.table for each in told.parts[:1]] != ["payouts"]:
        problems.append("it has no payouts")
    elif len(reading.owners) != told.payouts:
        problems.append(f"it has {len(reading.owners)} payouts, not {told.payouts}")
    digests = {name: each.digest() for name, each in reading.owners.items()}
    return Checked(told.name, len(reading.owners), tuple(problems), digests)


def digest_of(dossier: Dossier) -> bytes:
    """Of all rows of a payout, as `Checked.digests` has it."""
    found = hashlib.sha256()
    for table in MOVED:
        for row in dossier.rows[table.name]:
            _take_in(found, table.name, line(row))
    return found.digest()


def _take_in(found: Any, table: str, record: str) -> None:
    found.update(f"{table} {record}".encode())


class _Reading:
    """What was read so far: the payouts come first."""

    def __init__(self) -> None:
        self.owners: dict[str, Any] = {}
        self._of_callback: dict[str, str] = {}
        self._last_events: dict[str, int] = {}
        self._counted: dict[tuple[str, str], int] = {}
        self._gaps: list[str] = []

    def check(self, folder: Path, part: Part) -> Iterator[str]:
        """What is wrong with one file."""
        try:
            size, sha256 = _hash(folder / part.file)
            if (size, sha256) != (part.bytes, part.sha256):
                yield "it is not the file that was written"
            yield from self._check_rows(folder, part)
        except FileNotFoundError:
            yield "it is missing"
        except (OSError, EOFError, zlib.error, UnicodeDecodeError, Damaged) as error:
            yield f"it cannot be read: {error}"

    def _check_rows(self, folder: Path, part: Part) -> Iterator[str]:
        owners, strange = [], 0
        with gzip.open(folder / part.file, "rt", encoding="utf-8", newline="\n") as file:
            rows = records(file)
            if next(rows, "") != head(part.columns):
                raise Damaged("its first line does not name its columns")
            for record in rows:
                owner = self._owner(part, record)
                strange += owner not in self.owners
                owners.append(owner)
        if strange:
            yield f"{strange} rows are of no payout of this archive"
        first, last = (owners[0], owners[-1]) if owners else (None, None)
        if (len(owners), first, last) != (part.rows, part.first, part.last):
            yield f"it has {len(owners)} rows, from {first} to {last}: the manifest says otherwise"

    def _owner(self, part: Part, record: str) -> str:
        """The payout of a row, which is taken in. Raises `Damaged`."""
        try:
            row = dict(zip(part.columns, values(record), strict=True))
            named = row[_OWNER.get(part.table, "payout_id")]
            owner = self._of_callback.get(named, "") if part.table == "deliveries" else named
            self._note(part.table, owner, row)
        except (ValueError, KeyError) as error:
            raise Damaged(f"a row is not of this table ({type(error).__name__})") from error
        if owner in self.owners:
            _take_in(self.owners[owner], part.table, record)
        return owner

    def _note(self, table: str, owner: str, row: Mapping[str, str]) -> None:
        if table == "payouts":
            if owner in self.owners:
                raise Damaged(f"{owner} is in it twice")
            self.owners[owner] = hashlib.sha256()
            self._last_events[owner] = int(row["last_event"])
        elif table == "callbacks":
            self._of_callback[row["id"]] = owner
        elif table in _COUNTED:
            before = self._counted.get((table, owner), 0)
            if int(row[_COUNTED[table]]) != before + 1:
                self._gaps.append(f"{owner}: a gap in its {table} after {before}")
            self._counted[table, owner] = before + 1

    def gaps(self) -> list[str]:
        """What is not whole of the payouts that were read."""
        short = [
            f"{owner}: its history ends at {self._counted.get(('events', owner), 0)}, not at {last}"
            for owner, last in self._last_events.items()
            if self._counted.get(("events", owner), 0) != last
        ]
        return [*self._gaps, *short][:SHOWN_MAX]


def _hash(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), found
