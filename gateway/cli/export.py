"""`paymux export`: payouts as CSV or JSON lines, for whoever counts them elsewhere. Nothing personal is in it."""

from __future__ import annotations

import csv
import json as json_format
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, urlencode

from gateway.cli.client import Json, Me, Reach, ask, spoken, token_of
from gateway.config.load import load
from gateway.secret import Secret

PAGE = 100
COLUMNS = (
    "id",
    "app",
    "reference",
    "amount_minor",
    "currency",
    "status",
    "channel",
    "channel_reference",
    "channel_payout_id",
    "attempts",
    "created_at",
    "settled_at",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the start of a cell."""


class Format(StrEnum):
    """How a payout is written."""

    CSV = "csv"
    JSONL = "jsonl"


def export(
    *,
    app: str | None = None,
    since: str | None = None,
    until: str | None = None,
    format: Format = Format.CSV,  # noqa: A002 - the name of the option
    output: Path | None = None,
    me: Me | None = None,
    reach: Reach | None = None,
) -> None:
    """Write payouts as CSV or JSON lines, newest first, app by app: identity, amount, status, channel. No payees.

    Example: `python -m gateway export --since 2026-11-01T00:00:00Z --output november.csv --token-file ada.token`

    Parameters
    ----------
    app
        Only this app's; else those of every app of the configuration.
    since
        Only those accepted at this time or later: RFC 3339 with its offset.
    until
        Only those accepted before this time.
    format
        csv, with a header, or jsonl.
    output
        A new file; else standard output.
    """
    me, reach = me or Me(), reach or Reach()
    with spoken(reach), ExitStack() as stack:
        apps = [app] if app is not None else sorted(load(reach.config).apps)
        token = token_of(me)
        file = sys.stdout if output is None else stack.enter_context(output.open("x", encoding="utf-8", newline=""))
        write = _writer(file, format)
        for each in apps:
            for line in _pages(reach, token, each, {"created_gte": since, "created_lt": until}):
                write(line)


def _pages(reach: Reach, token: Secret, app: str, asked: dict[str, str | None]) -> Iterator[Json]:
    given = {name: value for name, value in asked.items() if value is not None} | {"limit": str(PAGE)}
    cursor: str | None = None
    while True:
        query = urlencode(given | ({"cursor": cursor} if cursor else {}))
        answer = ask(reach, token, "GET", f"/admin/v1/apps/{quote(app, safe='')}/payouts?{query}")
        yield from answer["data"]
        cursor = answer["next_cursor"]
        if cursor is None:
            return


def _writer(file: TextIO, wanted: Format) -> Callable[[Json], None]:
    """What writes one payout."""
    if wanted is Format.JSONL:
        return lambda line: print(json_format.dumps(line, ensure_ascii=False), file=file)
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    return lambda line: rows.writerow([_cell(value) for value in _flat(line)])


def _flat(line: Json) -> Iterator[object]:
    money = line["amount"]
    named = {**line, "amount_minor": money["value"], "currency": money["currency"]}
    return (named[column] for column in COLUMNS)


def _cell(value: object) -> object:
    """Text that a spreadsheet would run is written as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
