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
from gateway.domain.states import Polls
from gateway.operations.services import ChannelHandle
from gateway.secret import SecretError
from gateway.world import World
from routing.guard import Guard, Limits
from routing.policy import ChannelPolicy, ChannelState, FeeKind, FeeRule

log: structlog.stdlib.BoundLogger = structlog.get_logger()

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
            policy=_policy(name, part),
            guard=_guard(name, part, world),
            polls=Polls(tuple(timedelta(seconds=wait_s) for wait_s in part.poll_s)),
            timeouts=part.call_timeouts(),
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
        http=HttpxFactory(timeouts.connect_s, timeouts.read_s, timeouts.total_s, transport=world.transport),
        secret=config.resolver(),
        notify_url=notify_url(config, identity_key, name),
        timeouts=timeouts,
        deliver=lambda raw: deliver(name, raw),
        base=config.base,
    )
    return config.adapters[part.adapter].build(name, part.settings, context)


def _policy(name: str, part: ChannelPart) -> ChannelPolicy:
    return ChannelPolicy(
        name=name,
        state=ChannelState(part.state),
        currencies=frozenset(part.currencies),
        kinds=frozenset(part.methods),
        fees=tuple(
            FeeRule(
                kind=FeeKind(fee.kind),
                currency=fee.currency,
                amount_minor=fee.amount_minor or 0,
                bps=fee.bps or 0,
                min_minor=fee.min_minor,
                max_minor=fee.max_minor,
                amount_gte=fee.amount_gte_minor,
                amount_lte=fee.amount_lte_minor,
            )
            for fee in part.fees
        ),
        usual_s=part.usual_s,
        in_flight=part.limits.in_flight,
        rps=float(part.limits.rps),
        min_minor=part.limits.min_minor,
        max_minor=part.limits.max_minor,
        failure_domain=part.failure_domain,
    )


def _guard(name: str, part: ChannelPart, world: World) -> Guard:
    limits = Limits(
        in_flight=part.limits.in_flight,
        rps=float(part.limits.rps),
        failures=part.breaker.failures,
        open_s=part.breaker.open_s,
    )

    def changed(channel: str, old: object, new: object) -> None:
        log.warning("channel.breaker", channel=channel, old=str(old), new=str(new))

    return Guard(name, limits, world.clock.monotonic, changed)


def check_grounds(
    config: Config, handles: Mapping[str, ChannelHandle], live: Sequence[tuple[str, str, str, str, str, int]]
) -> None:
    """Refuse to start on a configuration under which attempts in flight could not be followed (rows 52, 54; R16).

    Raises:
        ConfigError: every channel that was removed or moved while it has live attempts, with their number.
    """
    faults = []
    for channel, adapter, base_address, account_id, duplicate_mode, count in live:
        handle = handles.get(channel)
        if handle is None:
            what = f'was removed with {count} live attempts; put it back with state = "draining"'
            faults.append(config.fault(("channels", channel), what))
            continue
        ground = handle.channel.ground
        pinned = {
            "adapter": (adapter, ground.adapter),
            "base address": (base_address, ground.base_address),
            "account": (account_id, ground.account_id),
            "duplicate mode": (duplicate_mode, str(ground.duplicate_mode)),
        }
        changed = [f"{name} {old} -> {new}" for name, (old, new) in pinned.items() if old != new]
        if changed:
            what = f"changed with {count} live attempts ({', '.join(changed)}); drain the channel first"
            faults.append(config.fault(("channels", channel), what))
    if faults:
        raise ConfigError(faults)
