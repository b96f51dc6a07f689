"""How a row stands in an archive: PostgreSQL's own CSV, so that its COPY reads it back into a table of the same form.

Text is quoted, a quote inside it doubled; what is not quoted is a number, `true`, `false`, bytes as `\\x` and hex, or,
empty, nothing at all (NULL). Times are the integers that the store has: microseconds since 1970 in UTC.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from gateway.store.schema import EPOCH

_MICROSECOND = timedelta(microseconds=1)


class Damaged(Exception):
    """That is not what was written."""


def line(row: Iterable[object]) -> str:
    """One row, with its line feed."""
    return ",".join(map(_cell, row)) + "\n"


def head(columns: Sequence[str]) -> str:
    """The first line of a file."""
    return ",".join(columns) + "\n"


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return '"' + value.replace('"', '""') + '"'
        case bytes():
            return "\\x" + value.hex()
        case datetime():
            return str((value - EPOCH) // _MICROSECOND)
        case _:
            raise TypeError(f"a {type(value).__name__} has no form in an archive")


def records(lines: Iterable[str]) -> Iterator[str]:
    """Row by row: a quoted value may hold line feeds. Raises `Damaged`."""
    held = ""
    for each in lines:
        held += each
        if held.count('"') % 2 == 0:
            yield held
            held = ""
    if held:
        raise Damaged("it ends inside of a value")


def values(record: str) -> list[str]:
    """The values of one row, as text; where it matters whether one is NULL, `record` says so. Raises `Damaged`."""
    try:
        (row,) = csv.reader([record], strict=True)
    except (csv.Error, ValueError) as error:
        raise Damaged(f"a line is no row: {error}") from error
    return row
