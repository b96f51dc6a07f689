"""The bank channel: ISO 20022 messages over signed HTTPS (protocol sheet "bank-direct").

An order is one POST of a pain.001; what became of it is read from pain.002 reports, asked for by the bank's payment
id or, where the bank offers it, by our EndToEndId. The bank's notifications bring the same reports, and the bookings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from adapters.bank import notices, orders, wire
from adapters.bank.config import BankSettings
from adapters.bank.exchange import SignedExchange
from adapters.bank.identifiers import identifiers
from adapters.bank.replies import reply
from adapters.bank.signature_base import Request, SignatureRefused, Tag
from adapters.channel import (
    Capabilities,
    ChannelContext,
    Notification,
    NotificationRefused,
    Order,
    RawNotification,
    Reply,
    Sent,
    Signed,
)
from gateway.domain.outcome import Answer, Heard, OutcomeKind
from gateway.domain.payout import DuplicateMode, Ground, Prepared
from gateway.domain.reasons import RejectReason


@dataclass(slots=True, eq=False)
class BankChannel:
    """One account at one bank."""

    name: str
    capabilities: Capabilities
    ground: Ground
    settings: BankSettings
    exchange: SignedExchange
    context: ChannelContext
    reading: wire.Reading

    def prepare(self, order: Order, now: datetime) -> Prepared:
        """The pain.001 bytes. Raises `Unsendable`."""
        return orders.prepare(order, self.settings, now)

    def sign(self, sent: Sent) -> Signed:
        """The stored bytes with a fresh request id, times, nonce and signature."""
        headers = (*sent.prepared.headers, ("Accept", "application/json"))
        request, later = self.exchange.begin("POST", _url(sent), headers, sent.prepared.body)
        return Signed(sent, request.method, request.target_uri, request.headers, request.body, later)

    async def submit(self, signed: Signed) -> Answer:
        """One POST, never repeated here."""
        request = Request(signed.method, signed.url, await signed.whole_headers(), signed.body)
        return wire.submitted(signed.sent, await self.exchange.send(request), self.reading)

    async def query(self, sent: Sent) -> Answer:
        """The status by the bank's id; by our EndToEndId when there is none, or when it may be that of a repeat."""
        if sent.channel_payout_id is None:
            return await self._look_up(sent, None)
        answer = await self._status(sent, sent.channel_payout_id)
        return await self._look_up(sent, answer) if _may_be_a_repeats(sent, answer) else answer

    async def cancel(self, sent: Sent) -> Answer:
        """A DELETE of every order the bank has under our id (there is one, unless it makes a second of a repeat)."""
        known = sent.channel_payout_id
        found = (known,) if known is not None else await self._listed(sent)
        if isinstance(found, Answer):
            return Answer(Heard.CANCEL, OutcomeKind.UNCLEAR, detail=found.detail, alarm=found.alarm, raw=found.raw)
        answer = Answer(Heard.CANCEL, OutcomeKind.UNCLEAR, detail="the bank has no order of ours to cancel")
        for payment_id in found:
            request = await self.exchange.request("DELETE", f"{_url(sent)}/{quote(payment_id, safe='')}", ())
            answer = wire.cancelled(await self.exchange.send(request))
        return answer

    async def read_notification(self, raw: RawNotification) -> Notification:
        """Verify against the address we gave the bank, then read. Raises `NotificationRefused`."""
        base = urlsplit(self.context.notify_url)
        if not base.netloc or not raw.target.startswith("/"):
            raise NotificationRefused("reject_target", "no address of ours was ever given to the bank", 404)
        message = Request(raw.method, f"{base.scheme}://{base.netloc}{raw.target}", raw.headers, raw.body)
        exchange = self.exchange
        try:
            signer = exchange.profile.verify(message, Tag.NOTIFICATION, exchange.bank_keys, raw.received_at)
        except SignatureRefused as refused:
            raise NotificationRefused(refused.code, refused.detail) from refused
        headers = {name.lower(): value for name, value in raw.headers}
        media_type = headers["content-type"].split(";")[0].strip().lower() if raw.body else ""
        accepted = frozenset[str](self.settings.accepted_messages)
        event_id, found = notices.read(media_type, raw.body, headers["x-request-id"], self.reading, accepted)
        return Notification(event_id, found, nonce=(signer.keyid, signer.nonce))

    def reply(self, status: int, code: str) -> Reply:
        """Empty for 200, else the bank's own error body (section 15)."""
        return reply(status, code)

    async def start(self) -> None:
        """Nothing to fetch: the bank's keys are configured."""

    async def close(self) -> None:
        await self.exchange.close()

    async def _status(self, sent: Sent, payment_id: str) -> Answer:
        url = f"{_url(sent)}/{quote(payment_id, safe='')}/status"
        result = await self.exchange.ask("GET", url, "application/xml")
        return wire.status(sent, payment_id, result, self.reading)

    async def _look_up(self, sent: Sent, known: Answer | None) -> Answer:
        """Ask for every order under our EndToEndId; `known` is what the id we hold gave."""
        if not self.settings.has_lookup:
            return known or wire.absent("no payment id known, and this bank has no lookup: the same bytes again")
        found = await self._listed(sent)
        if isinstance(found, Answer):
            return found
        others = [payment_id for payment_id in found if payment_id != sent.channel_payout_id]
        answers = [await self._status(sent, payment_id) for payment_id in others]
        if known is not None:
            answers.append(known)
        return wire.strongest(answers) if answers else wire.absent("the bank has no order under our id")

    async def _listed(self, sent: Sent) -> tuple[str, ...] | Answer:
        if not self.settings.has_lookup:
            return wire.absent("no payment id known, and this bank has no lookup")
        end_to_end_id = identifiers(sent.order.channel_reference).end_to_end_id
        url = f"{_url(sent)}?endToEndId={end_to_end_id}"
        return wire.looked_up(sent, await self.exchange.ask("GET", url, "application/json"))


def _may_be_a_repeats(sent: Sent, answer: Answer) -> bool:
    """Whether the id we hold may be that of a repeat, so that another order of ours may be the one that pays.

    A bank that gives a repeat an id of its own may refuse it for any reason (funds that the first one took, say).
    """
    own_ids = sent.ground.duplicate_mode is not DuplicateMode.SAME_RESOURCE
    refused = answer.kind is OutcomeKind.REJECTED and own_ids
    return refused or answer.kind is OutcomeKind.ABSENT or answer.reason is RejectReason.DUPLICATE


def _url(sent: Sent) -> str:
    """Where this attempt's order lives: on the ground it was sent on, not where the configuration points now."""
    return sent.ground.base_address + sent.prepared.target
