"""A batch: many orders in one call. It is taken in whole, and each of its items becomes an ordinary payout afterwards.

A batch promises its items, not their payouts: an item is accepted by its own reference like any order, so it is the
payout that is there already, or a new one, or cannot be one, and then its faults say why. What is done twice after a
crash finds the payout that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.beneficiary import Beneficiary, Saved
from gateway.domain.money import Money
from gateway.domain.payer import Payer
from gateway.domain.status import FINAL
from gateway.domain.terms import NO_TERMS, Terms

PAGE_ITEMS = 100
"""Items are kept, sealed and worked on by so many: a batch of any size needs the memory of one page."""
LOOK_EVERY = timedelta(seconds=2)
LOOK_EVERY_MAX = timedelta(minutes=10)
LOOK_SHARE = 20
"""A batch that waits for its payouts' ends is looked at after a twentieth of its age."""


class BatchForm(StrEnum):
    """What it came as."""

    JSON = "json"
    CSV = "csv"


class BatchStatus(StrEnum):
    """How far a batch is, as apps are told."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    """Every item has failed or is a payout that has ended."""


class ItemStatus(StrEnum):
    """What became of an item."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    """It is a payout, whatever becomes of that."""
    FAILED = "failed"
    """It is none; its faults say why."""


@dataclass(frozen=True, slots=True)
class ItemFault:
    """Why an item is no payout. `detail` never repeats what was sent."""

    pointer: str
    """A JSON pointer into the item, as if it were an order by itself."""
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ItemOrder:
    """What an item orders, with its own copy of the beneficiary; `saved` is what it called it."""

    reference: str
    amount: Money
    beneficiary: Beneficiary
    saved: Saved | None = None
    purpose: str | None = None
    description: str | None = field(default=None, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    terms: Terms = NO_TERMS
    payer: Payer | None = None
    flags: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one item."""

    reference: str | None
    """None where what was sent is none."""
    row: int | None = None
    """Of a CSV: as a spreadsheet counts, the header being row 1."""
    payout_id: str | None = None
    faults: tuple[ItemFault, ...] = ()

    @property
    def status(self) -> ItemStatus:
        if self.payout_id is not None:
            return ItemStatus.ACCEPTED
        return ItemStatus.FAILED if self.faults else ItemStatus.WAITING


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Up to `PAGE_ITEMS` items: what became of each, and what each orders."""

    number: int
    """0, 1, 2 within the batch."""
    results: tuple[ItemResult, ...]
    orders: tuple[ItemOrder | None, ...] = ()
    """Beside the results; None for an item that has failed. Empty once all of the page is dealt with."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch and how far it is."""

    id: str
    shard: int
    app: str
    reference: str
    form: BatchForm
    created_at: datetime
    items: int
    ready_at: datetime | None = None
    """When all of it was stored; None: it is being taken in."""
    pages_done: int = 0
    accepted: int = 0
    failed: int = 0
    settled: int = 0
    """So many of its items, from the first one on, are known to have ended."""
    ended: Mapping[str, int] = field(default_factory=dict)
    """Those by their payouts' status."""
    completed_at: datetime | None = None
    due_at: datetime | None = None
    """When it is worked on next; None: never again."""

    @property
    def pages(self) -> int:
        return -(-self.items // PAGE_ITEMS)

    @property
    def made(self) -> bool:
        """Whether every item was dealt with."""
        return self.pages_done == self.pages

    @property
    def status(self) -> BatchStatus:
        return BatchStatus.PROCESSING if self.completed_at is None else BatchStatus.COMPLETED


def page_done(batch: Batch, page: BatchPage, now: datetime) -> Batch:
    """The batch with its next page dealt with."""
    found = [result.status for result in page.results]
    return replace(
        batch,
        pages_done=batch.pages_done + 1,
        accepted=batch.accepted + found.count(ItemStatus.ACCEPTED),
        failed=batch.failed + found.count(ItemStatus.FAILED),
        due_at=now,
    )


def walk(batch: Batch, page: BatchPage, statuses: Mapping[str, str], now: datetime) -> Batch:
    """The batch after a look at the page with its first item that is not known to have ended.

    The walk stops at the first payout that has not ended (`statuses`, by payout id), and goes on from there at the next
    look: however many items there are, each is looked at once, and the one it waits for as often as it takes.
    """
    settled, ended = batch.settled, dict(batch.ended)
    for result in page.results[settled % PAGE_ITEMS :]:
        if result.payout_id is not None:
            found = statuses[result.payout_id]
            if found not in FINAL:
                return replace(batch, settled=settled, ended=ended, due_at=_next_look(batch, now))
            ended[found] = ended.get(found, 0) + 1
        settled += 1
    if settled < batch.items:
        return replace(batch, settled=settled, ended=ended, due_at=now)
    return replace(batch, settled=settled, ended=ended, completed_at=now, due_at=None)


def _next_look(batch: Batch, now: datetime) -> datetime:
    return now + min(max((now - batch.created_at) / LOOK_SHARE, LOOK_EVERY), LOOK_EVERY_MAX)
