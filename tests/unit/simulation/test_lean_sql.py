"""The short way to SQLite gives what SQLAlchemy's own gives, for the store's own statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, cast

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from gateway.domain.event import Event, EventType
from gateway.sealing import Sealer
from gateway.simulation.lean_sql import LeanConnection, known_statements
from gateway.simulation.stage import raw
from gateway.store import schema, statements
from gateway.store.data_keys import unlock
from gateway.store.engine import writer_engine
from gateway.store.migrate import upgrade
from gateway.store.records import Callback, Lease, Reference
from gateway.store.rows import Rows
from gateway.store.tx import SqlTx
from tests.support.builders import NOW, a_payout


def _nothing(_driver: sqlite3.Connection) -> None:
    return None


@pytest.fixture
def pair() -> Iterator[tuple[SqlTx, SqlTx]]:
    """A transaction by SQLAlchemy, and one by the short way, on databases of their own."""
    engines = [writer_engine(None), writer_engine(None)]
    numbers = count()
    sealer = Sealer([bytes(32)], lambda size: sha256(str(next(numbers)).encode()).digest()[:size])
    for engine in engines:
        upgrade(engine)
        unlock(engine, sealer)
    rows = Rows(sealer)
    lean = LeanConnection(raw(engines[1]), known_statements(statements), _nothing)
    with engines[0].connect() as connection, connection.begin(), lean.begin():
        yield SqlTx(connection, rows), SqlTx(cast(Connection, lean), rows)
    for engine in engines:
        engine.dispose()


def both(pair: tuple[SqlTx, SqlTx], act: Any) -> Any:
    """The same act through both; what it gave, which must be the same."""
    one, other = (act(tx) for tx in pair)
    assert one == other
    return one


def test_rows_written_and_read_are_the_same(pair: tuple[SqlTx, SqlTx]) -> None:
    """Payouts, references, events, leases and callbacks: every type of column, missing values too."""
    payout = a_payout()
    due = payout.created_at
    callback = Callback("evt_1", payout.shard, payout.id, payout.app, "ep_1", "payout.paid", 1, b"{}", NOW, due_at=due)
    both(pair, lambda tx: tx.insert(payout, Reference(payout.id, b"mark"), None))
    both(pair, lambda tx: tx.append_event(payout, Event(1, NOW, EventType.ACCEPTED, "app:acme")))
    both(pair, lambda tx: tx.enqueue_callback(callback))
    assert both(pair, lambda tx: tx.payout(payout.id)) == payout
    assert both(pair, lambda tx: tx.reference(payout.app, payout.reference)) == Reference(payout.id, b"mark")
    assert both(pair, lambda tx: list(tx.events(payout.id)))[0].at == NOW
    later = NOW + timedelta(days=1)
    ((claimed, lease),) = both(pair, lambda tx: list(tx.claim("ant", later, 60.0, 10)))
    assert (claimed.id, lease) == (payout.id, Lease("ant", lease.fence, later + timedelta(seconds=60)))
    both(pair, lambda tx: tx.release(payout.id, lease))
    assert both(pair, lambda tx: tx.next_due_at()) == due
    until = later + timedelta(seconds=30)
    assert both(pair, lambda tx: list(tx.claim_callbacks(later, until, 4, frozenset({"ep_2", "ep_3"})))) == [callback]
    assert both(pair, lambda tx: list(tx.claim_callbacks(later, until, 4, frozenset()))) == []


def test_statements_that_are_built_for_one_use_carry_their_own_values(pair: tuple[SqlTx, SqlTx]) -> None:
    """Two of one shape with other values are two questions."""
    until = NOW + timedelta(minutes=1)
    for name in ("a", "b"):
        both(pair, lambda tx, name=name: tx.use_nonce("api", "key", name, NOW, until))
        both(pair, lambda tx, name=name: tx.set_meta(name, f"value of {name}"))
    assert [both(pair, lambda tx, name=name: tx.meta(name)) for name in ("a", "b", "c")] == [
        "value of a",
        "value of b",
        None,
    ]
    assert both(pair, lambda tx: tx.use_nonce("api", "key", "a", NOW, until)) is False
    assert both(pair, lambda tx: tx.counts()) == {}


def test_errors_are_sqlalchemys_own(pair: tuple[SqlTx, SqlTx]) -> None:
    """The writer tells them apart by class."""
    for tx in pair:
        connection = tx._connection
        connection.execute(statements.INSERT[schema.meta], {"name": "twice", "value": "1"})
        with pytest.raises(IntegrityError):
            connection.execute(statements.INSERT[schema.meta], {"name": "twice", "value": "2"})


def test_a_moment_comes_back_as_it_went_in(pair: tuple[SqlTx, SqlTx]) -> None:
    """To the microsecond, in UTC, and none stays none."""
    at = datetime(2031, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    columns = schema.nonces.c
    for tx in pair:
        row = {"scope": "s", "key_id": "k", "nonce": "n", "until": at}
        tx._connection.execute(statements.INSERT[schema.nonces], row)
        assert tx._connection.execute(select(columns.until).where(columns.nonce == "n")).scalar() == at
