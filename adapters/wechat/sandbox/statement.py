"""The fund-flow bill: made from what really happened, spoiled as ordered (sheet section 14)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from adapters.sandbox.clock import SandboxClock
from adapters.wechat.bill import BillRow, pack, write_bill
from adapters.wechat.sandbox.refusal import Refuse

LINK_LIFE_S = 30.0
_BEIJING = timedelta(hours=8)
SPOILS = ("drop", "double", "alter")


class Statements:
    """Bills by day, and the links they are fetched by. Today's bill is there at once: a sandbox does not wait a day."""

    def __init__(self, clock: SandboxClock, movements: list[BillRow]) -> None:
        self._clock = clock
        self._movements = movements
        self._links: dict[str, tuple[float, bytes]] = {}
        self._spoiled: dict[str, str] = {}

    def spoil(self, orders: Mapping[str, object]) -> None:
        """`{"drop": ["NUMBER"], "double": [...], "alter": [...]}`. Raises ValueError for anything else."""
        for how, numbers in orders.items():
            if how not in SPOILS or not isinstance(numbers, list):
                raise ValueError(f"expected lists of numbers under {', '.join(SPOILS)}")
            self._spoiled.update((str(number), how) for number in numbers)

    def name(self, query: Mapping[str, str], base_url: str) -> dict[str, object]:
        """Answer a request for a day's bill with where it is and its hash. Raises `Refuse`."""
        day, packed = _day(query.get("bill_date", "")), query.get("tar_type") == "GZIP"
        if query.get("account_type", "BASIC") not in ("BASIC", "OPERATION", "FEES"):
            raise Refuse("INVALID_REQUEST", "no such account type")
        if day > (self._clock.now() + _BEIJING).date():
            raise Refuse("INVALID_REQUEST", "the day has not begun")
        rows = self._rows(day) if query.get("account_type") == "OPERATION" else ()
        if not rows:
            raise Refuse("NO_STATEMENT_EXIST", "no movement on that day")
        plain = write_bill(rows)
        token = secrets.token_urlsafe(24)
        self._links[token] = (self._clock.monotonic() + LINK_LIFE_S, pack(plain) if packed else plain)
        return {
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(plain, usedforsecurity=False).hexdigest(),
            "download_url": f"{base_url}/v3/billdownload/file?token={token}",
        }

    def fetch(self, token: str) -> bytes:
        """The file behind a link that is still alive. Raises `Refuse`."""
        until_s, file = self._links.get(token, (0.0, b""))
        if self._clock.monotonic() >= until_s:
            raise Refuse("INVALID_REQUEST", "the link is dead: ask for a new one")
        return file

    def _rows(self, day: date) -> tuple[BillRow, ...]:
        rows: list[BillRow] = []
        for row in self._movements:
            if row.booked_at.startswith(day.isoformat()):
                rows.extend(_spoilt(row, self._spoiled.get(row.voucher_no)))
        return tuple(rows)


def _spoilt(row: BillRow, how: str | None) -> tuple[BillRow, ...]:
    match how:
        case "drop":
            return ()
        case "double":
            return (row, row)
        case "alter":
            return (replace(row, amount_fen=row.amount_fen + 1),)
        case _:
            return (row,)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refuse("INVALID_REQUEST", "bill_date is a day like 2026-01-01") from error
