"""Nodes that keep losing their leases: three of them on one PostgreSQL, leases of 200 ms, and SIGSTOP for a second.

    python -m tests.chaos.fight --payouts 20000 --seed 1 --json

A node that stands still for a second wakes up in the middle of something that is another's by then. Leases are for
liveness only (R9): whoever believes to own a payout, its bank must be given one order, under one id. The bank is a
process of its own and keeps its own book; every account in it is one that it pays, so a second order of a payout would
be a second payment. In the end everything is waited for, and compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from adapters.magic import Fate
from tests.chaos.scenes import Order, account
from tests.support.chaos_stage import ChaosStage, Died, Overlay, stage
from tests.support.chaos_stores import POSTGRES, chaos_store

NODES = 3
CLIENTS = 8
STOPPERS = 2
STOPPED_S = 1.0
BETWEEN_STOPS_S = (0.2, 2.0)
STUCK_AFTER_S = 20.0
SETTLES_WITHIN_S = 300.0

ALONE: Overlay = {f"channels.{each}.state": "disabled" for each in ("wechat", "mock")}
_CALLS = {"connect": "99ms", "read": "99ms", "total": "99ms"}
OVERLAY: Overlay = {
    "worker.lease": "200ms",  # must be more than twice the total
    "worker.rescue_every": "300ms",
    "worker.concurrency": 4,  # who claims more than it can get through in 200 ms only fights with itself
    **{f"channels.{each}.timeouts": _CALLS for each in ("wechat", "bank", "mock")},
    **ALONE,
    "channels.bank.poll": ["300ms", "1s", "2s"],
    "channels.bank.breaker": {"failures": 1000, "open": "1s"},
}
FATES = {"7777": 6, str(Fate.PAID_AT_ONCE): 6, str(Fate.PAID_LATER): 3, str(Fate.DROPPED_AND_PAID): 2}
"""All of them pay."""
LIVE = frozenset({"sending", "pending", "unknown", "succeeded", "returned"})


@dataclass(slots=True)
class Report:
    """The run, in numbers."""

    payouts: int = 0
    seed: int = 0
    acknowledged: int = 0
    stops: int = 0
    leases_lost: int = 0
    """By the nodes' own logs: found when they wanted to go on."""
    left_after_the_fight: int = 0
    """On a machine on which nothing gets done in 200 ms: ended under ordinary leases and deadlines."""
    settled: int = 0
    released: int = 0
    """By two people: three owners in a row had lost it."""
    unsettled: int = 0
    two_orders: int = 0
    """Payouts that the bank has two orders of."""
    paid_twice: int = 0
    not_paid: int = 0
    two_live: int = 0
    """Payouts with two attempts that may have been paid."""
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def good(self) -> bool:
        return not (self.unsettled or self.two_orders or self.paid_twice or self.not_paid or self.two_live)


class Fight:
    """One run on a stage."""

    def __init__(self, on: ChaosStage, report: Report, *, loud: bool = False) -> None:
        self._stage = on
        self._dice = random.Random(report.seed)
        self._loud = loud
        self._left = report.payouts
        self._orders: list[Order] = []
        self.report = report

    async def play(self) -> Report:
        began_s = time.monotonic()
        await self._stage.start(OVERLAY)
        await self._stage.add_people()  # by its token: that of whoever started last is good
        await asyncio.gather(*(self._stage.start(OVERLAY, number=number) for number in range(1, NODES)))
        stoppers = [asyncio.create_task(self._stop_now_and_then()) for _ in range(STOPPERS)]
        try:
            await asyncio.gather(*(self._client() for _ in range(CLIENTS)))
        finally:
            for stopper in stoppers:
                stopper.cancel()
            await asyncio.gather(*stoppers, return_exceptions=True)
        await self._settled()
        await self._reckon()
        self.report.seconds = round(time.monotonic() - began_s, 1)
        return self.report

    async def _client(self) -> None:
        while self._left:
            self._left -= 1
            number = self.report.payouts - self._left
            (ending,) = self._dice.choices(list(FATES), list(FATES.values()))
            order = Order("bank", f"fight-{number}", account("bank", number, ending))
            while order.payout_id is None:
                try:
                    await order.place(self._stage)
                except Died:
                    await asyncio.sleep(0.1)
            self._orders.append(order)

    async def _stop_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(*BETWEEN_STOPS_S))
            process = self._dice.choice(self._stage.nodes).process
            assert process is not None
            os.kill(process.pid, signal.SIGSTOP)
            self.report.stops += 1
            try:
                await asyncio.sleep(STOPPED_S)
            finally:
                os.kill(process.pid, signal.SIGCONT)

    # Afterwards --------------------------------------------------------------------------------------------------

    async def _settled(self) -> None:
        """By the fight's own deadlines as far as they bring anything forward, then by ordinary ones."""
        self.report.left_after_the_fight = await self._until_ended(STUCK_AFTER_S, release=False)
        if self.report.left_after_the_fight:
            self._stage.kill_all()
            await asyncio.gather(*(self._stage.start(ALONE, number=number) for number in range(NODES)))
            await self._until_ended(SETTLES_WITHIN_S, release=True)

    async def _until_ended(self, stuck_after_s: float, *, release: bool) -> int:
        """Until all have ended, or none has for so long; how many have not."""
        fewest, since_s = self.report.payouts + 1, time.monotonic()
        while fewest and time.monotonic() < since_s + stuck_after_s:
            try:
                left = await self._stage.payouts("&status=accepted&status=held&status=processing")
            except (Died, RuntimeError):  # a reader's session was lost, or the store is busy: asked again
                await asyncio.sleep(1.0)
                continue
            if len(left) < fewest:
                fewest, since_s = len(left), time.monotonic()
            if self._loud and left:
                print(f"settling: {len(left)} have not ended", file=sys.stderr, flush=True)
            for payout in left if release else ():
                if payout["under_review"]:
                    await self._release(payout["id"])
            if left:
                await asyncio.sleep(1.0)
        return fewest

    async def _release(self, payout_id: str) -> None:
        one, other = self._stage.tokens
        ask = {"kind": "release", "payout_id": payout_id, "reason": "its owners only stood still"}
        with suppress(Died, RuntimeError):  # it went on meanwhile
            made = await self._stage.ask_as(one, "/admin/v1/requests", ask)
            await self._stage.ask_as(other, f"/admin/v1/requests/{made['id']}/approve")
            self.report.released += 1

    async def _reckon(self) -> None:
        told = self.report
        payouts = {payout["id"]: payout for payout in await self._stage.payouts()}
        books = await self._stage.books()
        orders = Counter(str(entry["account"]) for entry in books)
        paid = Counter[str]()
        for entry in books:
            paid[str(entry["account"])] += int(entry["paid_times"])
        told.acknowledged = len(self._orders)
        told.leases_lost = sum(
            (node.folder / "gateway.log").read_text(errors="replace").count("payout.lease_lost")
            for node in self._stage.nodes
        )
        for order in self._orders:
            payout = payouts.get(str(order.payout_id))
            status = "missing" if payout is None else str(payout["status"])
            states = [] if payout is None else [str(each["state"]) for each in payout["attempts"]]
            faults = {
                "unsettled": status != "paid",
                "two_orders": orders[order.account] > 1,
                "paid_twice": paid[order.account] > 1,
                "not_paid": paid[order.account] == 0,
                "two_live": sum(state in LIVE for state in states) > 1,
            }
            told.settled += status == "paid"
            if any(faults.values()) and payout is not None:
                told.details.append(f"{order.reference}: {await self._history(payout)}")
            for fault, found in faults.items():
                if found:
                    setattr(told, fault, getattr(told, fault) + 1)
                    told.details.append(f"{order.reference}: {fault}; {status} {states}")

    async def _history(self, payout: dict[str, Any]) -> str:
        """All that is known of one that went wrong."""
        try:
            seen = await self._stage.look_as(self._stage.tokens[0], f"/admin/v1/payouts/{payout['id']}")
        except (Died, RuntimeError) as error:
            return f"no history: {error}"
        return json.dumps(seen, ensure_ascii=False)


async def run(folder: Path, report: Report, *, loud: bool = False) -> Report:
    """Play what `report` asks for: payouts and seed."""
    with chaos_store(POSTGRES, folder) as store:
        async with stage(folder, sandboxes=True, store=store, nodes=NODES) as on:
            return await Fight(on, report, loud=loud).play()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.fight", description=__doc__)
    parser.add_argument("--payouts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="nothing but the report")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paymux-fight-") as folder:
        told = asyncio.run(run(Path(folder), Report(given.payouts, given.seed), loud=not given.json))
    print(json.dumps(told.as_json(), indent=2, ensure_ascii=False))
    return 0 if told.good else 1


if __name__ == "__main__":
    sys.exit(main())
