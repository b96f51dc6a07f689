"""Batches for tests: CSV files, and whoever knows how many payouts may wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

CSV = {"Content-Type": "text/csv; charset=utf-8"}
HEADER = "reference,amount,currency,type,account_number,name,bank_code,country"


def csv_row(reference: str, account: str = "6222000000000199") -> str:
    """A row of `a_csv` that is accepted."""
    return f"{reference},12345,CNY,bank_account,{account},李四,000200000002,CN"


def a_csv(rows: Sequence[str], header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows]).encode()


@dataclass
class Room:
    """`gateway.operations.batch_work.Room`: as a test says."""

    full: bool = False
    came_in: list[str] = field(default_factory=list)

    async def for_more(self, app: str) -> bool:
        return not self.full

    def came(self, app: str) -> None:
        self.came_in.append(app)
