"""The migrations and the schema say the same, and every row of a payout carries its shard."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint, inspect

from gateway.store import schema
from gateway.store.engine import writer_engine
from gateway.store.migrate import current, head, upgrade

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


def test_upgrading_twice_changes_nothing() -> None:
    """Every start runs the migrations; a database at head is left as it is."""
    engine = writer_engine(None)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        assert current(connection) == head()
    engine.dispose()
