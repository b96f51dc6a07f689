"""Connecting to the database is one of the three things that are tried again, and only while it is busy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.store.engine import CONNECT_TRIES, connected


@pytest.fixture
def busy_file(tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A database that somebody else has locked, and who."""
    path = tmp_path / "busy.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    yield path, holder
    holder.close()


def opening(path: Path, tried: list[int], before: Callable[[int], None] = lambda _: None) -> sqlite3.Connection:
    """One try, which needs the file for a moment; `before` is told its number."""
    tried.append(len(tried) + 1)
    before(tried[-1])
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.0)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return connection


def test_a_busy_file_is_tried_again(busy_file: tuple[Path, sqlite3.Connection]) -> None:
    """It is let go of before the third try, which then is the connection."""
    path, holder = busy_file
    tried: list[int] = []

    def let_go(number: int) -> None:
        if number == CONNECT_TRIES:
            holder.execute("ROLLBACK")

    connected(lambda: opening(path, tried, let_go)).close()
    assert tried == [1, 2, 3]


def test_after_three_tries_its_own_error_is_raised(busy_file: tuple[Path, sqlite3.Connection]) -> None:
    """Not a RetryError: whoever reads the log sees what SQLite said."""
    path, _holder = busy_file
    tried: list[int] = []
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        connected(lambda: opening(path, tried))
    assert len(tried) == CONNECT_TRIES


def test_any_other_fault_is_raised_at_once(tmp_path: Path) -> None:
    """A folder that is not there does not come with time."""
    tried: list[int] = []
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        connected(lambda: opening(tmp_path / "nowhere" / "x.db", tried))
    assert tried == [1]
