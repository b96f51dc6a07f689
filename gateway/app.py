"""The composition root: a configuration and a world in, a wired gateway out. The only place where everything meets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

import gateway
from adapters.channel import RawNotification
from adapters.signer import HERE
from gateway.admission.commit_wait import NO_PRESSURE, Pressure
from gateway.api.admin.handed_on import as_the_parent_saw_it
from gateway.api.batch_room import BatchRoom
from gateway.api.intake import Intake
from gateway.api.listener import start_private
from gateway.api.server import PUBLIC_STATE, Listener, admin_app, health_app, public_app, start_listener
from gateway.callbacks.sender import CallbackSender, Limits
from gateway.channels import Maker, build_channels, check_grounds, start_channel
from gateway.config.config import Config
from gateway.config.model import SignerPlace
from gateway.config.prepare import prepare_secrets
from gateway.config.resolve import ResolvedSecrets
from gateway.database import open_store
from gateway.domain.principal import FIRST_TOKEN_FILE
from gateway.exposed import Exposed
from gateway.history import Keeping, begin
from gateway.metrics.lag import LoopLag
from gateway.metrics.meter import RegistryMeter
from gateway.metrics.port import BLIND
from gateway.metrics.scrape import Scrape
from gateway.metrics.store import CountedStore
from gateway.operations.channel_news import keep_telling
from gateway.operations.deliver import deliver
from gateway.operations.first_token import prepare_first_token
from gateway.operations.keys import keep_fresh
from gateway.operations.nodes import Nodes, keep_saying, leave
from gateway.operations.observe import observe
from gateway.operations.remembering import keep_remembering, recall, remember
from gateway.operations.retry import keep_finishing
from gateway.operations.services import Keys, Services
from gateway.operations.watch import watch
from gateway.panel import RunningPanel
from gateway.readiness import Readiness
from gateway.reload import Reloader
from gateway.sealing import Sealer
from gateway.signer.beside import SignerBeside
from gateway.snapshot import Shell, connections
from gateway.store.port import Store
from gateway.store.records import Callback
from gateway.store.wakes import Alone, Ring, Wake, Wakes
from gateway.switch import Loaded, Switch
from gateway.tls import ServerTls, server_context
from gateway.together import Station
from gateway.tracing.begin import Tracing, Untraced, begin_tracing
from gateway.worker.batches import BatchWorker
from gateway.worker.callbacks import CallbackWorker
from gateway.worker.payouts import PayoutWorker
from gateway.world import World

log: structlog.stdlib.BoundLogger = structlog.get_logger()


LAST_WORD_S = 1.0
"""How long late answers are waited for where the grace is over: what is there by then is still read."""


@dataclass(slots=True)
class _Workers:
    payouts: PayoutWorker
    callbacks: CallbackWorker
    batches: BatchWorker
    sender: CallbackSender
    loops: list[asyncio.Task[None]]


class Gateway:
    """One running gateway. Made by `open`, used between `start` and `stop`."""

    def __init__(
        self,
        config: Config,
        world: World,
        secrets: ResolvedSecrets,
        store: Store,
        meter: RegistryMeter | None = None,
        tracing: Tracing | None = None,
        wakes: Wakes | None = None,
        station: Station | None = None,
    ) -> None:
        """Without a meter nothing is counted, and there is nothing to scrape; without tracing there are no spans."""
        self._meter = meter
        self._tracing = tracing or Untraced()
        self._wakes = wakes or Alone()
        self._station = station
        self._lag = LoopLag()
        self._pressure: Callable[[], Pressure] = lambda: NO_PRESSURE
        self.config = config
        self.world = world
        self._secrets = secrets
        tls = server_context(config, secrets)
        self._tls = None if tls is None else ServerTls(tls)
        self._workers = self._make_workers()
        self._shell = self._make_shell(store)
        beside = config.gateway.signer is SignerPlace.PROCESS
        self._signer = SignerBeside(world.clock) if beside else None
        maker = Maker(world, self._shell.keys.identity, self._deliver_inside, self._signer or HERE)
        self._switch = self._make_switch(maker)
        self.in_force, self.reloads = self._switch.in_force, self._switch.reloads
        self.reloader = Reloader(self._switch, self._shell, maker)
        if station is not None:
            self.reloader.others = station.others
        self.nodes = Nodes(world.node)
        self.panel = RunningPanel(
            self._switch, self.reloader, world, self.nodes, lambda: self._wakes.tell(Wake.OVERRIDES)
        )
        self._workers.payouts.attach(self.in_force)
        self.health = Readiness(self.in_force, self.reloads, self._workers.loops).health()
        self._rounds: list[asyncio.Task[None]] = []
        """What is done again and again, beside the workers."""
        self._sealer: Sealer | None = None
        self._keeping: Keeping | None = None
        self._listeners: list[Listener] = []

    @classmethod
    async def open(
        cls, config: Config, world: World, *, quarantine: bool = False, station: Station | None = None
    ) -> Gateway:
        """Everything that can refuse a start refuses here, before a port is bound.

        `quarantine`: begin one, whatever the high-water file says. `station`: where it stands, as one of several.

        Raises:
            ConfigError: the configuration, its secrets, or payouts in flight that it would orphan.
            StoreUnavailable: the database.
            OSError: the high-water file cannot be written.
        """
        secrets = prepare_secrets(config)
        sealer = Sealer(secrets.sealing_keys(), world.random_bytes, config.gateway.cipher)
        store, wakes = open_store(config, secrets.postgres, sealer, world)
        try:
            tracing = begin_tracing(config.environ, world.node)
            opened = cls(config, world, secrets, store, RegistryMeter(), tracing, wakes, station)
            opened._pressure, opened._sealer = (lambda: store.pressure), sealer
            check_grounds(config, opened.services.channels, await store.read(lambda tx: tx.live_grounds()))
            opened._keeping = await begin(config, world, opened.services, quarantine=quarantine)
            opened.reloader.know = opened._keeping.know
            await recall(opened.services)
            await opened.reloader.refresh()
        except BaseException:
            await store.close()
            raise
        return opened

    def _make_workers(self) -> _Workers:
        part, callbacks = self.config.worker, self.config.callbacks
        limits = Limits(total_s=callbacks.timeout_s)
        sender = CallbackSender(self.world.clock, live=not self.config.sandbox, limits=limits)
        payouts = PayoutWorker(part.concurrency, part.rescue_every_s, part.waiting)

        async def one(callback: Callback) -> Callback:
            return await deliver(self.services, sender, callback, self.world.jitter)

        every_s, each = part.rescue_every_s, callbacks.per_endpoint
        worker = CallbackWorker(callbacks.concurrency, every_s, callbacks.timeout_s, one, each)
        return _Workers(payouts, worker, BatchWorker(), sender, [])

    def _make_shell(self, store: Store) -> Shell:
        secrets, world, workers = self._secrets, self.world, self._workers
        return Shell(
            store=store if self._meter is None else CountedStore(store, self._meter),
            meter=self._meter or BLIND,
            spans=self._tracing.spans,
            clock=world.clock,
            new_uuid=world.new_uuid,
            keys=Keys(secrets.identity_key.reveal(), secrets.fingerprint_key.reveal()),
            node=world.node,
            hand_over=workers.payouts.hand_over,
            has_room=workers.payouts.has_room,
            keep_place=workers.payouts.keep_place,
            wake=lambda: self._wake(Wake.PAYOUTS),
            wake_callbacks=lambda: self._wake(Wake.CALLBACKS),
            claim_callback=workers.callbacks.claim,
            begin_callbacks=workers.callbacks.begin,
            wake_batches=workers.batches.bell.ring,
            sender=workers.sender,
        )

    def _wake(self, who: Wake) -> None:
        """Our own worker, and those of the other nodes on the store."""
        self._ring(who)
        self._wakes.tell(who)

    def _ring(self, who: Wake) -> None:
        match who:
            case Wake.PAYOUTS:
                self._workers.payouts.bell.ring()
            case Wake.CALLBACKS:
                self._workers.callbacks.bell.ring()
            case Wake.OVERRIDES:
                self.reloader.look_at_overrides()

    def _make_switch(self, maker: Maker) -> Switch:
        tls = None if self._tls is None else self._tls.context
        loaded = Loaded(self.config, self._secrets, build_channels(self.config, maker), tls)
        return Switch(loaded, self._shell, self.world, self._workers.payouts.through, self._adopt)

    def _adopt(self, loaded: Loaded) -> None:
        self.config = loaded.config
        if self._tls is not None and loaded.tls is not None:
            self._tls.renew(loaded.tls)

    @property
    def services(self) -> Services:
        """Those in force at this moment."""
        return self.in_force.services

    async def _deliver_inside(self, channel: str, raw: RawNotification) -> int:
        """A notification of a channel that lives in this process."""
        return (await observe(self.services, channel, raw)).status

    # Running -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the channels, each within its deadline, then the loops, then bind both listeners."""
        if self._signer is not None:
            await self._signer.start()
        await asyncio.gather(*(self._start_channel(name) for name in self.services.channels))
        loop = asyncio.get_running_loop()
        self._wakes.start(lambda who: _from_outside(loop, self._ring, who))
        workers = self._workers
        loops = (workers.payouts.run(), workers.callbacks.run(self.in_force), workers.batches.run(self.in_force))
        self._workers.loops.extend(asyncio.create_task(loop) for loop in loops)
        self._rounds.extend(asyncio.create_task(each) for each in self._made_rounds())
        await self._listen()
        ports = [listener.port for listener in self._listeners]
        log.info("gateway.started", mode=str(self.config.gateway.mode), ports=ports, version=gateway.__version__)

    def _made_rounds(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield watch(self.in_force, lambda: self._alarm_after)
        yield keep_saying(self.in_force, self.nodes, self.reloads)
        yield keep_remembering(self.in_force)
        yield keep_finishing(self.in_force)
        yield keep_telling(self.in_force, self._resting_elsewhere)
        yield self._lag.watch(self.world.clock)
        yield self.reloader.keep_time()
        if self._sealer is not None:
            yield keep_fresh(self.in_force, self._sealer)

    def _resting_elsewhere(self) -> frozenset[str]:
        return self.nodes.resting(self.world.clock.monotonic())

    async def _start_channel(self, name: str) -> None:
        await start_channel(name, self.services.channels[name])

    async def _listen(self) -> None:
        part, secrets = self.config.gateway, self._secrets
        cursor_key = secrets.fingerprint_key.reveal()
        app = public_app(self.in_force, sandbox=self.config.sandbox, cursor_key=cursor_key, pressure=self._pressure)
        tls, limits = None if self._tls is None else self._tls.context, connections(self.config)
        station, listen = self._station, part.listen
        shared = station is not None
        self._listeners.append(await start_listener(app, listen.host, listen.port, tls, limits, shared=shared))
        self._workers.batches.attach(BatchRoom(app[PUBLIC_STATE]))
        self._give_way_to(app[PUBLIC_STATE].intake)
        first_token = self.config.state_dir / FIRST_TOKEN_FILE
        if station is None or station.first:
            await prepare_first_token(self.services, self.world.random_bytes, first_token)
        scrape = None if self._meter is None else self._scrape(self._meter, app[PUBLIC_STATE].intake).exposition
        admin = admin_app(self.health, self.in_force, self.world.random_bytes, first_token, scrape, self.panel)
        if station is not None:
            admin.middlewares.insert(0, as_the_parent_saw_it)
            self._listeners.append(await start_private(admin, station.admin))
            return
        self._listeners.append(await start_listener(admin, part.admin_listen.host, part.admin_listen.port))
        if (probes := part.health_listen) is not None:
            self._listeners.append(await start_listener(health_app(self.health), probes.host, probes.port))

    def _give_way_to(self, intake: Intake) -> None:
        """Payouts go by how the door stands."""
        worker = self._workers.payouts
        worker.giving_way.crowded = lambda: intake.crowded_lately
        worker.at_work.orders = lambda: intake.orders
        worker.at_work.late_s = lambda: self._lag.lately_s(self.world.clock.monotonic())

    def _scrape(self, meter: RegistryMeter, intake: Intake) -> Scrape:
        workers, monotonic = self._workers, self.world.clock.monotonic
        parts = Exposed(self.reloads, self.nodes, self._pressure, intake, workers.payouts, workers.callbacks, monotonic)
        return Scrape(meter, self.in_force, lambda: self._lag.worst_s(monotonic()), parts.readings())

    async def stop(self) -> None:
        """Say so, take nothing new, finish or park what is under way, close. Safe to call once, at any time."""
        self.health.draining = True
        for task in self._rounds:
            task.cancel()
        grace_s = self.config.gateway.shutdown_grace_s
        public, admin = self._listeners[:1], self._listeners[1:]
        await asyncio.gather(*(listener.stop() for listener in public))
        until_s = self.world.clock.monotonic() + grace_s
        workers = self._workers
        await workers.batches.stop(grace_s)
        left, _ = await asyncio.gather(workers.payouts.stop(grace_s), workers.callbacks.stop(grace_s))
        unread = await self.services.background.drain(max(until_s - self.world.clock.monotonic(), LAST_WORD_S))
        await asyncio.gather(*self._workers.loops, return_exceptions=True)
        await self._workers.sender.close()
        await self._switch.close()
        if self._signer is not None:
            await self._signer.stop()
        await asyncio.gather(*(listener.stop() for listener in admin))
        await remember(self.services)
        if self._rounds:
            await leave(self.services, self.nodes)
        if self._keeping is not None:
            await self._keeping.stop(clean=not left and not unread)
        await asyncio.to_thread(self._wakes.close)
        await self.services.store.close()
        await self._tracing.close()
        log.info("gateway.stopped", parked=left, unread_answers=unread)

    @property
    def _alarm_after(self) -> timedelta:
        return timedelta(seconds=self.config.holds.alarm_after_s)


def _from_outside(loop: asyncio.AbstractEventLoop, ring: Ring, who: Wake) -> None:
    """Called on another thread, perhaps while the loop is closing."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(ring, who)
