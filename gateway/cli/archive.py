"""`paymux archive`: move payouts that ended long ago out of the database, and look whether what was moved is whole."""

from __future__ import annotations

import asyncio
import json as json_format
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from pydantic_core import PydanticCustomError

import gateway
from gateway.archive import manifest
from gateway.archive.lines import Damaged
from gateway.archive.verify import Checked, check_archive
from gateway.archive.volume import PARTIAL
from gateway.cli.exit import Exit, plain_words
from gateway.config.config import Config
from gateway.config.durations import parse_duration, show_duration
from gateway.config.load import load
from gateway.config.resolve import resolve_secrets
from gateway.database import OpenStore, open_store, place_of
from gateway.domain.errors import PaymuxError, StoreUnavailable
from gateway.domain.view import timestamp
from gateway.operations.archive import Archived, Archivist
from gateway.operations.archive import archive as move
from gateway.sealing import Sealer
from gateway.store import migrate
from gateway.store.backup import summary
from gateway.world import World, system_world

OLDER_THAN = "180d"
OLDER_THAN_MIN_S = parse_duration(OLDER_THAN)
"""In live mode never less: late evidence comes for months."""

archive = App(name="archive", help="Payouts that ended long ago: move them out of the database, verify what was moved.")

Flag = Annotated[bool, Parameter(negative="")]


class ArchiveRefused(PaymuxError):
    """Not that way."""


@archive.command
def run(
    folder: Path,
    *,
    older_than: str = OLDER_THAN,
    at_most: int | None = None,
    force: Flag = False,
    config: Path = Path("config.toml"),
    json: Flag = False,
) -> None:
    """Move payouts that ended at least 180 days ago, with everything of their own, to archives in a folder.

    Each archive is brought to the disk and read back before anything is deleted; a run that was stopped is begun again
    by the same command. On PostgreSQL gateways work on meanwhile; on SQLite the gateway must not be running.

    Example: `python -m gateway archive run /archives`

    Parameters
    ----------
    folder
        Where archives lie: each is a folder in it.
    older_than
        Nothing may have happened to the payout for so long; at least 180d.
    at_most
        Stop after so many payouts.
    force
        In a sandbox: take less than 180d.
    config
        The gateway's configuration.
    json
        Print the result as one line of JSON.
    """
    with plain_words():
        loaded, world = load(config), system_world()
        until = world.clock.now() - _age(older_than, loaded, force=force)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            done = asyncio.run(_run(loaded, world, folder, until, at_most))
        except Damaged as error:
            raise ArchiveRefused(f"{folder}: what was written is not what is read back: {error}") from error
    _say(json_format.dumps(_told(done, until)) if json else _words(done, until))


@archive.command
def verify(folder: Path, *, json: Flag = False) -> None:
    """Read an archive, or every archive in a folder: files, hashes, rows, and that every payout in it is whole.

    Exit code 3 when one must not be relied on. The database is not needed, nor are keys.

    Example: `python -m gateway archive verify /archives`

    Parameters
    ----------
    folder
        One archive, or the folder in which archives lie.
    json
        Print the result as one line of JSON.
    """
    with plain_words():
        places = _archives(folder)
        checked = [check_archive(each) for each in places if not each.name.endswith(PARTIAL)]
        unfinished = sorted(each.name for each in places if each.name.endswith(PARTIAL))
    _say(json_format.dumps(_verified(checked, unfinished)) if json else _verdict(checked, unfinished))
    if any(each.problems for each in checked):
        raise SystemExit(Exit.FOUND_PROBLEMS)


def _age(older_than: str, config: Config, *, force: bool) -> timedelta:
    """Raises `ArchiveRefused`."""
    try:
        age_s = parse_duration(older_than)
    except PydanticCustomError as error:
        raise ArchiveRefused(f"--older-than {error.message()}") from error
    if age_s < OLDER_THAN_MIN_S and not (force and config.sandbox):
        least = show_duration(OLDER_THAN_MIN_S)
        raise ArchiveRefused(f"--older-than: at least {least}; less is for a sandbox, with --force")
    return timedelta(seconds=age_s)


async def _run(config: Config, world: World, folder: Path, until: datetime, at_most: int | None) -> Archived:
    """Raises `StoreUnavailable`, `OSError`, `Damaged`."""
    revision = _revision(config)
    store = _open(config, world)
    try:
        mode = str(config.gateway.mode)
        archivist = Archivist(store, world.clock, world.new_uuid, folder, mode, gateway.__version__, revision)
        return await move(archivist, until, at_most if at_most is not None else _EVERY)
    finally:
        await store.close()


_EVERY = 2**63


def _revision(config: Config) -> str:
    """The database's, which is ours. Raises `StoreUnavailable`."""
    found, newest = summary(place_of(config)), migrate.head()
    if found.problem is not None or newest is None:
        raise StoreUnavailable(found.problem or "this version knows no schema")
    if found.revision != newest:
        raise StoreUnavailable(f"the database is at revision {found.revision}, this version at {newest}: `db upgrade`")
    return newest


def _open(config: Config, world: World) -> OpenStore:
    secrets = resolve_secrets(config)
    sealer = Sealer(secrets.sealing_keys(), world.random_bytes, config.gateway.cipher)
    try:
        store, wakes = open_store(config, secrets.postgres, sealer, world)
    except StoreUnavailable as error:
        if config.on_postgres:
            raise
        raise StoreUnavailable(f"{error}: payouts are moved out of a file while no gateway works on it") from error
    wakes.close()
    return store


def _archives(folder: Path) -> list[Path]:
    """Raises `OSError`."""
    if (folder / manifest.FILE).exists():
        return [folder]
    return sorted(each for each in folder.iterdir() if each.is_dir())


def _told(done: Archived, until: datetime) -> dict[str, object]:
    archives = [{"name": each.name, "payouts": each.payouts, "manifest_sha256": each.sha256} for each in done.archives]
    stay = {str(why): number for why, number in sorted(done.stay.items())}
    return {"until": timestamp(until), "archives": archives, "moved": done.moved, "stay": stay}


def _words(done: Archived, until: datetime) -> str:
    made = [f"{each.name}: {each.payouts} payouts, manifest {each.sha256}" for each in done.archives]
    stay = [f"{number} stay: {why}" for why, number in sorted(done.stay.items())]
    return "\n".join([*made, *stay, f"{done.moved} payouts moved that ended before {timestamp(until)}"])


def _verified(checked: list[Checked], unfinished: list[str]) -> dict[str, object]:
    told = [{"name": each.name, "payouts": each.payouts, "problems": list(each.problems)} for each in checked]
    return {"archives": told, "unfinished": unfinished}


def _verdict(checked: list[Checked], unfinished: list[str]) -> str:
    lines = [f"{each.name}: {each.payouts} payouts" for each in checked if not each.problems]
    lines += [f"PROBLEM: {each.name}: {problem}" for each in checked for problem in each.problems]
    lines += [f"{each}: never finished, and nothing was deleted on its strength" for each in unfinished]
    return "\n".join(lines or ["there is no archive"])


def _say(text: str) -> None:
    print(text)  # noqa: T201 - the command's result
