"""The real channel against the real sandbox bank, over loopback, on one clock that the test moves."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.bank import SPEC
from adapters.bank.channel import BankChannel
from adapters.bank.sandbox import BankSandbox, BankSandboxOptions
from adapters.bank.sandbox.keys import client_settings, mint
from adapters.channel import (
    ChannelContext,
    Notification,
    NotificationRefused,
    Order,
    RawNotification,
    Sent,
    Timeouts,
)
from adapters.http import ChannelHttp, HttpxFactory
from adapters.sandbox.books import BookEntry
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Answer
from gateway.secret import SecretResolver
from tests.support.clock import FakeClock

_NO_TLS = ssl.create_default_context()


class NoWaits(FakeClock):
    """The gateway's side of the test's clock: the same time, and waits between questions take none."""

    def __init__(self, shared: FakeClock) -> None:
        super().__init__()
        self._shared = shared

    def now(self) -> Any:
        return self._shared.now()

    def monotonic(self) -> float:
        return self._shared.monotonic()

    async def sleep(self, seconds: float) -> None:
        return


class BellClock(FakeClock):
    """Tells when somebody goes to sleep for a given time."""

    def __init__(self, rings_at_s: float) -> None:
        super().__init__()
        self.rung = asyncio.Event()
        self._rings_at_s = rings_at_s

    async def sleep(self, seconds: float) -> None:
        if abs(seconds - self._rings_at_s) < 1e-6:
            self.rung.set()
        await super().sleep(seconds)


def order(account: str, number: int = 1, minor: int = 12_345) -> Order:
    """An order to `account`; `number` makes it another one."""
    return Order(
        payout_id=f"po_{number}",
        reference=f"ref-{number}",
        channel_reference=f"{number:026d}",
        uetr=f"00000000-0000-4000-8000-{number:012d}",
        amount=Money(minor, "CNY"),
        beneficiary=BankBeneficiary(account, "张三", "000200000002", "CN"),
    )


@dataclass
class World:
    """A sandbox, a channel that talks to it, and an address that its notifications come to."""

    clock: FakeClock
    sandbox: BankSandbox
    channel: BankChannel
    taken: list[Notification] = field(default_factory=list)
    refused: list[NotificationRefused] = field(default_factory=list)
    answer_with: int = 200
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def sent(self, account: str, minor: int = 12_345) -> Sent:
        """A fresh order, prepared."""
        made = order(account, next(self._numbers), minor)
        return Sent(made, self.channel.ground, self.channel.prepare(made, self.clock.now()))

    async def submit(self, sent: Sent) -> Answer:
        """One transmission."""
        return await self.channel.submit(self.channel.sign(sent))

    async def query(self, sent: Sent, after: Answer | None = None) -> Answer:
        """Ask, with the payment id learned from `after`."""
        return await self.channel.query(replace(sent, channel_payout_id=after.channel_payout_id if after else None))

    async def live(self, seconds: float = 10.0) -> None:
        """Let the bank's time pass, and everything it posts arrive."""
        await self.clock.advance(seconds)
        await self.sandbox.bank.settle()
        await self.sandbox.notifier.drain()

    def book(self, sent: Sent) -> BookEntry:
        """What the bank really did with this order."""
        (found,) = [one for one in self.sandbox.books() if one.channel_reference == sent.order.channel_reference]
        return found

    def heard_of(self, sent: Sent) -> list[str]:
        """The kinds of what was told about this order, in the order it was taken."""
        return [
            str(notice.answer.kind)
            for notification in self.taken
            for notice in notification.notices
            if notice.channel_reference == sent.order.channel_reference
        ]

    async def receive(self, request: web.Request) -> web.Response:
        """The gateway's notification address: verify, note, answer."""
        headers = tuple((name.decode(), value.decode()) for name, value in request.raw_headers)
        body = await request.read()
        raw = RawNotification(request.method, request.raw_path, headers, body, self.clock.now())
        try:
            self.taken.append(await self.channel.read_notification(raw))
            reply = self.channel.reply(self.answer_with, "ordered")
        except NotificationRefused as refused:
            self.refused.append(refused)
            reply = self.channel.reply(refused.status, refused.code)
        return web.Response(status=reply.status, headers=list(reply.headers), body=reply.body)


@asynccontextmanager
async def bank_world(
    keys: Path, *, settings: dict[str, object] | None = None, clock: FakeClock | None = None, **options: Any
) -> AsyncIterator[World]:
    """Everything started; everything stopped at the end. `options` are the sandbox's."""
    clock = clock or FakeClock()
    async with _receiver() as (url, attach):
        sandbox = BankSandbox(BankSandboxOptions(keys=keys, notify_url=url, **options), clock)
        await sandbox.start()
        try:
            channel = build(sandbox, keys, clock, url, settings or {})
            try:
                world = World(clock, sandbox, channel)
                attach(world)
                yield world
            finally:
                await channel.close()
        finally:
            # Before the receiver closes: a post that is on its way would be waited for.
            await sandbox.stop()


def build(
    sandbox: BankSandbox, keys: Path, clock: FakeClock, notify_url: str, changes: dict[str, object]
) -> BankChannel:
    """The channel a gateway would build from the sandbox's own settings table."""
    tls = sandbox.base_url.startswith("https:")
    table = client_settings(keys.name, sandbox.base_url, tls=tls) | changes
    random = itertools.count(1)

    def client(context: ssl.SSLContext | None = None) -> ChannelHttp:
        return HttpxFactory(2.0, 2.0, 5.0)(context or _NO_TLS)

    async def deliver(_raw: RawNotification) -> int:
        raise AssertionError("the bank posts to an address")

    context = ChannelContext(
        clock=NoWaits(clock),
        random_bytes=lambda size: next(random).to_bytes(size, "big"),
        http=client,
        secret=SecretResolver(keys.parent, {}),
        notify_url=notify_url,
        timeouts=Timeouts(),
        deliver=deliver,
    )
    built = SPEC.build("bank1", table, context)
    assert isinstance(built, BankChannel)
    return built


@asynccontextmanager
async def _receiver() -> AsyncIterator[tuple[str, Any]]:
    worlds: list[World] = []

    async def handle(request: web.Request) -> web.Response:
        return await worlds[0].receive(request)

    app = web.Application()
    app.router.add_route("*", "/notify/bank/bank1", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/notify/bank/bank1", worlds.append
    finally:
        await runner.cleanup()


def minted(folder: Path) -> Path:
    """A folder of keys, minted once for many tests."""
    keys = folder / "bank-keys"
    mint(keys)
    return keys
