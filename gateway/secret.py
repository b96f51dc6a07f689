"""Secrets by reference: `env:NAME`, `file:PATH`, `credential:NAME` (systemd). A plain secret is refused.

The value lives in a wrapper that prints as `***`, so that no log line, repr or crash report can carry it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

SecretRef = Annotated[str, StringConstraints(pattern=r"^(env|file|credential):\S+$")]
"""How a configuration names a secret. Never the secret itself."""


class SecretError(Exception):
    """A secret that is missing, empty or readable by others. The text never contains the secret."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's bytes; `reveal` is the only way to them."""

    _value: bytes = field(repr=False)
    source: str = ""

    def reveal(self) -> bytes:
        return self._value

    def text(self) -> str:
        return self._value.decode()

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return f"Secret({self.source or '***'})"


@dataclass(frozen=True, slots=True)
class SecretResolver:
    """Turns references into secrets. Relative paths are relative to `base`, the folder of config.toml."""

    base: Path
    environ: Mapping[str, str]

    def __call__(self, reference: str) -> Secret:
        """Resolve one reference.

        Raises:
            SecretError: not a reference, missing, empty, or a file that others can read.
        """
        scheme, _, name = reference.partition(":")
        match scheme:
            case "env":
                value = self.environ.get(name, "").encode()
            case "file":
                value = _read(self.base / name)
            case "credential":
                folder = self.environ.get("CREDENTIALS_DIRECTORY")
                if not folder:
                    raise SecretError(f"{reference}: CREDENTIALS_DIRECTORY is not set")
                value = _read(Path(folder) / name)
            case _:
                raise SecretError("a secret is named as env:NAME, file:PATH or credential:NAME, never written out")
        value = value.rstrip(b"\r\n")
        if not value:
            raise SecretError(f"{reference}: empty or not set")
        return Secret(value, reference)


def _read(path: Path) -> bytes:
    """The file's bytes, if nobody else can read it: 0400 or 0600, or 0440 when its group is ours."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno())
            _check_mode(path, mode)
            return file.read()
    except OSError as error:
        raise SecretError(f"file:{path}: {error.strerror}") from error
    except ValueError as error:
        raise SecretError("a path cannot contain NUL") from error


def _check_mode(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    ours = found.st_gid in (os.getegid(), *os.getgroups())
    if mode in (0o400, 0o600) or (mode == 0o440 and ours):
        return
    raise SecretError(f"file:{path}: mode {mode:04o}, but a secret must be 0400 or 0600 (or 0440 with our group)")
