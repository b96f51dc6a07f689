"""A disk that really runs full under SQLite: what is acknowledged is there, and "not stored" is never a lie.

On a file system without room a COMMIT fails as "disk full": it did not happen, and is `StoreUnavailable`. Over the
process's limit on file sizes it fails as an I/O error, which says nothing: `CommitUnknown`, and repeating decides.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from gateway.domain.errors import CommitUnknown, StoreError, StoreUnavailable
from gateway.sealing import Sealer
from gateway.store.data_keys import unlock
from gateway.store.engine import writer_engine
from gateway.store.lanes import Queued
from gateway.store.migrate import upgrade
from gateway.store.port import Tx
from gateway.store.records import Reference
from gateway.store.rows import Rows
from gateway.store.writer import GroupCommitter
from tests.support.builders import a_payout
from tests.support.chaos_books import left_behind
from tests.support.disk import LimitedFiles, Room, small_file_system

GROUPS = (1, 3, 12)
ROUNDS = 4


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Room]]:
    """A folder of two megabytes, and the room in it."""
    folder = tmp_path / "disk"
    with small_file_system(folder, 2) as room:
        yield folder, room


class Writer:
    """The gateway's own committer on one file; knows what it was told is stored."""

    def __init__(self, path: Path) -> None:
        engine = writer_engine(path)
        upgrade(engine)
        sealer = Sealer([bytes(32)], bytes)
        unlock(engine, sealer)
        self._committer = GroupCommitter(engine, Rows(sealer))
        self.kept: set[str] = set()
        self.refused: dict[str, StoreError] = {}
        self._count = 0

    def write(self, size: int) -> bool:
        """A group of so many new payouts; whether all were kept."""
        group = []
        for _ in range(size):
            self._count += 1
            group.append((f"order-{self._count}", Queued(_insert(f"order-{self._count}"), Future())))
        self._committer.commit([queued for _, queued in group])
        for reference, queued in group:
            error = queued.future.exception()
            if error is None:
                self.kept.add(reference)
            else:
                assert isinstance(error, StoreError), error
                self.refused[reference] = error
        return not any(reference in self.refused for reference, _ in group)

    def close(self) -> None:
        self._committer.close()


def _insert(reference: str) -> Callable[[Tx], None]:
    payout = a_payout(reference)
    return lambda tx: tx.insert(payout, Reference(payout.id, b"\x01mark"), None)


def stored(database: Path) -> set[str]:
    """What a gateway would find that starts after a crash at this moment."""
    with left_behind(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {reference for (reference,) in connection.execute("SELECT reference FROM payouts")}


@pytest.mark.parametrize("size", GROUPS)
def test_what_is_refused_is_not_there_and_what_is_kept_is(disk: tuple[Path, Room], size: int) -> None:
    """Full and free by turns, with a look at the file after every refusal: it holds what was acknowledged, no more."""
    folder, room = disk
    database = folder / "small.db"
    writer = Writer(database)
    refused = 0
    for _ in range(ROUNDS):
        for _ in range(3):
            assert writer.write(size), "there is room"
        room.fill(os.getpid())
        try:
            for _ in range(60):
                if not writer.write(size):
                    refused += 1
                    found = stored(database)
                    assert writer.kept <= found
                    assert all(isinstance(writer.refused[r], CommitUnknown) for r in found - writer.kept)
                if refused % 4 == 3:
                    break
        finally:
            room.free(os.getpid())
    assert refused >= ROUNDS, "the disk was full"
    assert writer.write(size), "and it goes on"
    if not isinstance(room, LimitedFiles):
        assert {type(error) for error in writer.refused.values()} == {StoreUnavailable}
    assert stored(database) >= writer.kept
    writer.close()
