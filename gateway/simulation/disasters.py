"""What happens to whole machines, links and files: drawn every few seconds, each with its own end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from gateway.simulation.cluster import Cluster
from gateway.simulation.database import Database
from gateway.simulation.faults import Fault, Faults, Place
from gateway.simulation.network import Network
from gateway.simulation.node import Node
from gateway.simulation.restoring import Restoring
from gateway.simulation.stage import APPS
from gateway.simulation.town import Town
from gateway.simulation.trip import Connect
from gateway.simulation.upstream import Upstream
from routing.policy import ChannelState

EVERY_S = 6.0

_LASTS_S: dict[Fault, tuple[float, float]] = {
    Fault.CLOCK_STEP: (5.0, 100.0),
    Fault.CLOCK_FREEZE: (2.0, 60.0),
    Fault.ENDPOINT_DEAD: (5.0, 120.0),
    Fault.DISK_FULL: (0.3, 5.0),
    Fault.SLOW: (3.0, 20.0),
    Fault.SWIZZLE: (3.0, 30.0),
}


class Disasters:
    """Strikes a running world."""

    def __init__(
        self,
        cluster: Cluster,
        database: Database,
        network: Network,
        upstream: Upstream,
        town: Town,
        banks: tuple[str, ...],
        rotations: tuple[Callable[[], str], ...],
        restoring: Restoring | None,
    ) -> None:
        """`rotations` each change one key and say which; without `restoring` no backup is ever restored."""
        self._cluster = cluster
        self._database = database
        self._network = network
        self._upstream = upstream
        self._town = town
        self._banks = banks
        self._rotations = rotations
        self._restoring = restoring
        self._faults: Faults = town.faults
        self._dice: random.Random = town.dice
        self._stepped = 0

    async def run(self) -> None:
        """Until the faults are over."""
        while self._faults.on:
            await asyncio.sleep(EVERY_S)
            if self._restoring is not None:
                self._restoring.back_up()
            strike = self._faults.draw(Place.TICK)
            if strike is not None:
                self._town.spawn(self._strike(strike))

    async def _strike(self, strike: Fault) -> None:
        if not self._faults.on:
            return
        lasts_s = self._town.later(*_LASTS_S[strike]) if strike in _LASTS_S else 0.0
        match strike:
            case Fault.CLOCK_STEP:
                await self._step_clock(lasts_s)
            case Fault.CLOCK_FREEZE:
                await self._freeze_clock(lasts_s)
            case Fault.ENDPOINT_DEAD:
                app = self._dice.choice(APPS)
                self._upstream.dead.add(app)
                await asyncio.sleep(lasts_s)
                self._upstream.dead.discard(app)
            case Fault.DISK_FULL:
                self._database.full = True
                await asyncio.sleep(lasts_s)
                self._database.full = False
            case Fault.SLOW:
                self._network.slow, self._database.slow = self._dice.choice((20.0, 60.0)), 30.0
                await asyncio.sleep(lasts_s)
                self._network.slow = self._database.slow = 1.0
            case Fault.SWIZZLE:
                await self._swizzle(lasts_s)
            case Fault.RELOAD:
                await self._reload()
            case Fault.RESTORE if self._restoring is not None:
                self._restoring.restore(self._cluster, self._upstream)
            case Fault.ROTATION:
                self._faults.took(strike, "keys", self._dice.choice(self._rotations)())

    def _some_node(self) -> Node | None:
        up = [node for node in self._cluster.nodes if node.services is not None]
        return self._dice.choice(up) if up else None

    async def _step_clock(self, lasts_s: float) -> None:
        node = self._some_node()
        if node is not None:
            by_s = self._dice.choice((-1, 1)) * self._town.later(2.0, 3600.0)
            self._faults.took(Fault.CLOCK_STEP, node.name, f"{by_s:+.0f} s for {lasts_s:.0f} s")
            self._stepped += 1
            number = self._stepped
            node.clock.steps_s[number] = by_s
            await asyncio.sleep(lasts_s)
            node.clock.steps_s.pop(number, None)

    async def _freeze_clock(self, lasts_s: float) -> None:
        node = self._some_node()
        if node is not None and node.clock.frozen_at is None:
            self._faults.took(Fault.CLOCK_FREEZE, node.name, f"for {lasts_s:.0f} s")
            node.clock.freeze()
            await asyncio.sleep(lasts_s)
            node.clock.thaw()

    async def _swizzle(self, lasts_s: float) -> None:
        """Stop links one by one, heal them in another order."""
        links = [(node.name, bank) for node in self._cluster.nodes for bank in self._banks]
        stopped = self._dice.sample(links, self._dice.randint(1, len(links)))
        for link in stopped:
            self._network.stopped[link] = self._dice.choice((Connect.REFUSED, Connect.SILENT))
            await asyncio.sleep(self._dice.uniform(0.1, lasts_s / 4))
        self._dice.shuffle(stopped)
        for link in stopped:
            await asyncio.sleep(self._dice.uniform(0.1, lasts_s / 4))
            self._network.stopped.pop(link, None)

    async def _reload(self) -> None:
        """Another configuration: a channel is drained, switched off or on again; one node takes it up."""
        node = self._some_node()
        if node is None:
            return
        states = self._cluster.states
        off = [name for name, state in states.items() if state is not ChannelState.ENABLED]
        name = self._dice.choice(off or list(states))
        state = ChannelState.ENABLED if off else self._dice.choice((ChannelState.DRAINING, ChannelState.DISABLED))
        self._cluster.states[name] = state
        self._faults.took(Fault.RELOAD, node.name, f"{name} {state}")
        await self._cluster.restart(node)

    def heal(self) -> None:
        """Everything is as it should be."""
        self._network.stopped.clear()
        self._network.slow = self._database.slow = 1.0
        self._database.full = False
        self._upstream.dead.clear()
        for node in self._cluster.nodes:
            node.clock.correct()
