"""From a configuration to what serves under it: pure assembly, the same at a start and at a reload."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from gateway.admission.limits import IntakeLimits, KeyLimits
from gateway.api.backlog import BacklogLimits
from gateway.api.connections import ConnectionLimits
from gateway.api.keys import KeyRecord, KeyRing, Scope, bearer_record
from gateway.api.signed_request import Algorithm
from gateway.api.state import Doors, Snapshot
from gateway.clock import Clock
from gateway.config.config import Config
from gateway.config.resolve import ResolvedSecrets
from gateway.domain.identity import notify_token
from gateway.domain.payout import Payout
from gateway.domain.steps import StepPolicy
from gateway.metrics.port import BLIND, Meter
from gateway.operations.background import Background
from gateway.operations.intent import Outgoing
from gateway.operations.outside import Outside
from gateway.operations.recently import Recently
from gateway.operations.router import Router
from gateway.operations.services import ChannelHandle, Keys, Sender, Services
from gateway.operations.standing import Standing
from gateway.operations.usage import Usage
from gateway.store.port import Store
from gateway.store.records import Callback, Lease
from gateway.tracing.spans import NO_SPANS, Spans
from gateway.world import World
from routing.policy import ChannelState

API_VERSION = "2026-01-01"
"""The version of the payout object, named in every callback."""

Handles = Mapping[str, ChannelHandle]


@dataclass(frozen=True, slots=True)
class Shell:
    """What no configuration changes while the gateway runs."""

    store: Store
    clock: Clock
    new_uuid: Callable[[], UUID]
    keys: Keys
    node: str
    hand_over: Callable[[Payout, Lease, Outgoing | None], None] = field(repr=False)
    has_room: Callable[[str], bool] = field(repr=False)
    keep_place: Callable[[], Callable[[], None] | None] = field(repr=False)
    wake: Callable[[], None] = field(repr=False)
    wake_callbacks: Callable[[], None] = field(repr=False)
    claim_callback: Callable[[Callback, datetime], datetime | None] = field(repr=False)
    begin_callbacks: Callable[[Sequence[Callback], datetime], None] = field(repr=False)
    wake_batches: Callable[[], None] = field(repr=False)
    sender: Sender = field(repr=False)
    background: Background = field(default_factory=Background)
    recent_orders: Recently = field(default_factory=Recently)
    outside: Outside = field(default_factory=Outside)
    memory: Router = field(default_factory=Router)
    """What the node has learned of its channels."""
    usage: Usage = field(default_factory=Usage)
    standing: Standing = field(default_factory=Standing)
    meter: Meter = BLIND
    spans: Spans = NO_SPANS


def snapshot(config: Config, secrets: ResolvedSecrets, handles: Handles, shell: Shell, world: World) -> Snapshot:
    """Everything that serves under `config`."""
    tokens = {name: notify_token(shell.keys.identity, name) for name in config.channels}
    services = _services(config, secrets, handles, shell, world)
    return Snapshot(services, _key_ring(config, secrets), tokens, _doors(config))


def _services(config: Config, secrets: ResolvedSecrets, handles: Handles, shell: Shell, world: World) -> Services:
    return Services(
        store=shell.store,
        clock=shell.clock,
        new_uuid=shell.new_uuid,
        keys=shell.keys,
        channels=handles,
        endpoints=secrets.endpoints,
        steps=_step_policy(config, handles),
        node=shell.node,
        give_up_after=timedelta(seconds=config.routing.give_up_after_s),
        retry_every=timedelta(seconds=config.routing.retry_every_s),
        quote_for=timedelta(seconds=config.routing.quote_for_s),
        lease_s=config.worker.lease_s,
        ask_first_for=timedelta(seconds=config.safety.ask_first_for_s),
        confirm_above=config.safety.confirm_success_above,
        api_version=API_VERSION,
        background=shell.background,
        recent_orders=shell.recent_orders,
        outside=shell.outside,
        weights={name: app.limits.weight for name, app in config.apps.items()},
        router=_router(config, shell.memory, world),
        usage=shell.usage,
        standing=shell.standing,
        meter=shell.meter,
        spans=shell.spans,
        hand_over=shell.hand_over,
        has_room=shell.has_room,
        keep_place=shell.keep_place,
        wake=shell.wake,
        wake_callbacks=shell.wake_callbacks,
        claim_callback=shell.claim_callback,
        begin_callbacks=shell.begin_callbacks,
        wake_batches=shell.wake_batches,
        random_bytes=world.random_bytes,
        sender=shell.sender,
    )


def _step_policy(config: Config, handles: Handles) -> StepPolicy:
    disabled = [name for name, handle in handles.items() if handle.policy.state is ChannelState.DISABLED]
    return StepPolicy(
        config.routing.max_attempts,
        config.routing.failover_also_on,
        frozenset(disabled),
        unknown_after=timedelta(seconds=config.holds.unknown_after_s),
        pending_after=timedelta(seconds=config.holds.pending_after_s),
    )


def _router(config: Config, memory: Router, world: World) -> Router:
    """Seeds are noted down with each decision: with them it can be made again."""
    seeds = (lambda: int.from_bytes(world.random_bytes(6))) if config.routing.explore else None
    rules = [route.rule() for route in config.routes]
    routing = config.routing
    return memory.under(rules=rules, preference=routing.chosen(), preferences=routing.named(), new_seed=seeds)


def _doors(config: Config) -> Doors:
    amounts = {name: part.max_amount for name, part in config.apps.items() if part.max_amount}
    waiting = BacklogLimits(config.limits.waiting, {name: app.limits.waiting for name, app in config.apps.items()})
    seen_by = frozenset(name for name, part in config.apps.items() if part.sees_funding)
    return Doors(
        config.gateway.trusted_proxies, amounts, config.limits.notifications, _intake(config), waiting, seen_by
    )


def _intake(config: Config) -> IntakeLimits:
    part = config.limits
    return IntakeLimits(
        orders=part.orders,
        reads=part.reads,
        streams=part.streams,
        batches=part.batches,
        commit_queue=part.commit_queue,
        commit_wait_s=part.commit_wait_s,
        paused=part.paused,
        pause_s=part.pause_s,
        apps={
            name: KeyLimits(app.limits.rps, app.limits.in_flight, app.limits.weight)
            for name, app in config.apps.items()
        },
    )


def connections(config: Config) -> ConnectionLimits:
    """How many may be open on the public listener."""
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
