"""Bring a database to the present schema, and know whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, select

from gateway.domain.errors import StoreUnavailable
from gateway.store import schema

ALONE = frozenset({"0023"})
"""Revisions whose gateways write what earlier ones do not find: those must have stopped before."""
_SCRIPTS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run every migration up to `revision`, all in one transaction."""
    config = _config()
    with engine.connect() as connection, _tables_may_be_replaced(connection):
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def _tables_may_be_replaced(connection: Connection) -> Iterator[None]:
    """SQLite deletes a table's rows, and what refers to them, before it drops it; and it can be told otherwise only
    outside a transaction. A migration that replaces tables checks the foreign keys itself."""
    driver = connection.connection.driver_connection
    if connection.dialect.name != "sqlite" or driver is None:
        yield
        return
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys=ON")


def head() -> str | None:
    """The newest revision this version knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def known_revisions() -> tuple[str, ...]:
    """Every revision this version knows, the newest last: it can start on any of them."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())[::-1]


def comes_alone(before: str | None) -> bool:
    """Whether what is newer than the revision `before` must not be done beside a gateway at work."""
    known = known_revisions()
    return not ALONE.isdisjoint(known[known.index(before) + 1 :] if before in known else known)


def current(connection: Connection) -> str | None:
    """The revision a database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def stamp_mode(engine: Engine, mode: str) -> None:
    """Write `mode` into a new database; refuse one that was made in the other mode (R21)."""
    columns = schema.meta.c
    with engine.connect() as connection, connection.begin():
        found = connection.execute(select(columns.value).where(columns.name == "mode")).scalar()
        if found is None:
            connection.execute(insert(schema.meta), {"name": "mode", "value": mode})
        elif found != mode:
            raise StoreUnavailable(f"this database belongs to a {found} gateway; it is not opened in mode {mode}")
