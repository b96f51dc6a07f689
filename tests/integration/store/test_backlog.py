"""Behind a backlog: apps take turns, a lane that is closed is not read past, and no question reads a whole table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.dialects import sqlite

from gateway.admission.fair import FairTurns
from gateway.domain.payout import Payout
from gateway.store import grounds, reads, reviewing, schema
from gateway.store import statements as sql
from gateway.store.engine import writer_engine
from gateway.store.migrate import upgrade
from gateway.store.parked import ParkedWindow
from gateway.store.picking import Pick
from gateway.store.port import Tx
from gateway.store.records import Callback, Reference
from gateway.store.tx import SqlTx
from tests.support.builders import NOW, a_payout, sending
from tests.support.scripted import ScriptedGateway, scripted_gateway

LATER = NOW + timedelta(minutes=1)


def stored(tx: Tx, payout: Payout, age_s: int, channel: str | None = None) -> None:
    """Due since `age_s`, waiting for `channel`."""
    tx.insert(payout, Reference(payout.id, b"mark"), None)
    after = sending(payout, channel) if channel else payout
    tx.save(payout, after, NOW - timedelta(seconds=age_s))


async def backlog(numbers: dict[tuple[str, str | None], int]) -> ScriptedGateway:
    """So many payouts of each (app, channel); those named first are due the longest."""
    gateway, age_s = scripted_gateway(), 10_000

    def fill(tx: Tx) -> None:
        nonlocal age_s
        for (app, channel), count in numbers.items():
            for number in range(count):
                age_s -= 1
                stored(tx, a_payout(f"{app}-{channel}-{number}", app=app), age_s, channel)

    await gateway.store.run(fill)
    return gateway


async def claimed(gateway: ScriptedGateway, limit: int, pick: Pick | None = None) -> list[Payout]:
    found = await gateway.store.run(lambda tx: tx.claim("node", LATER, 60.0, limit, pick))
    return [payout for payout, _ in found]


async def test_what_fits_is_taken_the_longest_due_first() -> None:
    """No backlog: every app's, by age alone."""
    gateway = await backlog({("acme", None): 3, ("bolt", None): 2})
    taken = await claimed(gateway, 5)
    assert [payout.app for payout in taken] == ["acme"] * 3 + ["bolt"] * 2


async def test_behind_a_backlog_apps_take_turns_by_weight() -> None:
    """A hundred of one app are older than the other's twenty, and do not come first; each app's own order is kept."""
    gateway = await backlog({("acme", None): 100, ("bolt", None): 20})
    turns = FairTurns({"acme": 1, "bolt": 2}.__getitem__)
    taken = [each for _ in range(3) for each in await claimed(gateway, 9, Pick(turns))]
    assert Counter(payout.app for payout in taken) == {"acme": 9, "bolt": 18}
    for app in ("acme", "bolt"):
        mine = [payout.reference for payout in taken if payout.app == app]
        assert mine == [f"{app}-None-{number}" for number in range(len(mine))]


async def test_a_lane_that_is_closed_is_left_out_and_the_others_go_on() -> None:
    """Everything oldest is for the channel that has its fill: what lies behind it is found, also when little is due."""
    gateway = await backlog({("acme", "alpha"): 50, ("acme", "beta"): 3, ("acme", None): 2})
    closed = Pick(full=frozenset({"alpha"}))
    taken = await claimed(gateway, 10, closed)
    assert Counter(payout.attempt(1).channel if payout.attempts else None for payout in taken) == {"beta": 3, None: 2}
    assert await claimed(gateway, 10, closed) == []
    assert len(await claimed(gateway, 64, closed)) == 0
    assert len(await claimed(gateway, 64)) == 50


async def test_callbacks_of_a_dead_endpoint_are_not_read_past() -> None:
    """Hundreds are due for an endpoint that is busy, and older than another's two: these are found."""
    gateway = scripted_gateway()
    payout = await gateway.accept()
    others = {callback.endpoint for callback in await gateway.store.read(lambda tx: tx.callbacks(payout.id))}

    def fill(tx: Tx) -> None:
        for number in range(200):
            endpoint = "dead" if number < 198 else "good"
            made = Callback(
                f"evt_{number}", payout.shard, payout.id, "acme", endpoint, "payout.paid", 1, b"{}", NOW, due_at=NOW
            )
            tx.enqueue_callback(made)

    await gateway.store.run(fill)
    found = await gateway.store.run(lambda tx: tx.claim_callbacks(LATER, LATER, 4, frozenset({"dead"})))
    assert {callback.endpoint for callback in found} == {"good", *others}
    found = await gateway.store.run(lambda tx: tx.claim_callbacks(LATER, LATER, 4, frozenset()))
    assert [callback.endpoint for callback in found] == ["dead"] * 4


async def test_a_thousand_under_review_are_paged() -> None:
    """Only as many as are asked for are read, the longest waiting first, held and frozen ones mixed."""
    gateway = await backlog({("acme", None): 12})
    page = await gateway.store.read(lambda tx: tx.under_review(5))
    assert list(page) == []
    payouts = await claimed(gateway, 12)

    def review(tx: Tx) -> None:
        for number, payout in enumerate(payouts):
            now = tx.payout(payout.id)
            assert now is not None
            if number % 2:
                tx.save(now, replace(now, frozen=True), None)
                tx.freeze(now, NOW + timedelta(seconds=number), f"why {number}")
                tx.freeze(now, NOW + timedelta(seconds=100), "again")

    await gateway.store.run(review)
    found = await gateway.store.read(lambda tx: tx.under_review(4))
    assert [each.why for each in found] == ["why 1", "why 3", "why 5", "why 7"]
    assert [each.since for each in found] == [NOW + timedelta(seconds=number) for number in (1, 3, 5, 7)]


async def test_what_no_channel_has_yet_is_counted_by_app() -> None:
    """Not what was sent, nor what is due no more; and no further than was asked for."""
    gateway = await backlog({("acme", None): 3, ("acme", "alpha"): 2, ("bolt", None): 1})
    assert await gateway.store.read(lambda tx: tx.unsent(100)) == {"acme": 3, "bolt": 1}
    assert await gateway.store.read(lambda tx: tx.unsent(2)) == {"acme": 2, "bolt": 1}
    held = (await claimed(gateway, 1))[0]
    await gateway.store.run(lambda tx: tx.save(held, held, None))
    assert await gateway.store.read(lambda tx: tx.unsent(100)) == {"acme": 2, "bolt": 1}


# Plans ---------------------------------------------------------------------------------------------------------------

BREAK_LEASES = update(schema.payouts).where(schema.payouts.c.lease_until.is_not(None)).values(lease_until=None)

PLANS: dict[str, tuple[Any, str]] = {
    "due": (sql.DUE, "payouts_due"),
    "due in a lane": (sql.DUE_IN_LANE, "payouts_lanes (app=? AND channel=? AND due_at>? AND due_at<?)"),
    "next app": (sql.NEXT_DUE_APP, "COVERING INDEX payouts_lanes"),
    "next channel": (sql.NEXT_DUE_CHANNEL, "COVERING INDEX payouts_lanes"),
    "unsent of an app": (sql.COUNT_UNSENT_OF_APP, ""),
    "next due": (sql.NEXT_DUE, "payouts_due"),
    "callbacks at an endpoint": (sql.CALLBACKS_DUE_AT, "callbacks_lanes (endpoint=? AND due_at>? AND due_at<?)"),
    "next endpoint": (sql.NEXT_DUE_ENDPOINT, "COVERING INDEX callbacks_lanes"),
    "next ground": (grounds.NEXT_GROUND, "attempts_live ((channel"),
    "on a ground": (grounds.COUNT_ON_GROUND, ""),
    "held": (reviewing.HELD, "payouts_under_review"),
    "leases of an earlier run": (BREAK_LEASES, "payouts_leased"),
}


@pytest.mark.parametrize("name", PLANS)
def test_no_question_of_a_start_or_a_claim_reads_a_whole_table(name: str) -> None:
    """The database's own plan: by an index that leads to the rows, and nothing that grows with the table is sorted."""
    statement, index = PLANS[name]
    engine = writer_engine(None)
    upgrade(engine)
    with engine.connect() as connection:
        asked = str(statement.compile(dialect=sqlite.dialect()))
        values = tuple(1 for _ in range(asked.count("?")))
        driver = connection.connection.driver_connection
        assert driver is not None
        plan = [row[-1] for row in driver.execute(f"EXPLAIN QUERY PLAN {asked}", values)]
    engine.dispose()
    assert index in plan[0], plan
    assert not any(
        "TEMP B-TREE FOR GROUP" in line or line in ("SCAN payouts", "SCAN attempts", "SCAN callbacks") for line in plan
    ), plan


ASKED: dict[str, Callable[[SqlTx], object]] = {
    "a quarantine asks about all that is open": lambda tx: tx.ask_live_at(NOW),
    "what it has not asked about yet": lambda tx: tx.unasked_since(NOW),
    "parked callbacks": lambda tx: tx.parked(ParkedWindow(NOW), 10),
    "parked callbacks of an app": lambda tx: tx.parked(ParkedWindow(NOW, NOW, "acme", "ep_1"), 10),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_in_need_goes_by_little_indexes(name: str) -> None:
    """Every statement begins at the open attempts, or at the parked callbacks; neither grows with the years."""
    engine, told = writer_engine(None), list[str]()
    upgrade(engine)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(told.append)
        ASKED[name](SqlTx(connection, None))  # type: ignore[arg-type]  # there is no row to read
        driver.set_trace_callback(None)
        plans = [
            [row[-1] for row in driver.execute(f"EXPLAIN QUERY PLAN {asked}")]
            for asked in told
            if asked.startswith(("SELECT", "UPDATE"))
        ]
    engine.dispose()
    assert plans
    for plan in plans:
        assert "attempts_open" in plan[0] or "callbacks_parked" in plan[0], plan
        assert all("USING" in line for line in plan if line.startswith(("SCAN", "SEARCH"))), plan


def test_the_condition_of_the_index_names_every_open_state() -> None:
    """An attempt in a state that is not in it would not be asked about."""
    assert re.findall(r"'(\w+)'", schema.OPEN_ATTEMPT) == reads.OPEN_STATES


def test_the_schema_has_the_indexes() -> None:
    """They are made by the migrations as the schema says."""
    engine = writer_engine(None)
    upgrade(engine)
    with engine.connect() as connection:
        names = {row.name for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'index'"))}
    engine.dispose()
    assert {
        "payouts_lanes",
        "payouts_leased",
        "attempts_live",
        "callbacks_lanes",
        "attempts_open",
        "callbacks_parked",
    } <= names
