"""What an archive says of itself: how many rows of what, which the first and the last is, and the hash of each file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.archive.lines import Damaged

FORMAT = 1
FILE = "manifest.json"
_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One file: the rows of one table."""

    table: str
    file: str
    columns: tuple[str, ...]
    rows: int
    first: str | None
    """The payout of its first row; None: it has no rows."""
    last: str | None
    bytes: int
    """The size of the file."""
    sha256: str
    """Of the file as it lies there."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One archive."""

    name: str
    made_at: str
    """RFC 3339."""
    until: str
    """Nothing in it is of that time or later."""
    mode: str
    version: str
    """The gateway's."""
    schema: str
    """The revision of the store that the rows come from."""
    payouts: int
    first: str | None
    """The payout that was put in first, and last."""
    last: str | None
    parts: tuple[Part, ...]

    def text(self) -> bytes:
        """As it stands in the file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1).encode() + b"\n"

    @property
    def sha256(self) -> str:
        """Of the file; it stands in the audit too."""
        return hashlib.sha256(self.text()).hexdigest()


def read(folder: Path) -> Manifest:
    """The manifest of an archive. Raises `Damaged`, `OSError`."""
    with (folder / FILE).open("rb") as file:
        found = file.read(_BYTES_MAX)
    try:
        made = _manifest(json.loads(found))
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{FILE} is no manifest ({type(error).__name__})") from error
    if made.text() != found:
        raise Damaged(f"{FILE} is not as it was written")
    return made


def _manifest(told: Mapping[str, object]) -> Manifest:
    fields = dict(told)
    if fields.pop("format") != FORMAT:
        raise ValueError("of another format")
    parts = fields.pop("parts")
    if not isinstance(parts, list):
        raise TypeError("parts")
    made = [Part(**{**each, "columns": tuple(each["columns"])}) for each in parts]
    return Manifest(**fields, parts=tuple(made))  # type: ignore[arg-type]  # written back and compared by `read`
