"""Another configuration, or an override, comes into force while the gateway runs.

Read, validate whole, look the secrets up, compare, build, check against what is in flight, write down, and only then
swap one reference, in one step that nothing can interrupt. Whatever fails before that leaves everything as it was.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog

from gateway.api.state import InForce, Snapshot
from gateway.channels import Built, Maker, build_channels, check_grounds, check_in_flight, hold_back, start_channel
from gateway.config.config import Config
from gateway.config.diff import Change, changes, refused
from gateway.config.errors import ConfigError, Fault
from gateway.config.load import load
from gateway.config.prepare import prepare_secrets
from gateway.config.resolve import ResolvedSecrets
from gateway.domain.audit import Act, Deed
from gateway.domain.errors import StoreError
from gateway.domain.override import Override, next_end
from gateway.failpoints import Commit, Unit
from gateway.operations.panel import Outcome, Reloaded
from gateway.operations.quarantine import grounds
from gateway.operations.reload_state import Reloads, ReloadState
from gateway.operations.services import ChannelHandle
from gateway.operations.standing import read_safety, write_safety
from gateway.policies import doors
from gateway.snapshot import Shell, snapshot
from gateway.store.port import Store, Tx
from gateway.worker.loop import Bell
from routing.coverage import lost
from routing.policy import ChannelPolicy

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LOOK_EVERY_S = 60.0
"""How often it is looked whether an override has come or gone by another hand."""

TOLD_MAX = 4000
"""Characters of a list of changes that the audit keeps; the file itself is known by its hash."""

AGAIN_S = 1.0
"""How long after a look that failed it is tried again."""

GATEWAY_KEYS = ("sealing_key", "identity_key", "fingerprint_key")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in force, as it was made."""

    config: Config
    secrets: ResolvedSecrets = field(repr=False)
    built: Built
    """By the file alone."""
    overrides: tuple[Override, ...] = ()

    def handles(self, now: datetime) -> dict[str, ChannelHandle]:
        """The channels, held back by the overrides."""
        return hold_back(self.built, self.overrides, now)


class Reloader:
    """Puts configurations and overrides in force, one after the other."""

    def __init__(
        self,
        loaded: Loaded,
        shell: Shell,
        maker: Maker,
        through: Callable[[], Awaitable[None]],
        adopted: Callable[[Config], None],
    ) -> None:
        """`through` waits for the work that began under the services in force when it is called; `adopted` is told of
        each configuration that comes into force, in the very step that it does.
        """
        self.loaded = loaded
        self._shell = shell
        self._maker = maker
        self._through = through
        self._adopted = adopted
        now = shell.clock.now()
        self.in_force = InForce(self._snapshot(loaded, now))
        self.reloads = Reloads(ReloadState(loaded.config.sha256, now, now))
        self.know: Callable[[Mapping[str, str]], Awaitable[None]] = _nobody
        """Told of every channel before it can be sent anything: the high-water file (R15)."""
        self._lock = asyncio.Lock()
        self._bell = Bell()
        self._retiring: dict[asyncio.Task[None], ChannelHandle] = {}
        self._refused_sha256: str | None = None

    @property
    def store(self) -> Store:
        return self._shell.store

    # The file --------------------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Something happened in the file's folder: a reload, unless this very content is in force or was refused."""
        sha256 = await asyncio.to_thread(_sha256, self.loaded.config.path)
        state = self.reloads.state
        if sha256 != self._refused_sha256 and (sha256 != state.sha256 or not state.ok):
            await self.try_reload("file")

    async def try_reload(self, actor: str) -> None:
        """A reload nobody waits for: what is wrong with it stands in the log and in the state."""
        try:
            await self.reload(actor)
        except ConfigError:
            pass  # said
        except Exception:  # whoever watches the file must outlive a fault of ours
            log.exception("config.reload_failed", actor=actor)

    async def reload(self, actor: str, *, force: bool = False) -> Reloaded:
        """Put the file in force as it is now. The same content as before changes nothing.

        `force`: even if it leaves a currency without a channel.

        Raises:
            ConfigError: it is refused, for each of these reasons; nothing has changed.
        """
        async with self._lock:
            sha256 = await asyncio.to_thread(_sha256, self.loaded.config.path)
            try:
                done = await self._reload(actor, force)
            except ConfigError as error:
                self._refused(error, sha256, actor)
                raise
            self._refused_sha256 = None
            if done.outcome is Outcome.RELOADED or not self.reloads.state.ok:
                self._note(ok=True, faults=())
            return done

    async def _reload(self, actor: str, force: bool) -> Reloaded:
        before = self.loaded
        config = await asyncio.to_thread(load, before.config.path, before.config.environ, before.config.adapters)
        if config.sha256 == before.config.sha256:
            return Reloaded(Outcome.UNCHANGED, config.sha256)
        found = changes(before.config, config)
        _raise(refused(config, found))
        secrets = await asyncio.to_thread(prepare_secrets, config)
        _raise(_changed_keys(config, before.secrets, secrets))
        built = build_channels(config, self._maker, before.built)
        loaded = Loaded(config, secrets, built, before.overrides)
        if not force:
            _raise(self._lost(before, loaded))
        anew = {name: built.handles[name] for name in built.made_anew(before.built)}
        await asyncio.gather(*(start_channel(name, handle) for name, handle in anew.items()))
        try:
            await self._replace(loaded, found, actor)
        except BaseException:
            await asyncio.gather(*(handle.channel.close() for handle in anew.values()))
            raise
        told = tuple(map(str, found))
        log.info("config.reloaded", actor=actor, sha256=config.sha256, before=before.config.sha256, changes=told)
        return Reloaded(Outcome.RELOADED, config.sha256, told)

    async def _replace(self, loaded: Loaded, found: Sequence[Change], actor: str) -> None:
        """The last checks, the record, the swap; what was replaced is closed after its last call."""
        before = self.loaded
        going = _going(before.built, loaded.built)
        with _shut(going.values()):
            try:
                live = await self._shell.store.read(lambda tx: tx.live_grounds())
                check_grounds(loaded.config, loaded.built.handles, live)
                check_in_flight(loaded.config, going)
                await self._write_down(loaded, found, actor)
            except (StoreError, OSError) as error:
                raise _unavailable(loaded.config, error) from error
            self._swap(loaded)
        for name, handle in before.built.handles.items():
            kept = loaded.built.handles.get(name)
            if kept is None or kept.channel is not handle.channel:
                self._retire(handle)

    async def _write_down(self, loaded: Loaded, found: Sequence[Change], actor: str) -> None:
        """Who, when, what; and, before anything can be sent there, which channels there are (R15)."""
        now, before = self._shell.clock.now(), self.loaded.config
        known = grounds(loaded.built.handles)
        if known != grounds(self.loaded.built.handles):
            await self.know(known)
        told = "; ".join(map(str, found))
        detail = {"before": before.sha256, "changes": told if len(told) <= TOLD_MAX else f"{told[: TOLD_MAX - 1]}…"}
        deed = Deed(now, actor, Act.CONFIG_TAKEN_UP, loaded.config.sha256, detail)

        def unit(tx: Tx) -> None:
            write_safety(tx, read_safety(tx).configured(known, now))
            tx.append_audit(deed)

        await self._shell.store.run(Unit(Commit.CONFIG, unit))
        await self._shell.store.read(self._shell.standing.look)

    def _swap(self, loaded: Loaded) -> None:
        """No await in here: nobody sees a part of it."""
        before, now = self.loaded, self._shell.clock.now()
        for name, handle in loaded.built.handles.items():
            known = before.built.handles.get(name)
            if known is not None and known.guard is handle.guard:
                handle.guard.change(doors(loaded.config.channels[name]))
        state, sha256 = self.reloads.state, loaded.config.sha256
        since = state.since if sha256 == state.sha256 else now
        self.reloads.state = replace(state, sha256=sha256, since=since, overrides_active=len(loaded.overrides))
        self.loaded = loaded
        self.in_force.snapshot = self._snapshot(loaded, now)
        self._adopted(loaded.config)
        self._bell.ring()
        self._shell.wake()

    def _snapshot(self, loaded: Loaded, now: datetime) -> Snapshot:
        return snapshot(loaded.config, loaded.secrets, loaded.handles(now), self._shell, self._maker.world)

    def _lost(self, before: Loaded, after: Loaded) -> tuple[Fault, ...]:
        now = self._shell.clock.now()
        return tuple(
            after.config.fault(("channels",), f"nobody is left who pays {currency} to {kind} (--force: all the same)")
            for currency, kind in lost(policies(before, now), policies(after, now))
        )

    def _refused(self, error: ConfigError, sha256: str, actor: str) -> None:
        self._refused_sha256 = sha256
        told = tuple(map(str, error.faults))
        self._note(ok=False, faults=told)
        log.error("config.refused", actor=actor, faults=told)

    def _note(self, *, ok: bool, faults: tuple[str, ...]) -> None:
        self.reloads.state = replace(self.reloads.state, tried_at=self._shell.clock.now(), ok=ok, faults=faults)

    # Overrides -------------------------------------------------------------------------------------------------------

    async def hold(self, choose: Callable[[Loaded], Awaitable[tuple[Override, ...]]]) -> None:
        """Put other overrides in force: those that `choose` makes of what is, after writing them down."""
        async with self._lock:
            overrides = await choose(self.loaded)
            if overrides != self.loaded.overrides:
                self._swap(replace(self.loaded, overrides=overrides))

    async def refresh(self) -> None:
        """Take in what the store says: what has expired, what another node wrote."""
        now = self._shell.clock.now()

        async def stored(_loaded: Loaded) -> tuple[Override, ...]:
            return tuple(await self._shell.store.read(lambda tx: tx.overrides(now)))

        await self.hold(stored)

    async def keep_time(self) -> None:
        """End overrides when their time is over, for ever. Late is safe: they only hold back."""
        while True:
            clock, end = self._shell.clock, next_end(self.loaded.overrides)
            wait_s = LOOK_EVERY_S if end is None else min((end - clock.now()).total_seconds(), LOOK_EVERY_S)
            await self._bell.wait(clock, max(wait_s, 0.001))
            try:
                await self.refresh()
            except Exception:  # a passing fault of the store must not make them last for ever
                log.exception("config.overrides_not_read")
                await clock.sleep(AGAIN_S)

    # Closing ---------------------------------------------------------------------------------------------------------

    def _retire(self, handle: ChannelHandle) -> None:
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


async def _nobody(_channels: Mapping[str, str]) -> None:
    return None


def policies(loaded: Loaded, now: datetime) -> list[ChannelPolicy]:
    """As they are in force."""
    return [handle.policy for handle in loaded.handles(now).values()]


def _going(before: Built, after: Built) -> dict[str, ChannelHandle]:
    """Channels as they were that are removed, or stand on other ground."""
    return {
        name: handle
        for name, handle in before.handles.items()
        if name not in after.handles or after.handles[name].channel.ground != handle.channel.ground
    }


@contextmanager
def _shut(handles: Iterable[ChannelHandle]) -> Iterator[None]:
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


def _changed_keys(config: Config, old: ResolvedSecrets, new: ResolvedSecrets) -> tuple[Fault, ...]:
    return tuple(
        config.fault(("gateway", key), "another key takes effect at a restart only")
        for key in GATEWAY_KEYS
        if getattr(old, key).reveal() != getattr(new, key).reveal()
    )


def _raise(faults: tuple[Fault, ...]) -> None:
    if faults:
        raise ConfigError(faults)


def _unavailable(config: Config, error: Exception) -> ConfigError:
    return ConfigError([Fault(str(config.path), 1, "", f"could not be written down: {type(error).__name__}: {error}")])


def _sha256(path: Path) -> str:
    """Of the file; empty while there is none that can be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
