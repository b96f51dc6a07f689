"""How much is unfinished, and since when: what a scrape asks. Every question goes by a partial index, never through a
table that only grows (a test asks the database for its plans).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Row, text

from gateway.store import statements as sql
from gateway.store.quick import Quick
from gateway.store.schema import EPOCH, UNFINISHED

UNFINISHED_BY_STATUS = text(
    f"SELECT status, count(*) AS payouts, min(created_at) AS oldest_at FROM payouts WHERE {UNFINISHED} GROUP BY status"  # noqa: S608 - a constant
)
HELD = text("SELECT count(*) AS payouts, min(hold_at) AS since FROM payouts WHERE hold_code IS NOT NULL OR frozen")
FROZEN = text(
    # CROSS JOIN: the few frozen payouts first, then their rows, and not every freeze there ever was.
    "SELECT min(freezes.at) AS since FROM payouts CROSS JOIN freezes"
    " WHERE (payouts.hold_code IS NOT NULL OR payouts.frozen) AND payouts.hold_code IS NULL"
    " AND freezes.shard = payouts.shard AND freezes.payout_id = payouts.id AND freezes.lifted_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Payouts of one status that have not ended."""

    count: int
    oldest_at: datetime
    """When the oldest of them was accepted."""


@dataclass(frozen=True, slots=True)
class Census:
    """One consistent look."""

    unfinished: Mapping[str, Unfinished]
    """By status."""
    due_at: datetime | None
    """The earliest time at which a payout that nobody holds wants something."""
    callback_due_at: datetime | None
    """The earliest time at which a callback is due."""
    under_review: int
    """Held and frozen."""
    review_since: datetime | None
    """Since when the longest waiting of them waits."""


class CensusReads(Protocol):
    """A part of `gateway.store.port.ReadTx`."""

    def census(self) -> Census:
        """How much is unfinished, and since when."""
        ...

    def review_queue(self) -> tuple[int, datetime | None]:
        """How many payouts are held or frozen, and since when the longest waiting of them is."""
        ...

    def unsent(self, at_most: int) -> Mapping[str, int]:
        """By app: accepted payouts that no channel was chosen for yet, and that wait for one; as far as `at_most`."""
        ...


class SqlCensusReads:
    """The questions, on one snapshot."""

    _connection: Quick

    def census(self) -> Census:
        rows = self._connection.execute(UNFINISHED_BY_STATUS).all()
        under_review, review_since = self.review_queue()
        due, callback = self._first(sql.NEXT_DUE, one=1), self._first(sql.NEXT_CALLBACK_DUE, one=1)
        return Census(
            unfinished={row.status: Unfinished(row.payouts, _moment(row.oldest_at)) for row in rows},
            due_at=due.due_at if due else None,
            callback_due_at=callback.due_at if callback else None,
            under_review=under_review,
            review_since=review_since,
        )

    def review_queue(self) -> tuple[int, datetime | None]:
        held, frozen = self._first(HELD), self._first(FROZEN)
        since = [at for at in (held.since, frozen.since) if at is not None] if held and frozen else []
        return held.payouts if held else 0, _moment(min(since)) if since else None

    def unsent(self, at_most: int) -> Mapping[str, int]:
        found: dict[str, int] = {}
        app = ""
        while step := self._first(sql.NEXT_DUE_APP, after=app, one=1):
            app = step.app
            counted = self._first(sql.COUNT_UNSENT_OF_APP, of_app=app, at_most=at_most)
            found[app] = counted.payouts if counted else 0
        return found

    def _first(self, query: Any, **values: object) -> Row[Any] | None:
        return self._connection.execute(query, values).first()


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
