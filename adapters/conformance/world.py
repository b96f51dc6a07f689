"""A channel with everything round it: its other side, its keys, a clock, an address that its notifications come to.

An adapter's author describes the channel once, as a `ChannelUnderTest`; the rest comes from the adapter itself: its
sandbox is started on loopback, its keys are minted, its books are read, and the real client talks to it. A channel
without a sandbox lives in the process and gives its `books` itself.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from adapters.channel import Channel, ChannelContext, NotificationRefused, Order, RawNotification, Sent, Timeouts
from adapters.conformance.clock import FakeClock
from adapters.http import ANSWER_MAX_BYTES, ChannelHttp, HttpAnswer, HttpxFactory, NoAnswer
from adapters.magic import Fate
from adapters.sandbox.books import BookEntry
from adapters.sandbox.control import Sandbox as Steered
from adapters.spec import AdapterSpec, Sandbox, SandboxPlace
from gateway.domain.beneficiary import BankBeneficiary, Beneficiary, BeneficiaryKind, WechatBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Answer
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import RejectReason
from gateway.secret import Secret, SecretResolver

_S, _F = AttemptState, Fate


@dataclass(frozen=True, slots=True)
class Ending:
    """How an order of some fate ends: what we come to believe, and what really happened."""

    state: AttemptState = _S.SUCCEEDED
    paid_times: int = 1
    returned: bool = False
    """The channel's own book shows the money back."""
    reason: RejectReason | None = None
    transmissions: int = 1
    unknown_first: bool = False
    """It was unknown on the way: nothing less may be believed of a lost answer."""


DOCUMENTED: Mapping[Fate, Ending] = {
    _F.USUAL: Ending(),
    _F.PAID_AT_ONCE: Ending(),
    _F.PAID_LATER: Ending(),
    _F.ACCOUNT_CLOSED: Ending(_S.REJECTED, 0, reason=RejectReason.PAYEE_ACCOUNT_CLOSED),
    _F.DROPPED_AND_PAID: Ending(unknown_first=True),
    _F.DROPPED_UNPAID: Ending(transmissions=2, unknown_first=True),
    _F.PAID_THEN_RETURNED: Ending(_S.RETURNED, returned=True),
    _F.NOTIFIED_BADLY: Ending(),
    _F.STORM_OF_500: Ending(transmissions=3, unknown_first=True),
    _F.SLOW: Ending(),
    _F.BALANCE_LOW: Ending(_S.REJECTED, 0, reason=RejectReason.INSUFFICIENT_FUNDS),
    _F.SUCCESS_THAT_IS_NOT: Ending(paid_times=0),
    _F.NEVER_HEARD_OF_AGAIN: Ending(_S.PENDING, 0),
}
"""Every fate of `adapters.magic`; a channel names its differences, and leaves out what it cannot play."""

NAMES = {"EUR": "Jean Conform"}
NAME = "张承诺"


def a_payee(kind: BeneficiaryKind, currency: str, ending: str) -> Beneficiary:
    """Somebody to pay, whose account ends in `ending` (but for IBANs, which end as they must)."""
    name = NAMES.get(currency, NAME)
    match kind:
        case BeneficiaryKind.WECHAT:
            return WechatBeneficiary(f"oCONFORMANCE0000{ending}", name)
        case BeneficiaryKind.BANK_ACCOUNT if currency == "EUR":
            return BankBeneficiary("FR1420041010050500013M02606", name, "TESTFRPPXXX", "FR")
        case BeneficiaryKind.BANK_ACCOUNT:
            return BankBeneficiary(f"622202000000{ending}", name, "000200000002", "CN")


@dataclass(frozen=True, slots=True)
class ChannelUnderTest:
    """One channel, as its author describes it."""

    spec: AdapterSpec
    table: Callable[[Path, str], dict[str, object]]
    """(folder of minted keys, address of the sandbox) -> settings; `file:` is relative to the folder's parent."""
    signature_headers: tuple[str, ...]
    """The headers of a notification that prove who sent it, in lower case."""
    fates: Mapping[Fate, Ending] = field(default_factory=lambda: DOCUMENTED)
    payee: Callable[[BeneficiaryKind, str, str], Beneficiary] = a_payee
    books: Callable[[Any], Iterable[BookEntry]] | None = None
    """Only for a channel that has no sandbox: its own books."""
    signs_answers: bool = True
    """Whether its answers are signed, so that one whose signature is wrong is to be refused."""

    @property
    def networked(self) -> bool:
        return self.spec.sandbox is not None


class Stand(Sandbox, Steered, Protocol):
    """A sandbox as the kit needs it: what an adapter exports, and what the control surface steers."""


class BellClock(FakeClock):
    """A fake clock that tells when somebody fell asleep on it."""

    def __init__(self) -> None:
        super().__init__()
        self.rung = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.rung.set()
        await super().sleep(seconds)


class QuickWaits:
    """The channel's view of the test's clock: the same time, but the short waits between questions take none."""

    def __init__(self, shared: FakeClock) -> None:
        self._shared = shared

    def now(self) -> datetime:
        return self._shared.now()

    def monotonic(self) -> float:
        return self._shared.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._shared.sleep(seconds if seconds > 1.0 else 0.0)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call of a channel, and what came of it."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    result: HttpAnswer | NoAnswer


class RecordingHttp(ChannelHttp):
    """The real client; what leaves and what comes back is noted."""

    def __init__(self, inner: ChannelHttp, calls: list[Call]) -> None:
        self._inner = inner
        self._calls = calls

    async def send(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes = b"",
        max_bytes: int = ANSWER_MAX_BYTES,
    ) -> HttpAnswer | NoAnswer:
        result = await self._inner.send(method, url, headers, body, max_bytes)
        self._calls.append(Call(method, url, headers, body, result))
        return result

    async def close(self) -> None:
        await self._inner.close()


_TLS = ssl.create_default_context()


@dataclass(eq=False)
class World:
    """A channel, what it talks to, and an address that its notifications come to."""

    subject: ChannelUnderTest
    keys: Path
    clock: BellClock
    notify_url: str
    sandbox: Stand | None = None
    calls: list[Call] = field(default_factory=list)
    received: list[RawNotification] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    _channels: list[Channel] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _random: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def channel(self) -> Channel:
        return self._channels[0]

    @property
    def address(self) -> str:
        return self.sandbox.base_url if self.sandbox else ""

    def build(self, address: str | None = None, *, read_s: float = 5.0, over: ChannelHttp | None = None) -> Channel:
        """A channel to the sandbox, or to any other address, with a client of its own. It is closed at the end."""

        def http(tls: ssl.SSLContext | None = None) -> ChannelHttp:
            return RecordingHttp(over or HttpxFactory(5.0, read_s, 10.0)(tls or _TLS), self.calls)

        context = ChannelContext(
            clock=QuickWaits(self.clock) if self.subject.networked else self.clock,
            random_bytes=lambda size: next(self._random).to_bytes(size, "big"),
            http=http,
            secret=self._secret,
            notify_url=self.notify_url,
            timeouts=Timeouts(),
            deliver=self._deliver,
            base=self.keys.parent,
        )
        table = self.subject.table(self.keys, self.address if address is None else address)
        made = self.subject.spec.build("under-test", table, context)
        self._channels.append(made)
        return made

    def _secret(self, reference: str) -> Secret:
        found = SecretResolver(self.keys.parent, {})(reference)
        self.secrets.append(found)
        return found

    async def _deliver(self, raw: RawNotification) -> int:
        self.received.append(raw)
        return 200

    async def receive(self, request: web.Request) -> web.Response:
        """The gateway's notification address: note it, verify, answer as the channel wants it."""
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        body = await request.read()
        raw = RawNotification(request.method, request.raw_path, headers, body, self.clock.now())
        try:
            await self.channel.read_notification(raw)
            reply = self.channel.reply(200, "ok")
        except NotificationRefused as refused:
            reply = self.channel.reply(refused.status, refused.code)
        self.received.append(raw)
        return web.Response(status=reply.status, headers=list(reply.headers), body=reply.body)

    def money(self) -> Money:
        known = self.channel.capabilities.currencies
        return Money(12_345, "CNY" if "CNY" in known else min(known))

    def payee(self, fate: Fate) -> Beneficiary:
        kind = min(self.channel.capabilities.kinds)
        return self.subject.payee(kind, self.money().currency, "7777" if fate is Fate.USUAL else fate)

    def order(self, fate: Fate = Fate.USUAL, money: Money | None = None, payee: Beneficiary | None = None) -> Order:
        """A fresh order."""
        number = next(self._numbers)
        return Order(
            payout_id=f"po_{number}",
            reference=f"ref-{number}",
            channel_reference=f"TESTREF{number:019d}",
            uetr=f"00000000-0000-4000-8000-{number:012d}",
            amount=money or self.money(),
            beneficiary=payee or self.payee(fate),
        )

    def sent(self, order: Order | None = None, channel: Channel | None = None) -> Sent:
        order, channel = order or self.order(), channel or self.channel
        return Sent(order, channel.ground, channel.prepare(order, self.clock.now()))

    async def submit(self, sent: Sent) -> Answer:
        """One transmission."""
        return await self.channel.submit(self.channel.sign(sent))

    def entries(self, order: Order | None = None) -> list[BookEntry]:
        """What the channel's books say, of one order or of all."""
        if self.sandbox is not None:
            found = self.sandbox.books()
        else:
            if self.subject.books is None:
                raise ValueError("a channel without a sandbox shows its own books")
            found = list(self.subject.books(self.channel))
        return [one for one in found if order is None or one.channel_reference == order.channel_reference]

    def paid_times(self, order: Order) -> int:
        return sum(entry.paid_times for entry in self.entries(order))

    async def live(self, seconds: float = 5.0) -> None:
        """Let the channel's time pass, and everything it posts arrive."""
        await self.clock.advance(seconds)
        if self.sandbox is not None:
            await self.sandbox.notifier.drain()

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


@asynccontextmanager
async def opened(subject: ChannelUnderTest, key_room: Path) -> AsyncIterator[World]:
    """Keys, sandbox and channel, started; all stopped at the end. Every clock is one clock, moved by the test."""
    keys = key_room / subject.spec.name
    if subject.spec.mint is not None:
        subject.spec.mint(keys)
    async with _receiver() as (url, attach):
        world = World(subject, keys, BellClock(), url)
        attach(world)
        async with _sandbox(world):
            try:
                await world.build().start()
                yield world
            finally:
                await world.close()


@asynccontextmanager
async def _sandbox(world: World) -> AsyncIterator[None]:
    make = world.subject.spec.sandbox
    if make is None:
        yield
        return
    place = SandboxPlace(world.keys, 0, 0, world.notify_url, tls=False, amount_magic=False, clock=world.clock)
    sandbox: Any = make(place)
    await sandbox.start()
    world.sandbox = sandbox
    try:
        yield
    finally:
        await sandbox.stop()


@asynccontextmanager
async def _receiver() -> AsyncIterator[tuple[str, Callable[[World], None]]]:
    worlds: list[World] = []

    async def handle(request: web.Request) -> web.Response:
        return await worlds[0].receive(request)

    app = web.Application()
    app.router.add_route("*", "/notify/under-test", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/notify/under-test", worlds.append
    finally:
        await runner.cleanup()
