"""The channel: everything but its words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from adapters.ask_again import ask_again
from adapters.channel import (
    Capabilities,
    ChannelContext,
    ChannelSettings,
    Notice,
    Notification,
    NotificationRefused,
    Order,
    RawNotification,
    Reply,
    Sent,
    Signed,
    Unsendable,
)
from adapters.http import HttpAnswer, NoAnswer
from adapters.json_text import read_object
from adapters.plain import signing
from adapters.plain.config import PlainSettings
from adapters.plain.words import PlainWire, Told
from gateway.domain.outcome import Absence, Answer, Heard, OutcomeKind
from gateway.domain.payout import DuplicateMode, Ground, Prepared
from gateway.domain.reasons import RejectReason

_JSON = (("content-type", "application/json"),)
_PATH = "/payouts"
ANOTHER_AMOUNT = "the answer speaks of another amount"
_UNREADABLE = (ValueError, KeyError, TypeError)
_REPEAT_WINDOW_S = 86_400


class PlainChannel:
    """A channel whose other side keeps one order for each of our references (`DuplicateMode.SAME_RESOURCE`)."""

    def __init__(
        self, name: str, adapter: tuple[str, str], wire: PlainWire, settings: PlainSettings, context: ChannelContext
    ) -> None:
        self.name = name
        self.capabilities = Capabilities(kinds=wire.kinds, currencies=wire.currencies, notifies=True)
        self.ground = Ground(
            *adapter,
            settings.base_url,
            settings.account,
            (),
            DuplicateMode.SAME_RESOURCE,
            Absence.NEVER,
            _REPEAT_WINDOW_S,
        )
        self._wire = wire
        self._account = settings.account
        self._context = context
        self._key = context.secret(settings.key)
        self._http = context.http()

    def prepare(self, order: Order, now: datetime) -> Prepared:
        if order.beneficiary.kind not in self._wire.kinds:
            raise Unsendable(RejectReason.INVALID_REQUEST, "not a kind of payee that this channel pays")
        if order.amount.currency not in self._wire.currencies:
            raise Unsendable(RejectReason.CURRENCY_NOT_SUPPORTED, f"{order.amount.currency} is not paid here")
        if order.amount.minor < 1:
            raise Unsendable(RejectReason.AMOUNT_INVALID, "an amount is at least one minor unit")
        body = json.dumps(self._wire.write_order(order), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return Prepared(_PATH, body.encode(), _JSON)

    def sign(self, sent: Sent) -> Signed:
        prepared = sent.prepared
        headers = (*prepared.headers, *self._signed(prepared.target, prepared.body))
        return Signed(sent, "POST", sent.ground.base_address + prepared.target, headers, prepared.body)

    async def submit(self, signed: Signed) -> Answer:
        heard = await self._http.send(signed.method, signed.url, signed.headers, signed.body)
        return self._answer(Heard.SUBMIT, heard, signed.sent)

    async def query(self, sent: Sent) -> Answer:
        target = f"{_PATH}/{quote(sent.order.channel_reference, safe='')}"
        url = sent.ground.base_address + target
        heard = await ask_again(
            lambda: self._http.send("GET", url, self._signed(target, b"")), self._context.clock.sleep
        )
        return self._answer(Heard.QUERY, heard, sent)

    async def cancel(self, sent: Sent) -> Answer:
        return Answer(Heard.CANCEL, OutcomeKind.UNCLEAR, detail="this channel cancels nothing")

    async def read_notification(self, raw: RawNotification) -> Notification:
        try:
            nonce = signing.verify(self._key.reveal(), "", raw.body, raw.headers, raw.received_at)
            event = self._wire.read_event(read_object(raw.body))
        except signing.BadSignature as error:
            raise NotificationRefused(error.code, "not signed with our key, or not now") from error
        except _UNREADABLE as error:
            raise NotificationRefused("unreadable", type(error).__name__, status=400) from error
        told = event.told
        answer = _said(Heard.NOTIFICATION, told, raw.body)
        notice = Notice(answer, told.reference, told.channel_payout_id, told.amount)
        return Notification(event.id, (notice,), (self._account, nonce))

    def reply(self, status: int, code: str) -> Reply:
        return Reply(status, _JSON, json.dumps({"code": code}).encode())

    async def start(self) -> None:
        """There is nothing to fetch."""

    async def close(self) -> None:
        await self._http.close()

    def _signed(self, target: str, body: bytes) -> signing.Headers:
        nonce = self._context.random_bytes(16)
        signed = signing.sign(self._key.reveal(), target, body, self._context.clock.now(), nonce)
        return (("x-account", self._account), *signed)

    def _answer(self, heard: Heard, found: HttpAnswer | NoAnswer, sent: Sent) -> Answer:
        if isinstance(found, NoAnswer):
            not_sent = heard is Heard.SUBMIT and not found.sent
            kind = OutcomeKind.NOT_SENT if not_sent else OutcomeKind.UNCLEAR
            return Answer(heard, kind, detail="no answer", channel_fault=not found.local, raw=found.evidence())
        try:
            told = self._wire.read_answer(found.status, read_object(found.body))
        except _UNREADABLE:
            told = None
        if told is None:
            return _unclear(heard, found, f"HTTP {found.status} says nothing of the order")
        wrong = self._differs(told, sent)
        if not wrong:
            return _said(heard, told, found.evidence())
        return replace(_unclear(heard, found, wrong), other_content=wrong is ANOTHER_AMOUNT)

    def _differs(self, told: Told, sent: Sent) -> str:
        """In what the echo differs from our order; nothing when it is ours."""
        if told.kind is not OutcomeKind.ABSENT and told.reference != sent.order.channel_reference:
            return "the answer speaks of another order"
        if told.amount != sent.order.amount and (told.amount is not None or told.kind is OutcomeKind.SUCCEEDED):
            return ANOTHER_AMOUNT
        return ""


def _said(heard: Heard, told: Told, raw: bytes) -> Answer:
    return Answer(
        heard,
        told.kind,
        finality=told.finality,
        reason=told.reason,
        channel_code=told.code,
        channel_payout_id=told.channel_payout_id,
        returned=told.returned,
        raw=raw,
    )


def _unclear(heard: Heard, found: HttpAnswer, why: str) -> Answer:
    return Answer(
        heard, OutcomeKind.UNCLEAR, detail=why, alarm=found.status < 500, channel_fault=True, raw=found.evidence()
    )


def build(
    adapter: str,
    version: str,
    wire: PlainWire,
    made_by: type[PlainChannel],
    name: str,
    settings: ChannelSettings,
    context: ChannelContext,
) -> PlainChannel:
    """Make the channel `name` from its settings table. Raises `SecretError` for a key that is missing."""
    return made_by(name, (adapter, version), wire, PlainSettings.model_validate(dict(settings)), context)
