"""kill -9 of the real gateway at random moments, under real load, with sends open.

    python -m tests.chaos.kill --n 200 --seed 1 --json

Apps order payouts over HTTP without a pause, by bearer token and by signed request; WeChat and bank sandboxes are
processes of their own and keep their own books. The gateway is killed again and again: mostly while it works, now and
then while it is still starting. After each death the file it left is checked and what was under way is counted. An
order that got no answer is repeated under the same reference, as an app should. In the end everything is waited for,
and compared: every acknowledged payout is there, none is paid twice in any book, and each end agrees with the books.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from adapters.magic import Fate
from tests.chaos.scenes import Order, account
from tests.support.chaos_books import paid_by_account
from tests.support.chaos_stage import ChaosStage, Died, Overlay, stage

CLIENTS = 12
FINAL = frozenset({"paid", "failed", "canceled", "returned"})
OPEN = "&status=accepted&status=held&status=processing"
MOVED = frozenset({"paid", "returned"})
SETTLES_WITHIN_S = 900.0
EARLY = 0.15
"""The share of lives that end while the gateway is still starting, or has hardly begun."""

OVERLAY: Overlay = {f"channels.{each}.breaker": {"failures": 5, "open": "1s"} for each in ("wechat", "bank", "mock")}
"""Banks that drop and storm open breakers all the time; they are not what this is about."""

_F = Fate
FATES = {_F.SLOW: 6, _F.USUAL: 5, _F.PAID_AT_ONCE: 3, _F.PAID_LATER: 2, _F.DROPPED_AND_PAID: 2, _F.DROPPED_UNPAID: 2}
FATES |= {_F.ACCOUNT_CLOSED: 1, _F.STORM_OF_500: 1, _F.PAID_THEN_RETURNED: 1, _F.NOTIFIED_BADLY: 1}
"""The slow ones keep sends open."""
CHANNELS = {"wechat": 5, "bank": 4, "mock": 1}


@dataclass(slots=True)
class Report:
    """The run, in numbers."""

    kills: int = 0
    seed: int = 0
    acknowledged: int = 0
    missing: int = 0
    paid_twice: int = 0
    integrity_bad: int = 0
    disagreements: int = 0
    """Ends that are not what the books say."""
    unfinished: int = 0
    held: int = 0
    untold: int = 0
    """Ended, and the app was never told so."""
    kills_with_sends_open: int = 0
    kills_while_starting: int = 0
    posts_unanswered: int = 0
    callbacks: int = 0
    callbacks_repeated: int = 0
    states_hit: dict[str, dict[str, int]] = field(default_factory=dict)
    """What was under way at the kills: payouts and attempts that had not ended, by state."""
    ends: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def good(self) -> bool:
        return not (self.missing or self.paid_twice or self.integrity_bad or self.disagreements or self.unfinished)


class Load:
    """Apps that order as fast as they are answered, and never let an order go that was not."""

    def __init__(self, on: ChaosStage, dice: random.Random) -> None:
        self._stage = on
        self._dice = dice
        self._drawn = 0
        self._stopping = False
        self.orders: list[Order] = []
        """Acknowledged: each is a promise."""
        self.unanswered = 0

    def stop(self) -> None:
        """Take up nothing new; what was not answered is still repeated."""
        self._stopping = True

    async def client(self) -> None:
        while not self._stopping:
            await self._until_acknowledged(self._draw())
            await asyncio.sleep(self._dice.uniform(0, 0.05))

    async def _until_acknowledged(self, order: Order) -> None:
        while True:
            try:
                await order.place(self._stage)
            except Died:
                self.unanswered += 1
                await asyncio.sleep(0.1)
            else:
                self.orders.append(order)
                return

    def _draw(self) -> Order:
        self._drawn += 1
        (channel,) = self._dice.choices(list(CHANNELS), list(CHANNELS.values()))
        (fate,) = self._dice.choices(list(FATES), list(FATES.values()))
        ending = "7777" if fate is Fate.USUAL else str(fate)
        signed = self._dice.random() < 0.25
        return Order(channel, f"kill-{self._drawn}", account(channel, self._drawn, ending), signed)


class Run:
    """So many lives, and the reckoning."""

    def __init__(self, on: ChaosStage, kills: int, seed: int, per_kill: int, *, loud: bool = False) -> None:
        self._stage = on
        self._dice = random.Random(seed)
        self._load = Load(on, random.Random(seed + 1))
        self._per_kill = per_kill
        self._loud = loud
        self._hit: dict[str, Counter[str]] = {"payouts": Counter(), "attempts": Counter()}
        self.report = Report(kills=kills, seed=seed)

    async def play(self) -> Report:
        began_s = time.monotonic()
        clients = [asyncio.create_task(self._load.client()) for _ in range(CLIENTS)]
        try:
            for kill in range(1, self.report.kills + 1):
                await self._life()
                self._look()
                if self._loud:
                    print(f"kill {kill}: {len(self._load.orders)} acknowledged", file=sys.stderr, flush=True)
            self._load.stop()
            await self._stage.start(OVERLAY)
            await asyncio.gather(*clients)
        finally:
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
        await self._settled()
        await self._reckon()
        self.report.seconds = round(time.monotonic() - began_s, 1)
        return self.report

    async def _life(self) -> None:
        """One life, to a random moment: after so many acknowledgements and a bit, or in the middle of its start."""
        starting = asyncio.create_task(self._stage.start(OVERLAY))
        if self._dice.random() < EARLY:
            await asyncio.wait({starting}, timeout=self._dice.uniform(0.1, 3.0))
            self.report.kills_while_starting += not starting.done()
            self._stage.kill()
            await starting
            return
        assert await starting
        enough = len(self._load.orders) + self._dice.randrange(1, 2 * self._per_kill)
        while len(self._load.orders) < enough:
            await asyncio.sleep(0.005)
        await asyncio.sleep(self._dice.uniform(0, 0.3))
        self._stage.kill()

    def _look(self) -> None:
        """At the file that was left."""
        found = self._stage.autopsy()
        if found.integrity != "ok":
            self.report.integrity_bad += 1
            self.report.details.append(found.integrity)
        self.report.kills_with_sends_open += "sending" in found.attempts
        self._hit["payouts"].update(found.payouts)
        self._hit["attempts"].update(found.attempts)

    # Afterwards --------------------------------------------------------------------------------------------------

    async def _settled(self) -> None:
        """Until every acknowledged payout has ended and its app knows, or time is up."""
        until_s = time.monotonic() + SETTLES_WITHIN_S
        while time.monotonic() < until_s:
            to_end = len([each for each in (await self._everything(OPEN)).values() if not _known(each)])
            untold = 0
            if not to_end:
                everything = await self._everything()
                to_end = sum(_returns(each) for each in everything.values())
                untold = len(self._untold(everything))
                if not to_end and not untold:
                    return
            if self._loud:
                print(f"settling: {to_end} have not ended, {untold} ends untold", file=sys.stderr, flush=True)
            await asyncio.sleep(1.0)

    async def _everything(self, wanted: str = "") -> dict[str, dict[str, Any]]:
        both = [*await self._stage.payouts(wanted), *await self._stage.payouts(wanted, signed=True)]
        return {payout["id"]: payout for payout in both}

    def _untold(self, payouts: dict[str, dict[str, Any]]) -> list[Order]:
        heard = self._stage.app.heard
        asked = [order for order in self._load.orders if not order.signed and order.payout_id in payouts]
        return [order for order in asked if payouts[str(order.payout_id)]["status"] not in heard[str(order.payout_id)]]

    async def _reckon(self) -> None:
        told, load = self.report, self._load
        payouts = await self._everything()
        paid = paid_by_account(await self._stage.books())
        told.acknowledged = len(load.orders)
        told.posts_unanswered = load.unanswered
        told.ends = dict(Counter(payout["status"] for payout in payouts.values()))
        told.held = sum(payout["under_review"] for payout in payouts.values())
        told.untold = len(self._untold(payouts))
        told.callbacks, told.callbacks_repeated = self._stage.app.deliveries, self._stage.app.repeated
        told.states_hit = {of: dict(states.most_common()) for of, states in self._hit.items()}
        told.details += self._stage.app.faults
        told.paid_twice = sum(times > 1 for times in paid.values())
        for order in load.orders:
            payout = payouts.get(str(order.payout_id))
            if payout is None:
                told.missing += 1
                told.details.append(f"{order.reference}: acknowledged as {order.payout_id}, and not there")
            elif not _known(payout):
                told.unfinished += 1
                told.details.append(f"{order.reference}: {payout['status']} {payout['status_reason']}")
            elif payout["status"] in FINAL and paid[order.account] != (payout["status"] in MOVED):
                told.disagreements += 1
                told.details.append(f"{order.reference}: {payout['status']}, paid {paid[order.account]} times")


def _known(payout: dict[str, Any]) -> bool:
    """It has ended, or it is held and waits for people: three deaths in a row while it was worked on do that."""
    return payout["status"] in FINAL or bool(payout["under_review"])


def _returns(payout: dict[str, Any]) -> bool:
    """Paid, and the money is about to come back: WeChat has no such thing."""
    number = str(payout["beneficiary"].get("account_number", ""))
    return bool(payout["status"] == "paid" and number.endswith(str(Fate.PAID_THEN_RETURNED)))


async def run(folder: Path, kills: int, seed: int, *, per_kill: int, fork: bool = False, loud: bool = False) -> Report:
    async with stage(folder, sandboxes=True, fork=fork) as on:
        return await Run(on, kills, seed, per_kill, loud=loud).play()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kill", description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-kill", type=int, default=35, help="acknowledgements between two kills, on average")
    parser.add_argument("--json", action="store_true", help="nothing but the report")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="paymux-kill-") as folder:
        told = asyncio.run(run(Path(folder), given.n, given.seed, per_kill=given.per_kill, loud=not given.json))
    print(json.dumps(told.as_json(), indent=2, ensure_ascii=False))
    return 0 if told.good else 1


if __name__ == "__main__":
    sys.exit(main())
