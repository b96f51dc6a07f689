"""A look into a database from outside, while its gateway runs or not: nothing is locked, nothing is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from gateway.domain.errors import StoreUnavailable
from gateway.sealing import Sealer
from gateway.store.data_keys import know_keys
from gateway.store.reads import SqlReadTx
from gateway.store.rows import Rows

Place = Path | URL
"""A SQLite file, or the address of a PostgreSQL."""


def is_made(place: Place) -> bool:
    """Whether there may be something to look at: a file that is not there yet holds nothing."""
    return place.exists() if isinstance(place, Path) else True


def named(place: Place) -> str:
    """For people: an address without its password."""
    return str(place) if isinstance(place, Path) else place.render_as_string()


@contextmanager
def opened(place: Place) -> Iterator[Connection]:
    """A connection that can only read, to a database at work or a copy of one; on one snapshot.

    Raises:
        DBAPIError, sqlite3.Error: it is none.
    """
    engine = _read_only(place) if isinstance(place, Path) else _on_postgres(place)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def looked_into(place: Place) -> Iterator[Connection]:
    """`opened`, for whoever tells people what went wrong. Raises `StoreUnavailable`."""
    try:
        with opened(place) as connection:
            yield connection
    except (DBAPIError, sqlite3.Error) as error:
        raise StoreUnavailable(f"{named(place)} cannot be read: {getattr(error, 'orig', None) or error}") from error


def reads_of(connection: Connection, sealer: Sealer) -> SqlReadTx:
    """The port's questions, on a connection that was opened so."""
    know_keys(connection, sealer)
    if connection.dialect.name == "sqlite":
        return SqlReadTx(connection, Rows(sealer))
    from gateway.store.postgres_tx import PostgresReadTx

    return PostgresReadTx(connection, Rows(sealer))


def _read_only(path: Path) -> Engine:
    # A lone copy is nobody's to write, so it is opened as it lies; one with a log beside it is read with its log.
    lone = not path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.absolute().as_uri()}?{'immutable=1' if lone else 'mode=ro'}"
    return create_engine(
        "sqlite+pysqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False),
        poolclass=StaticPool,
    )


def _on_postgres(url: URL) -> Engine:
    from gateway.store.postgres_engine import reader_engine

    return reader_engine(url)
