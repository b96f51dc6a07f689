"""Bring a database to the present schema, and know whose it is."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, select

from gateway.domain.errors import StoreUnavailable
from gateway.store import schema

_SCRIPTS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run every migration up to `revision`, all in one transaction."""
    config = _config()
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def head() -> str | None:
    """The newest revision this version knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def known_revisions() -> tuple[str, ...]:
    """Every revision this version knows, the newest last: it can start on any of them."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())[::-1]


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
