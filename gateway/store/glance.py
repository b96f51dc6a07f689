"""A look into a database file from outside, while its gateway runs or not: nothing is locked, nothing is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from gateway.domain.allowance import Used
from gateway.domain.errors import StoreUnavailable

ROUTER = "router"
"""The row of `meta` that the router's memory is kept in."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What routing goes by. Empty for a database that is not there yet."""

    memory: str | None = None
    usage: Mapping[str, Mapping[tuple[str, str], Used]] = field(default_factory=dict)
    """By channel, then by currency and window."""


def glance(path: Path) -> Glance:
    """Raises `StoreUnavailable`: there is a file, and it cannot be read as one of ours."""
    if not path.exists():
        return Glance()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = ?", (ROUTER,)).fetchone()
            sums = connection.execute("SELECT channel, currency, period, amount_minor, payouts FROM usage").fetchall()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path} cannot be read: {error}") from error
    usage: dict[str, dict[tuple[str, str], Used]] = {}
    for channel, currency, period, amount_minor, payouts in sums:
        usage.setdefault(channel, {})[currency, period] = Used(amount_minor, payouts)
    return Glance(None if row is None else str(row[0]), usage)
