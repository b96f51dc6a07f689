"""The bank's own book: which orders it took and what became of the money. The truth that our store is checked
against.

Each line of the file is one order as it stands after a change, so the last line of an order is the order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from adapters.mock.journal import Journal, complete_lines
from adapters.mock.plays import State
from gateway.domain.money import Money


class BookDamaged(OSError):
    """A complete line of the book cannot be read. An OSError: to everyone else the book is simply not readable."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One order in the bank's book. Without deduplication one `channel_reference` may have several."""

    channel_payout_id: str
    channel_reference: str
    amount: Money
    account: str = field(repr=False)
    digest: str
    """SHA-256 of the order's bytes: the same id with other content is a conflict."""
    state: State
    taken_at: datetime
    changed_at: datetime
    due_at: datetime | None = None
    """When the bank moves it on by itself."""
    transmissions: int = 1
    paid_times: int = 0
    told: int = 0
    """How many of its notifications were taken."""

    @property
    def returned_minor(self) -> int:
        return self.amount.minor if self.state is State.RETURNED else 0


class Book:
    """All orders by id and by reference, in memory, and in a file if one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self._journal = Journal(path) if path is not None else None
        self._orders: dict[str, Booked] = {}
        self._by_reference: dict[str, list[str]] = {}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold the book, brought up to date with what other processes wrote; all reading and writing is inside.

        Raises:
            OSError: it cannot be opened, locked or read (`BookDamaged`).
        """
        if self._journal is None:
            yield
            return
        with self._journal.locked() as news:
            self._catch_up(news)
            yield

    def _catch_up(self, news: list[bytes]) -> None:
        try:
            for line in news:
                self._learn(_read_line(line))
        except BookDamaged:
            # Read from the beginning next time, so that it is refused again instead of continued with a gap.
            self._forget()
            raise

    def get(self, channel_payout_id: str) -> Booked:
        return self._orders[channel_payout_id]

    def find(self, channel_reference: str) -> list[Booked]:
        """The orders under one reference, oldest first."""
        return [self._orders[found] for found in self._by_reference.get(channel_reference, ())]

    def write(self, order: Booked) -> None:
        """Book the order as it now stands: on disk when this returns."""
        if self._journal is not None:
            self._journal.append(_write_line(order))
        self._learn(order)

    def orders(self) -> list[Booked]:
        return list(self._orders.values())

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._forget()

    def _forget(self) -> None:
        """Know nothing: what is opened next is read from its beginning."""
        if self._journal is not None:
            self._journal.rewind()
        self._orders.clear()
        self._by_reference.clear()

    def _learn(self, order: Booked) -> None:
        if order.channel_payout_id not in self._orders:
            self._by_reference.setdefault(order.channel_reference, []).append(order.channel_payout_id)
        self._orders[order.channel_payout_id] = order


Row = dict[str, str | int]


def rows(orders: Iterable[Booked]) -> list[Row]:
    """The book as an auditor reads it: one row per `channel_reference`, with how often its money moved."""
    found: dict[str, Row] = {}
    for order in orders:
        if order.state is State.LOST:
            continue
        before = found.get(order.channel_reference, {"paid_times": 0, "returned": 0})
        found[order.channel_reference] = {
            "channel_reference": order.channel_reference,
            "channel_payout_id": order.channel_payout_id,
            "amount": order.amount.minor,
            "currency": order.amount.currency,
            "account": order.account,
            "state": order.state.value,
            "paid_times": int(before["paid_times"]) + order.paid_times,
            "returned": int(before["returned"]) + order.returned_minor,
        }
    return list(found.values())


def read_book(path: Path) -> list[Row]:
    """The rows of a book file, for any process at any time; a line still being written is left out.

    Raises:
        OSError: there is no such file, or it is damaged (`BookDamaged`).
    """
    lines, _torn = complete_lines(path.read_bytes())
    latest: dict[str, Booked] = {}
    for order in map(_read_line, lines):
        latest[order.channel_payout_id] = order
    return rows(latest.values())


def _write_line(order: Booked) -> bytes:
    fields = asdict(order)
    for name in ("taken_at", "changed_at", "due_at"):
        fields[name] = fields[name].isoformat() if fields[name] is not None else None
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _read_line(line: bytes) -> Booked:
    try:
        fields = json.loads(line)
        for name in ("taken_at", "changed_at", "due_at"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] is not None else None
        fields["amount"] = Money(**fields["amount"])
        fields["state"] = State(fields["state"])
        return Booked(**fields)
    except (ValueError, KeyError, TypeError) as error:
        raise BookDamaged(f"a line of the book that cannot be read: {error}") from error
