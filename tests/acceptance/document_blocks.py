"""The code blocks of the documents, fenced or indented, each with the place where it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.documents import ROOT, documents

INDENTED = "indented"
"""The language of a block that is set off by four spaces."""

_FENCE = re.compile(r"```(\w*)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where blocks stand."""

    page: str
    heading: str
    """The nearest one above, of any level. In a table: "" for any."""
    language: str
    """As the fence names it; "" where it names none."""


@dataclass(frozen=True, slots=True)
class Block:
    """One of them."""

    place: Place
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.place.page}:{self.line}"


def pages() -> list[str]:
    """Every document, by its path."""
    return [str(path) for path in documents()]


def blocks(page: str) -> list[Block]:
    """The blocks of a page, from top to bottom."""
    return list(_found(page, (ROOT / page).read_text(encoding="utf-8").splitlines()))


def blocks_at(place: Place) -> list[Block]:
    """Those that stand exactly there."""
    return [block for block in blocks(place.page) if block.place == place]


def _found(page: str, lines: list[str]) -> Iterator[Block]:
    heading, before, number = "", "", 0
    while number < len(lines):
        line, begun = lines[number], number
        if fence := _FENCE.fullmatch(line):
            number = lines.index("```", number + 1)
            yield _block(Place(page, heading, fence[1]), begun, lines[begun + 1 : number])
        elif line.startswith("    ") and not before:
            while number + 1 < len(lines) and lines[number + 1].startswith("    "):
                number += 1
            yield _block(Place(page, heading, INDENTED), begun - 1, lines[begun : number + 1])
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
        before = lines[number].strip()
        number += 1


def _block(place: Place, before: int, lines: list[str]) -> Block:
    text = "".join(f"{line.removeprefix('    ') if place.language == INDENTED else line}\n" for line in lines)
    return Block(place, before + 2, text)


def commands(text: str) -> list[str]:
    """The commands of a block of shell, one a line; a line goes on while it ends with a backslash or within quotes."""
    found, open_line = [], ""
    for line in text.splitlines():
        open_line += f"{line}\n"
        if not line.endswith("\\") and _is_closed(open_line):
            found.append(open_line.rstrip("\n"))
            open_line = ""
    assert not open_line, f"this command does not end: {open_line}"
    return [command for command in found if words(command)]


def words(command: str) -> tuple[str, ...]:
    """What it says, without its comments."""
    return tuple(shlex.split(command, comments=True))


def _is_closed(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True
