"""kill -9 of the real gateway at random moments, under real load, with sends open; on PostgreSQL of the server too.

    python -m tests.chaos.kill --n 200 --seed 1 --json
    python -m tests.chaos.kill --store postgres --nodes 2 --n 50 --database-kills 20 --seed 1 --json

Apps order payouts over HTTP without a pause, by bearer token and by signed request, at all nodes in turn; WeChat and
bank sandboxes are processes of their own and keep their own books. One node or another is killed again and again:
mostly while it works, now and then while it is still starting; and so is the database. After each death what is stored
is checked, and what was under way is counted. An order that got no answer is repeated under the same reference, perhaps
at another node, as an app should. In the end everything is waited for, and compared: every acknowledged payout is
there, none is paid twice in any book, and each end agrees with the books.
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
from tests.support.chaos_server import Death
from tests.support.chaos_stage import ChaosStage, Died, Overlay, stage
from tests.support.chaos_stores import SQLITE, STORES, ServerStore, chaos_store

CLIENTS = 12
FINAL = frozenset({"paid", "failed", "canceled", "returned"})
OPEN = "&status=accepted&status=held&status=processing"
MOVED = frozenset({"paid", "returned"})
SETTLES_WITHIN_S = 900.0
EARLY = 0.15
"""The share of deaths that come while a gateway is still starting, or has hardly begun."""
AWAY_UP_TO_S = 2.0
"""How long the database stays dead."""

_BREAKER = {"failures": 5, "open": "1s"}
OVERLAY: Overlay = {
    "gateway.signer": "process",
    **{f"channels.{each}.breaker": _BREAKER for each in ("wechat", "bank", "mock")},
}
"""Our keys sign in a process of their own, which ends with its gateway. Banks that drop and storm open breakers all the
time; they are not what this is about."""

_F = Fate
FATES = {_F.SLOW: 6, _F.USUAL: 5, _F.PAID_AT_ONCE: 3, _F.PAID_LATER: 2, _F.DROPPED_AND_PAID: 2, _F.DROPPED_UNPAID: 2}
FATES |= {_F.ACCOUNT_CLOSED: 1, _F.STORM_OF_500: 1, _F.PAID_THEN_RETURNED: 1, _F.NOTIFIED_BADLY: 1}
"""The slow ones keep sends open."""
CHANNELS = {"wechat": 5, "bank": 4, "mock": 1}


@dataclass(slots=True)
class Report:
    """The run, in numbers."""

    store: str = SQLITE
    nodes: int = 1
    kills: int = 0
    database_kills: int = 0
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
    ended_by_themselves: int = 0
    """Nodes that were found dead, and nobody killed them."""
    database_deaths: dict[str, int] = field(default_factory=dict)
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
        wrong = self.missing + self.paid_twice + self.integrity_bad + self.disagreements + self.unfinished
        return not wrong + self.ended_by_themselves


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
    """So many deaths, and the reckoning."""

    def __init__(self, on: ChaosStage, report: Report, per_kill: int, *, loud: bool = False) -> None:
        self._stage = on
        self._dice = random.Random(report.seed)
        self._load = Load(on, random.Random(report.seed + 1))
        self._per_kill = per_kill
        self._loud = loud
        self._hit: dict[str, Counter[str]] = {"payouts": Counter(), "attempts": Counter()}
        self._working: list[asyncio.Task[None]] = []
        self._up: list[asyncio.Task[bool]] = []
        """By node: done, and true, once its present life is at work."""
        self._lost = 0
        """How often the database went away or came back."""
        self.report = report

    async def play(self) -> Report:
        began_s = time.monotonic()
        self._working = [asyncio.create_task(self._load.client()) for _ in range(CLIENTS)]
        self._up = [asyncio.create_task(self._come_up(number)) for number in range(len(self._stage.nodes))]
        try:
            for of_a_node in self._order():
                await (self._kill_a_node() if of_a_node else self._kill_the_database())
                if self._loud:
                    print(f"{len(self._load.orders)} acknowledged", file=sys.stderr, flush=True)
            self._load.stop()
            await asyncio.gather(*self._up)
            await asyncio.gather(*self._working)
            self._nobody_left()
        finally:
            for task in (*self._working, *self._up):
                task.cancel()
            await asyncio.gather(*self._working, *self._up, return_exceptions=True)
        await self._settled()
        await self._reckon()
        self.report.seconds = round(time.monotonic() - began_s, 1)
        return self.report

    def _order(self) -> list[bool]:
        """Which deaths are a node's, which the database's."""
        order = [True] * self.report.kills + [False] * self.report.database_kills
        self._dice.shuffle(order)
        return order

    async def _come_up(self, number: int) -> bool:
        """Until it is ready, or killed. Without its database it ends, and is started again, as a supervisor would."""
        while True:
            lost = self._lost
            try:
                return await self._stage.start(OVERLAY, number=number)
            except RuntimeError:
                if lost == self._lost and lost % 2 == 0:  # the database was there all the time
                    raise

    async def _a_moment(self) -> bool:
        """Until after so many acknowledgements and a bit, or only a bit. Whether it is only a bit."""
        if self._dice.random() < EARLY:
            await asyncio.sleep(self._dice.uniform(0.1, 3.0))
            return True
        enough = len(self._load.orders) + self._dice.randrange(1, 2 * self._per_kill)
        while len(self._load.orders) < enough:
            self._nothing_failed()
            await asyncio.sleep(0.005)
        await asyncio.sleep(self._dice.uniform(0, 0.3))
        return False

    def _nothing_failed(self) -> None:
        for task in (*self._up, *self._working):
            if task.done():
                task.result()

    def _nobody_left(self) -> None:
        """A node that is up stays up, whatever happens to its database."""
        for number, node in enumerate(self._stage.nodes):
            if self._up[number].done() and node.process is not None and node.process.exit_code() is not None:
                self.report.ended_by_themselves += 1
                self.report.details.append(f"node {number + 1} ended:\n{self._stage.log_tail(number)}")

    async def _kill_a_node(self) -> None:
        early = await self._a_moment()
        self._nobody_left()
        starting = [number for number, up in enumerate(self._up) if not up.done()]
        number = self._dice.choice(starting if early and starting else range(len(self._up)))
        self.report.kills_while_starting += number in starting
        self._stage.kill(number)
        await self._up[number]
        self._look()
        self._up[number] = asyncio.create_task(self._come_up(number))

    async def _kill_the_database(self) -> None:
        await self._a_moment()
        store, how = self._stage.store, self._dice.choice(list(Death))
        assert isinstance(store, ServerStore)
        assert store.server is not None
        self._lost += 1
        await asyncio.to_thread(store.server.kill, how)
        if how is not Death.CHILD:  # that one comes back by itself
            await asyncio.sleep(self._dice.uniform(0, AWAY_UP_TO_S))
        await asyncio.to_thread(store.server.come_back)
        self._lost += 1
        self.report.database_deaths[how] = self.report.database_deaths.get(how, 0) + 1
        self._look()

    def _look(self) -> None:
        """At what is stored."""
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


async def run(folder: Path, report: Report, *, per_kill: int, fork: bool = False, loud: bool = False) -> Report:
    """Play what `report` asks for: store, nodes, kills, seed."""
    with chaos_store(report.store, folder, killable=True) as store:
        async with stage(folder, sandboxes=True, fork=fork, store=store, nodes=report.nodes) as on:
            return await Run(on, report, per_kill, loud=loud).play()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kill", description=__doc__)
    parser.add_argument("--store", choices=STORES, default=SQLITE)
    parser.add_argument("--nodes", type=int, default=1, help="gateways at once; a SQLite file has one")
    parser.add_argument("--n", type=int, default=200, help="kills of nodes")
    parser.add_argument("--database-kills", type=int, default=0, help="kills of the PostgreSQL")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-kill", type=int, default=35, help="acknowledgements between two kills, on average")
    parser.add_argument("--json", action="store_true", help="nothing but the report")
    given = parser.parse_args()
    if given.store == SQLITE and (given.nodes != 1 or given.database_kills):
        parser.error("a SQLite file has one gateway, and no server")
    wanted = Report(given.store, given.nodes, given.n, given.database_kills, given.seed)
    with tempfile.TemporaryDirectory(prefix="paymux-kill-") as folder:
        told = asyncio.run(run(Path(folder), wanted, per_kill=given.per_kill, loud=not given.json))
    print(json.dumps(told.as_json(), indent=2, ensure_ascii=False))
    return 0 if told.good else 1


if __name__ == "__main__":
    sys.exit(main())
