"""A channel whose answers a test writes down, and a gateway around it: real operations, real store, fake clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from uuid import UUID

from adapters.channel import (
    Capabilities,
    Notice,
    Notification,
    NotificationRefused,
    Order,
    RawNotification,
    Reply,
    Sent,
    Signed,
    Timeouts,
    Unsendable,
)
from gateway.callbacks.endpoint import Endpoint
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from gateway.domain.outcome import Absence, Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import DuplicateMode, Ground, Payout, Prepared
from gateway.domain.reasons import RejectReason
from gateway.domain.states import Polls
from gateway.domain.steps import StepPolicy
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.advance import advance
from gateway.operations.background import Background
from gateway.operations.router import Router
from gateway.operations.services import ChannelHandle, Keys, Services
from gateway.sealing import Sealer
from gateway.secret import Secret
from gateway.store.port import Store
from gateway.store.records import Evidence, Incident, Lease
from gateway.store.sqlite import MemoryStore
from routing.guard import Guard, Limits
from routing.policy import ChannelPolicy, ChannelState, FeeKind, FeeRule
from routing.score import Preference
from tests.support.builders import BENEFICIARY, NOW, an_answer
from tests.support.clock import FakeClock

Script = Answer | BaseException | object


@dataclass
class ScriptedChannel:
    """Plays back answers in order and writes down what it was asked. An empty script is no answer."""

    name: str
    duplicate_mode: DuplicateMode = DuplicateMode.SAME_RESOURCE
    absence: Absence = Absence.NEVER
    submits: deque[Script] = field(default_factory=deque)
    queries: deque[Answer] = field(default_factory=deque)
    cancels: deque[Answer] = field(default_factory=deque)
    unsendable: str | None = None
    version: str = "1"
    sent: list[Signed] = field(default_factory=list)
    asked: list[Sent] = field(default_factory=list)
    cancelled: list[Sent] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            frozenset(BeneficiaryKind), frozenset({"CNY"}), can_cancel=True, notifies=True
        )
    )

    @property
    def ground(self) -> Ground:
        return Ground("scripted", self.version, "memory:", self.name, ("k",), self.duplicate_mode, self.absence, 86_400)

    def prepare(self, order: Order, now: datetime) -> Prepared:
        if self.unsendable is not None:
            raise Unsendable(RejectReason.INVALID_REQUEST, self.unsendable)
        body = f"{order.channel_reference} {order.amount.minor} {order.beneficiary.account} {now.timestamp()}"
        return Prepared("/orders", body.encode())

    def sign(self, sent: Sent) -> Signed:
        return Signed(sent, "POST", "/orders", (("x-signature", str(len(self.sent))),), sent.prepared.body)

    async def submit(self, signed: Signed) -> Answer:
        self.sent.append(signed)
        self.called.set()
        script = self.submits.popleft() if self.submits else an_answer(OutcomeKind.UNCLEAR, channel_fault=True)
        if script is HANG:
            await self.release.wait()
            script = self.submits.popleft()
        if isinstance(script, BaseException):
            raise script
        return script  # type: ignore[return-value]  # a script may hold the wrong type on purpose

    async def query(self, sent: Sent) -> Answer:
        self.asked.append(sent)
        return self.queries.popleft() if self.queries else an_answer(OutcomeKind.UNCLEAR, How.QUERY)

    async def cancel(self, sent: Sent) -> Answer:
        self.cancelled.append(sent)
        return self.cancels.popleft() if self.cancels else an_answer(OutcomeKind.PENDING, How.CANCEL)

    async def read_notification(self, raw: RawNotification) -> Notification:
        """The body is a key of `notices`; anything else is a forgery."""
        if raw.body.decode() not in self.notices:
            raise NotificationRefused("reject_signature", "not one of ours")
        event_id, nonce, notices = self.notices[raw.body.decode()]
        return Notification(event_id, tuple(notices), nonce)

    notices: dict[str, tuple[str, tuple[str, str] | None, Iterable[Notice]]] = field(default_factory=dict)

    def reply(self, status: int, code: str) -> Reply:
        return Reply(status, (), code.encode())

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None


HANG = object()
"""In a script: wait for `release`, then play the next line."""


@dataclass
class ScriptedGateway:
    """Operations over scripted channels. `run` advances whatever is due, `pass_time` moves the clock first."""

    clock: FakeClock
    store: Store
    services: Services
    channels: dict[str, ScriptedChannel]
    woken: list[str] = field(default_factory=list)
    handed: list[tuple[Payout, Lease]] = field(default_factory=list)

    async def accept(self, reference: str = "order-1", **fields: object) -> Payout:
        """Accept a payout and work on it as far as it goes."""
        request = PayoutRequest("acme", reference, MONEY, BENEFICIARY)
        accepted = await accept(self.services, replace(request, **fields))  # type: ignore[arg-type]
        await self.run_handed()
        return await self.payout(accepted.payout.id)

    async def run_handed(self) -> None:
        while self.handed:
            payout, lease = self.handed.pop(0)
            await advance(self.services, payout, lease)

    async def run(self) -> int:
        """Claim and advance what is due now; how many there were."""
        now = self.clock.now()
        claimed = await self.store.run(lambda tx: tx.claim("node", now, self.services.lease_s, 100))
        for payout, lease in claimed:
            await advance(self.services, payout, lease)
        return len(claimed)

    async def pass_time(self, **amount: float) -> int:
        self.clock.move(timedelta(**amount).total_seconds())
        return await self.run()

    async def payout(self, payout_id: str) -> Payout:
        found = await self.store.read(lambda tx: tx.payout(payout_id))
        assert found is not None
        return found

    def change(self, name: str, **policy: object) -> None:
        """A channel's policy, as a reload would."""
        handles = dict(self.services.channels)
        handles[name] = replace(handles[name], policy=replace(handles[name].policy, **policy))  # type: ignore[arg-type]
        self.services = replace(self.services, channels=handles)

    async def evidence(self, payout: Payout) -> list[Evidence]:
        return list(await self.store.read(lambda tx: tx.evidence(payout.id)))

    async def incidents(self, payout: Payout) -> list[Incident]:
        return list(await self.store.read(lambda tx: tx.incidents(payout.id)))

    async def callback_types(self, payout: Payout) -> list[str]:
        return [c.type for c in await self.store.read(lambda tx: tx.callbacks(payout.id))]


MONEY = Money(12345, "CNY")
FEE_ONLY = Preference("fee only", time_value_minor=0, failure_cost_minor=0)
"""The first channel is tried first whatever it did before: these tests are about something else."""
POLICY = StepPolicy()


def scripted_gateway(*names: str, policy: StepPolicy = POLICY, total_s: float = 20.0) -> ScriptedGateway:
    """A gateway with these channels, the first being the cheapest."""
    clock = FakeClock(NOW)
    numbers = count(1)
    store = MemoryStore(Sealer([bytes(32)], lambda size: sha256(str(next(numbers)).encode()).digest()[:size]))
    channels = {name: ScriptedChannel(name) for name in names or ("alpha", "beta")}
    handed: list[tuple[Payout, Lease]] = []
    woken: list[str] = []
    handles = {
        name: ChannelHandle(
            channel=channel,
            policy=a_policy(name, fee),
            guard=Guard(name, Limits(in_flight=50, rps=1000), clock.monotonic),
            polls=Polls((timedelta(seconds=30), timedelta(minutes=5))),
            timeouts=Timeouts(total_s=total_s),
        )
        for fee, (name, channel) in enumerate(channels.items(), start=1)
    }
    secret = Secret(b"whsec_" + b"A" * 32)
    services = Services(
        store=store,
        clock=clock,
        new_uuid=lambda: UUID(int=next(numbers)),
        keys=Keys(b"identity", b"fingerprint"),
        channels=handles,
        endpoints={"acme": (Endpoint("ep_1", "acme", "http://127.0.0.1:9/", (secret,)),)},
        steps=policy,
        node="node",
        give_up_after=timedelta(hours=72),
        retry_every=timedelta(seconds=10),
        lease_s=60.0,
        api_version="test",
        background=Background(),
        hand_over=lambda payout, lease, _outgoing: handed.append((payout, lease)),
        wake=lambda: woken.append("payouts"),
        wake_callbacks=lambda: woken.append("callbacks"),
        router=Router(preference=FEE_ONLY),
    )
    return ScriptedGateway(clock, store, services, channels, woken, handed)


def a_policy(name: str, fee: int = 1) -> ChannelPolicy:
    """A channel that takes any payout in CNY for that fee."""
    return ChannelPolicy(
        name=name,
        state=ChannelState.ENABLED,
        currencies=frozenset({"CNY"}),
        kinds=frozenset(BeneficiaryKind),
        fees=(FeeRule(FeeKind.FLAT, "CNY", amount_minor=fee),),
        usual_s=1.0,
        in_flight=50,
        rps=1000.0,
    )
