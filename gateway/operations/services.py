"""What operations work with: the world and the configuration, handed in once by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from adapters.channel import Channel, Timeouts
from gateway.blind_index import BlindIndex, index_under
from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.sender import Sent
from gateway.clock import Clock
from gateway.domain.allowance import Allowances
from gateway.domain.money import Money
from gateway.domain.payout import Payout
from gateway.domain.states import Polls
from gateway.domain.steps import StepPolicy
from gateway.metrics.port import BLIND, Meter
from gateway.operations.background import Background
from gateway.operations.calls import Calls
from gateway.operations.outside import Outside
from gateway.operations.recently import Recently
from gateway.operations.router import Router
from gateway.operations.standing import Standing
from gateway.operations.usage import Usage
from gateway.store.port import Store
from gateway.store.records import Callback, Lease
from gateway.tracing.spans import NO_SPANS, Spans
from routing.guard import Guard
from routing.policy import ChannelPolicy

if TYPE_CHECKING:
    from gateway.operations.intent import Outgoing


@dataclass(frozen=True, slots=True)
class ChannelHandle:
    """One configured channel with everything around it."""

    channel: Channel
    policy: ChannelPolicy
    guard: Guard
    polls: Polls
    timeouts: Timeouts
    allowances: Allowances = field(default_factory=Allowances)
    calls: Calls = field(default_factory=Calls, repr=False)
    """What is under way on the channel: it is closed after the last of them."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that live outside the database. Losing the database then invents no new id (R5)."""

    identity: bytes = field(repr=False)
    """Derives `channel_reference`; never rotated."""
    fingerprint: bytes = field(repr=False)
    """Keys the request fingerprints of replay protection."""

    @property
    def accounts(self) -> BlindIndex:
        """By what payouts and saved beneficiaries are found."""
        return index_under(self.fingerprint)


class Sender(Protocol):
    """One signed POST to an app; `gateway.callbacks.sender.CallbackSender`."""

    async def send(self, endpoint: Endpoint, message_id: str, body: bytes) -> Sent: ...


class _NoSender:
    async def send(self, endpoint: Endpoint, message_id: str, body: bytes) -> Sent:
        return Sent(None, "not sent: this process sends no callbacks", None, 0)


def _always(_app: str) -> bool:
    """A worker that takes whatever comes."""
    return True


def _no_place() -> None:
    """A worker that begins nothing at once."""


def _anybodys(_callback: Callback, _now: datetime) -> None:
    """A process that sends no callbacks."""


def _due_later(_callbacks: Sequence[Callback], _now: datetime) -> None:
    """Their claims run out."""


def _nobody() -> None:
    """Nobody waits to be woken."""


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
    hand_over: Callable[[Payout, Lease, Outgoing | None], None] = field(repr=False)
    """Give a freshly accepted payout to this node's worker: no polling delay. With what is to leave at once, where its
    intent is committed already."""
    wake: Callable[[], None] = field(repr=False)
    """Something became due now: tell the rescue loop."""
    wake_callbacks: Callable[[], None] = field(repr=False)
    """A callback became due: whoever has room claims it."""
    claim_callback: Callable[[Callback, datetime], datetime | None] = field(default=_anybodys, repr=False)
    """Until when a callback that is made now is this node's to send; None: it is anybody's, and due. For any thread."""
    begin_callbacks: Callable[[Sequence[Callback], datetime], None] = field(default=_due_later, repr=False)
    """Send those that were claimed so, now that they are stored."""
    wake_batches: Callable[[], None] = field(default=_nobody, repr=False)
    has_room: Callable[[str], bool] = field(default=_always, repr=False)
    """Whether this node's worker takes one more new payout of the app; else the store keeps it until it has room."""
    keep_place: Callable[[], Callable[[], None] | None] = field(default=_no_place, repr=False)
    """A place of this node's worker for what is about to be accepted, to be given back; None: there is none free."""
    recent_orders: Recently = field(default_factory=Recently, repr=False)
    """By app and reference: what is repeated is not signed for."""
    outside: Outside = field(default_factory=Outside, repr=False)
    """Who waits for which channel, outside of the worker's places."""
    weights: Mapping[str, int] = field(default_factory=dict)
    """By app: its share of turns and places where apps want more than there are; 1 where nothing is said."""
    ask_first_for: timedelta = timedelta(days=30)
    """How long after a quarantine every channel is asked before a new attempt (R15)."""
    router: Router = field(default_factory=Router)
    """Which channel, and what this node knows of them."""
    usage: Usage = field(default_factory=Usage)
    """What is reserved at each channel, as this node last saw it."""
    meter: Meter = BLIND
    """What happens is counted by it."""
    spans: Spans = NO_SPANS
    """The stages of a payout's way are written down by it."""
    standing: Standing = field(default_factory=Standing)
    """Quarantine and ask-first time, as this node knows them."""
    quote_for: timedelta = timedelta(minutes=5)
    """How long a quote may be ordered on."""
    random_bytes: Callable[[int], bytes] = field(default=token_bytes, repr=False)
    """For keys that are made here."""
    sender: Sender = field(default=_NoSender(), repr=False)
    """For callbacks that somebody waits for; the worker has its own."""
    confirm_above: Mapping[str, int] = field(default_factory=dict)
    """By currency, minor units: a success above it that a notification tells is confirmed by a query (R8)."""

    def lease(self, owner: str, fence: int) -> tuple[Lease, datetime]:
        """A lease that is taken now, or taken anew, and the time that it is now. It ends no later by the clock that we
        send by than by the one that it is stored by."""
        lasts_until_s = self.clock.monotonic() + self.lease_s
        now = self.clock.now()
        return Lease(owner, fence, now + timedelta(seconds=self.lease_s), lasts_until_s), now

    def weight_of(self, app: str) -> int:
        return self.weights.get(app, 1)

    def is_large(self, amount: Money) -> bool:
        """Whether a notification alone may not settle it."""
        above = self.confirm_above.get(amount.currency)
        return above is not None and amount.minor > above


class Current(Protocol):
    """Whoever knows the services in force. A reload puts others in their place, so they are taken from here afresh for
    each piece of work, and kept for the length of it."""

    @property
    def services(self) -> Services: ...
