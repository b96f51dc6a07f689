"""What is in force, and how something else comes to be: in one step that nothing can interrupt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from ssl import SSLContext

from gateway.api.state import InForce, Snapshot
from gateway.channels import Built, hold_back
from gateway.config.config import Config
from gateway.config.resolve import ResolvedSecrets
from gateway.domain.override import Override
from gateway.operations.reload_state import Reloads, ReloadState
from gateway.operations.services import ChannelHandle
from gateway.policies import doors
from gateway.snapshot import Shell, snapshot
from gateway.world import World
from routing.policy import ChannelPolicy


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in force, as it was made."""

    config: Config
    secrets: ResolvedSecrets = field(repr=False)
    built: Built
    """By the file alone."""
    tls: SSLContext | None = None
    """What the public listener's handshakes are done with."""
    overrides: tuple[Override, ...] = ()

    def handles(self, now: datetime) -> dict[str, ChannelHandle]:
        """The channels, held back by the overrides."""
        return hold_back(self.built, self.overrides, now)

    def policies(self, now: datetime) -> list[ChannelPolicy]:
        """As they are in force."""
        return [handle.policy for handle in self.handles(now).values()]


class Switch:
    """Holds what is in force, exchanges it whole, and closes what was replaced after its last call."""

    def __init__(
        self,
        loaded: Loaded,
        shell: Shell,
        world: World,
        through: Callable[[], Awaitable[None]],
        adopted: Callable[[Loaded], None],
    ) -> None:
        """`through` waits for the work that began under the services in force when it is called; `adopted` is told of
        whatever comes into force, in the very step that it does.
        """
        self.loaded = loaded
        self._shell = shell
        self._world = world
        self._through = through
        self._adopted = adopted
        now = shell.clock.now()
        self.in_force = InForce(self._snapshot(loaded, now))
        self.reloads = Reloads(ReloadState(loaded.config.sha256, now, now))
        self._retiring: dict[asyncio.Task[None], ChannelHandle] = {}

    def swap(self, loaded: Loaded) -> None:
        """No await in here: nobody sees a part of it."""
        before, now = self.loaded, self._shell.clock.now()
        for name, handle in loaded.built.handles.items():
            known = before.built.handles.get(name)
            if known is not None and known.guard is handle.guard:
                handle.guard.change(doors(loaded.config.channels[name]))
        state = self.reloads.state
        since = state.since if loaded.config is before.config else now
        self.reloads.state = replace(
            state, sha256=loaded.config.sha256, since=since, overrides_active=len(loaded.overrides)
        )
        self.loaded = loaded
        self.in_force.snapshot = self._snapshot(loaded, now)
        self._adopted(loaded)
        self._shell.wake()

    def _snapshot(self, loaded: Loaded, now: datetime) -> Snapshot:
        return snapshot(loaded.config, loaded.secrets, loaded.handles(now), self._shell, self._world)

    def retire(self, handles: Iterable[ChannelHandle]) -> None:
        """Close each as soon as nothing goes through it any more."""
        for handle in handles:
            task = asyncio.create_task(self._close_after_use(handle))
            self._retiring[task] = handle
            task.add_done_callback(lambda done: self._retiring.pop(done, None))

    async def _close_after_use(self, handle: ChannelHandle) -> None:
        await self._through()
        await handle.calls.over()
        await handle.channel.close()

    async def close(self) -> None:
        """Close every channel, those that wait for their last call too."""
        waiting = dict(self._retiring)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        handles = (*waiting.values(), *self.loaded.built.handles.values())
        await asyncio.gather(*(handle.channel.close() for handle in handles))


def going(before: Built, after: Built) -> dict[str, ChannelHandle]:
    """Channels as they were that are removed, or stand on other ground."""
    return {
        name: handle
        for name, handle in before.handles.items()
        if name not in after.handles or after.handles[name].channel.ground != handle.channel.ground
    }


def replaced(before: Built, after: Built) -> list[ChannelHandle]:
    """Channels as they were whose connection is not used any more."""
    return [
        handle
        for name, handle in before.handles.items()
        if name not in after.handles or after.handles[name].channel is not handle.channel
    ]


@contextmanager
def shut(handles: Iterable[ChannelHandle]) -> Iterator[None]:
    """Nothing new is sent through them, so that what is counted stays so; opened again unless they go."""
    closed = [handle.guard for handle in handles]
    for guard in closed:
        guard.shut()
    try:
        yield
    except BaseException:
        for guard in closed:
            guard.reopen()
        raise
