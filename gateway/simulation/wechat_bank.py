"""The WeChat sandbox in a simulated world: its own handlers and book, with no server around them."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from adapters.sandbox.faults import FaultQueue
from adapters.wechat.orders import BILLS
from adapters.wechat.sandbox import routes
from adapters.wechat.sandbox.app import WechatSandbox
from adapters.wechat.sandbox.book import Bill, Book
from adapters.wechat.sandbox.gate import Gate, Signer
from adapters.wechat.sandbox.intake import Fields
from adapters.wechat.sandbox.minting import SandboxKeys
from adapters.wechat.sandbox.options import WechatSandboxOptions
from adapters.wechat.sandbox.plays import USUAL, Play, State
from adapters.wechat.sandbox.statement import Statements
from adapters.wechat.sandbox.transport import Transport
from gateway.simulation.faults import Fault, Place
from gateway.simulation.ledger import Moved
from gateway.simulation.messages import Answered, Asked
from gateway.simulation.town import CalmClock, Mishap, Post, Town, handled

_BY_NUMBER = re.compile(re.escape(BILLS) + r"/out-bill-no/([A-Za-z0-9]+)")
_SOON_S = (20.0, 200.0)
_LATE_S = (600.0, 48 * 3600.0)
_WORKED_ON_FOR = timedelta(seconds=1)
"""Before it is booked: the play of a failing order has no time between the two."""
_CHANGES_MIND_S = (30.0, 6 * 3600.0)


class TrueBook(Book):
    """The sandbox's book, which tells the ledger of every payment, and is struck by faults."""

    def __init__(self, options: WechatSandboxOptions, clock: CalmClock, ended: SimulatedWechat, town: Town) -> None:
        super().__init__(options, clock, ended._tell)
        self._town = town
        self._name = ended.name
        self.forgotten: set[str] = set()

    def create(self, fields: Fields, play: Play) -> Bill:
        number = str(fields["out_bill_no"])
        if number in self.bills:
            return super().create(fields, play)
        self.notice_forgotten(number)
        strike = self._town.faults.draw(Place.ORDER)
        bill = super().create(fields, _struck(play, strike))
        self._strike(bill, strike)
        return bill

    def notice_forgotten(self, number: str) -> None:
        """Somebody asks for what we have forgotten."""
        if number in self.forgotten:
            self.forgotten.discard(number)
            self._town.faults.took(Fault.BANK_FORGETS, self._name, number, self._town.about(number))

    def _strike(self, bill: Bill, strike: Fault | None) -> None:
        town, about = self._town, self._town.about(bill.number)
        match strike:
            case Fault.BANK_LATE:
                wait_s = town.later(*_LATE_S)
                town.faults.took(strike, self._name, f"pays in {wait_s:.0f} s", about)
                town.spawn(self._pay_late(bill, wait_s))
            case Fault.BANK_LIES:
                wait_s = town.later(*_CHANGES_MIND_S)
                town.faults.took(strike, self._name, f"says failed, pays in {wait_s:.0f} s", about)
                town.contract_broken(bill.number)
                town.spawn(self._pay_after_all(bill, wait_s))
            case Fault.BANK_FORGETS:
                town.contract_broken(bill.number)
                town.spawn(self._forget(bill))
                town.spawn(self._pay_late(bill, town.later(*_SOON_S)))

    async def _pay_late(self, bill: Bill, wait_s: float) -> None:
        await self._clock.sleep(wait_s)
        if self.move(bill, State.TRANSFERING):
            self.move(bill, State.SUCCESS)

    async def _pay_after_all(self, bill: Bill, wait_s: float) -> None:
        await self._clock.sleep(wait_s)
        bill.state, bill.updated_at = State.SUCCESS, self._clock.now()
        bill.paid_times += 1
        self._pay(bill)
        self._ended(bill)

    async def _forget(self, bill: Bill) -> None:
        await self._clock.sleep(self._town.later(0.5, 10.0))
        self.bills.pop(bill.number, None)
        self._town.denied(bill.number)
        self.forgotten.add(bill.number)

    def move(self, bill: Bill, state: State) -> bool:
        before = bill.paid_times
        moved = super().move(bill, state)
        if bill.paid_times > before:
            self._pay(bill)
        return moved

    def _pay(self, bill: Bill) -> None:
        self._town.ledger.paid(
            self._name, Moved(bill.number, bill.transfer_bill_no, bill.fen, "CNY", bill.openid, bill.state)
        )


def _struck(play: Play, strike: Fault | None) -> Play:
    match strike:
        case Fault.BANK_LATE | Fault.BANK_FORGETS:
            return replace(USUAL, later=(), closes=False)
        case Fault.BANK_LIES:
            return Play((State.PROCESSING, State.FAIL), (), fail_reason="BUDGET_NOT_ENOUGH")
        case _:
            return play


class SimulatedWechat(WechatSandbox):
    """The whole sandbox but for its servers: they are left out, what stands behind them is the same."""

    def __init__(self, name: str, base_url: str, keys: SandboxKeys, town: Town) -> None:
        self.name = name
        self._base_url = base_url
        self._town = town
        self._options = WechatSandboxOptions(
            Path(), usual_s=4.0, transfer_s=1.0, later_s=60.0, cancel_s=3.0, slow_s=25.0, hold_s=20.0, hang_s=60.0
        )
        self.clock = clock = CalmClock(town.clock)
        self.faults = FaultQueue()
        self.keys = keys
        self.signer = Signer(keys, clock, self._options.key_mode)
        self.book: TrueBook = TrueBook(self._options, clock, self, town)
        self.statements = Statements(clock, self.book.movements)
        self._gate = Gate(keys, clock)
        self._transport = Transport(self._options, clock)
        self._scenarios = {}
        self._reused_event_id = None
        self._false: set[Bill] = set()
        """Bills of another amount than was ordered, which notifications speak of."""
        self._post = Post(name, town)
        self._notifier = self._post

    @property
    def base_url(self) -> str:
        return self._base_url

    async def serve(self, asked: Asked, mishap: Mishap) -> Answered | None:
        """Answer one request."""
        if mishap.ordered is not None:
            self.faults.add(mishap.ordered)
        number = found[1] if (found := _BY_NUMBER.match(asked.target)) else ""
        self.book.notice_forgotten(number)
        bill = self.book.bills.get(number)
        hides = mishap.hides and bill is not None and self._town.not_everywhere(bill.created_at)
        hidden = self.book.bills.pop(number, None) if hides else None
        try:
            if hidden is not None:
                self._town.faults.took(Fault.BANK_ABSENT, self.name, number, self._town.about(number))
            return await handled(self._handle, asked)
        finally:
            if hidden is not None:
                self.book.bills[number] = hidden

    def _tell(self, bill: Bill) -> None:
        """A notification is owed: what becomes of it is drawn here, where the order is known."""
        strike = self._town.faults.draw(Place.NOTIFICATION) if bill.play.tells else None
        if strike is Fault.NOTICE_FALSE and bill.state is State.SUCCESS:
            self._tell_falsely(bill)
        if bill.state is State.FAIL:
            self._town.spawn(self._tell_of_before(bill))
        self._post.strike = strike
        super()._tell(bill)

    def _envelope(self, bill: Bill) -> Fields:
        envelope = super()._envelope(bill)
        if bill in self._false:
            self._town.false_news(routes.compact(envelope))
        return envelope

    async def _tell_of_before(self, bill: Bill) -> None:
        """Old news, rightly dated: that it was being worked on comes long after it failed. Not a fault: its habit."""
        before = copy.copy(bill)
        before.state, before.fail_reason = State.PROCESSING, ""
        before.updated_at = bill.created_at - _WORKED_ON_FOR
        await self.clock.sleep(self._town.later(5.0, 7200.0))
        super()._tell(before)

    def _tell_falsely(self, bill: Bill) -> None:
        """Rightly signed, and not so: the same order, failed, or paid with a fen more."""
        false = copy.copy(bill)
        if self._town.dice.random() < 0.5:
            false.state, false.fail_reason = State.FAIL, "ACCOUNT_FROZEN"
        else:
            false.fields = {**bill.fields, "transfer_amount": bill.fen + 1}
            self._false.add(false)
        self._town.faults.took(Fault.NOTICE_FALSE, self.name, bill.number, self._town.about(bill.number))
        self._post.strike = None
        super()._tell(false)
