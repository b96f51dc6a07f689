"""A database of any earlier revision, with payouts in every state: it is upgraded, and they go on as they stood.

The rows are those of today without the columns that an earlier revision had not, under ids of the form that each of
them made: no migration has changed what is in a column so far. Once one does, its revision needs rows of its own here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, Table, create_engine, insert, inspect, select
from sqlalchemy.pool import NullPool

from gateway.domain import changes
from gateway.domain.event import Event, EventType
from gateway.domain.hold import HoldCode
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import AttemptState, Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.status import Status, StatusReason, status
from gateway.domain.steps import next_due
from gateway.domain.terms import Terms
from gateway.store import schema
from gateway.store.engine import writer_engine
from gateway.store.migrate import current, head, known_revisions, upgrade
from gateway.store.port import Store, Tx
from gateway.store.records import Callback, Evidence, Reference
from gateway.store.sqlite import SqliteStore
from tests.support import postgres
from tests.support.builders import NOW, a_payout, an_answer, an_earlier_id, sending

Rows = Mapping[Table, Sequence[Mapping[str, Any]]]
EARLIER = known_revisions()[:-1]
LATER = NOW + timedelta(days=30)


# What is in flight ---------------------------------------------------------------------------------------------------


def tried(state: AttemptState, **more: Any) -> Callable[[Payout], Payout]:
    """The payout's only attempt is in that state, and looked at again in a minute."""

    def change(payout: Payout) -> Payout:
        after = sending(payout)
        due_at = NOW + timedelta(minutes=1)
        return after.with_attempt(replace(after.attempt(1), state=state, due_at=due_at, **more))

    return change


def then(*all_of: Callable[[Payout], Payout]) -> Callable[[Payout], Payout]:
    def change(payout: Payout) -> Payout:
        for each in all_of:
            payout = each(payout)
        return payout

    return change


NOT_SENT = {"transmissions": 0, "first_sent_at": None, "last_sent_at": None}
UNKNOWN = tried(AttemptState.UNKNOWN, was_unknown=True, asks=3)
REJECTED = tried(AttemptState.REJECTED, reason=RejectReason.CHANNEL_UNAVAILABLE, settled_at=NOW)
AS_THEY_STAND: Mapping[str, Callable[[Payout], Payout]] = {
    "accepted": lambda payout: payout,
    "scheduled": lambda payout: replace(payout, terms=Terms(send_at=LATER)),
    "waiting": lambda payout: changes.wait_for_channel(payout, StatusCode.NO_ROUTE, NOW, timedelta(seconds=5)),
    "canceled": lambda payout: changes.end_canceled(changes.request_cancel(payout, NOW), NOW),
    "held": lambda payout: changes.hold(payout, HoldCode.CRASHED, NOW),
    "planned": tried(AttemptState.PLANNED, **NOT_SENT),
    "sending": tried(AttemptState.SENDING),
    "pending": tried(AttemptState.PENDING, channel_payout_id="1"),
    "unknown": UNKNOWN,
    "unknown, held": then(UNKNOWN, lambda payout: changes.hold(payout, HoldCode.OUTCOME_UNKNOWN, NOW)),
    "unknown, frozen": then(UNKNOWN, lambda payout: replace(payout, frozen=True)),
    "paid": tried(AttemptState.SUCCEEDED, settled_at=NOW, channel_payout_id="2"),
    "returned": tried(AttemptState.RETURNED, settled_at=NOW, returned=a_payout().amount),
    "refused once": REJECTED,
    "failed": then(REJECTED, lambda payout: changes.close(payout, StatusReason(StatusCode.CHANNEL_UNAVAILABLE), NOW)),
    "resolved": then(UNKNOWN, lambda payout: changes.resolve(payout, paid=True, now=NOW)),
    "retried": then(REJECTED, lambda payout: replace(payout, retried_as=a_payout("the retry").id)),
}


def of_before(name: str) -> str:
    """Its id, of the form that led with the shard."""
    return an_earlier_id("po", a_payout(name).shard, UUID(bytes=name.encode()[-16:].rjust(16, b"\0")))


def put(tx: Tx, name: str, change: Callable[[Payout], Payout]) -> Payout:
    """Accepted, and brought to where it stands, with what goes with it."""
    payout = replace(a_payout(name), id=of_before(name), terms=change(a_payout(name)).terms)
    tx.insert(payout, Reference(payout.id, b"mark"), None)
    tx.append_event(payout, Event(1, NOW, EventType.ACCEPTED, "app:acme"))
    after = change(payout)
    stored = tx.save(payout, after, next_due(after))
    if stored.attempts:
        tx.append_evidence(stored, Evidence(1, 1, NOW, an_answer(OutcomeKind.UNCLEAR), judged=False))
    if stored.frozen:
        tx.freeze(stored, NOW, "it says two things")
    told = f"payout.{status(stored)}"
    tx.enqueue_callback(
        Callback(f"evt_{name}", stored.shard, stored.id, "acme", "ep_1", told, 1, b"{}", NOW, due_at=NOW)
    )
    return stored


@cache
def today() -> tuple[Sequence[Payout], Rows]:
    """All of them, and the rows they come to."""
    with postgres.fresh_database() as url:

        async def fill() -> list[Payout]:
            store = postgres.open_store(url)
            found = [await store.run(lambda tx, n=n, c=c: put(tx, n, c)) for n, c in AS_THEY_STAND.items()]
            await store.close()
            return found

        payouts = asyncio.run(fill())
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            rows = {
                table: [dict(row._mapping) for row in connection.execute(select(table))]
                for table in schema.metadata.sorted_tables
                if table.name != "meta"
            }
    return payouts, rows


# An earlier database -------------------------------------------------------------------------------------------------


def columns_of(connection: Connection) -> Mapping[str, set[str]]:
    look = inspect(connection)
    return {table: {column["name"] for column in look.get_columns(table)} for table in look.get_table_names()}


def says_nothing(table: Table, name: str, value: object) -> bool:
    """Whether a row that has not got the column says the same."""
    default = getattr(table.c[name].server_default, "arg", None)
    return value is None or (name, value) == ("on_expiry", "fail") or str(value) == str(default)


def representable(rows: Rows, known: Mapping[str, set[str]]) -> set[str]:
    """The payouts that an earlier version can have had: nothing of them stands in what it did not know."""
    left = {row["id"] for row in rows[schema.payouts]}
    for table, its in rows.items():
        for row in its:
            more = [name for name in row if name not in known.get(table.name, set())]
            if not all(says_nothing(table, name, row[name]) for name in more):
                left.discard(row["id"] if table is schema.payouts else row.get("payout_id"))
    return left


def fill(engine: Engine, rows: Rows) -> set[str]:
    """Write the rows as far as this revision knows them; which payouts it can have had."""
    with engine.connect() as connection, connection.begin():
        known = columns_of(connection)
        fitting = representable(rows, known)
        for table, its in rows.items():
            for row in its:
                if table.name in known and row.get("payout_id", row.get("id")) in fitting:
                    kept = {name: value for name, value in row.items() if name in known[table.name]}
                    connection.execute(insert(table).values(kept))
    return fitting


@contextmanager
def on_sqlite(folder: Path) -> Iterator[tuple[Engine, Callable[[], Store]]]:
    path = folder / "paymux.db"
    engine = writer_engine(path)
    yield engine, lambda: SqliteStore.open_file(path, postgres.a_sealer(), "sandbox")


@contextmanager
def on_postgres(_folder: Path) -> Iterator[tuple[Engine, Callable[[], Store]]]:
    with postgres.fresh_database(empty=True) as url:
        yield create_engine(url, poolclass=NullPool), lambda: postgres.open_store(url)


@pytest.mark.parametrize("where", [on_sqlite, on_postgres], ids=["sqlite", "postgres"])
@pytest.mark.parametrize("revision", EARLIER)
def test_payouts_in_flight_outlive_an_upgrade(tmp_path: Path, revision: str, where: Any) -> None:
    """Each is what it was, waits for what it waited for, has its evidence and callbacks, and is claimed when due."""
    payouts, rows = today()
    with where(tmp_path) as (engine, open_store):
        upgrade(engine, revision)
        fitting = fill(engine, rows)
        engine.dispose()
        expected = {payout.id: payout for payout in payouts if payout.id in fitting}
        asyncio.run(compare(open_store(), expected))
        with engine.connect() as connection:
            assert current(connection) == head()
        engine.dispose()


async def compare(store: Store, expected: Mapping[str, Payout]) -> None:
    for payout in expected.values():
        assert await store.read(lambda tx, i=payout.id: tx.payout(i)) == payout
        evidence = await store.read(lambda tx, i=payout.id: tx.evidence(i))
        assert len(evidence) == len(payout.attempts)
        (callback,) = await store.read(lambda tx, i=payout.id: tx.callbacks(i))
        assert callback.type == f"payout.{status(payout)}"
    claimed = await store.run(lambda tx: tx.claim("node", LATER, 30, 100))
    due = {payout.id for payout in expected.values() if (next_due(payout) or LATER) < LATER}
    assert {payout.id for payout, _ in claimed} >= due
    assert {payout.id for payout, _ in claimed} <= {p.id for p in expected.values() if next_due(p) is not None}
    await store.close()


def test_every_state_is_there() -> None:
    """Of payouts, and of attempts; and the first revision had most of them."""
    payouts, rows = today()
    assert {status(payout) for payout in payouts} == set(Status)
    assert {attempt.state for payout in payouts for attempt in payout.attempts} == set(AttemptState)
    engine = writer_engine(None)
    upgrade(engine, EARLIER[0])
    with engine.connect() as connection:
        assert len(representable(rows, columns_of(connection))) >= 10
    engine.dispose()
