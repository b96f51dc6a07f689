"""SQLite connections that keep their promises: WAL, synchronous=FULL read back, one writer, readers `mode=ro`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import StaticPool
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from gateway.domain.errors import StoreUnavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

WAL_RESET_FIXED = (3, 51, 3)
"""Older ones can corrupt a WAL when two connections write or checkpoint. Ours has one writer, and says so."""

_FULL = 2
_VERSIONS = slice(18, 20)
_WITHOUT_LOG = b"\x01\x01"
"""Of the file's header: the read and write format versions, 1 for a rollback journal, 2 for a WAL."""

CONNECT_TRIES = 3
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def writer_engine(path: Path | None) -> Engine:
    """The engine of the one connection that writes and checkpoints; `None` is a database in memory."""
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: connected(lambda: _connect_writer(path)),
        poolclass=StaticPool,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # Deferred transactions fail at once when a read turns into a write; IMMEDIATE waits its turn.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(path: Path) -> Engine:
    """Read-only snapshots beside the writer; such a connection can neither write nor checkpoint."""
    engine = create_engine(
        "sqlite+pysqlite://", creator=lambda: connected(lambda: _connect_reader(path)), poolclass=StaticPool
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def connected(connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
    """Connect, up to three times while the file is busy: a backup, or a gateway that is just closing, lets go of it.

    Raises:
        sqlite3.Error: the last one; anything but "busy" and "locked" at once.
    """
    retrying = Retrying(
        stop=stop_after_attempt(CONNECT_TRIES),
        wait=wait_fixed(0.1),
        retry=retry_if_exception(_is_passing),
        reraise=True,
    )
    return retrying(connect)


def _is_passing(error: BaseException) -> bool:
    # The low byte is the primary code; BUSY_RECOVERY and its like carry more in the others.
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.OperationalError) else None
    return code is not None and code & 0xFF in _PASSING


def _connect_writer(path: Path | None) -> sqlite3.Connection:
    target = ":memory:" if path is None else str(path)
    connection = sqlite3.connect(target, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what was erased is not left lying in free space
        check_durability(connection, in_memory=path is None)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_reader(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)


def refuse_foreign_log(path: Path) -> None:
    """Refuse a log that belongs to the database which a restored copy replaced: SQLite would mix the two.

    A copy made by `db backup` says in its header that it has no log; a database at work says that it has one.

    Raises:
        StoreUnavailable: there is a log beside a database without one.
    """
    log_file = path.with_name(f"{path.name}-wal")
    if not path.is_file() or not log_file.is_file() or log_file.stat().st_size == 0:
        return
    with path.open("rb") as file:
        head = file.read(_VERSIONS.stop)
    if head[_VERSIONS] == _WITHOUT_LOG:
        raise StoreUnavailable(
            f"{log_file.name} belongs to another database than {path.name}: "
            "after a restore remove it, and the -shm beside it"
        )


def check_durability(connection: sqlite3.Connection, *, in_memory: bool) -> None:
    """Read back what was asked for: without it an acknowledgement would be a lie (I36)."""
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    if synchronous != _FULL or journal != ("memory" if in_memory else "wal"):
        raise StoreUnavailable(f"SQLite runs with journal_mode={journal}, synchronous={synchronous}")


def log_version() -> None:
    """Say which SQLite this is; older ones are safe here (one writer, a lock file), but it should be known."""
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < WAL_RESET_FIXED:
        fixed = ".".join(map(str, WAL_RESET_FIXED))
        log.warning("store.sqlite_version", sqlite=version, fixed_from=fixed, safe_by="one writer, lock file")
    else:
        log.info("store.sqlite_version", sqlite=version)
