"""A pipeline of statements says what SQLAlchemy would say, and tells its errors as the driver would, only later."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import URL, Connection, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from gateway.domain.errors import StaleWrite
from gateway.store import postgres_statements as pg
from gateway.store import schema
from gateway.store import statements as sql
from gateway.store.pipeline import Pipeline
from gateway.store.port import Tx
from gateway.store.postgres import PostgresStore
from gateway.store.postgres_engine import is_begun, is_whole, writer_engine
from tests.support import postgres

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def url() -> Iterator[URL]:
    with postgres.fresh_database() as made:
        with postgres.connect(made) as session:  # callbacks without payouts will do
            session.execute("ALTER TABLE callbacks DROP CONSTRAINT callbacks_shard_payout_id_fkey")
        yield made


@pytest.fixture
def connection(url: URL) -> Iterator[Connection]:
    engine = writer_engine(url)
    with engine.connect() as made:
        transaction = made.begin()
        yield made
        transaction.rollback()
    engine.dispose()


@pytest.fixture
def pipeline(connection: Connection) -> Pipeline:
    made = Pipeline(connection)
    made.exec_driver_sql("BEGIN")
    return made


def a_callback(event_id: str, **other: Any) -> dict[str, Any]:
    row = {
        "shard": 7, "id": event_id, "endpoint": "ep", "payout_id": "po_1", "app": "demo", "type": "payout.paid",
        "sequence": 3, "body_sealed": b"\x00\xff'\\", "created_at": NOW, "tries": 0, "due_at": None,
        "delivered_at": NOW, "parked_at": None,
    }  # fmt: skip
    return row | other


ITS = {"of_shard": 7, "of_payout_id": "po_1"}
NONE = {"of_shard": 7, "of_id": "?", "of_endpoint": "ep"}
ALL = sql.HISTORY[schema.callbacks]


def test_rows_are_the_same_both_ways(connection: Connection, pipeline: Pipeline) -> None:
    """Written by either, read by either: the same values, of the same types, under the same names."""
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("a", type="出款 100% %s 'x'"))
    pipeline.flush()
    connection.execute(sql.INSERT[schema.callbacks], a_callback("b", type="出款 100% %s 'x'"))
    ours, theirs = pipeline.execute(ALL, ITS).all(), connection.execute(ALL, ITS).all()
    assert [tuple(row) for row in ours] == [tuple(row) for row in theirs]
    assert {type(value) for row in ours for value in row} == {int, str, bytes, datetime, type(None)}
    assert (ours[0].id, ours[0].created_at, ours[0].body_sealed) == ("a", NOW, b"\x00\xff'\\")


def test_changes_go_along_with_the_next_question(connection: Connection, pipeline: Pipeline) -> None:
    """The server hears nothing before it, and then everything in the order in which it was said."""
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("a"))
    pipeline.change(sql.CHANGE_CALLBACK, {"of_shard": 7, "of_id": "a", "of_endpoint": "ep", "tries": 5})
    assert not is_begun(connection)
    found, none = pipeline.ask((ALL, ITS), (ALL, ITS | {"of_shard": 8}))
    assert [(row.id, row.tries) for row in found.all()] == [("a", 5)]
    assert none.first() is None
    assert is_whole(connection)


def test_what_goes_another_way_comes_after_what_was_said(connection: Connection, pipeline: Pipeline) -> None:
    """A statement without a plan goes through SQLAlchemy: in the same transaction, and in its turn."""
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("a"))
    assert pipeline.execute(select(schema.callbacks.c.id)).all() == [("a",)]
    with pytest.raises(StaleWrite, match="gone"):
        pipeline.change(schema.callbacks.delete().where(schema.callbacks.c.id == "b"), stale="gone")


def test_a_change_that_met_no_row_is_told_in_its_own_words(pipeline: Pipeline) -> None:
    """By the next question, which may be about anything."""
    pipeline.change(sql.CHANGE_CALLBACK, NONE | {"tries": 5}, "its row moved")
    with pytest.raises(StaleWrite, match="its row moved"):
        pipeline.execute(ALL, ITS)
    assert isinstance(pipeline.failed, StaleWrite)
    pipeline.forget()
    assert pipeline.failed is None
    assert pipeline.execute(ALL, ITS).all() == []


def test_what_went_wrong_first_is_told(pipeline: Pipeline) -> None:
    """A stale row before a key that is taken: that the key is taken may only follow from it."""
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("a"))
    pipeline.change(sql.CHANGE_CALLBACK, NONE | {"tries": 5}, "its row moved")
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("a"))
    with pytest.raises(StaleWrite, match="its row moved"):
        pipeline.flush()


def test_an_error_is_the_drivers_and_the_session_lives(connection: Connection, pipeline: Pipeline) -> None:
    """As SQLAlchemy would raise it; one can go back to what was before it, and nothing counts as prepared in vain."""
    pipeline.exec_driver_sql("SAVEPOINT here")
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("a"))
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("a"))
    with pytest.raises(IntegrityError) as raised:
        pipeline.execute(sql.NEXT_CALLBACK_DUE, {"one": 1})  # for the first time: it is not even prepared
    assert not raised.value.connection_invalidated
    assert not is_whole(connection)
    pipeline.exec_driver_sql("ROLLBACK TO SAVEPOINT here")
    assert pipeline.execute(ALL, ITS).all() == []
    assert pipeline.execute(sql.NEXT_CALLBACK_DUE, {"one": 1}).first() is None


def test_a_text_with_a_nul_is_refused_before_it_is_sent(connection: Connection, pipeline: Pipeline) -> None:
    """For libpq the text would end there: what is stored would not be what was said."""
    with pytest.raises(DataError, match="NUL"):
        pipeline.change(sql.INSERT[schema.callbacks], a_callback("a\0b"))
    assert pipeline.execute(ALL, ITS).all() == []


def test_more_than_a_socket_holds(pipeline: Pipeline) -> None:
    """Both sides fill their buffers, and neither waits for the other for ever."""
    for number in range(400):
        pipeline.change(sql.INSERT[schema.callbacks], a_callback(f"e{number}", body_sealed=bytes(20_000)))
        if number % 50 == 49:
            found = pipeline.ask(*[(ALL, ITS)] * 2)
            assert [len(each.all()) for each in found] == [number + 1] * 2
    assert pipeline.execute(ALL, ITS).all()[0].body_sealed == bytes(20_000)


def test_a_session_that_ends_is_told(url: URL, connection: Connection, pipeline: Pipeline) -> None:
    """Also by whoever was about to send: its connection is not used again."""
    pipeline.flush()
    with postgres.connect(url) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("a"))
    with pytest.raises(DBAPIError) as raised:
        pipeline.flush()
    assert raised.value.connection_invalidated


def test_what_a_unit_has_not_sent_can_be_taken_back(pipeline: Pipeline) -> None:
    """And nothing else: what was said before it stays, what the server has heard cannot be unsaid."""
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("before"))
    pipeline.begin_unit()
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("mine"))
    assert pipeline.take_back()
    pipeline.begin_unit()
    assert [row.id for row in pipeline.execute(ALL, ITS).all()] == ["before"]
    assert pipeline.take_back()  # a question is nothing that would stay
    pipeline.change(sql.INSERT[schema.callbacks], a_callback("mine"))
    pipeline.execute(ALL, ITS)
    assert not pipeline.take_back()
    pipeline.begin_unit()
    nonce = {"scope": "s", "key_id": "k", "nonce": "n", "until": NOW, "now": NOW}
    assert pipeline.execute(pg.USE_NONCE, nonce).rowcount == 1
    assert not pipeline.take_back()


def test_what_changed_nothing_need_not_be_taken_back(pipeline: Pipeline) -> None:
    """A replayed nonce costs its neighbours nothing."""
    nonce = {"scope": "s", "key_id": "k", "nonce": "n", "until": NOW, "now": NOW}
    assert pipeline.execute(pg.USE_NONCE, nonce).rowcount == 1
    pipeline.begin_unit()
    assert pipeline.execute(pg.USE_NONCE, nonce).rowcount == 0
    assert pipeline.take_back()


def test_text_is_utf_8_whatever_the_address_says(url: URL) -> None:
    """Who writes by the pipeline and who reads by psycopg mean the same text."""
    engine = writer_engine(url.update_query_dict({"client_encoding": "latin1"}))
    with engine.connect() as connection, connection.begin() as transaction:
        pipeline = Pipeline(connection)
        pipeline.exec_driver_sql("BEGIN")
        pipeline.change(sql.INSERT[schema.callbacks], a_callback("a", type="Zoë"))
        pipeline.flush()
        assert connection.execute(ALL, ITS).all()[0].type == "Zoë"
        transaction.rollback()
    engine.dispose()


# Units that share a group ---------------------------------------------------------------------------------------------


class Oops(Exception):
    """A unit's own."""


async def together(store: PostgresStore, *units: Any) -> list[Any]:
    """In one group, as far as they queue behind one that takes its time."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(_tx: Tx) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    first = asyncio.create_task(store.run(slow))
    await begun.wait()
    tasks = [asyncio.create_task(store.run(unit)) for unit in units]
    await asyncio.sleep(0)  # each has queued
    go_on.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


def word(name: str, value: str, ran: list[str], error: Exception | None = None) -> Any:
    def unit(tx: Tx) -> None:
        ran.append(name)
        tx.use_nonce("test", name, value, NOW, NOW)
        if error is not None:
            raise error

    return unit


async def test_a_unit_that_fails_takes_nobody_along(store: PostgresStore) -> None:
    """What it had changed is undone, its neighbours' changes stay; they are run once more, each in its savepoint."""
    ran: list[str] = []
    ends = await together(store, word("a", "1", ran), word("b", "1", ran, Oops()), word("c", "1", ran))
    assert [type(end) for end in ends] == [type(None), Oops, type(None)]
    assert sorted(ran) == ["a", "a", "b", "b", "c"]
    again: list[bool] = [await store.run(lambda tx, n=n: tx.use_nonce("test", n, "1", NOW, NOW)) for n in "abc"]
    assert again == [False, True, False]


async def test_a_unit_that_fails_before_it_sent_anything_costs_nobody_anything(store: PostgresStore) -> None:
    """A refusal is no reason to run its neighbours twice."""
    ran: list[str] = []

    def refuses(tx: Tx) -> None:
        ran.append("refuses")
        if tx.reference("demo", "x") is None:
            raise Oops

    ends = await together(store, word("d", "1", ran), refuses, word("e", "1", ran))
    assert [type(end) for end in ends] == [type(None), Oops, type(None)]
    assert ran == ["d", "refuses", "e"]


async def test_a_unit_is_not_blamed_for_its_neighbours_key(store: PostgresStore) -> None:
    """A change that fails while another unit asks is its own unit's failure, whatever the other one made of it."""

    def bad(tx: Tx) -> None:
        tx._connection.change(sql.INSERT[schema.callbacks], a_callback("twice"))  # type: ignore[attr-defined]
        tx._connection.change(sql.INSERT[schema.callbacks], a_callback("twice"))  # type: ignore[attr-defined]

    def swallows(tx: Tx) -> str:
        try:
            tx.reference("demo", "x")
        except DBAPIError:
            return "swallowed"
        return "fine"

    ends = await together(store, bad, swallows)
    assert [type(ends[0]), ends[1]] == [IntegrityError, "fine"]


async def backend(store: PostgresStore) -> int:
    """The writer's session."""
    return await store.run(lambda tx: int(tx._connection._driver.info.backend_pid))  # type: ignore[attr-defined]


async def test_a_session_outlives_units_that_fail(store: PostgresStore) -> None:
    """Whatever else is said in it, often enough to be prepared: what the pipeline prepared stays when one is undone."""
    before = await backend(store)

    def words(tx: Tx) -> None:
        tx.set_meta("test/word", "said")

    for _ in range(8):
        await store.run(words)
    with pytest.raises(Oops):
        await store.run(word("f", "1", [], Oops()))
    assert await store.run(lambda tx: tx.reference("demo", "x")) is None
    assert await backend(store) == before


async def test_a_lock_is_waited_for_more_than_once(url: URL, store: PostgresStore) -> None:
    """A try that met it and was undone takes nothing from the next one."""
    for _ in range(8):
        await store.run(lambda tx: tx.set_meta("test/word", "said"))
    again, loop, ran = asyncio.Event(), asyncio.get_running_loop(), list[str]()

    def waits(tx: Tx) -> None:
        word("held", "1", ran)(tx) if len(ran) < 2 else loop.call_soon_threadsafe(again.set)
        tx.use_nonce("test", "held", "1", NOW, NOW)

    with postgres.connect(url) as other:
        other.autocommit = False
        other.execute("INSERT INTO nonces (scope, key_id, nonce, until) VALUES ('test', 'held', '1', 0)")
        waiting = asyncio.create_task(store.run(waits))
        await again.wait()  # its third try
        other.rollback()
    await waiting
    assert await store.run(lambda tx: tx.use_nonce("test", "held", "1", NOW, NOW)) is False


async def test_a_group_whose_first_words_cannot_be_said(store: PostgresStore) -> None:
    """Nothing was sent, so there is nothing to go back to; the others are run, in the same session."""
    before = await backend(store)
    ran: list[str] = []
    ends = await together(store, word("nul", "\0", ran), word("g", "1", ran))
    assert [type(end) for end in ends] == [DataError, type(None)]
    assert await backend(store) == before


async def test_a_unit_alone_that_keeps_an_error_to_itself(store: PostgresStore) -> None:
    """Stale is never success, also where nobody else could have been meant."""

    def swallows(tx: Tx) -> None:
        tx._connection.change(sql.CHANGE_CALLBACK, NONE | {"tries": 5}, "its row moved")  # type: ignore[attr-defined]
        with contextlib.suppress(StaleWrite):
            tx.reference("demo", "x")
        tx.use_nonce("test", "kept", "1", NOW, NOW)

    with pytest.raises(StaleWrite, match="its row moved"):
        await store.run(swallows)
    assert await store.run(lambda tx: tx.use_nonce("test", "kept", "1", NOW, NOW))
