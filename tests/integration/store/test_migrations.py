"""The migrations and the schema say the same, and every row of a payout carries its shard."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, PrimaryKeyConstraint, UniqueConstraint, create_engine, inspect
from sqlalchemy.pool import NullPool

from gateway.domain.errors import StoreUnavailable
from gateway.domain.identity import request_id
from gateway.store import migrate, schema
from gateway.store.engine import writer_engine
from gateway.store.migrate import current, head, upgrade
from gateway.store.migrations.versions.v0023_keys_in_time import IN_TIME as KEYS_IN_TIME
from gateway.store.postgres import upgrade_database
from gateway.store.postgres_statements import JOIN
from tests.support import postgres
from tests.support.builders import NOW

BEFORE_KEYS_IN_TIME = "0022"
NOT_OF_A_PAYOUT = {
    "usage",
    "meta",
    "nonces",
    "callback_endpoints",
    "principals",
    "principal_tokens",
    "overrides",
    "audit",
    "reloads",
    "data_keys",
    "beneficiaries",
    "idempotency_keys",
}


def test_replayed_migrations_make_the_schema() -> None:
    """A database built by the migrations differs in nothing from the schema in code."""
    engine = writer_engine(None)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert current(connection) == head()
    engine.dispose()


def test_an_index_that_holds_a_rule_is_really_there() -> None:
    """The partial unique index that bars a second attempt exists in the database, with its condition."""
    engine = writer_engine(None)
    upgrade(engine)
    with engine.connect() as connection:
        indexes = {index["name"]: index for index in inspect(connection).get_indexes("attempts")}
        rule = indexes["attempts_one_not_rejected"]
        assert rule["unique"]
        assert "rejected" in str(rule["dialect_options"]["sqlite_where"])
    engine.dispose()


def test_shard_is_in_every_key() -> None:
    """Every primary and unique key of a payout's tables contains `shard`, so the schema can be sharded unchanged."""
    for table in schema.metadata.sorted_tables:
        if table.name in NOT_OF_A_PAYOUT:
            continue
        keys = [c for c in table.constraints if isinstance(c, PrimaryKeyConstraint | UniqueConstraint)]
        keyed = [{column.name for column in key.columns} for key in keys]
        keyed += [{column.name for column in index.columns} for index in table.indexes if index.unique]
        assert keyed, table.name
        assert all("shard" in columns for columns in keyed), table.name


def primary_keys(engine: Engine) -> Mapping[str, list[str]]:
    there = inspect(engine)
    return {table: there.get_pk_constraint(table)["constrained_columns"] for table in schema.metadata.tables}


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Of an empty database."""
    if request.param == "sqlite":
        made = writer_engine(tmp_path / "paymux.db")
        yield made
        made.dispose()
        return
    with postgres.fresh_database(empty=True) as url:
        made = create_engine(url, poolclass=NullPool)
        yield made
        made.dispose()


def test_keys_have_the_order_of_the_schema(engine: Engine) -> None:
    """Alembic does not compare it. Those of a payout begin with what the time orders, not with a shard."""
    upgrade(engine)
    found = primary_keys(engine)
    assert found == {name: [c.name for c in table.primary_key] for name, table in schema.metadata.tables.items()}
    assert not [name for name in KEYS_IN_TIME if found[name][0] == "shard"]


def downgrade(engine: Engine, revision: str) -> None:
    """As somebody does with alembic's own command."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        if connection.dialect.name == "sqlite" and driver is not None:
            driver.execute("PRAGMA foreign_keys=OFF")
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_keys_can_be_put_back(engine: Engine) -> None:
    """An earlier version finds its own keys again."""
    upgrade(engine, BEFORE_KEYS_IN_TIME)
    before = primary_keys(engine)
    assert all(before[name][0] == "shard" for name in KEYS_IN_TIME)
    upgrade(engine)
    downgrade(engine, BEFORE_KEYS_IN_TIME)
    assert primary_keys(engine) == before


def test_a_table_that_is_written_anew_keeps_its_rows(tmp_path: Path) -> None:
    """Row by row, under the same row numbers, with all its indexes; and foreign keys are enforced again."""
    path = tmp_path / "paymux.db"
    engine = writer_engine(path)
    upgrade(engine, BEFORE_KEYS_IN_TIME)
    with closing(sqlite3.connect(path, isolation_level=None)) as driver:
        for number in range(9):
            driver.execute(
                "INSERT INTO 'references' VALUES (?, 'a', ?, 'po', x'00', NULL)", (number % 5, f"r-{number}")
            )
        driver.execute("DELETE FROM 'references' WHERE reference IN ('r-0', 'r-4')")
        rows = driver.execute("SELECT rowid, * FROM 'references' ORDER BY rowid").fetchall()
        indexes = driver.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY 1").fetchall()
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()
    with closing(sqlite3.connect(path)) as driver:
        assert len(rows) == 7
        assert driver.execute("SELECT rowid, * FROM 'references' ORDER BY rowid").fetchall() == rows
        found = driver.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY 1").fetchall()
        assert set(found) == {*indexes, ("requests_of_payout", "requests")}
        assert driver.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_row_without_its_payout_stops_an_upgrade(tmp_path: Path) -> None:
    """Nothing is changed then: somebody has to look at the file first."""
    path = tmp_path / "paymux.db"
    engine = writer_engine(path)
    upgrade(engine, BEFORE_KEYS_IN_TIME)
    with closing(sqlite3.connect(path, isolation_level=None)) as driver:  # without foreign keys
        driver.execute("INSERT INTO events VALUES (1, 'po_lost', 1, 0, 'accepted', 'app', NULL, '{}')")
    with pytest.raises(RuntimeError, match="a row of events lost the row that it belongs to: nothing was changed"):
        upgrade(engine)
    with engine.connect() as connection:
        assert current(connection) == BEFORE_KEYS_IN_TIME
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()
    assert primary_keys(writer_engine(path))["events"] == ["shard", "payout_id", "sequence"]


def test_what_an_earlier_version_would_not_find_stays_here(engine: Engine) -> None:
    """Keys are not put back under ids that begin with the time; nothing is changed then."""
    upgrade(engine)
    with engine.begin() as connection:
        made = request_id(7, UUID(int=7))
        words = dict.fromkeys(("kind", "reason", "made_by", "state_hash"), "x")
        row = {"shard": 7, "id": made, "made_at": NOW, "expires_at": NOW, **words}
        connection.execute(schema.requests.insert(), row)
    with pytest.raises(RuntimeError, match="there are requests that an earlier version would not find"):
        downgrade(engine, BEFORE_KEYS_IN_TIME)
    with engine.connect() as connection:
        assert current(connection) == head()


def test_an_upgrade_that_comes_alone_is_refused_beside_a_node_at_work() -> None:
    """A node of an earlier version would claim payouts whose ids it cannot read, and never let go of them."""
    with postgres.fresh_database(empty=True) as url:
        engine = create_engine(url, poolclass=NullPool)
        upgrade(engine, BEFORE_KEYS_IN_TIME)
        with engine.connect() as node:
            node.execute(JOIN)
            with pytest.raises(StoreUnavailable, match=r"earlier version are at work .* stop them"):
                upgrade_database(url, "sandbox")
            with engine.connect() as connection:
                assert current(connection) == BEFORE_KEYS_IN_TIME
        assert upgrade_database(url, "sandbox") == (BEFORE_KEYS_IN_TIME, head())
        with engine.connect() as node:
            node.execute(JOIN)
            assert upgrade_database(url, "sandbox") == (head(), head())
        engine.dispose()


def test_upgrading_twice_changes_nothing() -> None:
    """Every start runs the migrations; a database at head is left as it is."""
    engine = writer_engine(None)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        assert current(connection) == head()
    engine.dispose()
