"""How far a batch is: counted once for each item, and completed exactly when every payout has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.batch import (
    LOOK_EVERY,
    LOOK_EVERY_MAX,
    PAGE_ITEMS,
    Batch,
    BatchForm,
    BatchPage,
    BatchStatus,
    ItemFault,
    ItemResult,
    page_done,
    walk,
)
from tests.support.builders import NOW

FAULT = (ItemFault("/reference", "reference_reused", "x"),)
ENDS = ("paid", "failed", "canceled", "returned")
STATUSES = st.sampled_from([None, "accepted", "processing", *ENDS])


def a_batch(items: int) -> Batch:
    return Batch("ba_1", 1, "acme", "b-1", BatchForm.JSON, NOW, items, ready_at=NOW)


def pages_of(found: list[str | None]) -> list[BatchPage]:
    """None: the item has failed."""
    results = [
        ItemResult(f"w-{n}", None, None if each is None else f"po_{n}", FAULT if each is None else ())
        for n, each in enumerate(found)
    ]
    cut = range(0, len(results), PAGE_ITEMS)
    return [BatchPage(n, tuple(results[start : start + PAGE_ITEMS])) for n, start in enumerate(cut)]


def look(batch: Batch, pages: list[BatchPage], statuses: dict[str, str]) -> Batch:
    while batch.settled < batch.items:
        batch = walk(batch, pages[batch.settled // PAGE_ITEMS], statuses, NOW)
        if batch.due_at != NOW:
            break
    return batch


@given(st.lists(STATUSES, min_size=1, max_size=2 * PAGE_ITEMS + 3))
def test_the_walk_stops_at_the_first_that_has_not_ended(found: list[str | None]) -> None:
    """Before it each payout is counted once by its end; a batch is completed exactly when nothing stopped it."""
    statuses = {f"po_{n}": each for n, each in enumerate(found) if each is not None}
    after = look(a_batch(len(found)), pages_of(found), statuses)
    open_ones = [n for n, each in enumerate(found) if each is not None and each not in ENDS]
    stopped_at = open_ones[0] if open_ones else len(found)
    assert after.settled == stopped_at
    assert sum(after.ended.values()) == sum(each is not None for each in found[:stopped_at])
    assert (after.status is BatchStatus.COMPLETED) == (not open_ones)
    assert (after.due_at is None) == (not open_ones)


@given(st.lists(STATUSES, min_size=1, max_size=2 * PAGE_ITEMS), st.data())
def test_it_comes_to_the_same_however_often_it_looks(found: list[str | None], data: st.DataObject) -> None:
    """Payouts end in any order, and it is looked at any number of times between."""
    statuses = {f"po_{n}": each for n, each in enumerate(found) if each is not None}
    batch, pages = a_batch(len(found)), pages_of(found)
    for n in data.draw(st.permutations(sorted(statuses))):
        batch = look(batch, pages, statuses)
        statuses[n] = statuses[n] if statuses[n] in ENDS else "paid"
    batch = look(batch, pages, statuses)
    assert batch.completed_at == NOW
    assert sum(batch.ended.values()) == len(statuses)


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_it_looks_more_rarely_with_its_age(age: timedelta) -> None:
    """Between two seconds and ten minutes."""
    now = NOW + age
    after = walk(a_batch(1), pages_of(["processing"])[0], {"po_0": "processing"}, now)
    assert after.due_at is not None
    assert LOOK_EVERY <= after.due_at - now <= LOOK_EVERY_MAX


def test_a_page_that_is_done_is_counted() -> None:
    """Accepted and failed items, and one page; the last one makes it whole."""
    batch = a_batch(PAGE_ITEMS + 2)
    first, second = pages_of([None] * 3 + ["accepted"] * (PAGE_ITEMS - 3) + ["accepted", None])
    one = page_done(batch, first, NOW)
    assert (one.accepted, one.failed, one.pages_done, one.made) == (PAGE_ITEMS - 3, 3, 1, False)
    two = page_done(one, second, NOW)
    assert (two.accepted, two.failed, two.made) == (PAGE_ITEMS - 2, 4, True)
    assert replace(two, settled=0).status is BatchStatus.PROCESSING
