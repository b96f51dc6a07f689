"""A whole gateway with a real channel over a line that is ours, and a second channel that would pay at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.magic import Fate
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import Payout
from gateway.domain.status import Status, status
from routing.guard import Guard, Limits
from tests.support.builders import an_answer
from tests.support.channel_kit import World
from tests.support.scripted import ScriptedChannel, ScriptedGateway, scripted_gateway
from tests.support.wire_origins import channel_over, known_as, origin_port
from tests.support.wire_table import Origin, Place, Reach, Row

LINE, BACKUP = "under-test", "backup"
ROUNDS = 40
ROUND_S = 40.0
"""A little longer than the longest wait between two questions in the first minutes."""


@dataclass
class WireGateway:
    """`LINE` is the cheapest channel, so it is asked first; `backup` is where a wrong fail-over would show."""

    world: World
    gateway: ScriptedGateway
    place: Place
    reach: Reach
    payout: Payout

    @property
    def backup(self) -> ScriptedChannel:
        return self.gateway.channels[BACKUP]

    @property
    def paid_by_the_bank(self) -> int:
        """By the bank's own books, whatever anybody believes."""
        return sum(entry.paid_times for entry in self.world.entries())

    async def pass_time(self) -> Payout:
        """A round: the bank's time passes, then what is due is done."""
        await self.world.live(ROUND_S)
        await self.gateway.run()
        return await self.gateway.payout(self.payout.id)

    async def to_its_end(self) -> Payout:
        """Until the payout is final. An hour and more is too long."""
        for _ in range(ROUNDS):
            found = await self.pass_time()
            if status(found) is not Status.PROCESSING and status(found) is not Status.ACCEPTED:
                return found
        raise AssertionError(f"it never ended: {found}")


@asynccontextmanager
async def wire_gateway(world: World, row: Row, folder: Path) -> AsyncIterator[WireGateway]:
    """The gateway with one payout accepted, and its first transmission over."""
    place = Place(Origin(origin_port(world)), folder, lambda base: known_as(world, base))
    async with row.opens(place) as reach:
        gateway = _gateway(world, reach)
        payout = await gateway.accept("wire-1", amount=world.money(), beneficiary=world.payee(Fate.USUAL))
        try:
            yield WireGateway(world, gateway, place, reach, payout)
        finally:
            assert await gateway.services.background.drain(10) == 0


def _gateway(world: World, reach: Reach) -> ScriptedGateway:
    gateway = scripted_gateway(LINE, BACKUP)
    gateway.clock = world.clock
    gateway.channels[BACKUP].submits.extend(an_answer(OutcomeKind.SUCCEEDED) for _ in range(9))
    limits = Limits(in_flight=50, rps=1000, failures=1000)
    handles = {
        name: replace(handle, guard=Guard(name, limits, world.clock.monotonic))
        for name, handle in gateway.services.channels.items()
    }
    handles[LINE] = replace(handles[LINE], channel=channel_over(world, reach.base, reach.http))
    gateway.services = replace(gateway.services, clock=world.clock, channels=handles)
    return gateway
