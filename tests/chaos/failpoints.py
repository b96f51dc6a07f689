"""Kill the real gateway at every failpoint, whatever the bank did, and look at what is left.

    python -m tests.chaos.failpoints --all --jobs 2 --json
    python -m tests.chaos.failpoints --all --store postgres --json
    python -m tests.chaos.failpoints --channel bank --only attempt.opened
    python -m tests.chaos.failpoints --list

A cell is one failpoint, one channel, one deed of the bank. The gateway is started with the failpoint armed, a payout is
ordered, the process kills itself there, it is started again without, the order is repeated under the same reference,
and everything is waited for. Then: the payout is there, it has ended as the bank's book says, its end was told, the
bank paid at most once, and the database is whole. A cell whose payout does not get to its failpoint is counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.failpoints import FAILPOINTS
from tests.chaos.cells import Cell, Result, cells, expected, grouped, may_stay_unknown, report
from tests.chaos.scenes import (
    CHANNELS,
    ENDINGS,
    ON_THE_WIRE,
    Act,
    Deed,
    Order,
    Scene,
    account,
    attempt_until_death,
    is_released,
    waits,
)
from tests.chaos.ways import BY_MOCK, PUT_ON_HOLD, RELEASED, ROWS, UNWANTED
from tests.support.chaos_books import paid_by_account
from tests.support.chaos_stage import ChaosStage, Died, Overlay, stage
from tests.support.chaos_stores import SQLITE, STORES, chaos_store
from tests.support.patience import PATIENCE_S

GOES_AGAIN = 3
DIES_WITHIN_S = 60.0
SETTLES_WITHIN_S = PATIENCE_S
PAID = frozenset({"paid", "returned"})
ENDED = PAID | {"failed", "canceled", "held"}


class Killer:
    """Works cells off on one stage. References and accounts are its own, so that books can be read by account."""

    def __init__(self, on: ChaosStage, number: int) -> None:
        self._stage = on
        self._next = number * 1_000_000
        self._mock_only = True
        self._held_too: frozenset[str] = frozenset()

    def _order(self, cell: Cell) -> Order:
        self._next += 1
        ending = cell.row.way.endings.get(cell.deed, ENDINGS[cell.deed])
        return Order(cell.channel, f"chaos-{self._next}", account(cell.channel, self._next, ending))

    async def run(self, group: Sequence[Cell]) -> list[Result]:
        """Die once in every cell, then start for good and settle them all."""
        scenes = [(Result(cell), Scene(self._order(cell))) for cell in group]
        self._mock_only = all(cell.channel == "mock" for cell in group)
        # Who dies with its neighbours dies often enough to be held; alone it dies twice at the most.
        self._held_too = frozenset({"held"} if len(group) > 1 else ())
        for result, scene in scenes:
            try:
                await self._die(result, scene)
            except (RuntimeError, TimeoutError, AssertionError) as error:
                result.faults.append(f"{type(error).__name__}: {error}")
                self._stage.kill()
        settled = await self._start_for_good()
        for result, scene in scenes:
            if settled:
                await self._settle(result, scene)
            else:
                result.faults.append("the gateway did not come back")
        await self._compare(scenes)
        self._stage.kill()
        return [result for result, _ in scenes]

    async def _start_for_good(self) -> bool:
        try:
            return await self._stage.start(BY_MOCK if self._mock_only else {})
        except (RuntimeError, TimeoutError):
            return False

    # Dying -------------------------------------------------------------------------------------------------------

    async def _die(self, result: Result, scene: Scene) -> None:
        cell, way = result.cell, result.cell.row.way
        overlay = way.overlay(cell.channel)
        await self._stage.set_notifications(cell.channel, never=way.untold)
        if way.dies_first_at is not None:
            await self._life(result, scene, way.first, overlay, way.dies_first_at)
        elif way.needs_refusal:
            await self._unsent_life(scene)
        for again in way.dies_again_at:
            await self._life(result, scene, waits, overlay, again)
        failpoint = f"{cell.row.failpoint}:{cell.row.passes}"
        result.reached = await self._life(result, scene, way.act, overlay, failpoint)

    async def _life(self, result: Result, scene: Scene, act: Act, overlay: Overlay, failpoint: str) -> bool:
        """One life with a failpoint armed; whether it ended there."""
        stopped = result.cell.deed is Deed.STOPPED
        ready = await self._stage.start(overlay, failpoint)
        if ready:
            async with _standing_still(self._stage, result.cell.channel if stopped else None):
                await attempt_until_death(self._stage, scene, act)
        died = not ready or await self._stage.until_dead(DIES_WITHIN_S)
        result.deaths += died
        self._stage.kill()
        found = self._stage.autopsy()
        if found.integrity != "ok":
            result.faults.append(f"integrity_check after {failpoint}: {found.integrity}")
        return died

    async def _unsent_life(self, scene: Scene) -> None:
        """The channel's address refuses connections: the attempt is planned, and nothing of it has left."""
        channel = scene.order.channel
        scene.order.by_bank_line = channel == "mock"
        line = "bank" if channel == "mock" else channel
        await self._stage.start({"routing.retry_every": "3s"})
        await self._stage.set_line(line, open_=False)
        await scene.order.place(self._stage)
        assert scene.order.payout_id is not None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                attempts = (await self._stage.payout(scene.order.payout_id))["attempts"]
                if [each["state"] for each in attempts] == ["planned"]:
                    break
                await asyncio.sleep(0.02)
        self._stage.kill()
        await self._stage.set_line(line, open_=True)

    # Settling ----------------------------------------------------------------------------------------------------

    async def _settle(self, result: Result, scene: Scene) -> None:
        try:
            async with asyncio.timeout(SETTLES_WITHIN_S):
                for order in (*scene.extra, scene.order):
                    await order.place(self._stage)
                if result.cell.row.way is UNWANTED and scene.order.payout_id is not None:
                    await self._stage.cancel(scene.order.payout_id)  # nor may this wish have been heard
                if result.cell.row.way is RELEASED:
                    await self._release(scene)
                for order in (*scene.extra, scene.order):
                    result.end = await self._until_ended(
                        order,
                        may_stay_unknown=may_stay_unknown(result.cell),
                        on_hold=result.cell.row.way is PUT_ON_HOLD,
                    )
        except TimeoutError:
            result.end = "unsettled"
            result.faults.append(f"not settled after {SETTLES_WITHIN_S:g} s: {await self._seen(scene.order)}")
        except (Died, RuntimeError) as error:
            result.faults.append(f"{type(error).__name__}: {error}")

    async def _release(self, scene: Scene) -> None:
        """The two people look again, and say it again if it is still held."""
        if (await self._stage.payout(str(scene.order.payout_id)))["under_review"]:
            await is_released(self._stage, scene)

    async def _until_ended(self, order: Order, *, may_stay_unknown: bool, on_hold: bool) -> str:
        """Until it has ended and the app was told so, or is known to be unknown, or is held (and not `on_hold`, which
        what the channel says takes off)."""
        assert order.payout_id is not None
        while True:
            payout = await self._stage.payout(order.payout_id, signed=order.signed)
            status = str(payout["status"])
            told = order.signed or status in self._stage.app.heard[order.payout_id]
            if status in ENDED and (told or status == "held"):
                return status
            unknown = any(each["state"] == "unknown" for each in payout["attempts"])
            if may_stay_unknown and unknown and (payout["cancel_requested"] or payout["under_review"]):
                return "unknown"
            if payout["under_review"] and not on_hold:
                return "held"
            await asyncio.sleep(0.03)

    async def _seen(self, order: Order) -> str:
        if order.payout_id is None:
            return "never acknowledged"
        payout = await self._stage.payout(order.payout_id, signed=order.signed)
        attempts = [(each["channel"], each["state"], each["transmissions"]) for each in payout["attempts"]]
        return f"{payout['status']} {payout['status_reason']} {attempts} told {self._stage.app.heard[order.payout_id]}"

    async def _compare(self, scenes: Sequence[tuple[Result, Scene]]) -> None:
        paid = paid_by_account(await self._stage.books())
        for result, scene in scenes:
            for order in (*scene.extra, scene.order):
                times = paid[order.account]
                if times > 1:
                    result.faults.append(f"{order.reference} was paid {times} times")
            times = paid[scene.order.account]
            if result.end in ENDED and result.end != "held" and times != (result.end in PAID):
                result.faults.append(f"it is {result.end}, the bank paid it {times} times")
            may_end = expected(result.cell) | self._held_too
            if result.end not in may_end and not result.faults:
                result.faults.append(f"it ended {result.end}, expected {sorted(may_end)}")
        for fault in self._stage.app.faults:
            scenes[0][0].faults.append(fault)
        self._stage.app.faults.clear()


class _standing_still:  # noqa: N801 - reads as the context it is
    """The channel's sandbox stands still for the first second of it."""

    def __init__(self, on: ChaosStage, channel: str | None) -> None:
        self._stage, self._channel = on, channel
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        if self._channel is not None:
            self._stage.pause_sandbox(self._channel, paused=True)
            self._timer = asyncio.get_running_loop().call_later(
                1.0, lambda: self._stage.pause_sandbox(str(self._channel), paused=False)
            )

    async def __aexit__(self, *_: object) -> None:
        """The timer goes on: the gateway may die before it, and the bank work after that."""


async def _reaching(killer: Killer, cells: Sequence[Cell]) -> list[Result]:
    """Some ways to a failpoint are races: a cell that lived through one goes again. What it showed counts all the same,
    if it was a fault."""
    found = await killer.run(cells)
    for _ in range(GOES_AGAIN):
        missed = [result for result in found if not result.reached and not result.faults]
        if not missed:
            break
        again = await killer.run([result.cell for result in missed])
        found = [result for result in found if result not in missed] + again
    return found


async def run(
    wanted: Sequence[Cell], folder: Path, *, jobs: int, group: int = 1, loud: bool = False, store: str = SQLITE
) -> list[Result]:
    """Work `wanted` off on `jobs` stages, `group` cells between two settlements."""
    groups = grouped(wanted, group)
    sandboxes = any(cell.channel in ON_THE_WIRE for cell in wanted)
    left = iter(groups)
    results: list[Result] = []
    one_starts = asyncio.Lock()

    async def work(number: int) -> None:
        own = folder / f"stage-{number}"
        own.mkdir()
        async with AsyncExitStack() as stack:
            async with one_starts:  # making keys takes a processor
                database = stack.enter_context(chaos_store(store, own))
                on = await stack.enter_async_context(stage(own, sandboxes=sandboxes, store=database))
                killer = Killer(on, number)
            for each in left:
                for result in await _reaching(killer, each):
                    results.append(result)
                    if loud:
                        said = "died" if result.reached else "NOT REACHED"
                        print(f"{result.cell}: {said}, {result.end} {result.faults or ''}", file=sys.stderr, flush=True)

    async with asyncio.TaskGroup() as tasks:
        for number in range(1, jobs + 1):
            tasks.create_task(work(number))
    return results


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.failpoints", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every channel; else only the mock")
    parser.add_argument("--store", choices=STORES, default=SQLITE)
    parser.add_argument("--channel", choices=CHANNELS, action="append", help="only these channels")
    parser.add_argument("--only", help="only failpoints whose name begins like this")
    parser.add_argument("--jobs", type=int, default=2, help="stages at once")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--list", action="store_true", help="print the failpoints and end")
    given = parser.parse_args()
    if given.list:
        print("\n".join(FAILPOINTS))
        return 0
    channels = given.channel or (CHANNELS if given.all else CHANNELS[:1])
    rows = [row for row in ROWS if row.failpoint.startswith(given.only or "")]
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="paymux-failpoints-") as folder:
        results = asyncio.run(
            run(cells(rows, channels), Path(folder), jobs=given.jobs, loud=not given.json, store=given.store)
        )
    told = report(results, time.monotonic() - began_s)
    print(json.dumps(told.as_json(), indent=2, ensure_ascii=False))
    return 1 if told.faults else 0


if __name__ == "__main__":
    sys.exit(main())
