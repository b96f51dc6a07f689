"""The bank's book: orders, debits, returns. It knows no HTTP and no clock; times are arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from adapters.bank.sandbox.plans import Plan
from adapters.bank.xml import Document, Node
from adapters.sandbox.books import BookEntry
from gateway.currencies import exponent
from gateway.domain.money import Money, parse_decimal

FINAL = frozenset({"RJCT", "CANC", "ACCC"})
PAID = frozenset({"ACSC", "ACCC", "CPUC"})


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a pain.001 with one transfer asks for."""

    msg_id: str
    pmt_inf_id: str
    instr_id: str
    end_to_end_id: str
    uetr: str
    payer_account: str = field(repr=False)
    payee_account: str = field(repr=False)
    amount: Money

    @classmethod
    def of(cls, document: Document) -> Instruction:
        """Read a document that keeps to the profile. Raises ValueError for what the profile leaves optional."""
        body = document.body
        transfer, amount = body.one("PmtInf/CdtTrfTxInf"), body.one("PmtInf/CdtTrfTxInf/Amt/InstdAmt")
        if transfer is None or amount is None or len(body.all("PmtInf/CdtTrfTxInf")) != 1:
            raise ValueError("exactly one transfer in a message")
        currency = amount.attribute("Ccy") or ""
        return cls(
            _need(body, "GrpHdr/MsgId"),
            _need(body, "PmtInf/PmtInfId"),
            _need(transfer, "PmtId/InstrId"),
            _need(transfer, "PmtId/EndToEndId"),
            _need(transfer, "PmtId/UETR"),
            body.text("PmtInf/DbtrAcct/Id/IBAN") or _need(body, "PmtInf/DbtrAcct/Id/Othr/Id"),
            transfer.text("CdtrAcct/Id/IBAN") or _need(transfer, "CdtrAcct/Id/Othr/Id"),
            parse_decimal(amount.text() or "", currency, exponent(currency) or 0),
        )


def _need(node: Node, path: str) -> str:
    text = node.text(path)
    if text is None:
        raise ValueError(f"{path} is missing")
    return text


@dataclass(slots=True, eq=False)
class Payment:
    """One order the bank has taken in (or refused with an id of its own)."""

    payment_id: str
    product: str
    instruction: Instruction
    body: bytes = field(repr=False)
    plan: Plan
    taken_at: datetime
    status: str = "RCVD"
    reason: str | None = None
    is_repeat: bool = False
    """The refusal of a repeat: not an order of its own."""
    debits: int = 0
    returned: int = 0

    @property
    def bank_reference(self) -> str:
        return f"REF{self.payment_id}"


@dataclass(frozen=True, slots=True)
class Movement:
    """One booked entry on the client's account."""

    number: int
    payment: Payment
    direction: str
    booked_at: datetime
    reason: str | None = None

    @property
    def minor(self) -> int:
        return self.payment.instruction.amount.minor

    @property
    def signed_minor(self) -> int:
        return self.minor if self.direction == "CRDT" else -self.minor


class Book:
    """Everything that happened at this bank."""

    def __init__(self, accounts: Mapping[str, str], funds_minor: int, run: str) -> None:
        """`run` makes the ids of this run unlike those of any other."""
        self.run = run
        self.accounts = dict(accounts)
        self.opening = dict.fromkeys(accounts, funds_minor)
        self.payments: dict[str, Payment] = {}
        self.movements: list[Movement] = []
        self._balances = dict(self.opening)
        self._taken = 0
        self._by_id: dict[str, list[Payment]] = {}
        """MsgId or EndToEndId -> the payments under it; the two never look alike."""

    def take(self, product: str, instruction: Instruction, body: bytes, plan: Plan, now: datetime) -> Payment:
        """A new payment with an id of its own."""
        self._taken += 1
        payment_id = f"BNK{self.run}{self._taken:06d}"
        payment = Payment(payment_id, product, instruction, body, plan, now)
        self.payments[payment_id] = payment
        for one in (instruction.msg_id, instruction.end_to_end_id):
            self._by_id.setdefault(one, []).append(payment)
        return payment

    def original(self, instruction: Instruction) -> Payment | None:
        """The order that already has one of these ids."""
        for payment in (*self.under(instruction.end_to_end_id), *self.under(instruction.msg_id)):
            if not payment.is_repeat:
                return payment
        return None

    def under(self, one: str) -> list[Payment]:
        """Every payment with this MsgId or EndToEndId."""
        return list(self._by_id.get(one, ()))

    def balance(self, account: str) -> int:
        return self._balances[account]

    def set_funds(self, account: str, minor: int) -> None:
        """Make the account's balance `minor`. Raises KeyError for an account nobody has."""
        change = minor - self.balance(account)
        self.opening[account] += change
        self._balances[account] += change

    def covers(self, instruction: Instruction) -> bool:
        return self.balance(instruction.payer_account) >= instruction.amount.minor

    def move_on(self, payment: Payment, status: str, reason: str | None, now: datetime) -> Movement | None:
        """Give the payment its next status; the first one that means paid books the debit."""
        payment.status, payment.reason = status, reason
        if status in PAID and payment.debits == 0 and payment.plan.debits:
            payment.debits += 1
            return self._move(payment, "DBIT", None, now)
        return None

    def give_back(self, payment: Payment, reason: str | None, now: datetime) -> Movement:
        payment.returned += payment.instruction.amount.minor
        return self._move(payment, "CRDT", reason, now)

    def _move(self, payment: Payment, direction: str, reason: str | None, now: datetime) -> Movement:
        movement = Movement(len(self.movements) + 1, payment, direction, now, reason)
        self.movements.append(movement)
        self._balances[payment.instruction.payer_account] += movement.signed_minor
        return movement

    def entries(self) -> list[BookEntry]:
        """One line per EndToEndId, however many payments it came to."""
        groups: dict[str, list[Payment]] = {}
        for payment in self.payments.values():
            groups.setdefault(payment.instruction.end_to_end_id, []).append(payment)
        return [_line(end_to_end_id, payments) for end_to_end_id, payments in groups.items()]


def _line(end_to_end_id: str, payments: list[Payment]) -> BookEntry:
    first = next((payment for payment in payments if not payment.is_repeat), payments[0])
    return BookEntry(
        channel_reference=end_to_end_id.removeprefix("PO"),
        channel_payout_id=first.payment_id,
        amount=first.instruction.amount.minor,
        currency=first.instruction.amount.currency,
        account=first.instruction.payee_account,
        state=first.status,
        paid_times=sum(payment.debits for payment in payments),
        returned=sum(payment.returned for payment in payments),
    )
