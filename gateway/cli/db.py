"""`paymux db`: look after the database: its schema, its soundness, its copies."""

from __future__ import annotations

import json as json_format
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from gateway.cli.exit import Exit, plain_words
from gateway.config.config import Config
from gateway.config.load import load
from gateway.config.resolve import resolve_secrets
from gateway.database import place_of
from gateway.database import upgrade as upgrade_database
from gateway.domain.errors import StoreUnavailable
from gateway.domain.status import FINAL, Status
from gateway.domain.view import timestamp
from gateway.history import high_water_file
from gateway.sealing import Sealer
from gateway.store import backup as copying
from gateway.store import migrate
from gateway.store.high_water import MarkRead, suspicion
from gateway.store.looking import Place, named
from gateway.world import system_world

db = App(name="db", help="The database: its schema, its soundness, its copies.")

Json = Annotated[bool, Parameter(negative="")]


@db.command
def backup(file: Path, *, config: Path = Path("config.toml"), json: Json = False) -> None:
    """Copy the database into a new file, while the gateway runs or not. An existing file is never overwritten.

    Example: `python -m gateway db backup /backups/paymux-1.db`

    Parameters
    ----------
    file
        The file to make.
    config
        The gateway's configuration.
    json
        Print the result as one line of JSON.
    """
    with plain_words():
        now = datetime.now(UTC)
        size = copying.backup(_file_of(load(config)), file, now)
    told = {"file": str(file), "size_bytes": size, "at": timestamp(now)}
    _say(json_format.dumps(told) if json else f"{file}: {size} bytes, as of {timestamp(now)}")


@db.command(name="restore-check")
def restore_check(file: Path, *, config: Path = Path("config.toml"), json: Json = False) -> None:
    """Look at a copy without changing it: whole, readable with our keys, and how far behind it is.

    Exit code 3 when it must not be relied on.

    Example: `python -m gateway db restore-check /backups/paymux-1.db`

    Parameters
    ----------
    file
        The copy.
    config
        The configuration of the gateway that would be started on it.
    json
        Print the result as one line of JSON.
    """
    with plain_words():
        loaded = load(config)
        _file_of(loaded)
        report = _report(loaded, file)
        told = _told(report, loaded)
    _show(report, told, json)


@db.command
def check(*, config: Path = Path("config.toml"), json: Json = False) -> None:
    """Look whether the database is sound: the file, its keys, every payout's history. The gateway may be running.

    Exit code 3 when it is not. It reads everything: on a large database that takes a while.

    Example: `python -m gateway db check`

    Parameters
    ----------
    config
        The gateway's configuration.
    json
        Print the result as one line of JSON.
    """
    with plain_words():
        loaded = load(config)
        report = _report(loaded, place_of(loaded))
        told: dict[str, object] = {
            "problems": list(report.problems),
            "revision": report.revision,
            "newest_revision": migrate.head(),
            "mode": report.mode,
            "payouts": dict(report.counts),
            "events": report.events,
        }
    _show(report, told, json)


@db.command
def upgrade(*, config: Path = Path("config.toml"), json: Json = False) -> None:
    """Bring the database to this version's schema, all or nothing. The gateway must not be running.

    A start does the same. Make a copy first (`db backup`): there is no way back.

    Example: `python -m gateway db upgrade`

    Parameters
    ----------
    config
        The gateway's configuration.
    json
        Print the result as one line of JSON.
    """
    with plain_words():
        loaded = load(config)
        before, after = upgrade_database(loaded)
    told = {"before": before, "after": after}
    done = f"was at {before}, is at {after}" if before != after else f"is at {after} already"
    _say(json_format.dumps(told) if json else f"{named(place_of(loaded))}: {done}")


def _file_of(config: Config) -> Path:
    """The SQLite file. Raises `StoreUnavailable`: there is none, and a copy is not ours to make."""
    if config.on_postgres:
        raise StoreUnavailable(
            "the database is a PostgreSQL: copy it with pg_dump, or by archiving its log, and see docs/stores.md"
        )
    return config.database_path


def _report(config: Config, file: Place) -> copying.Report:
    keys = resolve_secrets(config).sealing_keys()
    return copying.check(file, str(config.gateway.mode), Sealer(keys, system_world().random_bytes))


def _show(report: copying.Report, told: dict[str, object], json: bool) -> None:
    _say(json_format.dumps(told, ensure_ascii=False) if json else _words(told))
    if report.problems:
        raise SystemExit(Exit.FOUND_PROBLEMS)


def _told(report: copying.Report, config: Config) -> dict[str, object]:
    mark = high_water_file(config).read()
    history = report.history
    newest = report.newest_event_at
    return {
        "problems": list(report.problems),
        "revision": report.revision,
        "mode": report.mode,
        "payouts": dict(report.counts),
        "events": report.events,
        "newest_event_at": timestamp(newest) if newest else None,
        "backup_at": history.backup if history else None,
        "high_water": history.event if history else None,
        "high_water_file": mark.found.event if mark.found else None,
        "behind": max(0, mark.found.event - history.event) if mark.found and history else None,
        "quarantine": _why(report, mark),
        "would_ask_about": report.live_attempts,
        "would_wait": sum(count for name, count in report.counts.items() if Status(name) not in FINAL),
    }


def _why(report: copying.Report, mark: MarkRead) -> str | None:
    """Why a gateway started on it would begin in quarantine; None: it would not."""
    return suspicion(report.history, mark) if report.history else None


def _words(told: dict[str, object]) -> str:
    lines = [f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in told.items() if name != "problems"]
    problems = told["problems"]
    assert isinstance(problems, list)  # noqa: S101 - made a few lines above
    verdict = [f"PROBLEM: {problem}" for problem in problems] or ["no problem was found"]
    return "\n".join([*lines, *verdict])


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
    return "-" if value is None else str(value)


def _say(text: str) -> None:
    print(text)  # noqa: T201 - the command's result
