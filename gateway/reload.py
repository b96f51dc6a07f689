"""Another configuration, or an override, comes into force while the gateway runs.

Read, validate whole, look the secrets up, compare, build, check against what is in flight, write down, and only then
swap one reference (`gateway.switch`). Whatever fails before that leaves everything as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from gateway.channels import Maker, build_channels, check_grounds, check_in_flight, start_channel
from gateway.config.config import Config
from gateway.config.diff import changes, refused
from gateway.config.errors import ConfigError, Fault
from gateway.config.load import load
from gateway.config.prepare import prepare_secrets
from gateway.config.references import Mark, folders, mark, standing
from gateway.config.renewed import ANOTHER, changed_keys, renewed
from gateway.domain.audit import Act, Deed
from gateway.domain.errors import StoreError
from gateway.domain.override import Override, next_end
from gateway.failpoints import Commit, Unit
from gateway.operations.panel import Outcome, Reloaded
from gateway.operations.quarantine import grounds
from gateway.operations.standing import read_safety, write_safety
from gateway.snapshot import Shell
from gateway.store.port import Store, Tx
from gateway.switch import Loaded, Switch, going, replaced, shut
from gateway.tls import server_context
from gateway.together import Alone, Others
from gateway.worker.bell import Bell
from routing.coverage import lost

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LOOK_EVERY_S = 60.0
"""How often it is looked whether an override has come or gone by another hand."""

TOLD_MAX = 4000
"""Characters of a list of changes that the audit keeps; the file itself is known by its hash."""

AGAIN_S = 1.0
"""How long after a look that failed it is tried again."""


class Reloader:
    """Puts configurations and overrides in force, one after the other."""

    def __init__(self, switch: Switch, shell: Shell, maker: Maker) -> None:
        self._switch = switch
        self._shell = shell
        self._maker = maker
        self.know: Callable[[Mapping[str, str]], Awaitable[None]] = _nobody
        """Told of every channel before it can be sent anything: the high-water file (R15)."""
        self.others: Others = Alone()
        """Who takes a file up together with us."""
        self._lock = asyncio.Lock()
        self._bell = Bell()
        self._read = switch.loaded.config
        """The newest configuration that could be read, whether or not it came into force."""
        self._tried: Mark | None = None
        """What stood on the disk at the last try to reload."""

    @property
    def loaded(self) -> Loaded:
        """What is in force."""
        return self._switch.loaded

    @property
    def store(self) -> Store:
        return self._shell.store

    # The file --------------------------------------------------------------------------------------------------------

    def folders(self) -> frozenset[Path]:
        """Where something may happen that `look` would want to know."""
        return folders(self._read)

    async def look(self) -> None:
        """Something may have happened to the file or its secrets: a reload, unless just this was tried before."""
        if await asyncio.to_thread(mark, self._read) != self._tried:
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
        """Put file and secrets in force as they are now. The same content as before changes nothing.

        `force`: even if it leaves a currency without a channel.

        Raises:
            ConfigError: it is refused, for each of these reasons; nothing has changed.
        """
        async with self._lock:
            self._tried = await asyncio.to_thread(mark, self._read)
            try:
                done = await self._reload(actor, force)
            except ConfigError as error:
                told = tuple(map(str, error.faults))
                self._note(ok=False, faults=told)
                log.error("config.refused", actor=actor, faults=told)
                await self.others.ended("; ".join(told))
                raise
            await self.others.ended(None)
            if done.outcome is Outcome.RELOADED or not self._switch.reloads.state.ok:
                self._note(ok=True, faults=())
            return done

    async def _reload(self, actor: str, force: bool) -> Reloaded:
        before = self.loaded
        config = await self._load()
        found = changes(before.config, config)
        _raise(refused(config, found))
        secrets = await asyncio.to_thread(prepare_secrets, config)
        _raise(changed_keys(config, before.secrets, secrets))
        built = build_channels(config, self._maker, before.built)
        others = tuple(f"channels.{name}: {ANOTHER}" for name in built.with_other_secrets(before.built))
        told = (*map(str, found), *others, *renewed(before.secrets, secrets))
        if not told and config.sha256 == before.config.sha256:
            return Reloaded(Outcome.UNCHANGED, config.sha256)
        loaded = Loaded(config, secrets, built, server_context(config, secrets), before.overrides)
        if not force:
            _raise(self._lost(before, loaded))
        await self._replace(loaded, told, actor)
        log.info("config.reloaded", actor=actor, sha256=config.sha256, before=before.config.sha256, changes=told)
        return Reloaded(Outcome.RELOADED, config.sha256, told)

    async def _load(self) -> Config:
        """The file as it is now. How its secrets stand is noted before they are read: a change meanwhile is one."""
        was = self.loaded.config
        config = await asyncio.to_thread(load, was.path, was.environ, was.adapters)
        self._read, self._tried = config, Mark(config.sha256, await asyncio.to_thread(standing, config))
        return config

    async def _replace(self, loaded: Loaded, told: Sequence[str], actor: str) -> None:
        """Start what is new, then the last checks, the record, the swap; what was replaced is closed afterwards."""
        before = self.loaded.built
        anew = {name: loaded.built.handles[name] for name in loaded.built.made_anew(before)}
        await asyncio.gather(*(start_channel(name, handle) for name, handle in anew.items()))
        try:
            await self._check_and_swap(loaded, told, actor)
        except BaseException:
            await asyncio.gather(*(handle.channel.close() for handle in anew.values()))
            raise
        self._switch.retire(replaced(before, loaded.built))

    async def _check_and_swap(self, loaded: Loaded, told: Sequence[str], actor: str) -> None:
        leaving = going(self.loaded.built, loaded.built)
        with shut(leaving.values()):
            try:
                live = await self._shell.store.read(lambda tx: tx.live_grounds())
                check_grounds(loaded.config, loaded.built.handles, live)
                check_in_flight(loaded.config, leaving)
                if (why := await self.others.agree(loaded.config.sha256)) is not None:
                    raise ConfigError([Fault(str(loaded.config.path), 1, "", why)])
                await self._write_down(loaded, told, actor)
            except (StoreError, OSError) as error:
                raise _unavailable(loaded.config, error) from error
            self._swap(loaded)

    async def _write_down(self, loaded: Loaded, told: Sequence[str], actor: str) -> None:
        """Who, when, what; and, before anything can be sent there, which channels there are (R15)."""
        now, before = self._shell.clock.now(), self.loaded.config
        known = grounds(loaded.built.handles)
        if known != grounds(self.loaded.built.handles):
            await self.know(known)
        listed = "; ".join(told)
        detail = {
            "before": before.sha256,
            "changes": listed if len(listed) <= TOLD_MAX else f"{listed[: TOLD_MAX - 1]}…",
        }
        deed = Deed(now, actor, Act.CONFIG_TAKEN_UP, loaded.config.sha256, detail)

        def unit(tx: Tx) -> None:
            write_safety(tx, read_safety(tx).configured(known, now))
            tx.append_audit(deed)

        await self._shell.store.run(Unit(Commit.CONFIG, unit))
        await self._shell.store.read(self._shell.standing.look)

    def _swap(self, loaded: Loaded) -> None:
        self._switch.swap(loaded)
        self._bell.ring()

    def _lost(self, before: Loaded, after: Loaded) -> tuple[Fault, ...]:
        now = self._shell.clock.now()
        return tuple(
            after.config.fault(("channels",), f"nobody is left who pays {currency} to {kind} (--force: all the same)")
            for currency, kind in lost(before.policies(now), after.policies(now))
        )

    def _note(self, *, ok: bool, faults: tuple[str, ...]) -> None:
        reloads = self._switch.reloads
        reloads.state = replace(reloads.state, tried_at=self._shell.clock.now(), ok=ok, faults=faults)

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

    def look_at_overrides(self) -> None:
        """Another node wrote something about them: `keep_time` need not wait."""
        self._bell.ring()

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


async def _nobody(_channels: Mapping[str, str]) -> None:
    return None


def _raise(faults: tuple[Fault, ...]) -> None:
    if faults:
        raise ConfigError(faults)


def _unavailable(config: Config, error: Exception) -> ConfigError:
    return ConfigError([Fault(str(config.path), 1, "", f"could not be written down: {type(error).__name__}: {error}")])
