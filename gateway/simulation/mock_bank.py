"""The mock channel in a simulated world: one bank for all nodes, and a line to it that may be dead or slow."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from adapters.channel import ChannelContext, ChannelSettings, Sent, Signed
from adapters.mock import signing, wire
from adapters.mock.bank import Bank
from adapters.mock.book import Book, Booked
from adapters.mock.channel import MockChannel
from adapters.mock.config import MockSettings
from adapters.mock.plays import State, Tell, Trouble
from adapters.sandbox.notifier import Outgoing
from gateway.domain.outcome import Answer, Heard
from gateway.simulation.faults import Fault, Place
from gateway.simulation.ledger import Moved
from gateway.simulation.messages import CALL
from gateway.simulation.town import Post, Town

KEY = b"the mock bank's signing key, simulated"
_CHANGES_MIND_S = (30.0, 6 * 3600.0)


class TrueBook(Book):
    """The bank's book, which tells the ledger of every payment and return."""

    def __init__(self, name: str, town: Town) -> None:
        super().__init__()
        self._name = name
        self._town = town
        self._paid: dict[str, tuple[int, int]] = {}

    def write(self, order: Booked) -> None:
        super().write(order)
        paid, returned = self._paid.get(order.channel_payout_id, (0, 0))
        self._paid[order.channel_payout_id] = (order.paid_times, order.returned_minor)
        amount = order.amount
        moved = Moved(
            order.channel_reference,
            order.channel_payout_id,
            amount.minor,
            amount.currency,
            order.account,
            order.state,
        )
        if order.paid_times > paid:
            self._town.ledger.paid(self._name, moved)
        if order.returned_minor > returned:
            self._town.ledger.returned(self._name, moved)

    def forget(self, order: Booked) -> None:
        self._by_reference.pop(order.channel_reference, None)


class SimulatedMockBank(Bank):
    """The one bank that every node's mock channel talks to."""

    def __init__(self, name: str, settings: MockSettings, notify_url: str, town: Town) -> None:
        super().__init__(settings, town.clock, self._tell)
        self.name = name
        self.town = town
        self._book: TrueBook = TrueBook(name, town)
        self._notify_url = notify_url
        self._post_by = Post(name, town)
        self._forgotten: set[str] = set()

    def find(self, channel_reference: str) -> Booked | None:
        self._notice_forgotten(channel_reference)
        found = super().find(channel_reference)
        young = found is not None and self.town.not_everywhere(found.taken_at)
        if young and self.town.faults.draw(Place.QUERY) is Fault.BANK_ABSENT:
            self.town.faults.took(Fault.BANK_ABSENT, self.name, about=self.town.about(channel_reference))
            return None
        return found

    def _take(self, body: bytes) -> object:  # type: ignore[override]  # what the bank's own gives
        taken = super()._take(body)
        if not isinstance(taken, Trouble) and taken.first:
            self._strike(taken.order)
        return taken

    def _strike(self, order: Booked) -> None:
        """An order was taken in."""
        self._notice_forgotten(order.channel_reference)
        strike, town = self.town.faults.draw(Place.ORDER), self.town
        if strike is Fault.BANK_FORGETS:
            town.contract_broken(order.channel_reference)
            town.spawn(self._forget(order))
        elif strike is Fault.BANK_LIES and order.state is State.REJECTED:
            town.contract_broken(order.channel_reference)
            wait_s = town.later(*_CHANGES_MIND_S)
            town.faults.took(
                strike, self.name, f"says failed, pays in {wait_s:.0f} s", town.about(order.channel_reference)
            )
            town.spawn(self._pay_after_all(order, wait_s))

    async def _pay_after_all(self, order: Booked, wait_s: float) -> None:
        await self._clock.sleep(wait_s)
        self._book.write(replace(order, state=State.PAID, changed_at=self._clock.now(), paid_times=1))

    async def _forget(self, order: Booked) -> None:
        await self._clock.sleep(self.town.later(0.5, 10.0))
        self._book.forget(order)
        self.town.denied(order.channel_reference)
        self._forgotten.add(order.channel_reference)

    def _notice_forgotten(self, reference: str) -> None:
        if reference in self._forgotten:
            self._forgotten.discard(reference)
            self.town.faults.took(Fault.BANK_FORGETS, self.name, reference, self.town.about(reference))

    async def _tell(self, order: Booked, tell: Tell) -> bool:
        body = wire.event_bytes(order, tell)
        headers = (("content-type", "application/json"), signing.sign(KEY, body))
        outgoing = Outgoing(self._notify_url, headers, body)
        return await self._post_by.once(outgoing)


class SimulatedMock(MockChannel):
    """A node's mock channel: the shared bank behind a line of its own."""

    def __init__(self, name: str, settings: MockSettings, context: ChannelContext, bank: SimulatedMockBank) -> None:
        super().__init__(name, settings, context)
        self._key = KEY
        self._bank = bank
        self._town = bank.town

    async def submit(self, signed: Signed) -> Answer:
        """What the bank takes in goes on there, whatever becomes of us."""
        town = self._town
        if await self._line_is_dead():
            return wire.trouble(Heard.SUBMIT, Trouble.DROPPED)
        if (call := CALL.get()) is not None:
            town.transmitted(call, signed.body, True)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        asked = super().submit

        async def work() -> None:
            said = await asked(signed)
            if not answer.done():
                answer.set_result(said)

        town.spawn(work())
        return await answer

    async def query(self, sent: Sent) -> Answer:
        if await self._line_is_dead():
            return wire.trouble(Heard.QUERY, Trouble.BOOK)
        return await super().query(sent)

    async def cancel(self, sent: Sent) -> Answer:
        if await self._line_is_dead():
            return wire.trouble(Heard.CANCEL, Trouble.BOOK)
        return await super().cancel(sent)

    async def start(self) -> None:
        """The bank is at work already."""

    async def close(self) -> None:
        """The bank stays at work."""

    async def _line_is_dead(self) -> bool:
        """A moment on the way; then whether the call was dropped."""
        await asyncio.sleep(self._town.dice.uniform(0.002, 0.05))
        dead = self._town.faults.draw(Place.MOCK) is Fault.BANK_DROPS
        if dead:
            call = CALL.get()
            self._town.faults.took(
                Fault.BANK_DROPS, self.name, call.purpose if call else "", call.about if call else None
            )
        return dead


def build(name: str, settings: ChannelSettings, context: ChannelContext, bank: SimulatedMockBank) -> SimulatedMock:
    return SimulatedMock(name, MockSettings.model_validate(dict(settings)), context, bank)
