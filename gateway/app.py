"""The composition root: a configuration and a world in, a wired gateway out. The only place where everything meets."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

import gateway
from adapters.channel import RawNotification
from gateway.api.connections import ConnectionLimits
from gateway.api.health import Finding, Health
from gateway.api.keys import KeyRecord, KeyRing, Scope, bearer_record
from gateway.api.server import Doors, Listener, admin_app, public_app, start_listener
from gateway.api.signed_request import Algorithm
from gateway.callbacks.sender import CallbackSender, Limits
from gateway.channels import build_channels, check_grounds
from gateway.config.config import Config
from gateway.config.mint import mint_sandbox_secrets
from gateway.config.resolve import ResolvedSecrets, TlsFiles, resolve_secrets
from gateway.domain.identity import notify_token
from gateway.domain.principal import FIRST_TOKEN_FILE
from gateway.domain.steps import StepPolicy
from gateway.domain.view import timestamp
from gateway.history import Keeping, begin, careful
from gateway.operations.background import Background
from gateway.operations.deliver import deliver
from gateway.operations.first_token import prepare_first_token
from gateway.operations.observe import observe
from gateway.operations.remembering import keep_remembering, recall, remember
from gateway.operations.review import held
from gateway.operations.router import Router
from gateway.operations.services import Keys, Services
from gateway.operations.watch import watch
from gateway.sealing import Sealer
from gateway.store.port import Callback, Store
from gateway.store.sqlite import SqliteStore
from gateway.worker.loop import CallbackWorker, PayoutWorker
from gateway.world import World
from routing.policy import ChannelState

log: structlog.stdlib.BoundLogger = structlog.get_logger()

API_VERSION = "2026-01-01"
"""The version of the payout object, named in every callback."""


def prepare_secrets(config: Config) -> ResolvedSecrets:
    """Mint what a sandbox needs, then look every secret up.

    Raises:
        ConfigError: whatever is missing or malformed, all at once.
    """
    if config.sandbox:
        mint_sandbox_secrets(config)
        for part in config.channels.values():
            mint = config.adapters[part.adapter].mint
            if mint is not None:
                mint(config.state_dir / "sandbox" / part.adapter)
    return resolve_secrets(config)


def open_store(config: Config, secrets: ResolvedSecrets, world: World) -> Store:
    """The database of the configuration. Raises `StoreUnavailable`."""
    sealer = Sealer([secrets.sealing_key.reveal()], world.random_bytes)
    return SqliteStore.open_file(config.database_path, sealer, str(config.gateway.mode))


@dataclass(slots=True)
class _Workers:
    payouts: PayoutWorker
    callbacks: CallbackWorker
    sender: CallbackSender
    loops: list[asyncio.Task[None]]


class Gateway:
    """One running gateway. Made by `open`, used between `start` and `stop`."""

    def __init__(self, config: Config, world: World, secrets: ResolvedSecrets, store: Store) -> None:
        self.config = config
        self.world = world
        self._secrets = secrets
        self._workers = self._make_workers()
        self.services = self._make_services(store)
        self._workers.payouts.attach(self.services)
        self.health = Health(
            {
                "store": self._check_store,
                "worker": self._check_loops,
                "review": self._check_review,
                "quarantine": self._check_quarantine,
            }
        )
        self._watch: asyncio.Task[None] | None = None
        self._remembering: asyncio.Task[None] | None = None
        self._keeping: Keeping | None = None
        self._listeners: list[Listener] = []

    @classmethod
    async def open(cls, config: Config, world: World, *, quarantine: bool = False) -> Gateway:
        """Everything that can refuse a start refuses here, before a port is bound.

        `quarantine`: begin one, whatever the high-water file says.

        Raises:
            ConfigError: the configuration, its secrets, or payouts in flight that it would orphan.
            StoreUnavailable: the database.
            OSError: the high-water file cannot be written.
        """
        secrets = prepare_secrets(config)
        store = open_store(config, secrets, world)
        try:
            opened = cls(config, world, secrets, store)
            check_grounds(config, opened.services.channels, await store.read(lambda tx: tx.live_grounds()))
            opened._keeping = await begin(config, world, opened.services, quarantine=quarantine)
            await recall(opened.services)
        except BaseException:
            await store.close()
            raise
        return opened

    def _make_workers(self) -> _Workers:
        part, callbacks = self.config.worker, self.config.callbacks
        limits = Limits(total_s=callbacks.timeout_s)
        sender = CallbackSender(self.world.clock, live=not self.config.sandbox, limits=limits)
        payouts = PayoutWorker(part.concurrency, part.rescue_every_s)

        async def one(callback: Callback) -> object:
            return await deliver(self.services, sender, callback, self.world.jitter)

        worker = CallbackWorker(callbacks.concurrency, part.rescue_every_s, callbacks.timeout_s, one)
        return _Workers(payouts, worker, sender, [])

    def _make_services(self, store: Store) -> Services:
        config, secrets = self.config, self._secrets
        identity = secrets.identity_key.reveal()
        return Services(
            store=store,
            clock=self.world.clock,
            new_uuid=self.world.new_uuid,
            keys=Keys(identity, secrets.fingerprint_key.reveal()),
            channels=build_channels(config, self.world, identity, self._deliver_inside),
            endpoints=secrets.endpoints,
            steps=_step_policy(config),
            node=self.world.node,
            give_up_after=timedelta(seconds=config.routing.give_up_after_s),
            retry_every=timedelta(seconds=config.routing.retry_every_s),
            lease_s=config.worker.lease_s,
            ask_first_for=timedelta(seconds=config.safety.ask_first_for_s),
            confirm_above=config.safety.confirm_success_above,
            api_version=API_VERSION,
            background=Background(),
            router=_router(config, self.world),
            hand_over=self._workers.payouts.hand_over,
            wake=self._workers.payouts.bell.ring,
            wake_callbacks=self._workers.callbacks.bell.ring,
        )

    async def _deliver_inside(self, channel: str, raw: RawNotification) -> int:
        """A notification of a channel that lives in this process."""
        return (await observe(self.services, channel, raw)).status

    # Running -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the channels, each within its deadline, then the loops, then bind both listeners."""
        await asyncio.gather(*(self._start_channel(name) for name in self.services.channels))
        loops = (self._workers.payouts.run(), self._workers.callbacks.run(self.services))
        self._workers.loops.extend(asyncio.create_task(loop) for loop in loops)
        self._watch = asyncio.create_task(watch(self.services, self._alarm_after))
        self._remembering = asyncio.create_task(keep_remembering(self.services))
        await self._listen()
        ports = [listener.port for listener in self._listeners]
        log.info("gateway.started", mode=str(self.config.gateway.mode), ports=ports, version=gateway.__version__)

    async def _start_channel(self, name: str) -> None:
        """A channel that cannot start (no certificates, not reachable) must not keep the others from working."""
        handle = self.services.channels[name]
        try:
            async with asyncio.timeout(handle.timeouts.total_s):
                await handle.channel.start()
        except Exception:  # whatever it was is logged; its attempts will say so too
            log.exception("channel.start_failed", channel=name)

    async def _listen(self) -> None:
        part, secrets = self.config.gateway, self._secrets
        identity = secrets.identity_key.reveal()
        tokens = {name: notify_token(identity, name) for name in self.config.channels}
        app = public_app(
            self.services,
            _key_ring(self.config, secrets),
            tokens,
            sandbox=self.config.sandbox,
            cursor_key=secrets.fingerprint_key.reveal(),
            doors=_doors(self.config),
        )
        tls, limits = _server_tls(secrets.tls), _connections(self.config)
        self._listeners.append(await start_listener(app, part.listen.host, part.listen.port, tls, limits))
        first_token = self.config.state_dir / FIRST_TOKEN_FILE
        await prepare_first_token(self.services, self.world.random_bytes, first_token)
        admin = admin_app(self.health, self.services, self.world.random_bytes, first_token)
        self._listeners.append(await start_listener(admin, part.admin_listen.host, part.admin_listen.port))

    async def stop(self) -> None:
        """Say so, take nothing new, finish or park what is under way, close. Safe to call once, at any time."""
        self.health.draining = True
        for task in (self._watch, self._remembering):
            if task is not None:
                task.cancel()
        grace_s = self.config.gateway.shutdown_grace_s
        public, admin = self._listeners[:1], self._listeners[1:]
        await asyncio.gather(*(listener.stop() for listener in public))
        left = await self._workers.payouts.stop(grace_s)
        await self._workers.callbacks.stop(grace_s)
        unread = await self.services.background.drain(grace_s)
        await asyncio.gather(*self._workers.loops, return_exceptions=True)
        await self._workers.sender.close()
        await asyncio.gather(*(handle.channel.close() for handle in self.services.channels.values()))
        await asyncio.gather(*(listener.stop() for listener in admin))
        await remember(self.services)
        if self._keeping is not None:
            await self._keeping.stop(clean=not left and not unread)
        await self.services.store.close()
        log.info("gateway.stopped", parked=left, unread_answers=unread)

    async def _check_store(self) -> Finding:
        await self.services.store.run(lambda tx: None)
        return Finding(True)

    async def _check_quarantine(self) -> Finding:
        """Ready all the same: payouts are accepted, asked about and told of; what is not sent waits."""
        return Finding(True, await careful(self.services))

    @property
    def _alarm_after(self) -> timedelta:
        return timedelta(seconds=self.config.holds.alarm_after_s)

    async def _check_review(self) -> Finding:
        """Never a reason not to be ready: people are wanted, and the node works."""
        waiting = await held(self.services)
        oldest = f", the oldest since {timestamp(waiting[0].since)}" if waiting else ""
        return Finding(True, f"{len(waiting)} held or frozen{oldest}")

    async def _check_loops(self) -> Finding:
        stopped = [loop for loop in self._workers.loops if loop.done()]
        return Finding(bool(self._workers.loops) and not stopped, "a loop has ended" if stopped else "")


def _step_policy(config: Config) -> StepPolicy:
    disabled = [name for name, part in config.channels.items() if part.state is ChannelState.DISABLED]
    return StepPolicy(
        config.routing.max_attempts,
        config.routing.failover_also_on,
        frozenset(disabled),
        unknown_after=timedelta(seconds=config.holds.unknown_after_s),
        pending_after=timedelta(seconds=config.holds.pending_after_s),
    )


def _router(config: Config, world: World) -> Router:
    """Seeds are noted down with each decision: with them it can be made again."""
    seeds = (lambda: int.from_bytes(world.random_bytes(6))) if config.routing.explore else None
    rules = [route.rule() for route in config.routes]
    return Router(rules=rules, preference=config.routing.chosen(), new_seed=seeds)


def _doors(config: Config) -> Doors:
    amounts = {name: part.max_amount for name, part in config.apps.items() if part.max_amount}
    return Doors(config.gateway.trusted_proxies, amounts, config.limits.notifications)


def _connections(config: Config) -> ConnectionLimits:
    limits = config.limits
    return ConnectionLimits(limits.connections, limits.connections_per_address, config.gateway.trusted_proxies)


def _key_ring(config: Config, secrets: ResolvedSecrets) -> KeyRing:
    """The apps' own keys, and in the sandbox the minted bearer key of an app without any."""
    records = [
        KeyRecord(
            key.id,
            key.app,
            Algorithm(str(key.algorithm)),
            key.material.reveal(),
            frozenset(Scope(str(scope)) for scope in key.scopes),
            allow_from=key.allow_from,
            enabled=config.apps[key.app].enabled,
        )
        for key in secrets.app_keys.values()
    ]
    for app, token in secrets.test_keys.items():
        made = bearer_record(f"test-{app}", app, token.reveal(), frozenset(Scope))
        records.append(replace(made, enabled=config.apps[app].enabled))
    return KeyRing(records)


def _server_tls(files: TlsFiles | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    return context
