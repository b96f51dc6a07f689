"""A copy of the database while it is at work, and a look at such a copy before anybody relies on it (R15).

The copy is SQLite's own online backup: one consistent moment, taken on a connection that can neither write nor
checkpoint, so the one writer stays the only one. It is a single file, and it says of itself that it is a copy
(`high_water.BACKUP`): a gateway that is started on it begins in quarantine.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, and_, exists, func, not_, or_, select, text
from sqlalchemy.exc import DBAPIError

from gateway.domain.audit import Line
from gateway.domain.errors import StoreUnavailable
from gateway.sealing import SealBroken, Sealer
from gateway.store import schema
from gateway.store.auditing import audit_page
from gateway.store.high_water import BACKUP, History, history_in, sync_folder
from gateway.store.looking import Place, looked_into, opened, reads_of
from gateway.store.migrate import current, known_revisions
from gateway.store.quick import quick
from gateway.store.reads import OPEN_STATES

AUDIT_PAGE = 1000
SHOWN_MAX = 10
"""As many of one kind of problem are named."""


def backup(database: Path, target: Path, at: datetime) -> int:
    """Copy `database` to the new file `target`, durably, mode 0600. Its size in bytes.

    Raises:
        FileExistsError: there is such a file already; it is left alone.
        StoreUnavailable: the database cannot be read.
        OSError: the copy cannot be written.
    """
    if target.exists():
        raise FileExistsError(f"{target}: there is such a file already; a backup is never overwritten")
    if not database.is_file():
        raise StoreUnavailable(f"{database}: there is no database")
    partial = target.with_name(f"{target.name}.partial")
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    try:
        partial.chmod(0o600)
        _copy(database, partial, at)
        _sync(partial)
        os.link(partial, target)  # unlike a rename, it refuses to replace
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{database}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(target.parent)
    return target.stat().st_size


def _copy(database: Path, partial: Path, at: datetime) -> None:
    source = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
    copy = sqlite3.connect(partial, isolation_level=None)
    with closing(source), closing(copy):
        source.backup(copy)  # in one step: between steps, each commit of the writer would make it begin anew
        copy.execute("PRAGMA journal_mode=DELETE")  # one file: no -wal beside it to forget
        copy.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (BACKUP, at.isoformat()))


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@dataclass(frozen=True, slots=True)
class Report:
    """What a copy holds. It may be relied on when `problems` is empty."""

    problems: tuple[str, ...]
    revision: str | None = None
    mode: str | None = None
    history: History | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """Payouts by status."""
    events: int = 0
    newest_event_at: datetime | None = None
    live_attempts: int = 0
    """Open ones, which a quarantine asks about first."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a short look at a database shows."""

    problem: str | None = None
    revision: str | None = None
    newest_event_at: datetime | None = None


def summary(place: Place) -> Summary:
    """A short look at a database that may be in use: no whole table is read."""
    try:
        with opened(place) as connection:
            revision = current(connection)
            newest = _newest_event(connection) if revision and isinstance(place, Path) else None
    except (DBAPIError, sqlite3.Error) as error:
        return Summary(f"cannot be read as a database: {getattr(error, 'orig', None) or error}")
    return Summary(None, revision, newest)


def _newest_event(connection: Connection) -> datetime | None:
    newest = select(schema.events.c.at).order_by(text("rowid DESC")).limit(1)
    return connection.execute(newest).scalar()


def audit_lines(place: Place) -> Iterator[Line]:
    """Every line of the audit, page by page, from a database that may be in use. Raises `StoreUnavailable`."""
    since = 0
    with looked_into(place) as connection:
        while lines := audit_page(quick(connection), since, AUDIT_PAGE):
            yield from lines
            since = lines[-1].sequence


def check(place: Place, mode: str, sealer: Sealer) -> Report:
    """Look at a database, or at a copy of one, without changing it.

    Raises:
        FileNotFoundError: there is none.
    """
    if isinstance(place, Path) and not place.is_file():
        raise FileNotFoundError(f"{place}: there is no such file")
    try:
        with opened(place) as connection:
            return _check(connection, mode, sealer)
    except (DBAPIError, sqlite3.Error) as error:
        return Report((f"cannot be read as a database: {getattr(error, 'orig', None) or error}",))


def _check(connection: Connection, mode: str, sealer: Sealer) -> Report:
    in_file = connection.dialect.name == "sqlite"  # a server looks after its own pages and foreign keys
    damage = _damage(connection) if in_file else []
    if damage:
        return Report(tuple(f"damaged: {each}" for each in damage))
    revision = current(connection)
    known = known_revisions()
    if revision not in known:
        return Report((f"its schema is at revision {revision}; this version knows {', '.join(known)}",), revision)
    checks = (*IN_FILE, *CHECKS) if in_file else CHECKS
    problems = [problem for find in checks for problem in find(connection)]
    found = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == "mode")).scalar()
    if found != mode:
        problems.append(f"it belongs to a {found} gateway, and the configuration is {mode}")
    tx = reads_of(connection, sealer)
    problems += _unopened(connection, sealer)
    events = connection.execute(select(func.count(), func.max(schema.events.c.at))).one()
    live = select(func.count()).select_from(schema.attempts).where(schema.attempts.c.state.in_(OPEN_STATES))
    return Report(
        problems=tuple(problems),
        revision=revision,
        mode=found,
        history=history_in(tx),
        counts=tx.counts(),
        events=int(events[0]),
        newest_event_at=events[1],
        live_attempts=int(connection.execute(live).scalar() or 0),
    )


def _damage(connection: Connection) -> list[str]:
    return [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(5)") if row[0] != "ok"]


def _gaps(connection: Connection) -> Iterator[str]:
    """The history of every payout is 1, 2, 3 up to what the payout itself says, without a gap (I28)."""
    e, p = schema.events.c, schema.payouts.c
    chain = (
        select(e.shard, e.payout_id, func.count().label("n"), func.min(e.sequence).label("first"))
        .add_columns(func.max(e.sequence).label("last"))
        .group_by(e.shard, e.payout_id)
        .subquery()
    )
    same = and_(chain.c.shard == p.shard, chain.c.payout_id == p.id)
    whole = and_(chain.c.n == chain.c.last, chain.c.first == 1, chain.c.last == p.last_event)
    broken = (
        select(p.id).select_from(schema.payouts.outerjoin(chain, same)).where(or_(chain.c.n.is_(None), not_(whole)))
    )
    for row in connection.execute(broken.order_by(p.id).limit(SHOWN_MAX)):
        yield f"{row.id}: its history has a gap"


def _dangling(connection: Connection) -> Iterator[str]:
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(SHOWN_MAX):
        yield f"a row of {row[0]} belongs to nothing in {row[2]}"


def _unreferenced(connection: Connection) -> Iterator[str]:
    """Without its reference a payout could be ordered a second time."""
    r, p = schema.references.c, schema.payouts.c
    known = exists().where(r.shard == p.shard, r.app == p.app, r.reference == p.reference, r.payout_id == p.id)
    for row in connection.execute(select(p.id).where(not_(known)).order_by(p.id).limit(SHOWN_MAX)):
        yield f"{row.id}: its reference is missing"


IN_FILE: tuple[Callable[[Connection], Iterator[str]], ...] = (_dangling,)
CHECKS: tuple[Callable[[Connection], Iterator[str]], ...] = (_gaps, _unreferenced)
"""What must be so of the rows, beside what the database itself checks; and what only a file must be asked for."""


def _unopened(connection: Connection, sealer: Sealer) -> Iterator[str]:
    """A copy whose sealing key is lost is of no use: try the newest payouts."""
    p = schema.payouts.c
    newest = select(p.id, p.beneficiary_sealed).order_by(p.created_at.desc()).limit(SHOWN_MAX)
    for row in connection.execute(newest):
        try:
            sealer.open(row.beneficiary_sealed, f"payouts|beneficiary|{row.id}")
        except SealBroken:
            yield f"{row.id}: the sealing key of the configuration does not open it"
