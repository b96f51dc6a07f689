"""Who queues while a transaction begins goes along with it, and fares as if it had been there from the start."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from gateway.admission.commit_wait import CommitWait
from gateway.domain.errors import CommitUnknown, StaleWrite
from gateway.failpoints import Commit, Unit
from gateway.sealing import Sealer
from gateway.store.awaited import Awaited
from gateway.store.company import QUIET_MAX
from gateway.store.data_keys import unlock
from gateway.store.engine import writer_engine
from gateway.store.lanes import Outcome, Queued
from gateway.store.migrate import upgrade
from gateway.store.on_loop import here, on_loop
from gateway.store.port import Tx
from gateway.store.records import Reference
from gateway.store.rows import Rows
from gateway.store.writer import GroupCommitter, Join, Place, nobody
from gateway.store.writer_thread import WriterThread
from tests.support.builders import a_payout


class Counted(GroupCommitter):
    """On a file of its own; counts the commits, and is told of those who join."""

    def __init__(self, path: Path, place: Place = here) -> None:
        engine = writer_engine(path)
        upgrade(engine)
        sealer = Sealer([bytes(32)], bytes)
        unlock(engine, sealer)
        super().__init__(engine, Rows(sealer), place=place)
        self.commits = 0
        self.fails = False
        self.begins: Callable[[], None] = lambda: None
        self.turns: list[bool] = []
        """Of the group that was last: whether each turn was worth another."""
        self.turn: Callable[[int], None] = lambda _number: None
        event.listen(engine, "commit", self._counts)

    def _counts(self, _connection: Connection) -> None:
        self.commits += 1
        if self.fails:
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    def commit(self, taken: Sequence[Queued[Any]], join: Join = nobody) -> None:
        self.begins()
        self.turns = []

        def turn(group: list[Queued[Any]]) -> bool:
            self.turn(len(self.turns))
            self.turns.append(join(group))
            return self.turns[-1]

        super().commit(taken, turn)


@pytest.fixture
def committer(tmp_path: Path) -> Iterator[Counted]:
    made = Counted(tmp_path / "paymux.db")
    yield made
    made.close()


@pytest.fixture
def on_a_loop(tmp_path: Path) -> Iterator[Counted]:
    made = Counted(tmp_path / "paymux.db", on_loop)
    yield made
    made.close()


def _order(reference: str, name: str = Commit.ACCEPT, future: Outcome[None] | None = None) -> Queued[None]:
    """Whose result goes to a future of a thread's own, where no other is given."""
    payout = a_payout(reference)
    unit = Unit(name, lambda tx: tx.insert(payout, Reference(payout.id, b"\x01mark"), None))
    return Queued(unit, Future[None]() if future is None else future)


def _with(other: Queued[None]) -> Join:
    """It comes along with whoever is taken."""

    def join(group: list[Queued[Any]]) -> bool:
        group.append(other)
        return False

    return join


def _count(tx: Tx) -> int:
    return sum(tx.counts().values())


def _stored(committer: GroupCommitter) -> int:
    asked: Queued[int] = Queued(_count, found := Future[int]())
    committer.commit([asked])
    return found.result()


def test_they_share_the_commit(committer: Counted) -> None:
    """One COMMIT for who was taken and who came after; everybody gets its own result."""
    first, second = _order("one"), _order("two")
    committer.commit([first], _with(second))
    assert committer.commits == 1
    assert [_fate(each) for each in (first, second)] == [None, None]
    assert _stored(committer) == 2


def test_one_that_fails_takes_nobody_with_it(committer: Counted) -> None:
    """A reference that was taken is refused to whoever joined with it; the one before it stays."""
    first, second = _order("one"), _order("one")
    committer.commit([first], _with(second))
    assert _fate(first) is None
    assert isinstance(_fate(second), StaleWrite)
    assert _stored(committer) == 1


def test_an_unknown_commit_is_unknown_to_all_of_them(committer: Counted) -> None:
    """R18: whoever joined is told as the others are."""
    committer.fails = True
    first, second = _order("one"), _order("two")
    committer.commit([first], _with(second))
    assert [type(_fate(each)) for each in (first, second)] == [CommitUnknown, CommitUnknown]


async def test_the_thread_takes_along_what_is_short(committer: Counted) -> None:
    """What queues as a transaction begins is in it, but for a page of a batch and what stands behind one."""
    short, long, behind = _order("short"), _order("long", Commit.BATCH), _order("behind", Commit.SUBMIT_ANSWER)
    counts: list[int] = []
    thread = WriterThread(committer)

    def begins() -> None:
        counts.append(committer.commits)
        if len(counts) == 1:
            for queued in (short, long, behind):
                thread.put(queued)

    committer.begins = begins
    thread.put(first := _order("first"))
    await asyncio.gather(*(asyncio.wrap_future(_future(each)) for each in (first, short, long, behind)))
    await asyncio.to_thread(thread.stop)
    assert counts == [0, 1], "first and short, then long and behind"


def _still() -> float:
    """A clock that stands: however long the machine takes for a turn, it is short."""
    return 0.0


async def test_one_comes_at_each_turn(on_a_loop: Counted) -> None:
    """They share one commit, which goes off once some turns bring nobody."""
    thread = WriterThread(on_a_loop, monotonic=_still)
    orders = [_waiting(f"number {number}") for number in range(4)]
    on_a_loop.turn = lambda number: thread.put(orders[number + 1]) if number < 3 else None
    thread.put(orders[0])
    assert await _fates(orders) == [None] * 4
    assert on_a_loop.turns == [True] * (2 + QUIET_MAX) + [False]
    await asyncio.to_thread(thread.stop)
    assert on_a_loop.commits == 1


async def test_a_group_that_is_full_goes_off_at_once(on_a_loop: Counted) -> None:
    """Whoever comes after is in the next."""
    thread = WriterThread(on_a_loop, CommitWait(_still, 3))
    orders = [_waiting(f"number {number}") for number in range(4)]
    groups: list[list[bool]] = []

    def turn(number: int) -> None:
        if not groups:
            for queued in orders[1:]:
                thread.put(queued)
        if number == 0:
            groups.append(on_a_loop.turns)

    on_a_loop.turn = turn
    thread.put(orders[0])
    assert await _fates(orders) == [None] * 4
    assert groups[0] == [False]
    await asyncio.to_thread(thread.stop)
    assert on_a_loop.commits == 2


async def test_a_stop_while_a_group_waits(on_a_loop: Counted) -> None:
    """What is queued is finished, and whoever waits for it is told."""
    thread = WriterThread(on_a_loop)
    loop, stopping = asyncio.get_running_loop(), list[asyncio.Future[None]]()

    def turn(number: int) -> None:
        if number == 0:
            thread.put(other)
            stopping.append(loop.run_in_executor(None, thread.stop))

    on_a_loop.turn = turn
    thread.put(first := _waiting("first"))
    other = _waiting("other")
    assert await _fates([first, other]) == [None, None]
    await stopping[0]


def _waiting(reference: str) -> Queued[None]:
    """An order that the loop waits for."""
    return _order(reference, future=Awaited())


async def _fates(orders: Sequence[Queued[None]]) -> list[BaseException | None]:
    async def fate(queued: Queued[None]) -> BaseException | None:
        assert isinstance(queued.future, Awaited)
        return await queued.future.result()

    return list(await asyncio.gather(*map(fate, orders), return_exceptions=True))


def _future(queued: Queued[None]) -> Future[Any]:
    assert isinstance(queued.future, Future)
    return queued.future


def _fate(queued: Queued[None]) -> BaseException | None:
    return _future(queued).exception(timeout=0)
