"""The ways in which a configuration file is changed, and the gateway's own word of what it made of that."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

SAID_S = 60.0
_numbers = count(1)

Way = Callable[[Path, str], object]
"""Gives the file at this path another content."""


def in_place(path: Path, text: str) -> None:
    """As most editors do."""
    path.write_text(text)


def renamed_over(path: Path, text: str) -> None:
    """As a careful editor does: whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


def link_swapped(path: Path, text: str) -> None:
    """As Kubernetes does with a mounted ConfigMap: nothing that happens bears the file's name."""
    folder = path.with_name(f"..version-{next(_numbers)}")
    folder.mkdir()
    (folder / path.name).write_text(text)
    _linked(path.with_name("..data"), folder.name)


def mounted(path: Path, text: str) -> None:
    """Put such links where a plain file was."""
    link_swapped(path, text)
    _linked(path, f"..data/{path.name}")


def _linked(link: Path, target: str) -> None:
    new = link.with_name(f"{link.name}_tmp")
    new.symlink_to(target)
    new.replace(link)


class Said:
    """The gateway's log, read on from where it was left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def until(self, event: str, **facts: object) -> dict[str, Any]:
        """The next line of that event with these facts. Blocks; raises TimeoutError when it does not come."""
        until_s = time.monotonic() + SAID_S
        while time.monotonic() < until_s:
            for line in self._more():
                if f'"{event}"' in line and (told := json.loads(line)).items() >= facts.items():
                    return dict(told)
            time.sleep(0.01)
        raise TimeoutError(f"{event} {facts}")

    def _more(self) -> list[str]:
        with self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode(errors="replace").splitlines()
