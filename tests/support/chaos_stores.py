"""The two databases as chaos sees them: where they are, what a dead gateway left in them, who else writes to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import URL

from tests.support import postgres
from tests.support.chaos_books import ENDED, Autopsy, autopsy, somebody_else_took, somebody_else_writes_at_once
from tests.support.chaos_server import ChaosServer, own_server

SQLITE, POSTGRES = "sqlite", "postgres"
STORES = (SQLITE, POSTGRES)


class ChaosStore(Protocol):
    """The database of one stage."""

    def move_in(self, folder: Path) -> Mapping[str, object]:
        """What a gateway in `folder` has in its config.toml for it."""
        ...

    def autopsy(self) -> Autopsy:
        """Look at what is stored, and whether it is whole."""
        ...

    def somebody_else_took(self, reference: str) -> bool:
        """Move a payout's `fence` on by one, as a node that takes it over would. False: it is not stored yet."""
        ...

    def somebody_else_writes_at_once(self, reference: str) -> AbstractContextManager[None]:
        """Meanwhile the payout of that reference has its `version` moved on by one as soon as it is stored."""
        ...

    def let_leases_run_out(self) -> None:
        """What dead gateways held is anybody's: waiting would do the same."""
        ...


@dataclass(frozen=True, slots=True)
class FileStore:
    """A SQLite file, of one gateway."""

    path: Path

    def move_in(self, folder: Path) -> Mapping[str, object]:
        assert self.path.is_relative_to(folder), "a file has one gateway"
        return {}

    def autopsy(self) -> Autopsy:
        return autopsy(self.path)

    def somebody_else_took(self, reference: str) -> bool:
        return somebody_else_took(self.path, reference)

    def somebody_else_writes_at_once(self, reference: str) -> AbstractContextManager[None]:
        return somebody_else_writes_at_once(self.path, reference)

    def let_leases_run_out(self) -> None:
        """A start on a file finds them free: there is nobody else."""


@dataclass(frozen=True, slots=True)
class ServerStore:
    """A database on a PostgreSQL, of any number of gateways."""

    url: URL = field(repr=False)
    server: ChaosServer | None = None
    """Where it is ours to kill."""

    def move_in(self, folder: Path) -> Mapping[str, object]:
        named = folder / "database.address"
        named.write_text(self.url.set(drivername="postgresql").render_as_string(hide_password=False))
        named.chmod(0o600)
        return {"gateway.database": f"file:{named.name}", **PATIENT_ENOUGH}

    def autopsy(self) -> Autopsy:
        with self._session() as session:
            integrity = _whole(session)
            if not _is_made(session):
                return Autopsy(integrity)
            open_payouts = "FROM payouts WHERE status <> ALL (%s)"
            of_payouts = f"SELECT status, count(*) {open_payouts} GROUP BY status"
            of_attempts = (
                f"SELECT state, count(*) FROM attempts WHERE payout_id IN (SELECT id {open_payouts}) GROUP BY state"
            )
            counts = [dict(session.execute(query, [list(ENDED)]).fetchall()) for query in (of_payouts, of_attempts)]
        return Autopsy(integrity, *counts)

    def somebody_else_took(self, reference: str) -> bool:
        statement = "UPDATE payouts SET fence = fence + 1 WHERE reference = %s"
        with self._session() as session:
            return session.execute(statement, [reference]).rowcount == 1

    @contextmanager
    def somebody_else_writes_at_once(self, reference: str) -> Iterator[None]:
        named = sql.Literal(reference)
        with self._session() as session:
            session.execute(MOVES_ON)
            session.execute(sql.SQL(WATCHES).format(named))
        try:
            yield
        finally:
            with self._session() as session:
                session.execute("DROP FUNCTION somebody_else() CASCADE")

    def let_leases_run_out(self) -> None:
        with self._session() as session:
            if _is_made(session):
                session.execute("UPDATE payouts SET lease_until = 0 WHERE lease_until IS NOT NULL")

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection[Any]]:
        with postgres.connect(self.url) as session:
            yield session


MOVES_ON = """CREATE FUNCTION somebody_else() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE payouts SET version = version + 1 WHERE reference = NEW.reference; RETURN NULL; END $$"""
WATCHES = """CREATE TRIGGER somebody_else AFTER INSERT ON payouts
FOR EACH ROW WHEN (NEW.reference = {}) EXECUTE FUNCTION somebody_else()"""

PATIENT_ENOUGH: Mapping[str, object] = {
    "worker.lease": "7s",
    **{
        f"channels.{each}.timeouts": {"connect": "1s", "read": "3s", "total": "3s"}
        for each in ("wechat", "bank", "mock")
    },
}
"""What a node held that is gone is waited for, so it is no minute."""


def _is_made(session: psycopg.Connection[Any]) -> bool:
    """Without tables it is of a gateway that died at birth."""
    return session.execute("SELECT to_regclass('attempts')").fetchone() != (None,)


def _whole(session: psycopg.Connection[Any]) -> str:
    """`ok`, when every row can be read (pages have checksums), and every key finds as many as there are."""
    faults: list[str] = []
    tables = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    with session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for (table,) in tables:
            all_of_it = sql.SQL("SELECT count(t::text) FROM {} t").format(sql.Identifier(table))
            by_key = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            session.execute("SET LOCAL enable_seqscan = on")
            rows = session.execute(all_of_it).fetchone()
            session.execute("SET LOCAL enable_seqscan = off")
            keys = session.execute(by_key).fetchone()
            if rows != keys:
                faults.append(f"{table} has {rows} rows, and {keys} keys")
    return "; ".join(faults) or "ok"


@contextmanager
def chaos_store(kind: str, folder: Path, *, killable: bool = False) -> Iterator[ChaosStore]:
    """The database for a stage in `folder`. A `killable` server is started for it alone."""
    if kind == SQLITE:
        yield FileStore(folder / "state/paymux.db")
    elif killable:
        with own_server() as server:
            yield ServerStore(server.new_database(), server)
    else:
        with postgres.fresh_database(empty=True) as url:
            yield ServerStore(url)
