"""The mock channel: the port on one side, the bank in the same process on the other."""

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
from adapters.mock import signing, wire
from adapters.mock.bank import Bank
from adapters.mock.book import Booked, Row
from adapters.mock.config import MockSettings
from adapters.mock.plays import Tell, Trouble
from adapters.steering import NotSteered, Transition
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.outcome import Absence, Answer, Heard
from gateway.domain.payout import DuplicateMode, Ground, Prepared
from gateway.domain.reasons import RejectReason

NAME = "mock"
VERSION = "1"
_JSON = (("content-type", "application/json"),)


class MockChannel:
    """A channel without a network. Its bank keeps its book for ever, so a repeat is always safe while it is kept."""

    def __init__(self, name: str, settings: MockSettings, context: ChannelContext) -> None:
        self.name = name
        self.capabilities = Capabilities(
            kinds=frozenset(BeneficiaryKind), currencies=settings.currencies, can_cancel=True, notifies=True
        )
        self.ground = ground(name, settings)
        self._context = context
        self._key = context.random_bytes(32)
        self._bank = Bank(settings, context.clock, self._post, context.base)

    def prepare(self, order: Order, now: datetime) -> Prepared:
        if order.amount.currency not in self.capabilities.currencies:
            raise Unsendable(RejectReason.CURRENCY_NOT_SUPPORTED, f"the mock does not pay {order.amount.currency}")
        if order.amount.minor < 1:
            raise Unsendable(RejectReason.AMOUNT_INVALID, "an amount is at least one minor unit")
        return Prepared("/payouts", wire.order_bytes(order), _JSON)

    def sign(self, sent: Sent) -> Signed:
        """There is nobody to prove anything to: the bytes leave as they were stored."""
        prepared = sent.prepared
        return Signed(sent, "POST", f"mock:{prepared.target}", prepared.headers, prepared.body)

    async def submit(self, signed: Signed) -> Answer:
        try:
            found = await self._bank.submit(signed.body)
        except OSError:
            found = Trouble.BOOK
        if isinstance(found, Trouble):
            return wire.trouble(Heard.SUBMIT, found)
        return wire.answer(Heard.SUBMIT, found, signed.sent.ground.duplicate_mode)

    async def query(self, sent: Sent) -> Answer:
        try:
            found = self._bank.find(sent.order.channel_reference)
        except OSError:
            return wire.trouble(Heard.QUERY, Trouble.BOOK)
        return wire.answer(Heard.QUERY, found, sent.ground.duplicate_mode)

    async def cancel(self, sent: Sent) -> Answer:
        try:
            found = self._bank.cancel(sent.order.channel_reference)
        except OSError:
            return wire.trouble(Heard.CANCEL, Trouble.BOOK)
        return wire.answer(Heard.CANCEL, found, sent.ground.duplicate_mode)

    async def read_notification(self, raw: RawNotification) -> Notification:
        signing.verify(self._key, raw)
        try:
            return wire.read_event(raw.body)
        except wire.Unreadable as error:
            raise NotificationRefused("unreadable", str(error), status=400) from error

    def reply(self, status: int, code: str) -> Reply:
        return Reply(status, _JSON, wire.canonical({"code": code}))

    async def start(self) -> None:
        """Open the book and go on with what it says is unfinished. Raises OSError when it cannot be read."""
        self._bank.resume()

    async def close(self) -> None:
        await self._bank.close()

    async def steer(self, channel_reference: str, to: Transition) -> None:
        """`adapters.steering.Steerable`: what somebody at the bank does by hand."""
        try:
            self._bank.steer(channel_reference, to)
        except OSError as error:
            raise NotSteered("the bank cannot get at its own book") from error

    def books(self) -> list[Row]:
        """What the bank says it did, one row per `channel_reference` (`adapters.mock.book.rows`)."""
        return self._bank.rows()

    async def _post(self, order: Booked, tell: Tell) -> bool:
        body = wire.event_bytes(order, tell)
        raw = RawNotification(
            method="POST",
            target=f"/notify/{self.name}",
            headers=(*_JSON, signing.sign(self._key, body)),
            body=body,
            received_at=self._context.clock.now(),
        )
        return await self._context.deliver(raw) == 200


def ground(name: str, settings: MockSettings) -> Ground:
    """What attempts are pinned to. Where a repeat would pay again, the book's "no such order" is taken as proof
    instead: no network lies in between on which an order could still be under way (`Absence.AUTHORITATIVE`)."""
    repeatable = settings.duplicate_mode == "same_resource"
    return Ground(
        adapter=NAME,
        adapter_version=VERSION,
        base_address=f"mock:{settings.book or 'memory'}",
        account_id=name,
        key_ids=(),
        duplicate_mode=DuplicateMode(settings.duplicate_mode),
        absence=Absence.NEVER if repeatable else Absence.AUTHORITATIVE,
        repeat_window_s=366 * 86_400,
    )


def build(name: str, settings: ChannelSettings, context: ChannelContext) -> MockChannel:
    """Make the channel `name` from its settings table."""
    return MockChannel(name, MockSettings.model_validate(dict(settings)), context)
