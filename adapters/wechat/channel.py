"""The WeChat channel: merchant transfer, generation two (sheet sections 7 and 9)."""

from __future__ import annotations

from datetime import datetime

from adapters.channel import (
    Capabilities,
    ChannelContext,
    ChannelSettings,
    Notification,
    NotificationRefused,
    Order,
    RawNotification,
    Reply,
    Sent,
    Signed,
    Unsendable,
)
from adapters.signer import Headers
from adapters.wechat import orders, wire
from adapters.wechat.build import make_client, make_form
from adapters.wechat.cipher import open_resource
from adapters.wechat.client import Client
from adapters.wechat.codes import Pause
from adapters.wechat.config import WechatSettings
from adapters.wechat.reading import parse_object, plain, read_event
from adapters.wechat.signing import Refusal, Refused
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.outcome import Absence, Answer, Heard
from gateway.domain.payout import DuplicateMode, Ground, Prepared
from gateway.domain.reasons import RejectReason

NAME = "wechat"
VERSION = "1"
BILL_FINISHED = "MCHTRANSFER.BILL.FINISHED"
_REPEAT_WINDOW_S = 86_400
"""Between one day and three is reported; never rely on more than one (sheet section 19)."""
_MENDING_PAUSE_S = 300.0
EVENT_ID_MAX = 36
_JSON: Headers = (("Content-Type", "application/json"),)

_REFUSED_STATUS = {Refusal.BODY: 400, Refusal.MERCHANT: 400, Refusal.DECRYPT: 500}
"""How a notification that is not taken is answered; 401 for everything about its signature."""


class WechatChannel:
    """One merchant number of ours at WeChat Pay."""

    capabilities = Capabilities(
        kinds=frozenset({BeneficiaryKind.WECHAT}),
        currencies=frozenset({orders.CURRENCY}),
        can_query=True,
        can_cancel=True,
        notifies=True,
    )

    def __init__(self, name: str, settings: WechatSettings, client: Client, form: orders.Form) -> None:
        self.name = name
        self.ground = Ground(
            adapter=NAME,
            adapter_version=VERSION,
            base_address=settings.base_url,
            account_id=settings.mchid,
            key_ids=(settings.merchant_serial_no, *sorted(settings.platform_keys)),
            duplicate_mode=DuplicateMode.SAME_RESOURCE,
            absence=Absence.NEVER,
            repeat_window_s=_REPEAT_WINDOW_S,
        )
        self._client = client
        self._form = form
        self._terms = wire.Terms(
            settings.confirm_deadline_s,
            {
                Pause.RATE_LIMITED: settings.rate_limited_pause_s,
                Pause.NOT_ENOUGH: settings.not_enough_pause_s,
                Pause.MENDING: _MENDING_PAUSE_S,
            },
        )

    def prepare(self, order: Order, now: datetime) -> Prepared:
        key = self._client.keys.encrypt_to(now)
        if key is None:
            raise Unsendable(RejectReason.CHANNEL_UNAVAILABLE, "no key of the service is known yet")
        return orders.prepare(self._form, order, key)

    def sign(self, sent: Sent) -> Signed:
        prepared = sent.prepared
        heading = self._client.signed("POST", prepared.target, prepared.body, prepared.headers)
        url = sent.ground.base_address + prepared.target
        return Signed(sent, "POST", url, heading.ready, prepared.body, heading.later)

    async def submit(self, signed: Signed) -> Answer:
        headers = await signed.whole_headers()
        got = await self._client.http.send(signed.method, signed.url, headers, signed.body)
        doubt = await self._client.doubt(got)
        return wire.read_answer(Heard.SUBMIT, signed.sent, got, doubt, self._terms)

    async def query(self, sent: Sent) -> Answer:
        got = await self._client.get(sent.ground.base_address, _bill(sent), _serial(sent))
        doubt = await self._client.doubt(got)
        return wire.read_answer(Heard.QUERY, sent, got, doubt, self._terms)

    async def cancel(self, sent: Sent) -> Answer:
        target = f"{_bill(sent)}/cancel"
        headers = await self._client.signed("POST", target, b"", _serial(sent)).whole()
        got = await self._client.http.send("POST", sent.ground.base_address + target, headers)
        doubt = await self._client.doubt(got)
        return wire.read_answer(Heard.CANCEL, sent, got, doubt, self._terms)

    async def read_notification(self, raw: RawNotification) -> Notification:
        try:
            await self._client.verify(raw.headers, raw.body)
            return self._read_verified(raw)
        except Refused as refused:
            status = _REFUSED_STATUS.get(refused.code, 401)
            raise NotificationRefused(str(refused.code), refused.detail, status) from refused

    def _read_verified(self, raw: RawNotification) -> Notification:
        envelope = parse_object(raw.body)
        event_id, resource = plain(envelope.get("id"), EVENT_ID_MAX), envelope.get("resource")
        if event_id is None:
            raise Refused(Refusal.BODY, "the event has no id")
        if envelope.get("event_type") != BILL_FINISHED:
            return Notification(event_id, ())
        if not isinstance(resource, dict):
            raise Refused(Refusal.BODY, "the event has no resource")
        plaintext = open_resource(self._client.apiv3_key, resource)
        return Notification(event_id, (read_event(plaintext, self.ground.account_id, _evidence(raw)),))

    def reply(self, status: int, code: str) -> Reply:
        """Only the status counts; 200 and 204 mean stored."""
        if status in (200, 204):
            return Reply(status)
        return Reply(status, _JSON, wire.fail_body(code))

    async def start(self) -> None:
        await self._client.start()

    async def close(self) -> None:
        await self._client.close()


def _bill(sent: Sent) -> str:
    return f"{orders.BILLS}/out-bill-no/{sent.order.channel_reference}"


def _serial(sent: Sent) -> Headers:
    """The key that the order was encrypted to: the service is asked to sign its answers with it."""
    return tuple(header for header in sent.prepared.headers if header[0].lower() == "wechatpay-serial")


def _evidence(raw: RawNotification) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in raw.headers)
    return f"{raw.method} {raw.target}\r\n{head}\r\n".encode() + raw.body


def build(name: str, settings: ChannelSettings, context: ChannelContext) -> WechatChannel:
    """Make the channel `name` from its settings table. Raises `SecretError` for a secret that is missing or no key."""
    checked = WechatSettings.model_validate(dict(settings))
    return WechatChannel(name, checked, make_client(checked, context), make_form(checked, context.notify_url))
