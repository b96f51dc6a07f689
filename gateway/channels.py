"""Build the configured channels, keep those that a reload does not touch, and refuse a configuration that would orphan
payouts in flight (R16).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from adapters.channel import Channel, ChannelContext, RawNotification
from adapters.http import FACTORIES, HttpClientFactory, HttpxFactory
from adapters.signer import HERE, Signer
from gateway.config.channel_part import ChannelPart
from gateway.config.config import Config
from gateway.config.errors import ConfigError, Fault
from gateway.config.live import strings
from gateway.config.resolve import REFERENCE
from gateway.domain.identity import notify_token
from gateway.domain.override import Override, held_to, of
from gateway.domain.payout import Ground
from gateway.domain.safety import ground_mark
from gateway.domain.states import Polls
from gateway.operations.calls import Calls
from gateway.operations.services import ChannelHandle
from gateway.policies import allowances, doors, policy
from gateway.secret import SecretError
from gateway.store.records import LiveGround
from gateway.world import World
from routing.guard import Guard
from routing.policy import ChannelState

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_CONNECTIONS_FOR_QUESTIONS = 8
"""Beside those that orders under way may hold, so that no order waits in our own pool."""

Deliver = Callable[[str, RawNotification], Awaitable[int]]


def notify_url(config: Config, identity_key: bytes, channel: str) -> str:
    """Where `channel` may post its notifications."""
    return f"{config.public_url}/notify/{channel}/{notify_token(identity_key, channel)}"


@dataclass(frozen=True, slots=True)
class Maker:
    """What every channel is built with, whatever the configuration."""

    world: World
    identity_key: bytes = field(repr=False)
    deliver: Deliver
    signer: Signer = HERE


@dataclass(frozen=True, slots=True)
class Built:
    """The channels of one configuration."""

    config: Config
    handles: Mapping[str, ChannelHandle]
    marks: Mapping[str, bytes] = field(repr=False)
    """By channel: a digest of the secrets that its settings name."""

    def made_anew(self, before: Built) -> tuple[str, ...]:
        """Channels of `self` that are not the very ones of `before`."""
        known = before.handles
        return tuple(
            name
            for name, handle in self.handles.items()
            if name not in known or handle.channel is not known[name].channel
        )

    def with_other_secrets(self, before: Built) -> tuple[str, ...]:
        """Channels of both whose settings name secrets that are others now."""
        return tuple(
            sorted(name for name in self.marks.keys() & before.marks if self.marks[name] != before.marks[name])
        )


def build_channels(config: Config, maker: Maker, before: Built | None = None) -> Built:
    """Every configured channel, whatever its state: a disabled one is still asked about what it holds.

    A channel of `before` whose connection is the same is kept: with its breaker, its calls under way, its pool. One
    that does not differ at all keeps its very handle.

    Raises:
        ConfigError: a secret of a channel is missing. What was built by then needs no closing: it was never started.
    """
    handles: dict[str, ChannelHandle] = {}
    marks: dict[str, bytes] = {}
    faults: list[Fault] = []
    for name, part in config.channels.items():
        try:
            marks[name] = _mark(config, part)
            handles[name] = _handle(config, maker, name, marks[name], before)
        except (SecretError, ValueError) as error:
            faults.append(config.fault(("channels", name, "settings"), str(error)))
    if faults:
        raise ConfigError(faults)
    return Built(config, handles, marks)


def _handle(config: Config, maker: Maker, name: str, mark: bytes, before: Built | None) -> ChannelHandle:
    part = config.channels[name]
    old = None if before is None else before.handles.get(name)
    if old is not None and before is not None and _same_line(before, name, part, mark):
        channel, guard, calls = old.channel, old.guard, old.calls
    else:
        channel, calls = _build(config, maker, name, part), Calls()
        known = old is not None and ground_mark(old.channel.ground) == ground_mark(channel.ground)
        guard = old.guard if old is not None and known else _guard(name, part, maker.world)
    made = ChannelHandle(
        channel=channel,
        policy=policy(config, name, part),
        guard=guard,
        polls=Polls(tuple(timedelta(seconds=wait_s) for wait_s in part.poll_s)),
        timeouts=part.call_timeouts(),
        allowances=allowances(config, part),
        calls=calls,
    )
    return old if made == old and old is not None else made


def _same_line(before: Built, name: str, part: ChannelPart, mark: bytes) -> bool:
    """Whether nothing that a channel is built from differs."""
    was = before.config.channels[name]
    line = (was.adapter, was.settings, was.timeouts, was.transport, was.limits.in_flight, before.marks[name])
    return line == (part.adapter, part.settings, part.timeouts, part.transport, part.limits.in_flight, mark)


def _mark(config: Config, part: ChannelPart) -> bytes:
    """Raises `SecretError`."""
    digest, resolver = sha256(), config.resolver()
    for _, text in strings(part.settings):
        if REFERENCE.fullmatch(text):
            digest.update(sha256(resolver(text).reveal()).digest())
    return digest.digest()


def hold_back(built: Built, overrides: Sequence[Override], now: datetime) -> dict[str, ChannelHandle]:
    """The channels as they are in force: the least of what file and overrides let them do."""
    return {name: _held(handle, of(name, overrides, now), now) for name, handle in built.handles.items()}


def _held(handle: ChannelHandle, overrides: Sequence[Override], now: datetime) -> ChannelHandle:
    if not overrides:
        return handle
    policy = handle.policy
    held = held_to(str(policy.state), policy.weight, overrides, now)
    return replace(handle, policy=replace(policy, state=ChannelState(held.state), weight=held.weight))


def _build(config: Config, maker: Maker, name: str, part: ChannelPart) -> Channel:
    timeouts, world = part.call_timeouts(), maker.world
    context = ChannelContext(
        clock=world.clock,
        random_bytes=world.random_bytes,
        http=_http(part, world),
        secret=config.resolver(),
        notify_url=notify_url(config, maker.identity_key, name),
        timeouts=timeouts,
        deliver=lambda raw: maker.deliver(name, raw),
        signer=maker.signer,
        base=config.base,
    )
    return config.adapters[part.adapter].build(name, part.settings, context)


def _http(part: ChannelPart, world: World) -> HttpClientFactory:
    """A world that replaces the network replaces httpx's."""
    timeouts, connections = part.call_timeouts(), part.limits.in_flight + _CONNECTIONS_FOR_QUESTIONS
    limits = (timeouts.connect_s, timeouts.read_s, timeouts.total_s, connections)
    if world.transport is not None:
        return HttpxFactory(*limits, transport=world.transport)
    return FACTORIES[part.transport](*limits)


def _guard(name: str, part: ChannelPart, world: World) -> Guard:
    def changed(channel: str, old: object, new: object) -> None:
        log.warning("channel.breaker", channel=channel, old=str(old), new=str(new))

    return Guard(name, doors(part), world.clock.monotonic, changed)


def check_grounds(config: Config, handles: Mapping[str, ChannelHandle], live: Sequence[LiveGround]) -> None:
    """Refuse to start on a configuration under which attempts in flight could not be followed (rows 52, 53; R16).

    Raises:
        ConfigError: every channel that was removed or moved while it has live attempts, with their number.
    """
    faults = []
    for ground in live:
        handle = handles.get(ground.channel)
        if handle is None:
            what = f'was removed with {ground.count} live attempts; put it back with state = "draining"'
            faults.append(config.fault(("channels", ground.channel), what))
        elif changed := _changed(ground, handle.channel.ground):
            what = f"changed with {ground.count} live attempts ({', '.join(changed)}); drain the channel first"
            faults.append(config.fault(("channels", ground.channel), what))
    if faults:
        raise ConfigError(faults)


def check_in_flight(config: Config, going: Mapping[str, ChannelHandle]) -> None:
    """The same for submits whose intents are not in the store yet, of channels that are to go and admit nothing more.

    Raises:
        ConfigError: with the number of them.
    """
    faults = [
        config.fault(("channels", name), f"is to go with {handle.guard.in_flight} submits under way; drain it first")
        for name, handle in going.items()
        if handle.guard.in_flight
    ]
    if faults:
        raise ConfigError(faults)


async def start_channel(name: str, handle: ChannelHandle) -> None:
    """A channel that cannot start (no certificates, not reachable) must not keep the others from working."""
    try:
        async with asyncio.timeout(handle.timeouts.total_s):
            await handle.channel.start()
    except Exception:  # whatever it was is logged; its attempts will say so too
        log.exception("channel.start_failed", channel=name)


def _changed(pinned: LiveGround, now: Ground) -> list[str]:
    """What attempts were pinned to and the configuration no longer offers. A new key beside the old one is fine."""
    pairs = {
        "adapter": (pinned.adapter, now.adapter),
        "base address": (pinned.base_address, now.base_address),
        "account": (pinned.account_id, now.account_id),
        "duplicate mode": (pinned.duplicate_mode, str(now.duplicate_mode)),
    }
    changed = [f"{name} {old} -> {new}" for name, (old, new) in pairs.items() if old != new]
    return changed + [f"key {key} removed" for key in pinned.key_ids if key not in now.key_ids]
