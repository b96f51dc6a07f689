"""Build the configured channels, and refuse a configuration that would orphan payouts in flight (R16)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from adapters.channel import Channel, ChannelContext, RawNotification
from adapters.http import HttpxFactory
from gateway.config.config import Config
from gateway.config.errors import ConfigError, Fault
from gateway.config.model import ChannelPart
from gateway.domain.identity import notify_token
from gateway.domain.payout import Ground
from gateway.domain.states import Polls
from gateway.operations.services import ChannelHandle
from gateway.policies import allowances, doors, policy
from gateway.secret import SecretError
from gateway.store.port import LiveGround
from gateway.world import World
from routing.guard import Guard

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_CONNECTIONS_FOR_QUESTIONS = 8
"""Beside those that orders under way may hold, so that no order waits in our own pool."""

Deliver = Callable[[str, RawNotification], Awaitable[int]]


def notify_url(config: Config, identity_key: bytes, channel: str) -> str:
    """Where `channel` may post its notifications."""
    return f"{config.public_url}/notify/{channel}/{notify_token(identity_key, channel)}"


def build_channels(config: Config, world: World, identity_key: bytes, deliver: Deliver) -> dict[str, ChannelHandle]:
    """Every configured channel, whatever its state: a disabled one is still asked about what it holds.

    Raises:
        ConfigError: a secret of a channel is missing.
    """
    handles: dict[str, ChannelHandle] = {}
    faults: list[Fault] = []
    for name, part in config.channels.items():
        try:
            channel = _build(config, world, identity_key, deliver, name, part)
        except (SecretError, ValueError) as error:
            faults.append(config.fault(("channels", name, "settings"), str(error)))
            continue
        handles[name] = ChannelHandle(
            channel=channel,
            policy=policy(config, name, part),
            guard=_guard(name, part, world),
            polls=Polls(tuple(timedelta(seconds=wait_s) for wait_s in part.poll_s)),
            timeouts=part.call_timeouts(),
            allowances=allowances(config, part),
        )
    if faults:
        raise ConfigError(faults)
    return handles


def _build(
    config: Config, world: World, identity_key: bytes, deliver: Deliver, name: str, part: ChannelPart
) -> Channel:
    timeouts = part.call_timeouts()
    context = ChannelContext(
        clock=world.clock,
        random_bytes=world.random_bytes,
        http=HttpxFactory(
            timeouts.connect_s,
            timeouts.read_s,
            timeouts.total_s,
            connections=part.limits.in_flight + _CONNECTIONS_FOR_QUESTIONS,
            transport=world.transport,
        ),
        secret=config.resolver(),
        notify_url=notify_url(config, identity_key, name),
        timeouts=timeouts,
        deliver=lambda raw: deliver(name, raw),
        base=config.base,
    )
    return config.adapters[part.adapter].build(name, part.settings, context)


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
