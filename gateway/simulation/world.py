"""One simulated world from its beginning to its end: built from a seed, struck by faults, healed, and reckoned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from adapters.channel import Signed
from adapters.mock.config import MockSettings
from adapters.sandbox.notifier import Outgoing
from gateway.channels import notify_url
from gateway.domain.payout import DuplicateMode
from gateway.sealing import Sealer
from gateway.simulation.audit import Auditor
from gateway.simulation.channels import Wiring
from gateway.simulation.clock import TrueClock
from gateway.simulation.cluster import CALM, Cluster
from gateway.simulation.database import Database
from gateway.simulation.dice import Dice
from gateway.simulation.direct_bank import SimulatedBank
from gateway.simulation.disasters import Disasters
from gateway.simulation.door import Door
from gateway.simulation.faults import Fault, Faults, Place
from gateway.simulation.ledger import Ledger
from gateway.simulation.loop import VirtualLoop
from gateway.simulation.messages import Call
from gateway.simulation.mock_bank import SimulatedMockBank
from gateway.simulation.network import BankService, Network
from gateway.simulation.node import LIFE, Node, task_factory
from gateway.simulation.orders import draw_orders
from gateway.simulation.people import People
from gateway.simulation.restoring import Restoring
from gateway.simulation.stage import APPS, CHANNELS, Keys, Stage, callback_secret, keys, stage
from gateway.simulation.town import Town
from gateway.simulation.trace import Trace
from gateway.simulation.transport import Exchange
from gateway.simulation.upstream import CallbackLine, Upstream
from gateway.simulation.watch import WatchedStore
from gateway.simulation.wechat_bank import SimulatedWechat

ORDERS_FOR_S = 400.0
"""Orders come in over this time."""
FAULTS_FOR_S = 720.0
"""Faults strike until then."""
WATCHED_FOR_S = 600.0
"""How long after that all nodes go on, looking around often; then one node does, calmly."""
DEATHS = 3
"""As many crashes in a row as a payout may cause before people look at it."""
LEFT_FOUND_S = 180.0
"""Longer than a lease and a round."""
WRONG_FOR_ROUNDS = 24
"""After so many of these no lease is left that a wrong clock took: none is stepped by more than an hour."""
END_AFTER_S = 130 * 3600.0
"""Longer than the last follow-up of whatever was refused (R17)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What kind of world it is."""

    seed: int
    orders: int
    nodes: tuple[int, int]
    """The fewest and the most."""
    faults: frozenset[Fault]
    broken_contract: bool
    restores: bool
    """Old backups are restored in it."""
    real_crypto: bool
    keep_story: bool = False


class SimulatedWorld:
    """Everything of one seed."""

    def __init__(self, plan: Plan, folder: Path, loop: VirtualLoop) -> None:
        self.plan = plan
        self.loop = loop
        loop.set_task_factory(task_factory)  # type: ignore[arg-type]  # it is made for this loop
        self._stage: Stage = stage(folder)
        self._keys: Keys = keys(folder, real=plan.real_crypto)
        self._dice = dice = Dice(plan.seed)
        self.clock = TrueClock(loop)
        self.trace = Trace(loop.time, keep=plan.keep_story)
        self.faults = Faults(dice.of("faults"), self.trace, plan.faults, broken_contract=plan.broken_contract)
        self.auditor = Auditor(plan.broken_contract, CHANNELS)
        self.auditor.ids_derive_from(self._stage.secrets.identity_key.reveal())
        for secret in (*map(callback_secret, APPS), self._keys.wechat.service.apiv3_key.decode()):
            self.auditor.taint(secret)
        self._references: dict[str, str] = {}
        self._deaths: dict[str, int] = {}
        """How many more nodes a `channel_reference` kills."""
        lean = not plan.real_crypto
        self.database = Database(self._stage.image, self._sealer(), dice.of("db"), self.faults, self.trace, lean=lean)
        self.database.after_commit = self._step_over
        self.nodes = self._make_nodes()
        self.door = Door(self.nodes, self.auditor, dice.of("door"), self.trace)
        ledger = Ledger(self.auditor, self.trace, self.clock.now, self._references.get)
        self.town = self._make_town(ledger)
        self.wechat, self.banks, self.mock = self._make_banks()
        hosts: dict[str, BankService] = {
            "127.0.0.1:9101": self.wechat,
            "127.0.0.1:9102": self.banks[0],
            "127.0.0.1:9103": self.banks[1],
        }
        self.network = Network(hosts, self.town, dice.of("network"))
        self.restoring = Restoring(self.database, self.auditor, self.town)
        self.people = People(
            self.nodes, ledger, dice.of("people"), self.trace, self.database.quarantined, self.database.under_review
        )
        self.upstream = Upstream(self.nodes, self.auditor, self.faults, dice.of("apps"), self.trace, self.clock)
        self.cluster = self._make_cluster()
        self.disasters = Disasters(
            self.cluster,
            self.database,
            self.network,
            self.upstream,
            self.town,
            ("wechat", "bank", "giro"),
            tuple(self._rotation(bank) for bank in self.banks),
            self.restoring if plan.restores else None,
        )

    # Building --------------------------------------------------------------------------------------------------------

    def _sealer(self) -> Sealer:
        return Sealer(self._stage.secrets.sealing_keys(), self._dice.of("sealing").randbytes)

    def _make_nodes(self) -> list[Node]:
        count = self._dice.of("nodes").randint(*self.plan.nodes)
        return [
            Node(
                name,
                self.loop,
                self.faults,
                self._dice.of("crashes"),
                self.trace,
                self.auditor,
                self.clock.now,
            )
            for name in ("ant", "bee", "cat")[:count]
        ]

    def _make_town(self, ledger: Ledger) -> Town:
        async def deliver(channel: str, outgoing: Outgoing) -> bool:
            return await self.door.deliver(channel, outgoing)

        return Town(
            loop=self.loop,
            clock=self.clock,
            dice=self._dice.of("town"),
            faults=self.faults,
            trace=self.trace,
            ledger=ledger,
            deliver=deliver,
            about=self._references.get,
            false_news=self.auditor.notification_false,
            transmitted=self._transmitted,
            contract_broken=self.auditor.contract_broken,
            denied=self.auditor.denied,
        )

    def _make_banks(self) -> tuple[SimulatedWechat, list[SimulatedBank], SimulatedMockBank]:
        config, identity = self._stage.config, self._stage.secrets.identity_key.reveal()
        wechat = SimulatedWechat("wechat", "http://127.0.0.1:9101", self._keys.wechat.service, self.town)
        banks = [
            SimulatedBank(
                name,
                base_url,
                self._keys.bank,
                notify_url(config, identity, name),
                mode,
                self._keys.profile,
                self.town,
            )
            for name, base_url, mode in (
                ("bank", "http://127.0.0.1:9102", DuplicateMode.SAME_RESOURCE),
                ("giro", "http://127.0.0.1:9103", DuplicateMode.REFUSE),
            )
        ]
        settings = MockSettings.model_validate(dict(config.channels["mock"].settings))
        return wechat, banks, SimulatedMockBank("mock", settings, notify_url(config, identity, "mock"), self.town)

    def _make_cluster(self) -> Cluster:
        def wiring(exchange: Exchange) -> Wiring:
            lean = None if self.plan.real_crypto else exchange
            return Wiring(self._keys, self.mock, lean, self._sending, self._asked)

        return Cluster(
            self.nodes,
            self._stage,
            self._dice,
            self.town,
            self.network,
            wiring,
            lambda node: WatchedStore(self.database, self.auditor, node.name),
            lambda life: CallbackLine(life, self.upstream, self.faults, self._dice.of("callbacks")),
            self.restoring.mark,
            lean=not self.plan.real_crypto,
        )

    def _rotation(self, bank: SimulatedBank) -> Callable[[], str]:
        def rotate() -> str:
            bank.signer.keyid = next(keyid for keyid in self._keys.bank.signing if keyid != bank.signer.keyid)
            return f"{bank.name} signs with {bank.signer.keyid}"

        return rotate

    # Listening -------------------------------------------------------------------------------------------------------

    def _sending(self, channel: str, signed: Signed) -> None:
        """A submit begins, with its place in the guard taken."""
        sent = signed.sent
        self._references[sent.order.channel_reference] = sent.order.reference
        life = LIFE.get()
        if life is not None and life.gateway is not None:
            handle = life.gateway.services.channels[channel]
            in_flight = handle.guard.live().in_flight
            self.auditor.under_way(life.node.name, channel, in_flight, handle.policy.in_flight)

    def _asked(self, channel: str, channel_reference: str) -> None:
        """A question leaves. Some payouts kill whoever asks about them, three times in a row (row 64)."""
        self.auditor.asked(channel, channel_reference)
        if channel_reference not in self._deaths:
            self._deaths[channel_reference] = DEATHS if self.faults.draw(Place.ASK) is Fault.POISON else 0
        life = LIFE.get()
        if not self._deaths[channel_reference] or life is None or not self.faults.on:
            return
        self._deaths[channel_reference] -= 1
        self.faults.took(Fault.POISON, life.node.name, about=self._references.get(channel_reference))
        life.node.crash("poisoned", counted=False)
        raise asyncio.CancelledError("the node crashed")

    def _transmitted(self, call: Call, body: bytes, whole: bool) -> None:
        self.auditor.transmitted(call.channel, call.channel_reference, body, self.clock.now(), whole)

    def _step_over(self) -> None:
        """A commit is done: once those who waited for it have gone on, the auditor looks."""
        self.loop.call_soon(lambda: self.auditor.check_now(self.clock.now()))

    # Living ----------------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """From the first start to the last book."""
        await self.cluster.start(self.nodes[0])
        for node in self.nodes[1:]:
            self.town.spawn(self.cluster.start(node))
        for wanted in draw_orders(self._dice.of("orders"), self.plan.orders, ORDERS_FOR_S):
            self.town.spawn(self.upstream.order(wanted))
        self.town.spawn(self.disasters.run())
        self.town.spawn(self.people.run())
        await asyncio.sleep(FAULTS_FOR_S)
        await self._heal()
        await asyncio.sleep(WATCHED_FOR_S)
        await self._calm_down()
        while self.loop.time() < END_AFTER_S and self._still_due():
            await asyncio.sleep(3600.0)
        self.auditor.finish(self.database, self.clock.now())

    async def _heal(self) -> None:
        self.faults.on = False
        self.disasters.heal()
        self.trace.add("world", "the faults are over")
        self.auditor.faults_over(self.clock.now())
        for name in self.cluster.states:
            self.cluster.states[name] = self._stage.config.channels[name].state
        for node in self.nodes:
            await self.cluster.restart(node)

    async def _calm_down(self) -> None:
        """One node is enough now. What the others left is found by its rounds, before they become rare."""
        self.people.resting = True
        first, *others = self.nodes
        for node in others:
            await node.stop()
        for _ in range(WRONG_FOR_ROUNDS):
            await asyncio.sleep(LEFT_FOUND_S)
            if not self.database.leased_count(self.clock.now() - timedelta(seconds=LEFT_FOUND_S)):
                break
        if first.life is not None and first.life.gateway is not None:
            first.life.gateway.slow_down(CALM)

    def _still_due(self) -> bool:
        """Whether anything of the gateway's is still to happen."""
        return self.database.due_count() > 0
