"""Statements run on the driver give what SQLAlchemy would, and fail as it would."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Dialect, Select, UpdateBase, select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway.simulation.stage import raw
from gateway.store import quick, schema
from gateway.store import statements as sql
from gateway.store.engine import writer_engine

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = writer_engine(None)
    with engine.connect() as made:
        raw(engine).execute("PRAGMA foreign_keys=OFF")
        with made.begin():
            schema.metadata.create_all(made)
            yield made
    engine.dispose()


def a_callback(event_id: str, **other: Any) -> dict[str, Any]:
    row = {
        "shard": 7, "id": event_id, "endpoint": "ep", "payout_id": "po_1", "app": "demo", "type": "payout.paid",
        "sequence": 3, "body_sealed": b"\x00\xff", "created_at": NOW, "tries": 0, "due_at": None, "delivered_at": NOW,
        "parked_at": None,
    }  # fmt: skip
    return row | other


def a_nonce(nonce: str, until: datetime = NOW) -> dict[str, Any]:
    return {"scope": "app", "key_id": "k", "nonce": nonce, "until": until}


def test_rows_are_the_same_both_ways(connection: Connection) -> None:
    """Written by either, read by either: the same values, of the same types, under the same names."""
    fast = quick.Quick(connection)
    fast.execute(sql.INSERT[schema.callbacks], a_callback("a"))
    connection.execute(sql.INSERT[schema.callbacks], a_callback("b"))
    statement, which = sql.HISTORY[schema.callbacks], {"of_shard": 7, "of_payout_id": "po_1"}
    ours, theirs = fast.execute(statement, which).all(), connection.execute(statement, which).all()
    assert [tuple(row) for row in ours] == [tuple(row) for row in theirs]
    assert {type(value) for row in ours for value in row} == {int, str, bytes, datetime, type(None)}
    assert (ours[0].id, ours[0].created_at, ours[1].id) == ("a", NOW, "b")


@pytest.mark.parametrize("dialect", [SQLiteDialect_pysqlite(), PGDialect_psycopg()], ids=lambda dialect: dialect.name)
def test_nothing_is_nothing_to_every_type(dialect: Dialect) -> None:
    """None is bound as it is: no type of the schema makes anything else of it."""
    types = {type(column.type): column.type for table in schema.metadata.sorted_tables for column in table.columns}
    processes = [kind._cached_bind_processor(dialect) for kind in types.values()]
    assert any(processes)
    assert {process(None) for process in processes if process is not None} == {None}


def test_an_update_sets_what_is_named_and_tells_how_many(connection: Connection) -> None:
    """One statement with other columns is another plan; what stands in the statement itself is bound with it."""
    fast = quick.Quick(connection)
    fast.execute(sql.INSERT[schema.callbacks], a_callback("a"))
    which = {"of_shard": 7, "of_id": "a", "of_endpoint": "ep"}
    assert fast.execute(sql.CHANGE_CALLBACK, which | {"tries": 2}).rowcount == 1
    assert fast.execute(sql.CHANGE_CALLBACK, which | {"due_at": NOW, "parked_at": NOW}).rowcount == 1
    assert fast.execute(sql.CHANGE_CALLBACK, which | {"of_id": "b", "tries": 9}).rowcount == 0
    (row,) = connection.execute(select(schema.callbacks)).all()
    assert (row.tries, row.due_at, row.parked_at, row.delivered_at) == (2, NOW, NOW, NOW)
    assert fast.execute(sql.NEXT_CALLBACK_DUE, {"one": 1}).first().due_at == NOW


def test_what_is_not_found(connection: Connection) -> None:
    """No row, no scalar; and a maximum of nothing is None."""
    fast = quick.Quick(connection)
    asked = {"of_scope": "app", "of_key_id": "k", "of_nonce": "n"}
    assert fast.execute(sql.NONCE, asked).first() is None
    assert fast.execute(sql.NONCE, asked).scalar() is None
    nobody = {"of_shard": 1, "of_payout_id": "po"}
    assert fast.execute(sql.NEWEST[schema.evidence], nobody).scalar() is None


def test_it_fails_as_sqlalchemy_does(connection: Connection) -> None:
    """The writer tells a unit's own fault from the database's by the class of the error; no value is in its text."""
    fast = quick.Quick(connection)
    fast.execute(sql.INSERT[schema.nonces], a_nonce("secret-nonce"))
    with pytest.raises(IntegrityError) as twice:
        fast.execute(sql.INSERT[schema.nonces], a_nonce("secret-nonce"))
    assert isinstance(twice.value.orig, sqlite3.IntegrityError)
    assert "secret-nonce" not in str(twice.value)
    with pytest.raises(OperationalError):
        fast.exec_driver_sql("RELEASE SAVEPOINT nobody")
    connection.exec_driver_sql("DROP TABLE nonces")
    with pytest.raises(OperationalError) as gone:
        fast.execute(sql.INSERT[schema.nonces], a_nonce("another"))
    assert not gone.value.connection_invalidated


def test_what_is_built_where_it_is_used_goes_the_long_way(connection: Connection) -> None:
    """No plan is kept for it: there would be one more with every use."""
    fast = quick.Quick(connection)
    fast.execute(sql.INSERT[schema.nonces], a_nonce("n"))
    before = len(quick._plans)
    columns = schema.nonces.c
    for nonce, found in (("n", True), ("m", False)):
        rows = fast.execute(select(columns.nonce).where(columns.nonce == nonce)).all()
        assert bool(rows) is found
    assert len(quick._plans) == before


def test_every_statement_of_the_way_has_a_plan(connection: Connection) -> None:
    """None of them falls back unseen."""
    fast = quick.Quick(connection)
    for table, statement in sql.INSERT.items():
        values = dict.fromkeys(column.name for column in table.columns)
        assert fast._plan(statement, values) is not None, table.name
    named = [value for value in vars(sql).values() if isinstance(value, Select | UpdateBase)]
    assert len(named) > 15
    for statement in named:
        binds = [name for name in statement.compile().params if name.startswith("of_") or statement.is_select]
        column = {sql.CHANGE_CALLBACK: "tries", sql.SAVE_ATTEMPT: "asks", sql.NOTE_FINAL: "final_status"}
        changed = [column.get(statement, "version")] if statement.is_update and not statement._values else []
        assert fast._plan(statement, dict.fromkeys([*binds, *changed])) is not None, statement


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - made aware below
def test_moments_come_back_to_the_microsecond(at: datetime) -> None:
    """As every type, by its own rules."""
    moment = at.replace(tzinfo=UTC)
    engine = writer_engine(None)
    with engine.connect() as made, made.begin():
        schema.metadata.create_all(made, tables=[schema.nonces])
        fast = quick.Quick(made)
        fast.execute(sql.INSERT[schema.nonces], a_nonce("n", moment))
        assert made.execute(select(schema.nonces.c.until)).scalar() == moment
        assert fast.execute(sql.FORGET_NONCES, {"now": moment}).rowcount == 0
    engine.dispose()
