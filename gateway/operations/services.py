"""What operations work with: the world and the configuration, handed in once by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from adapters.channel import Channel, Timeouts
from gateway.callbacks.endpoint import Endpoint
from gateway.clock import Clock
from gateway.domain.allowance import Allowances
from gateway.domain.money import Money
from gateway.domain.payout import Payout
from gateway.domain.states import Polls
from gateway.domain.steps import StepPolicy
from gateway.operations.background import Background
from gateway.operations.router import Router
from gateway.operations.standing import Standing
from gateway.operations.usage import Usage
from gateway.store.port import Lease, Store
from routing.guard import Guard
from routing.policy import ChannelPolicy


@dataclass(frozen=True, slots=True)
class ChannelHandle:
    """One configured channel with everything around it."""

    channel: Channel
    policy: ChannelPolicy
    guard: Guard
    polls: Polls
    timeouts: Timeouts
    allowances: Allowances = field(default_factory=Allowances)


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that live outside the database. Losing the database then invents no new id (R5)."""

    identity: bytes = field(repr=False)
    """Derives `channel_reference`; never rotated."""
    fingerprint: bytes = field(repr=False)
    """Keys the request fingerprints of replay protection."""


@dataclass(frozen=True, slots=True)
class Services:
    """Handed to every operation. Frozen: a reload makes a new one."""

    store: Store
    clock: Clock
    new_uuid: Callable[[], UUID]
    """Time-ordered (version 7)."""
    keys: Keys
    channels: Mapping[str, ChannelHandle]
    endpoints: Mapping[str, tuple[Endpoint, ...]]
    """By app."""
    steps: StepPolicy
    node: str
    """Who we are in leases and events."""
    give_up_after: timedelta
    retry_every: timedelta
    lease_s: float
    api_version: str
    background: Background
    hand_over: Callable[[Payout, Lease], None] = field(repr=False)
    """Give a freshly accepted payout to this node's worker: no polling delay."""
    wake: Callable[[], None] = field(repr=False)
    """Something became due now: tell the rescue loop."""
    wake_callbacks: Callable[[], None] = field(repr=False)
    ask_first_for: timedelta = timedelta(days=30)
    """How long after a quarantine every channel is asked before a new attempt (R15)."""
    router: Router = field(default_factory=Router)
    """Which channel, and what this node knows of them."""
    usage: Usage = field(default_factory=Usage)
    """What is reserved at each channel, as this node last saw it."""
    standing: Standing = field(default_factory=Standing)
    """Quarantine and ask-first time, as this node knows them."""
    confirm_above: Mapping[str, int] = field(default_factory=dict)
    """By currency, minor units: a success above it that a notification tells is confirmed by a query (R8)."""

    def is_large(self, amount: Money) -> bool:
        """Whether a notification alone may not settle it."""
        above = self.confirm_above.get(amount.currency)
        return above is not None and amount.minor > above
