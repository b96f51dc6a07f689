"""From a path to a parsed TOML document, or to the reason why not."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.config.errors import ConfigError, Fault, Loc, dotted
from gateway.config.lines import Lines

FILE_MAX_BYTES = 1024 * 1024

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$| \(at end of document\)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One configuration file as read: its values, its text's fingerprint, and where everything stands in it."""

    path: Path
    sha256: str
    data: dict[str, Any] = field(repr=False)
    lines: Lines = field(repr=False)

    def fault(self, loc: Loc, what: str, hint: str | None = None) -> Fault:
        return Fault(str(self.path), self.lines(loc), dotted(loc), what, hint)


def read(path: Path) -> Source:
    """Read and parse; nothing is checked but that it is a TOML file that may be trusted.

    Raises:
        ConfigError: missing, not a file, writable by everybody, over 1 MiB, not UTF-8, not TOML, nested too deeply.
    """
    content = _content(path)
    text = _decode(path, content)
    data = _parse(path, text)
    return Source(path, hashlib.sha256(content).hexdigest(), data, Lines(text))


def _refuse(path: Path, line: int, what: str) -> ConfigError:
    return ConfigError([Fault(str(path), line, "", what)])


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _refuse(path, 1, "there is no such file")
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise _refuse(path, 1, f"cannot be read: {error.strerror}") from error
    if mode & stat.S_IWOTH:
        raise _refuse(path, 1, f"mode {stat.S_IMODE(mode):04o}: everybody can write it, so nobody can trust it")
    if len(content) > FILE_MAX_BYTES:
        raise _refuse(path, 1, f"longer than {FILE_MAX_BYTES} bytes")
    return content


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _refuse(path, line, "not UTF-8") from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and int() for a number of thousands of digits
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1 if found else 1
        raise _refuse(path, line, _AT_LINE.sub("", str(error))) from error
    except RecursionError as error:
        raise _refuse(path, 1, "nested too deeply") from error
