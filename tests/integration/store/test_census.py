"""What a scrape asks of the store is right, and never read through a table that only grows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.domain.hold import Hold, HoldCode
from gateway.domain.outcome import OutcomeKind
from gateway.domain.status import FINAL
from gateway.store import census
from gateway.store.engine import writer_engine
from gateway.store.migrate import upgrade
from gateway.store.port import Tx
from gateway.store.reads import SqlReadTx
from gateway.store.records import PayoutFilter
from gateway.store.schema import UNFINISHED
from tests.support.builders import NOW, an_answer
from tests.support.scripted import ScriptedGateway, scripted_gateway

_ANY = PayoutFilter()


async def paid_and_pending() -> ScriptedGateway:
    gateway = scripted_gateway("alpha")
    for number, kind in enumerate((OutcomeKind.SUCCEEDED, OutcomeKind.PENDING, OutcomeKind.PENDING)):
        gateway.channels["alpha"].submits.append(an_answer(kind))
        await gateway.accept(f"order-{number}")
        gateway.clock.move(60)
    return gateway


async def test_what_has_not_ended_is_counted_with_its_age() -> None:
    """Paid ones are not in it; the oldest says since when."""
    gateway = await paid_and_pending()
    found = await gateway.store.read(lambda tx: tx.census())
    assert {name: each.count for name, each in found.unfinished.items()} == {"processing": 2}
    assert found.unfinished["processing"].oldest_at == NOW + timedelta(minutes=1)
    assert found.due_at is not None
    assert found.callback_due_at == NOW
    assert (found.under_review, found.review_since) == (0, None)


async def test_what_waits_for_people_is_counted_held_and_frozen_alike() -> None:
    """A hold says since when by itself, a freeze by its row."""
    gateway = await paid_and_pending()

    def unit(tx: Tx) -> None:
        for number, payout in enumerate(tx.payouts("acme", _ANY, None, 10)):
            at = gateway.clock.now() + timedelta(hours=number)
            if number == 0:
                tx.save(payout, replace(payout, hold=Hold(HoldCode.OUTCOME_UNKNOWN, at)), None)
            elif number == 1:
                tx.freeze(payout, at - timedelta(days=1), "it contradicts itself")
                tx.save(payout, replace(payout, frozen=True), None)

    await gateway.store.run(unit)
    found = await gateway.store.read(lambda tx: tx.census())
    assert found.under_review == 2
    assert found.review_since == gateway.clock.now() + timedelta(hours=1) - timedelta(days=1)


@pytest.mark.parametrize(
    "query", [census.UNFINISHED_BY_STATUS, census.HELD, census.FROZEN], ids=["unfinished", "held", "frozen"]
)
def test_no_question_reads_a_whole_table(query: object) -> None:
    """The database's own plan goes by the partial indexes."""
    engine = writer_engine(None)
    upgrade(engine)
    with engine.connect() as connection:
        plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    engine.dispose()
    assert plan
    assert "payouts_" in plan[0], plan
    assert all("USING" in line for line in plan), plan


def test_the_list_of_those_under_review_goes_by_its_index() -> None:
    """So does the list that people and the readiness probe look at."""
    engine = writer_engine(None)
    upgrade(engine)
    with engine.connect() as connection:
        told: list[str] = []
        connection.connection.driver_connection.set_trace_callback(told.append)  # type: ignore[union-attr]  # sqlite3's
        SqlReadTx(connection, None).under_review(10)  # type: ignore[arg-type]  # there is no row to read
        asked = next(line for line in told if "FROM payouts" in line)
        plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {asked}"))]
    engine.dispose()
    assert "payouts_under_review" in plan[0], plan


def test_the_condition_of_the_index_names_every_final_status() -> None:
    """A status that ends a payout is not counted as unfinished."""
    assert set(re.findall(r"'(\w+)'", UNFINISHED)) == {str(status) for status in FINAL}
