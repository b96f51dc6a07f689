"""PostgreSQL connections that keep their promises: durable by what the server says of itself, bounded in every wait.

The driver is psycopg 3, not asyncpg: units of work are plain functions on a thread that nothing cancels (`port`), and
psycopg has the same plain calls that SQLite's driver has. One design, one set of operations, two databases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from psycopg import Connection as Driver
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from gateway.domain.errors import StoreUnavailable

OLDEST_SERVER = 140000
NO_ADDRESS = "not an address of the form postgresql://user:password@host:port/database"
CONNECT_TIMEOUT_S = 5
READERS = 4
"""As many reads at once; each has a thread and a connection."""

NETWORK: Mapping[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "paymux",
    "client_encoding": "UTF8",
}
"""A server that is gone is noticed within seconds, not when the kernel gives up. Text is UTF-8, whatever the address or
the server says."""
PREPARES_NOTHING: Mapping[str, Any] = {"prepare_threshold": None}
"""psycopg by itself, in a session of `gateway.store.pipeline`: at the first rollback after it had, it would have the
server forget all that is prepared there, and so what the pipeline has prepared."""

WAITS: Mapping[str, str] = {
    "statement_timeout": "30s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "synchronous_commit": "on",
    "timezone": "UTC",
}
"""What every session begins with. The server's own defaults wait for ever."""
UNHURRIED: Mapping[str, str] = {**WAITS, "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""For migrations: a change to a large table takes its time, but may not hold up others while it waits for a lock."""

_SETTINGS = text(
    "SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,"
    " current_setting('synchronous_commit') AS synchronous_commit, current_setting('server_encoding') AS encoding,"
    " current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby"
)
_DURABLE: Mapping[str, frozenset[str]] = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "remote_apply"}),
}


def parse_url(url: str) -> URL:
    """A `postgresql://` address. Raises `ValueError`, without repeating the address: there is a password in it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(NO_ADDRESS) from None
    if parsed.drivername not in ("postgresql", "postgres") or not parsed.database:
        raise ValueError(NO_ADDRESS)
    return parsed.set(drivername="postgresql+psycopg")


def writer_engine(url: URL, settings: Mapping[str, str] = WAITS) -> Engine:
    """Each connect is a fresh session; whoever asks keeps it."""
    how = {**NETWORK, **PREPARES_NOTHING}
    engine = create_engine(url, poolclass=NullPool, connect_args=how, isolation_level="READ COMMITTED")
    _begin_with(engine, settings)
    return engine


def reader_engine(url: URL) -> Engine:
    """A few sessions that can only read, each transaction on a snapshot of its own."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        connect_args=dict(NETWORK),
        isolation_level="REPEATABLE READ",
    )
    _begin_with(engine, WAITS, read_only=True)
    return engine


def _begin_with(engine: Engine, settings: Mapping[str, str], *, read_only: bool = False) -> None:
    @event.listens_for(engine, "connect")
    def _set(driver: Driver[Any], _record: object) -> None:
        for name, value in settings.items():
            driver.execute("SELECT set_config(%s, %s, false)", (name, value))
        if read_only:
            driver.execute("SET default_transaction_read_only = on")
        driver.commit()


def check_durability(connection: Connection) -> None:
    """Read back what the server does: without it an acknowledgement would be a lie (I36).

    Raises:
        StoreUnavailable: it does not write through, it cannot be written to, or it is none that we know.
    """
    found = connection.execute(_SETTINGS).one()._mapping
    weak = [f"{name}={found[name]}" for name, allowed in _DURABLE.items() if found[name] not in allowed]
    if weak:
        raise StoreUnavailable(f"PostgreSQL runs with {', '.join(weak)}: what it acknowledges may be lost")
    if found["standby"]:
        raise StoreUnavailable("this PostgreSQL is a standby: it cannot be written to")
    if found["version"] < OLDEST_SERVER or found["encoding"] != "UTF8":
        raise StoreUnavailable(
            f"PostgreSQL {found['version'] // 10000} with {found['encoding']}: it takes 14 or later, with UTF8"
        )


def driver_of(connection: Connection) -> Driver[Any]:
    """The driver's own connection."""
    return cast("Driver[Any]", connection.connection.driver_connection)


def is_begun(connection: Connection) -> bool:
    """Whether a transaction is open."""
    return driver_of(connection).info.transaction_status is not TransactionStatus.IDLE


def is_whole(connection: Connection) -> bool:
    """Whether the transaction would commit. COMMIT of one that failed rolls back, and does not say so."""
    return driver_of(connection).info.transaction_status is TransactionStatus.INTRANS
