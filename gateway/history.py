"""Is this the store we left? Asked once, at start, before anything can be sent (R15)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from gateway.config.config import Config
from gateway.domain.errors import StoreError
from gateway.domain.view import timestamp
from gateway.failpoints import Commit, Unit
from gateway.operations.quarantine import Start, grounds, start_in
from gateway.operations.services import Services
from gateway.operations.standing import read_safety
from gateway.store.high_water import FILE_SUFFIX, HighWater, HighWaterFile, HighWaterKeeper
from gateway.store.port import ReadTx
from gateway.world import World

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Keeping:
    """The high-water file being kept behind the store."""

    keeper: HighWaterKeeper
    task: asyncio.Task[None]

    async def know(self, channels: Mapping[str, str]) -> None:
        """Channels that may be sent something from now on. Raises `OSError`, `StoreError`."""
        self.keeper.know(channels)
        await self.keeper.write(clean=False)

    async def stop(self, *, clean: bool) -> None:
        """Write it a last time. `clean`: nothing will come after this."""
        self.task.cancel()
        await asyncio.wait({self.task})
        try:
            await self.keeper.write(clean=clean)
        except (OSError, StoreError) as error:
            log.error("high_water.not_written", error=type(error).__name__, detail=str(error))


def high_water_file(config: Config) -> HighWaterFile:
    """In the state folder, named after the database: beside it, and no part of it."""
    return HighWaterFile(config.state_dir / f"{config.database_path.name}{FILE_SUFFIX}")


async def begin(config: Config, world: World, services: Services, *, quarantine: bool) -> Keeping:
    """Compare store and file, go into quarantine where they disagree, and begin the file anew. All of it is durable.

    Raises:
        StoreUnavailable: the store cannot be asked.
        OSError: the file cannot be written.
    """
    file = high_water_file(config)
    file.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    channels = grounds(services.channels)
    start = Start(file.read(), channels, quarantine, world.random_bytes(8).hex(), world.clock.now())
    safety, history = await services.store.run(Unit(Commit.STARTED, lambda tx: start_in(tx, start)))
    await services.store.read(services.standing.look)
    # The file never forgets a channel: it may have carried what an older copy of the store does not know.
    known = {**(start.mark.found.channels if start.mark.found else {}), **safety.channels}
    file.write(HighWater(history.event, history.lineage or "", clean=False, channels=known))
    if not safety.calm(start.at):
        log.warning("gateway.careful", detail=await careful(services))
    keeper = HighWaterKeeper(file, services.store, world.clock, known, services.standing.look)
    return Keeping(keeper, asyncio.create_task(keeper.run()))


async def careful(services: Services) -> str:
    """What keeps payouts from being sent as ever, for people; empty when nothing does."""
    now = services.clock.now()

    def query(tx: ReadTx) -> str:
        safety = read_safety(tx)
        if safety.quarantined_at is not None:
            left = tx.unasked_since(safety.quarantined_at)
            since = timestamp(safety.quarantined_at)
            return f"quarantine since {since}, nothing is sent ({safety.why}); {left} live attempts not asked about yet"
        until = safety.ask_first_until
        return f"every channel is asked first until {timestamp(until)}" if until and safety.asks_first(now) else ""

    return await services.store.read(query)


class Carefulness:
    """`careful` for a probe that asks every second. To count a million attempts takes the store a while: it is done in
    a twentieth of the time at most, and what it gave last is told meanwhile."""

    SHARE = 0.05
    WAIT_S = 1.0

    def __init__(self) -> None:
        self._told = "quarantine is being looked at"
        self._good_until_s = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def told(self, services: Services) -> str:
        """What `careful` says, or said. Raises `StoreUnavailable`."""
        if self._looking is None and services.clock.monotonic() >= self._good_until_s:
            self._looking = asyncio.create_task(self._look(services))
        looking = self._looking
        if looking is not None:
            done, _ = await asyncio.wait({looking}, timeout=self.WAIT_S)
            if done:
                self._looking = None
                looking.result()
        return self._told

    async def _look(self, services: Services) -> None:
        began_s = services.clock.monotonic()
        self._told = await careful(services)
        now_s = services.clock.monotonic()
        self._good_until_s = now_s + (now_s - began_s) / self.SHARE
