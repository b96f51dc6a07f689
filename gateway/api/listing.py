"""One page of an app's payouts, from a query that was read already (`gateway.api.query.LIST_PARAMS`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.api import cursor
from gateway.api.query import LIMIT_DEFAULT
from gateway.api.routes import Call
from gateway.domain.payout import Payout
from gateway.operations import read
from gateway.operations.services import Services
from gateway.store.records import PayoutFilter, Position


@dataclass(frozen=True, slots=True)
class Page:
    """Payouts, newest first, and the cursor of the page after them."""

    payouts: Sequence[Payout]
    next_cursor: str | None

    def view(self, data: Sequence[object]) -> dict[str, object]:
        """The page's answer, with `data` for its payouts."""
        return {"data": data, "has_more": self.next_cursor is not None, "next_cursor": self.next_cursor}


async def one_page(services: Services, key: bytes, app: str, call: Call) -> Page:
    """The page that `call` asks for; `key` signs cursors. Raises `Refused` for a cursor of another list."""
    filters, given = _wanted(call), call.one("cursor")
    after = cursor.read(key, app, filters, given) if isinstance(given, str) else None
    limit = call.one("limit")
    size = limit if isinstance(limit, int) else LIMIT_DEFAULT
    if filters.metadata:
        payouts, end = await read.page_saying(services, app, filters, after, size)
    else:
        payouts, has_more = await read.page(services, app, filters, after, size)
        end = Position(payouts[-1].created_at, payouts[-1].id) if has_more else None
    return Page(payouts, None if end is None else cursor.make(key, app, filters, end))


def _wanted(call: Call) -> PayoutFilter:
    return PayoutFilter(
        statuses=frozenset(str(each) for each in call.query.get("status", ())),
        currency=_text(call.one("currency")),
        channel=_text(call.one("channel")),
        reference=_text(call.one("reference")),
        batch_id=_text(call.one("batch_id")),
        created_gte=_time(call.one("created_gte")),
        created_lt=_time(call.one("created_lt")),
        metadata=tuple(each for each in call.query.get("metadata", ()) if isinstance(each, tuple)),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
