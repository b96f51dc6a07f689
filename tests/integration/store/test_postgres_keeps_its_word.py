"""What PostgreSQL must do, and what the store does when it does not: lost sessions, unknown commits, weak settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, create_engine, event, inspect
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

from gateway.domain.errors import CommitUnknown, StoreUnavailable
from gateway.domain.event import Event, EventType
from gateway.store import schema
from gateway.store.lease_time import by_caller
from gateway.store.migrate import current, head, known_revisions, upgrade
from gateway.store.port import Tx
from gateway.store.postgres import PostgresStore, upgrade_database
from gateway.store.postgres_engine import parse_url, writer_engine
from gateway.store.postgres_writer import CHECK_EVERY_S, RECONNECT_AFTER_S, PostgresCommitter
from gateway.store.records import Reference
from tests.support import postgres
from tests.support.builders import NOW, a_payout

MARK = b"\x01mark"


@pytest.fixture
def url() -> Iterator[URL]:
    with postgres.fresh_database() as fresh:
        yield fresh


def put(reference: str) -> Callable[[Tx], None]:
    payout = a_payout(reference)

    def unit(tx: Tx) -> None:
        tx.insert(payout, Reference(payout.id, MARK), None)
        tx.append_event(payout, Event(1, NOW, EventType.ACCEPTED, "app:acme"))

    return unit


def end_sessions(url: URL) -> None:
    """As if the server had been restarted: every session but ours is ended."""
    with postgres.connect(url) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def committer_of(store: PostgresStore) -> PostgresCommitter:
    committer = store._writer._committer
    assert isinstance(committer, PostgresCommitter)
    return committer


# Commits and sessions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_failed_commit_is_unknown_and_settled_by_repeating(store: PostgresStore, how: str) -> None:
    """R18: every unit of the group hears `CommitUnknown`; a repeat on a fresh session lets the key decide."""
    faults: list[str] = []

    def fail(connection: Connection) -> None:
        if faults:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            if faults.pop() == "after":
                driver.commit()
            raise OperationalError("COMMIT", {}, psycopg.OperationalError("the connection is lost"))

    event.listen(committer_of(store)._engine, "commit", fail)
    await store.run(lambda tx: None)
    faults.append(how)
    group = await asyncio.gather(store.run(put("one")), store.run(put("two")), return_exceptions=True)
    assert any(isinstance(result, CommitUnknown) for result in group)

    def again(tx: Tx) -> bool:
        known = tx.reference("acme", "one") is not None
        if not known:
            put("one")(tx)
        return known

    happened = await store.run(again)
    assert happened is (how == "after" or group[0] is None)
    assert await store.run(lambda tx: tx.reference("acme", "one")) is not None


async def test_work_goes_on_after_every_session_was_lost(url: URL, store: PostgresStore) -> None:
    """A server that comes back is used again: nothing acknowledged is missing, nobody hangs."""
    await store.run(put("before"))
    assert await store.read(lambda tx: tx.counts()) == {"accepted": 1}
    end_sessions(url)
    await store.run(put("after"))
    assert await store.read(lambda tx: tx.counts()) == {"accepted": 2}
    assert await store.read(lambda tx: tx.high_water()) == 2


async def test_a_server_that_is_away_refuses_at_once(url: URL) -> None:
    """Units of a group are refused without a connect for each; when it is back, so are we."""
    now_s = [1000.0]
    store = PostgresStore.open_url(url, postgres.a_sealer(), "sandbox", by_caller, lambda: now_s[0])
    await store.run(put("before"))
    connects: list[bool] = []

    def away(*_: object) -> None:
        connects.append(True)
        raise psycopg.OperationalError("connection refused")

    engine = committer_of(store)._engine
    event.listen(engine, "do_connect", away)
    end_sessions(url)
    results = await asyncio.gather(*(store.run(put(f"away-{n}")) for n in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {StoreUnavailable}
    assert len(connects) == 1
    event.remove(engine, "do_connect", away)
    now_s[0] += RECONNECT_AFTER_S
    await store.run(put("back"))
    assert await store.read(lambda tx: tx.counts()) == {"accepted": 2}
    await store.close()


async def test_a_unit_that_goes_on_after_an_error_is_refused(store: PostgresStore) -> None:
    """A unit that keeps to itself what it heard: nobody is told that it was stored, and nothing of it is."""
    await store.run(put("one"))

    def swallow(tx: Tx) -> None:
        tx.insert(a_payout("two"), Reference(a_payout("two").id, MARK), None)
        tx.append_event(a_payout("one"), Event(1, NOW, EventType.ACCEPTED, "app:acme"))
        with pytest.raises(IntegrityError):
            tx.payout(a_payout("one").id)  # changes go along with the next question, and so does their fault

    with pytest.raises(IntegrityError):
        await store.run(swallow)
    results = await asyncio.gather(store.run(swallow), store.run(put("three")), return_exceptions=True)
    assert [type(result) for result in results] == [IntegrityError, type(None)]
    assert await store.read(lambda tx: tx.counts()) == {"accepted": 2}


async def test_a_server_that_lost_what_it_acknowledged_is_refused(url: URL, store: PostgresStore) -> None:
    """Replaced under a running node by an older copy, or by a standby that lagged: nothing more is sent (R15)."""
    await store.run(put("one"))
    await store.run(put("two"))
    await store.run(lambda tx: None)
    end_sessions(url)
    await store.run(lambda tx: None)  # the same server is fine
    end_sessions(url)
    with postgres.connect(url) as session:
        session.execute("UPDATE meta SET value = '1' WHERE name LIKE 'events/%'")
    with pytest.raises(StoreUnavailable, match="lost events"):
        await store.run(lambda tx: None)


async def test_readers_cannot_write(store: PostgresStore) -> None:
    """A read runs in a transaction that the server itself keeps from writing."""
    with pytest.raises(StoreUnavailable, match="read-only"):
        await store.read(lambda tx: tx._connection.exec_driver_sql("DELETE FROM meta"))  # type: ignore[attr-defined]  # to try it


async def test_nothing_personal_is_readable_in_the_database(url: URL, store: PostgresStore) -> None:
    """Names and accounts are sealed (S13)."""
    payout = a_payout("sealed")
    await store.run(lambda tx: tx.insert(payout, Reference(payout.id, MARK), None))
    with postgres.connect(url) as session:
        row = session.execute("SELECT payouts::text FROM payouts").fetchone()
    assert row is not None
    assert payout.reference in row[0]
    assert payout.beneficiary.account not in row[0]
    assert payout.beneficiary.account.encode().hex() not in row[0]


async def test_a_closed_store_refuses(url: URL) -> None:
    """After close nothing hangs: units and reads are refused."""
    store = postgres.open_store(url)
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.run(lambda tx: None)
    with pytest.raises(StoreUnavailable):
        await store.read(lambda tx: tx.counts())


# Settings ------------------------------------------------------------------------------------------------------------

SHADOW = """
CREATE SCHEMA IF NOT EXISTS shadow;
CREATE OR REPLACE FUNCTION shadow.current_setting(name text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE WHEN name = '{name}' THEN '{value}' ELSE pg_catalog.current_setting(name) END $$
"""


def pretend(url: URL, name: str, value: str) -> None:
    """Let the server say of itself that `name` is `value`. What it really does is everybody's on this server."""
    with postgres.connect(url) as session:
        session.execute(SHADOW.format(name=name, value=value))
        session.execute(f'ALTER DATABASE "{url.database}" SET search_path = shadow, pg_catalog, public')


WEAK = {
    "fsync": ("off", "fsync=off"),
    "full_page_writes": ("off", "full_page_writes=off"),
    "synchronous_commit": ("off", "synchronous_commit=off"),
    "server_encoding": ("LATIN1", "LATIN1"),
    "server_version_num": ("130009", "PostgreSQL 13"),
}


@pytest.mark.parametrize("name", WEAK)
def test_a_server_that_is_not_durable_is_refused_at_start(url: URL, name: str) -> None:
    """An acknowledgement that a power cut takes back would be a lie (I36)."""
    value, said = WEAK[name]
    pretend(url, name, value)
    with pytest.raises(StoreUnavailable, match=said):
        postgres.open_store(url)


async def test_a_server_that_stops_being_durable_is_refused_within_the_hour(url: URL) -> None:
    """The settings are read again every hour; and when they are good again, so is the store."""
    pretend(url, "fsync", "on")
    now_s = [1000.0]
    store = PostgresStore.open_url(url, postgres.a_sealer(), "sandbox", by_caller, lambda: now_s[0])
    await store.run(put("one"))
    pretend(url, "fsync", "off")
    await store.run(put("two"))
    now_s[0] += CHECK_EVERY_S
    for reference in ("three", "four"):
        with pytest.raises(StoreUnavailable, match="fsync=off"):
            await store.run(put(reference))
        now_s[0] += RECONNECT_AFTER_S
    pretend(url, "fsync", "on")
    await store.run(put("five"))
    assert await store.read(lambda tx: tx.counts()) == {"accepted": 3}
    await store.close()


async def test_a_session_asks_for_durable_commits_whatever_the_database_is_set_to(url: URL) -> None:
    """What a database or role sets by default does not reach us; and no wait is endless."""
    with postgres.connect(url) as session:
        for name, value in (("synchronous_commit", "off"), ("lock_timeout", "0"), ("statement_timeout", "0")):
            session.execute(f'ALTER DATABASE "{url.database}" SET {name} = {value}')
    engine = writer_engine(url)
    with engine.connect() as connection:
        asked = ("synchronous_commit", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        said = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in asked]
    engine.dispose()
    assert said == ["on", "2s", "30s", "10s"]


@pytest.mark.parametrize("text", ["", "sqlite:x", "mysql://h/d", "postgresql://h", "postgresql://u:secret@h:port/d"])
def test_an_address_that_is_none_is_not_repeated(text: str) -> None:
    """Whatever was written there, it may hold a password."""
    with pytest.raises(ValueError, match="of the form") as refused:
        parse_url(text)
    assert "secret" not in str(refused.value)


# Schema --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", known_revisions())
def test_every_earlier_schema_is_brought_to_the_newest(revision: str) -> None:
    """From whatever revision a database is at; what comes out differs in nothing from the schema in code."""
    with postgres.fresh_database(empty=True) as url:
        engine = create_engine(url, poolclass=NullPool)
        upgrade(engine, revision)
        assert upgrade_database(url, "sandbox") == (revision, head())
        assert upgrade_database(url, "sandbox") == (head(), head())
        with pytest.raises(StoreUnavailable, match="sandbox"):
            upgrade_database(url, "live")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, schema.metadata) == []
            assert current(connection) == head()


def test_partial_indexes_keep_their_condition(url: URL) -> None:
    """The one that bars a second attempt above all (R2); and every other one that is partial on SQLite."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        for table in schema.metadata.sorted_tables:
            found = {index["name"]: index for index in inspect(connection).get_indexes(table.name)}
            for index in table.indexes:
                partial = index.dialect_options["sqlite"]["where"] is not None
                assert ("postgresql_where" in found[index.name]["dialect_options"]) is partial, index.name
    engine.dispose()


async def test_nodes_that_start_together_migrate_once() -> None:
    """One node at a time looks after the schema; the others wait, and find it done."""
    with postgres.fresh_database(empty=True) as url:
        done = await asyncio.gather(*(asyncio.to_thread(upgrade_database, url, "sandbox") for _ in range(3)))
        assert sorted(before or "" for before, _ in done) == ["", str(head()), str(head())]
