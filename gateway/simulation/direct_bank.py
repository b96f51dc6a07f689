"""The sandbox bank in a simulated world: its own doors, business and book, with no server around them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from adapters.bank.sandbox.bank import Bank
from adapters.bank.sandbox.book import PAID, Book, Instruction, Movement, Payment
from adapters.bank.sandbox.doors import Gatekeeper, Signer
from adapters.bank.sandbox.keys import BankKeys
from adapters.bank.sandbox.options import FUNDS_MINOR, BankSandboxOptions
from adapters.bank.sandbox.plans import RETURN, Plan, Step
from adapters.bank.sandbox.server import BankSandbox
from adapters.bank.sandbox.teller import Teller
from adapters.bank.signing import SignatureProfile
from gateway.domain.payout import DuplicateMode
from gateway.simulation.faults import Fault, Place
from gateway.simulation.ledger import Moved
from gateway.simulation.messages import Answered, Asked
from gateway.simulation.town import CalmClock, Mishap, Post, Town, handled

_ASKED = re.compile(r"/v1/payments/[^/?]+(?:/(?P<payment_id>[^/?]+)|\?endToEndId=(?P<end_to_end_id>\w+))")
_LATE_S = (600.0, 48 * 3600.0)
_SOON_S = (20.0, 200.0)
_RETURNS_S = (60.0, 24 * 3600.0)
_CHANGES_MIND_S = (30.0, 6 * 3600.0)


class TrueBook(Book):
    """The bank's book, which tells the ledger of every movement."""

    def __init__(self, accounts: Mapping[str, str], name: str, town: Town) -> None:
        super().__init__(accounts, FUNDS_MINOR, name.upper())
        self._name = name
        self._town = town

    def _move(self, payment: Payment, direction: str, reason: str | None, now: datetime) -> Movement:
        movement = super()._move(payment, direction, reason, now)
        ordered = payment.instruction
        reference = ordered.end_to_end_id.removeprefix("PO")
        moved = Moved(
            reference,
            payment.payment_id,
            ordered.amount.minor,
            ordered.amount.currency,
            ordered.payee_account,
            payment.status,
        )
        (self._town.ledger.paid if direction == "DBIT" else self._town.ledger.returned)(self._name, moved)
        return movement


class StruckBank(Bank):
    """The bank's business, struck by faults when it takes an order in."""

    def __init__(self, name: str, options: BankSandboxOptions, clock: CalmClock, teller: Teller, town: Town) -> None:
        super().__init__(options, clock, teller, name.upper())
        self.book = TrueBook(options.accounts, name, town)
        self._name = name
        self._town = town
        self._struck: dict[str, tuple[Plan, Fault | None]] = {}
        self.forgotten: set[str] = set()
        """EndToEndIds and payment ids."""

    def plan(self, instruction: Instruction) -> Plan:
        """What will become of an order: drawn when it is first seen."""
        name = instruction.end_to_end_id
        if name not in self._struck:
            strike = self._town.faults.draw(Place.ORDER)
            self._struck[name] = (self._change(super().plan(instruction), strike), strike)
        return self._struck[name][0]

    def _change(self, plan: Plan, strike: Fault | None) -> Plan:
        match strike:
            case Fault.BANK_LATE if not _ends_badly(plan):
                return replace(plan, steps=(Step(0, "RCVD"), Step(self._town.later(*_LATE_S), "ACSC")))
            case Fault.BANK_RETURNS if not _ends_badly(plan):
                return replace(plan, steps=(*plan.steps, Step(self._town.later(*_RETURNS_S), RETURN, "AC04")))
            case Fault.BANK_LIES:
                return Plan((Step(0, "RJCT", "AM04"),))
            case Fault.BANK_FORGETS if not _ends_badly(plan):
                return replace(plan, steps=(Step(0, "RCVD"), Step(self._town.later(*_SOON_S), "ACSC")))
            case _:
                return plan

    def _take(self, product: str, instruction: Instruction, body: bytes) -> Payment:
        payment = super()._take(product, instruction, body)
        strike = self._struck.get(instruction.end_to_end_id, (None, None))[1]
        town, about = self._town, self._about(payment)
        match strike:
            case Fault.BANK_LATE | Fault.BANK_RETURNS if len(payment.plan.steps) > 1:
                after_s = payment.plan.steps[-1].after_s
                town.faults.took(strike, self._name, f"after {after_s:.0f} s", about)
            case Fault.BANK_LIES:
                wait_s = town.later(*_CHANGES_MIND_S)
                town.faults.took(strike, self._name, f"says failed, pays in {wait_s:.0f} s", about)
                town.contract_broken(_reference(payment))
                town.spawn(self._pay_after_all(payment, wait_s))
            case Fault.BANK_FORGETS:
                town.contract_broken(_reference(payment))
                town.spawn(self._forget(payment))
        return payment

    def _about(self, payment: Payment) -> str | None:
        return self._town.about(_reference(payment))

    async def _pay_after_all(self, payment: Payment, wait_s: float) -> None:
        await self._clock.sleep(wait_s)
        self._step(payment, Step(0, "ACSC"))

    async def _forget(self, payment: Payment) -> None:
        await self._clock.sleep(self._town.later(0.5, 10.0))
        self._town.denied(_reference(payment))
        self.book.payments.pop(payment.payment_id, None)
        self.book._by_id.pop(payment.instruction.end_to_end_id, None)
        self.book._by_id.pop(payment.instruction.msg_id, None)
        self.forgotten |= {payment.instruction.end_to_end_id, payment.payment_id}

    def notice_forgotten(self, asked_for: str) -> None:
        """Somebody asks for what we have forgotten."""
        if asked_for in self.forgotten:
            self.forgotten.discard(asked_for)
            self._town.faults.took(Fault.BANK_FORGETS, self._name, asked_for)


def _reference(payment: Payment) -> str:
    return payment.instruction.end_to_end_id.removeprefix("PO")


def _ends_badly(plan: Plan) -> bool:
    return plan.steps[-1].status not in PAID


class StruckTeller(Teller):
    """Posts through the simulated network; what becomes of a notification is drawn where its order is known."""

    def __init__(self, post: Post, signer: Signer, message_id: Mapping[str, str] | object, town: Town) -> None:
        super().__init__(post, signer, message_id)  # type: ignore[arg-type]  # handed on as it came
        self._post_by = post
        self._town = town

    def status(self, payment: Payment, options: BankSandboxOptions, now: datetime) -> None:
        strike = self._town.faults.draw(Place.NOTIFICATION)
        if strike is Fault.NOTICE_FALSE and payment.status in PAID:
            false = copy.copy(payment)
            false.status, false.reason = "RJCT", "AC04"
            self._town.faults.took(strike, self._post_by.channel, about=self._town.about(_reference(payment)))
            super().status(false, options, now)
        self._post_by.strike = strike
        super().status(payment, options, now)
        self._post_by.strike = None

    def movement(self, movement: Movement, options: BankSandboxOptions, now: datetime) -> None:
        self._post_by.strike = self._town.faults.draw(Place.NOTIFICATION)
        super().movement(movement, options, now)
        self._post_by.strike = None


class SimulatedBank(BankSandbox):
    """The whole sandbox but for its servers."""

    def __init__(
        self,
        name: str,
        base_url: str,
        keys: BankKeys,
        notify_url: str,
        duplicate_mode: DuplicateMode,
        profile: SignatureProfile,
        town: Town,
    ) -> None:
        options = BankSandboxOptions(
            Path(),
            notify_url=notify_url,
            duplicate_mode=duplicate_mode,
            usual_s=6.0,
            later_s=90.0,
            return_s=300.0,
            slow_s=25.0,
            hang_s=60.0,
        )
        super().__init__(options, town.clock)
        self.name = name
        self._base_url = base_url
        self._town = town
        self.clock = clock = CalmClock(town.clock)
        self._post = Post(name, town)
        self._notifier = self._post
        self.signer = Signer(keys, clock, profile)
        self.gate = Gatekeeper(keys, clock, demand_client=False, profile=profile)
        self.teller = StruckTeller(self._post, self.signer, lambda letter: self.bank.message_id(letter), town)
        self.bank: StruckBank = StruckBank(name, options, clock, self.teller, town)

    @property
    def base_url(self) -> str:
        return self._base_url

    async def serve(self, asked: Asked, mishap: Mishap) -> Answered | None:
        """Answer one request."""
        if mishap.ordered is not None:
            self.faults.add(mishap.ordered)
        found = _ASKED.match(asked.target)
        payment_id = unquote(found["payment_id"] or "") if found else ""
        end_to_end_id = (found["end_to_end_id"] or "") if found else ""
        self.bank.notice_forgotten(payment_id or end_to_end_id)
        book = self.bank.book
        asked_for = [book.payments[payment_id]] if payment_id in book.payments else book._by_id.get(end_to_end_id, [])
        hides = mishap.hides and all(self._town.not_everywhere(each.taken_at) for each in asked_for)
        hidden = book.payments.pop(payment_id, None) if hides else None
        listed = book._by_id.pop(end_to_end_id, None) if hides else None
        try:
            if hidden is not None or listed:
                self._town.faults.took(Fault.BANK_ABSENT, self.name, payment_id or end_to_end_id)
            return await handled(self._handle, asked)
        finally:
            if hidden is not None:
                book.payments[payment_id] = hidden
            if listed is not None:
                book._by_id[end_to_end_id] = listed
