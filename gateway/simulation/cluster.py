"""The nodes of a world: starts them on the present configuration, and again after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from gateway.config.config import Config
from gateway.operations.services import Sender
from gateway.simulation.channels import Wiring, wired
from gateway.simulation.dice import Dice, uuid7
from gateway.simulation.faults import Fault, Place
from gateway.simulation.gateway import Pace, SimulatedGateway
from gateway.simulation.network import Network
from gateway.simulation.node import Life, Node, NodeStore
from gateway.simulation.stage import Stage
from gateway.simulation.town import Town
from gateway.simulation.transport import Exchange, Transport
from gateway.store.high_water import MarkRead
from gateway.store.port import Store
from gateway.world import World
from routing.policy import ChannelState

BUSY = Pace(payouts_s=25.0, callbacks_s=60.0, standing_s=30.0)
CALM = Pace(payouts_s=4 * 3600.0, callbacks_s=3600.0, standing_s=24 * 3600.0)
"""When nothing crashes any more, a round finds nothing that would not be waited for anyway."""
DOWN_S = (0.5, 20.0)


class Cluster:
    """One to three nodes over one database."""

    def __init__(
        self,
        nodes: list[Node],
        stage: Stage,
        dice: Dice,
        town: Town,
        network: Network,
        wiring: Callable[[Exchange], Wiring],
        store: Callable[[Node], Store],
        sender: Callable[[Life], Sender],
        mark: Callable[[], MarkRead],
        *,
        lean: bool,
    ) -> None:
        """`store` and `sender` make a node's ports; `lean` leaves httpx out."""
        self.nodes = nodes
        self.states = dict.fromkeys(stage.config.channels, ChannelState.ENABLED)
        self._stage = stage
        self._dice = dice
        self._town = town
        self._network = network
        self._wiring = wiring
        self._store = store
        self._sender = sender
        self._mark = mark
        self._lean = lean
        for node in nodes:
            node.came_down = self._came_down

    async def start(self, node: Node) -> None:
        """Until it is up."""
        if self._town.faults.draw(Place.START) is Fault.CLOCK_SKEW:
            off_s = self._town.dice.choice((-1, 1)) * self._town.later(0.2, 400.0)
            self._town.faults.took(Fault.CLOCK_SKEW, node.name, f"{off_s:+.0f} s")
            node.clock.skew_s = off_s
        await node.start(lambda: self._make(node))

    async def restart(self, node: Node) -> None:
        """An orderly stop, then a start on the present configuration."""
        async with node.lock:
            await node.stop()
            if node.life is None:
                await self.start(node)

    def _came_down(self, node: Node) -> None:
        self._town.spawn(self._bring_up(node))

    async def _bring_up(self, node: Node) -> None:
        await asyncio.sleep(self._town.later(*DOWN_S))
        async with node.lock:
            if node.life is None:
                await self.start(node)

    def _make(self, node: Node) -> SimulatedGateway:
        """A gateway for the life that is just beginning."""
        life = node.life
        assert life is not None  # noqa: S101 - it is begun before its gateway is made

        async def exchange(asked, fire, patience):  # type: ignore[no-untyped-def]  # an `Exchange`
            await life.step("before a send")
            answer = await self._network.exchange(node.name, asked, fire, patience)
            await life.step("after a send")
            return answer

        chance = self._dice.of(node.name)
        world = World(
            clock=node.clock,
            random_bytes=chance.randbytes,
            jitter=chance.random,
            new_uuid=lambda: uuid7(chance, node.clock.now().timestamp()),
            node=node.name,
            transport=None if self._lean else Transport(exchange),
        )
        store = NodeStore(self._store(node), life)
        config = self._config(wired(self._stage.config.adapters, self._wiring(exchange)))
        return SimulatedGateway(config, world, self._stage.secrets, store, self._sender(life), BUSY, self._mark)

    def _config(self, adapters: object) -> Config:
        base = self._stage.config
        channels = {
            name: part if self.states[name] is part.state else part.model_copy(update={"state": self.states[name]})
            for name, part in base.channels.items()
        }
        return replace(base, channels=channels, adapters=adapters)  # type: ignore[arg-type]  # made by `wired`
