"""The real gateway on a disk that runs full under load, gets room again, runs full once more and is killed (T10).

Sandboxes are processes of their own and keep their own books. An order that was turned away is repeated under its own
reference until it is taken, as an app should.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.chaos.scenes import Order, account
from tests.support.chaos_books import autopsy, paid_by_account
from tests.support.chaos_stage import ChaosStage, stage
from tests.support.disk import LimitedFiles, Room, small_file_system

CLIENTS = 8
# Only the filler may fill it. A payout takes some 12 kB and the WAL another 4.5 MB, and how many are promised before
# the room is gone is for the machine to say: of 8 MB the payouts themselves once left nothing, and nobody made room.
DISK_MEGABYTES = 64
ENDINGS = ("0001", "0002", "0004", "0001", "0005")
CHANNELS = ("bank", "wechat")
FINAL = frozenset({"paid", "failed", "canceled", "returned"})
OVERLAY = {
    "gateway.database": "sqlite:disk/small.db",
    **{f"channels.{each}.breaker": {"failures": 50, "open": "1s"} for each in CHANNELS},
}


@dataclass
class Load:
    """Apps that order until they are stopped. Every answer is counted."""

    on: ChaosStage
    statuses: Counter[str] = field(default_factory=Counter)
    promised: dict[str, Order] = field(default_factory=dict)
    stopping: bool = False
    _drawn: int = 0

    async def client(self) -> None:
        while not self.stopping:
            self._drawn += 1
            number = self._drawn
            channel = CHANNELS[number % len(CHANNELS)]
            order = Order(channel, f"disk-{number}", account(channel, number, ENDINGS[number % len(ENDINGS)]))
            while not await self.place(order):
                await asyncio.sleep(0.02)

    async def place(self, order: Order) -> bool:
        """Order it, once; whether it is promised."""
        try:
            async with self.on.inner.session.post(
                f"{self.on.inner.api}/payouts", json=order.body(), headers=self.on.inner.headers()
            ) as response:
                told = await response.json()
        except (aiohttp.ClientError, ConnectionError):
            self.statuses["no answer"] += 1
            return False
        if response.status not in (200, 201):
            self.statuses[f"{response.status} {told['code']}"] += 1
            return False
        self.statuses["promised"] += 1
        order.payout_id = told["id"]
        self.promised[order.reference] = order
        return True

    @property
    def turned_away(self) -> int:
        """How often the gateway answered that it could not."""
        return sum(count for status, count in self.statuses.items() if status not in ("promised", "no answer"))

    async def until(self, *, promised: int = 0, turned_away: int = 0) -> None:
        """Until so many more were answered in such a way."""
        promised += self.statuses["promised"]
        turned_away += self.turned_away
        while self.statuses["promised"] < promised or self.turned_away < turned_away:
            assert self.on.gateway is not None
            assert self.on.gateway.exit_code() is None, "the gateway died of it"
            await asyncio.sleep(0.02)


@contextmanager
def draining_log(folder: Path) -> Iterator[Path]:
    """The gateway's log goes through a pipe, for a limit on its files would break it off as well."""
    pipe, kept = folder / "gateway.log", folder / "kept.log"
    os.mkfifo(pipe)
    with pipe.open("r+b", buffering=0), kept.open("wb") as log:  # held open: lives come and go
        reader = subprocess.Popen(["cat", str(pipe)], stdout=log)  # noqa: S607 - wherever it is
        try:
            yield kept
        finally:
            reader.terminate()
            reader.wait()


@asynccontextmanager
async def played(folder: Path) -> AsyncIterator[tuple[ChaosStage, Load]]:
    """Within it the apps order; at its end every order of theirs is promised."""
    async with stage(folder, sandboxes=True) as on:
        assert await on.start(OVERLAY)
        load = Load(on)
        clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
        try:
            yield on, load
            load.stopping = True
            await asyncio.gather(*clients)
            await reckon(on, load, await settled(on))
        finally:
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)


def known_ids(database: Path) -> set[str]:
    """Every id that has a durable intent."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        return {each for row in connection.execute("SELECT channel_reference FROM attempts") for each in row}
    finally:
        connection.close()


async def nothing_without_an_intent(on: ChaosStage, database: Path) -> None:
    """I9: whatever a bank has booked was committed before; so the books first, then the file."""
    booked = {str(entry["channel_reference"]) for entry in await on.books()}
    assert booked <= known_ids(database)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["a small file system", "a limit on file sizes"])
async def test_a_full_disk_costs_time_and_nothing_else(tmp_path: Path, kind: str) -> None:
    """Refused while it is full, nothing sent that is not written down; then taken without a restart, paid once each."""
    folder = tmp_path / "disk"
    with small_file_system(folder, DISK_MEGABYTES) as small, draining_log(tmp_path) as log:
        room: Room = small if kind == "a small file system" else LimitedFiles()
        async with played(tmp_path) as (on, load):
            assert on.gateway is not None
            await load.until(promised=40)
            for _ in range(2):
                room.fill(on.gateway.pid)
                await load.until(turned_away=40)
                await nothing_without_an_intent(on, folder / "small.db")
                room.free(on.gateway.pid)
                await load.until(promised=15)
            assert on.lives == 2, "the same process all along (the first life only minted keys)"
            await killed_while_full(on, load, room)
        put_off = log.read_text(errors="replace").count("payout.put_off")
    allowed = {"promised", "no answer", "503 unavailable", "503 overloaded"}
    if isinstance(room, LimitedFiles):
        allowed.add("500 commit_unknown")  # an I/O error says nothing about the commit
    assert set(load.statuses) <= allowed, load.statuses
    assert put_off < 20 * len(load.promised), "no payout is tried again and again without a pause"
    print(dict(load.statuses), f"put off: {put_off}", room.name)


async def killed_while_full(on: ChaosStage, load: Load, room: Room) -> None:
    """And once more, with a kill -9 in the middle of it and a start with room again."""
    assert on.gateway is not None
    room.fill(on.gateway.pid)
    await load.until(turned_away=20)
    pid = on.gateway.pid
    on.kill()
    assert autopsy(on.folder / "disk/small.db").integrity == "ok"
    if not isinstance(room, LimitedFiles):
        room.free(pid)
    assert await on.start(OVERLAY), "there is room again"
    await load.until(promised=10)


async def settled(on: ChaosStage) -> dict[str, dict[str, Any]]:
    """Every payout, once all have ended."""
    async with asyncio.timeout(120):
        while True:
            payouts = {payout["reference"]: payout for payout in await on.payouts()}
            if all(payout["status"] in FINAL for payout in payouts.values()):
                return payouts
            await asyncio.sleep(0.5)


async def reckon(on: ChaosStage, load: Load, payouts: dict[str, dict[str, Any]]) -> None:
    """Promised and there; paid as often as its end says; never twice."""
    paid = paid_by_account(await on.books())
    assert not [times for times in paid.values() if times > 1]
    wrong = []
    for reference, order in load.promised.items():
        payout = payouts.get(reference)
        if payout is None or payout["id"] != order.payout_id or paid[order.account] != (payout["status"] == "paid"):
            wrong.append((reference, payout and payout["status"], paid[order.account]))
    assert wrong == []
    assert len(payouts) == len(load.promised), json.dumps(sorted(set(payouts) - set(load.promised)))
    assert {payout["status"] for payout in payouts.values()} == {"paid"}
