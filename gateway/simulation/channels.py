"""The channels of a simulated node: the real adapters, with keys loaded beforehand and the simulated network below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.bank.build import build as build_bank
from adapters.channel import (
    Channel,
    ChannelContext,
    ChannelSettings,
    Notification,
    Order,
    RawNotification,
    Reply,
    Sent,
    Signed,
)
from adapters.spec import AdapterSpec
from adapters.wechat.build import make_form
from adapters.wechat.channel import WechatChannel
from adapters.wechat.client import Client
from adapters.wechat.config import WechatSettings
from adapters.wechat.keys import PlatformKey, PlatformKeys
from adapters.wechat.signing import Merchant
from gateway.domain.outcome import Answer
from gateway.domain.payout import Prepared
from gateway.simulation.messages import CALL, Call
from gateway.simulation.mock_bank import SimulatedMockBank
from gateway.simulation.mock_bank import build as build_mock
from gateway.simulation.stage import Keys
from gateway.simulation.transport import Exchange, LeanFactory

Sending = Callable[[str, Signed], None]
"""Told of each submit that begins: channel, what is sent."""
Asking = Callable[[str, str], None]
"""Told of each question: channel, the `channel_reference` asked about."""


class WatchedChannel:
    """A channel that says what each of its calls is for, so that the network below it can tell."""

    def __init__(self, inner: Channel, sending: Sending, asking: Asking) -> None:
        self._inner = inner
        self._sending = sending
        self._asking = asking
        self.name = inner.name
        self.capabilities = inner.capabilities
        self.ground = inner.ground

    def prepare(self, order: Order, now: datetime) -> Prepared:
        return self._inner.prepare(order, now)

    def sign(self, sent: Sent) -> Signed:
        return self._inner.sign(sent)

    async def submit(self, signed: Signed) -> Answer:
        self._sending(self.name, signed)
        self._say("submit", signed.sent)
        return await self._inner.submit(signed)

    async def query(self, sent: Sent) -> Answer:
        self._asking(self.name, sent.order.channel_reference)
        self._say("query", sent)
        return await self._inner.query(sent)

    async def cancel(self, sent: Sent) -> Answer:
        self._say("cancel", sent)
        return await self._inner.cancel(sent)

    def _say(self, purpose: str, sent: Sent) -> None:
        CALL.set(Call(purpose, self.name, sent.order.channel_reference, sent.order.reference))

    async def read_notification(self, raw: RawNotification) -> Notification:
        return await self._inner.read_notification(raw)

    def reply(self, status: int, code: str) -> Reply:
        return self._inner.reply(status, code)

    async def start(self) -> None:
        await self._inner.start()

    async def close(self) -> None:
        await self._inner.close()


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the channels of one node are connected to."""

    keys: Keys
    mock: SimulatedMockBank
    lean: Exchange | None
    """The network, to be used without httpx; None: it is under httpx already (`World.transport`)."""
    sending: Sending
    asking: Asking


def wired(specs: Mapping[str, AdapterSpec], wiring: Wiring) -> dict[str, AdapterSpec]:
    """The same adapters, built over this wiring."""
    builds = {"wechat": _wechat, "bank": _bank, "mock": _mock}

    def build_with(name: str) -> Callable[[str, ChannelSettings, ChannelContext], Channel]:
        def build(channel: str, settings: ChannelSettings, context: ChannelContext) -> Channel:
            if wiring.lean is not None:
                context = replace(context, http=LeanFactory(wiring.lean, context.timeouts))
            return WatchedChannel(builds[name](channel, settings, context, wiring), wiring.sending, wiring.asking)

        return build

    return {name: replace(spec, build=build_with(name)) for name, spec in specs.items() if name in builds}


def _wechat(name: str, table: ChannelSettings, context: ChannelContext, wiring: Wiring) -> Channel:
    settings, keys = WechatSettings.model_validate(dict(table)), wiring.keys.wechat
    known = keys.service.public_key
    client = Client(
        http=context.http(None),
        merchant=Merchant(settings.mchid, settings.merchant_serial_no, keys.merchant),
        keys=PlatformKeys([PlatformKey(known.key_id, known.key.public_key())], settings.preferred_key),
        apiv3_key=keys.service.apiv3_key,
        clock=context.clock,
        random_bytes=context.random_bytes,
        base_url=settings.base_url,
        backup_base_url=settings.backup_base_url,
        fetches_certificates=False,
        refresh_s=settings.certificate_refresh_s,
        signer=context.signer,
    )
    return WechatChannel(name, settings, client, make_form(settings, context.notify_url))


def _bank(name: str, table: ChannelSettings, context: ChannelContext, wiring: Wiring) -> Channel:
    channel, keys = build_bank(name, table, context), wiring.keys.client
    theirs = {keyid: keys.theirs[keyid] for keyid in channel.exchange.bank_keys}
    channel.exchange = replace(channel.exchange, key=keys.ours, bank_keys=theirs, profile=wiring.keys.profile)
    return channel


def _mock(name: str, table: ChannelSettings, context: ChannelContext, wiring: Wiring) -> Channel:
    return build_mock(name, table, context, wiring.mock)
