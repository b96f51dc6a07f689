"""The real sandbox on loopback, the real channel over httpx, and a receiver that believes what the channel believes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from adapters.channel import ChannelContext, Notification, NotificationRefused, Order, RawNotification, Sent, Timeouts
from adapters.sandbox.server import SandboxServer
from adapters.wechat import SPEC
from adapters.wechat.channel import WechatChannel
from adapters.wechat.sandbox import WechatSandbox, WechatSandboxOptions, mint
from adapters.wechat.sandbox.book import Bill
from gateway.clock import SystemClock
from gateway.domain.beneficiary import WechatBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Answer, OutcomeKind
from gateway.secret import SecretResolver
from tests.support.wechat import SCENE, client_factory

PUBLIC_KEY = {"PUB_KEY_ID_0119000000012025010100000000000001": "file:platform_public_key.pem"}


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One set of throw-away keys for all tests: making RSA keys is slow."""
    folder = tmp_path_factory.mktemp("wechat") / "keys"
    mint(folder)
    return folder


class World:
    """A sandbox, a channel to it, and the gateway's notification door."""

    def __init__(self, keys: Path, **options: object) -> None:
        settings: dict[str, object] = {
            "keys": keys,
            "usual_s": 0.0,
            "transfer_s": 0.0,
            "later_s": 0.0,
            "cancel_s": 0.0,
            "slow_s": 0.0,
            "return_s": 0.0,
            "hold_s": 0.0,
        }
        self.keys = keys
        self.sandbox = WechatSandbox(WechatSandboxOptions(**(settings | options)))  # type: ignore[arg-type] - by name
        self.notified: asyncio.Queue[Notification] = asyncio.Queue()
        self.refused: list[str] = []
        self.refuse_next = 0
        self.numbers = iter(range(1, 10_000))
        door = web.Application()
        door.router.add_post("/notify/{token}", self._take)
        self._door = SandboxServer(door, web.Application())
        self._channels: list[WechatChannel] = []

    async def start(self) -> None:
        await self.sandbox.start()
        await self._door.start()
        self.channel = self.make_channel()

    async def stop(self) -> None:
        for channel in self._channels:
            await channel.close()
        await self.sandbox.stop()
        await self._door.stop()

    def make_channel(self, *, notify: bool = True, **changes: object) -> WechatChannel:
        settings: dict[str, object] = {
            "base_url": self.sandbox.base_url,
            "mchid": "1900000001",
            "appid": "wxtest0000000000a1",
            "merchant_serial_no": "3775B6A45ACD588826D15E583A95F5DD00000001",
            "merchant_private_key": "file:merchant_key.pem",
            "apiv3_key": "file:apiv3_key",
            "platform_keys": PUBLIC_KEY,
            "scene": SCENE,
            "remark": "测试付款",
            "not_enough_pause_s": 1,
        }

        async def deliver(_raw: RawNotification) -> int:
            raise AssertionError("a real channel does not deliver in-process")

        context = ChannelContext(
            clock=SystemClock(),
            random_bytes=os.urandom,
            http=client_factory(),
            secret=SecretResolver(self.keys, {}),
            notify_url=f"{self._door.base_url}/notify/token" if notify else "",
            timeouts=Timeouts(),
            deliver=deliver,
        )
        channel = SPEC.build("wechat", settings | changes, context)
        assert isinstance(channel, WechatChannel)
        self._channels.append(channel)
        return channel

    async def _take(self, request: web.Request) -> web.Response:
        """What the gateway's door does: verify, store, answer in the channel's own form."""
        raw = RawNotification(
            request.method,
            request.raw_path,
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers),
            await request.read(),
            datetime.now(UTC),
        )
        try:
            found = await self.channel.read_notification(raw)
        except NotificationRefused as refused:
            self.refused.append(refused.code)
            reply = self.channel.reply(refused.status, refused.code)
            return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))
        await self.notified.put(found)
        self.refuse_next -= 1
        return web.Response(status=500 if self.refuse_next >= 0 else 200)

    def order(self, ending: str, *, fen: int = 12345, name: str | None = None) -> Order:
        reference = f"TESTORDER{next(self.numbers):017}"
        return Order("po", "r", reference, "u", Money(fen, "CNY"), WechatBeneficiary(f"oTEST{ending}", name))

    def sent(self, ending: str, *, fen: int = 12345, name: str | None = None) -> Sent:
        order = self.order(ending, fen=fen, name=name)
        return Sent(order, self.channel.ground, self.channel.prepare(order, datetime.now(UTC)))

    async def submit(self, sent: Sent) -> Answer:
        return await self.channel.submit(self.channel.sign(sent))

    async def until(self, sent: Sent, kind: OutcomeKind) -> Answer:
        """Ask until the channel says so; the test's time-out is the limit."""
        while True:
            answer = await self.channel.query(sent)
            if answer.kind is kind:
                return answer
            await asyncio.sleep(0.01)  # between two questions; nothing is timed by it

    def bill(self, sent: Sent) -> Bill:
        """The order in the sandbox's book."""
        return self.sandbox.book.bills[sent.order.channel_reference]

    def paid_times(self, sent: Sent) -> int:
        [entry] = [row for row in self.sandbox.books() if row.channel_reference == sent.order.channel_reference]
        return entry.paid_times


@pytest.fixture
async def world(keys: Path) -> AsyncIterator[World]:
    world = World(keys)
    await world.start()
    yield world
    await world.stop()
