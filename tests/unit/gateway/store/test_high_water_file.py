"""The high-water file: written whole, read with suspicion, and never a reason for a payout to stop."""

from __future__ import annotations

import asyncio
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import StoreUnavailable
from gateway.store.high_water import (
    WRITE_EVERY_S,
    HighWater,
    HighWaterFile,
    HighWaterKeeper,
    History,
    MarkRead,
    suspicion,
)
from tests.support.clock import FakeClock, settle

MARK = HighWater(7, "one", clean=False, channels={"alpha": "bank http://a 1"})
STORE = History(7, "one", None)


@pytest.fixture
def file(tmp_path: Path) -> HighWaterFile:
    return HighWaterFile(tmp_path / "paymux.db.high-water")


def test_what_was_written_is_read(file: HighWaterFile) -> None:
    """And the newest wins; nothing else is left in the folder; only we can read it."""
    file.write(MARK)
    file.write(replace(MARK, event=8, clean=True))
    assert file.read() == MarkRead(replace(MARK, event=8, clean=True))
    assert [path.name for path in file.path.parent.iterdir()] == [file.path.name]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_no_file_is_no_mark(file: HighWaterFile) -> None:
    """It is not an error: a first start has none."""
    assert file.read() == MarkRead()


def test_every_torn_file_is_unreadable(file: HighWaterFile) -> None:
    """Cut after any byte: never a smaller number, never a crash."""
    file.write(MARK)
    whole = file.path.read_bytes().rstrip()
    for cut in range(len(whole)):
        file.path.write_bytes(whole[:cut])
        read = file.read()
        assert read.found is None, cut
        assert read.unreadable is not None, cut


@pytest.mark.parametrize(
    "content",
    [
        b"7",
        b"null",
        b"[]",
        b"\xff",
        b'{"event": -1, "lineage": "one", "clean": false, "channels": {}}',
        b'{"event": true, "lineage": "one", "clean": false, "channels": {}}',
        b'{"event": 7.0, "lineage": "one", "clean": false, "channels": {}}',
        b'{"event": 7, "lineage": 1, "clean": false, "channels": {}}',
        b'{"event": 7, "lineage": "one", "clean": "no", "channels": {}}',
        b'{"event": 7, "lineage": "one", "clean": false, "channels": {"alpha": 1}}',
        b'{"event": 7, "lineage": "one", "clean": false, "channels": []}',
        b"[" * 200_000,
    ],
)
def test_garbage_is_unreadable(file: HighWaterFile, content: bytes) -> None:
    """Whatever stands there, a start does not break on it, and does not believe it."""
    file.path.write_bytes(content)
    assert file.read().unreadable is not None


def test_a_file_that_cannot_be_opened_is_unreadable(file: HighWaterFile) -> None:
    """A folder in its place stands for any trouble with the disk."""
    file.path.mkdir()
    assert file.read().unreadable is not None


def test_a_crash_while_writing_leaves_the_old_one(file: HighWaterFile) -> None:
    """The new one is written beside it and moved in whole."""
    file.write(MARK)
    file.path.with_name(f"{file.path.name}.new").write_bytes(b'{"event": 9')
    assert file.read() == MarkRead(MARK)
    file.write(replace(MARK, event=8))
    assert file.read() == MarkRead(replace(MARK, event=8))


@pytest.mark.parametrize(
    ("store", "mark", "word"),
    [
        (STORE, MarkRead(replace(MARK, event=8)), "older copy"),
        (STORE, MarkRead(), "no high-water file"),
        (STORE, MarkRead(unreadable="torn"), "cannot be read"),
        (replace(STORE, event=0), MarkRead(unreadable="torn"), "cannot be read"),
        (replace(STORE, event=0, lineage=None), MarkRead(MARK), "older copy"),
        (replace(STORE, lineage="two", event=9), MarkRead(MARK), "another history"),
        (replace(STORE, lineage=None), MarkRead(MARK), "another history"),
        (replace(STORE, backup="then"), MarkRead(MARK), "a backup"),
        (replace(STORE, backup="then", event=8), MarkRead(MARK), "a backup"),
        (replace(STORE, backup="then", event=8), MarkRead(replace(MARK, clean=True)), "a backup"),
    ],
)
def test_whatever_may_be_older_is_suspected(store: History, mark: MarkRead, word: str) -> None:
    """R15: a lower number, no file, an unreadable file, another history, a backup."""
    assert word in (suspicion(store, mark) or "")


@pytest.mark.parametrize(
    ("store", "mark"),
    [
        (STORE, MarkRead(MARK)),
        (replace(STORE, event=99), MarkRead(MARK)),
        (History(0, None, None), MarkRead()),
        (History(0, "one", None), MarkRead()),
        (replace(STORE, backup="then"), MarkRead(replace(MARK, clean=True))),
    ],
    ids=["equal", "the file lags", "first start", "first start, crashed", "moved after an orderly stop"],
)
def test_the_store_we_left_is_not_suspected(store: History, mark: MarkRead) -> None:
    """A file may lag behind its store after a crash; a store may never lag behind its file."""
    assert suspicion(store, mark) is None


class CountingStore:
    """As much of a store as the keeper asks for: a number, which may be out of reach."""

    def __init__(self) -> None:
        self.event = 0
        self.broken = False

    async def read(self, query: object) -> History:
        if self.broken:
            raise StoreUnavailable("gone")
        assert callable(query)
        found = query(self)
        assert isinstance(found, History)
        return found

    def high_water(self) -> int:
        return self.event

    def meta(self, name: str) -> str | None:
        return "one" if name == "lineage" else None


class CountingFile(HighWaterFile):
    """Counts how often it is written; may refuse."""

    writes = 0
    full = False

    def write(self, mark: HighWater) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(mark)
        self.writes += 1


class NotingClock(FakeClock):
    """Says when somebody goes to sleep: the keeper's round, its writing thread included, is over then."""

    def __init__(self) -> None:
        super().__init__()
        self.asleep = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await super().sleep(seconds)

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            self.asleep.clear()
            await self.advance(WRITE_EVERY_S)
            await self.asleep.wait()


async def test_the_keeper_writes_what_is_new_and_survives_trouble(tmp_path: Path) -> None:
    """At most once a second, nothing while nothing happens; a full disk and a lost store are tried again."""
    clock, store, file = NotingClock(), CountingStore(), CountingFile(tmp_path / "mark")
    watched: list[object] = []
    keeper = HighWaterKeeper(file, store, clock, {}, watched.append)  # type: ignore[arg-type]  # as much as it asks for
    task = asyncio.create_task(keeper.run())
    await settle()
    store.event = 3
    await clock.rounds(3)
    assert (file.writes, file.read().found) == (1, HighWater(3, "one", clean=False))
    file.full, store.event = True, 4
    await clock.rounds(2)
    file.full, store.broken = False, True
    await clock.rounds(1)
    store.broken = False
    await clock.rounds(1)
    assert (file.writes, file.read().found) == (2, HighWater(4, "one", clean=False))
    assert len(watched) == 6
    task.cancel()
    await asyncio.wait({task})
    await keeper.write(clean=True)
    assert file.read().found == HighWater(4, "one", clean=True)
