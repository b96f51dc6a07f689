"""The bank's business behind its doors: verified requests in, answers out (sheet sections 3, 11.1, 12, 16)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, unquote

from adapters.bank import profile
from adapters.bank.sandbox import messages
from adapters.bank.sandbox.book import FINAL, PAID, Book, Instruction, Payment
from adapters.bank.sandbox.doors import BankAnswer, Refused, json_answer
from adapters.bank.sandbox.options import FUNDS_MINOR, BankSandboxOptions, Lookup
from adapters.bank.sandbox.plans import RETURN, Plan, Step, plan_for
from adapters.bank.sandbox.statements import statement
from adapters.bank.sandbox.teller import Teller
from adapters.bank.signature_base import Request
from adapters.bank.xml import XmlRefused, parse
from gateway.clock import Clock
from gateway.domain.payout import DuplicateMode

PRODUCTS = frozenset(
    {
        "pain.001-sepa-credit-transfers",
        "pain.001-instant-sepa-credit-transfers",
        "pain.001-target-2-payments",
        "pain.001-cross-border-credit-transfers",
        "pain.001-domestic-credit-transfers",
    }
)
_REFUSED_REPEAT = "DU04"
_PAYMENTS = re.compile(r"/v1/payments/(?P<product>[^/]+)(?:/(?P<payment_id>[^/]+)(?P<status>/status)?)?")
_ACCOUNT = re.compile(r"/v1/accounts/(?P<account>[^/]+)/transactions")


class Bank:
    """One bank, one client."""

    def __init__(self, options: BankSandboxOptions, clock: Clock, teller: Teller, run: str) -> None:
        self.options = options
        self.book = Book(options.accounts, FUNDS_MINOR, run)
        self.scenarios: dict[str, Plan] = {}
        """EndToEndId or payee account -> what becomes of it."""
        self._clock = clock
        self._teller = teller
        self._lives: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        """The bank's local time."""
        return self._clock.now().astimezone(timezone(timedelta(hours=self.options.utc_offset_h)))

    def plan(self, instruction: Instruction) -> Plan:
        """What will become of an order."""
        ordered = self.scenarios.get(instruction.end_to_end_id) or self.scenarios.get(instruction.payee_account)
        return ordered or plan_for(instruction.payee_account, self.options)

    async def serve(self, request: Request, path: str, query: str) -> BankAnswer:
        """Answer a verified request. Raises `Refused`."""
        if found := _ACCOUNT.fullmatch(path):
            return self._statement(unquote(found["account"]), query)
        found = _PAYMENTS.fullmatch(path)
        if found is None:
            raise Refused(404, "RESOURCE_UNKNOWN")
        if found["product"] not in PRODUCTS:
            raise Refused(404, "PRODUCT_UNKNOWN")
        if found["payment_id"] is None:
            if request.method == "POST":
                return await self._create(found["product"], request)
            return self._look_up(request, query)
        return self._one(request, self._payment(unquote(found["payment_id"])), bool(found["status"]))

    def _payment(self, payment_id: str) -> Payment:
        payment = self.book.payments.get(payment_id)
        if payment is None:
            raise Refused(404, "RESOURCE_UNKNOWN")
        return payment

    async def _create(self, product: str, request: Request) -> BankAnswer:
        """The order of work is the sheet's: form first (400), then parties and money (201 and `RJCT`)."""
        headers = {name.lower(): value for name, value in request.headers}
        if headers.get("content-type", "").split(";")[0] != "application/xml":
            raise Refused(415, "REQUESTED_FORMATS_INVALID")
        instruction = _read(request.body)
        payment = self._repeat(product, instruction, request.body) or self._take(product, instruction, request.body)
        if payment.plan.answer_after_s:
            await self._clock.sleep(payment.plan.answer_after_s)
        href = f"/v1/payments/{payment.product}/{payment.payment_id}"
        links = {"self": {"href": href}, "status": {"href": f"{href}/status"}}
        body = {"transactionStatus": payment.status, "paymentId": payment.payment_id, "_links": links}
        return json_answer(201, body, (("Location", href),))

    def _take(self, product: str, instruction: Instruction, body: bytes) -> Payment:
        plan = self._refusal(instruction) or self.plan(instruction)
        payment = self.book.take(product, instruction, body, plan, self.now())
        first, *later = plan.steps
        self._step(payment, first)
        if later:
            self._start(self._live(payment, later))
        return payment

    def _refusal(self, instruction: Instruction) -> Plan | None:
        if instruction.payer_account not in self.book.accounts:
            return Plan((Step(0, "RJCT", "AC02"),))
        if not self.book.covers(instruction):
            return Plan((Step(0, "RJCT", "AM04"),))
        return None

    def _repeat(self, product: str, instruction: Instruction, body: bytes) -> Payment | None:
        """What a repeat gets, by the duplicate mode; None for an order that is taken as a new one."""
        original = self.book.original(instruction)
        if original is None or self.options.duplicate_mode is DuplicateMode.NONE:
            return None
        if self.options.duplicate_mode is DuplicateMode.SAME_RESOURCE:
            if original.body != body:
                raise Refused(409, "STATUS_INVALID", "the same ids with other content")
            return original
        plan = Plan((Step(0, "RJCT", _REFUSED_REPEAT),))
        refused = self.book.take(product, instruction, body, plan, self.now())
        refused.is_repeat = True
        self._step(refused, plan.steps[0])
        return refused

    def _look_up(self, request: Request, query: str) -> BankAnswer:
        if request.method != "GET" or self.options.lookup is Lookup.OFF:
            raise Refused(405, "SERVICE_INVALID")
        asked = parse_qs(query)
        wanted = next((asked[key][0] for key in ("endToEndId", "msgId") if key in asked), None)
        if wanted is None:
            raise Refused(400, "PARAMETER_NOT_SUPPORTED", "endToEndId or msgId")
        oldest = self.options.lookup_delay_s if self.options.lookup is Lookup.DELAYED else 0.0
        found = [
            payment for payment in self.book.under(wanted) if self.now() - payment.taken_at >= timedelta(seconds=oldest)
        ]
        return json_answer(200, {"payments": [_row(payment) for payment in found]})

    def _one(self, request: Request, payment: Payment, status: bool) -> BankAnswer:
        match request.method, status:
            case "GET", True:
                return self._status(request, payment)
            case "GET", False:
                return BankAnswer(200, payment.body, "application/xml")
            case "DELETE", False:
                return self._cancel(payment)
            case _:
                raise Refused(405, "SERVICE_INVALID")

    def _status(self, request: Request, payment: Payment) -> BankAnswer:
        accept = next((value for name, value in request.headers if name.lower() == "accept"), "")
        match accept:
            case "application/json":
                return json_answer(200, {"transactionStatus": payment.status})
            case "application/xml" | "*/*" | "":
                now = self.now()
                return BankAnswer(200, messages.report(payment, self.message_id("S"), now), "application/xml")
            case _:
                raise Refused(406, "REQUESTED_FORMATS_INVALID")

    def _cancel(self, payment: Payment) -> BankAnswer:
        if payment.status in FINAL | PAID:
            raise Refused(405, "CANCELLATION_INVALID")
        self._step(payment, Step(0, "CANC", "CUST"))
        return BankAnswer(204)

    def _statement(self, account: str, query: str) -> BankAnswer:
        if account not in self.book.accounts:
            raise Refused(404, "RESOURCE_UNKNOWN")
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        body = statement(self.book, account, asked, self.options, self.now())
        return BankAnswer(200, body, "application/xml")

    def message_id(self, letter: str) -> str:
        """A message id that no other message of this bank has, in this run or another."""
        self._messages += 1
        return f"{letter}{self.book.run}{self._messages:08d}"

    _messages = 0

    def _step(self, payment: Payment, step: Step) -> None:
        now = self.now()
        if step.status == RETURN:
            self._teller.movement(self.book.give_back(payment, step.reason, now), self.options, now)
            return
        booked = self.book.move_on(payment, step.status, step.reason, now)
        self._teller.status(payment, self.options, now)
        if booked is not None:
            self._teller.movement(booked, self.options, now)

    async def _live(self, payment: Payment, steps: list[Step]) -> None:
        for step in steps:
            await self._clock.sleep(step.after_s)
            if payment.status in ("CANC", "RJCT"):
                return
            self._step(payment, step)

    def _start(self, life: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(life)
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)

    async def settle(self) -> None:
        """Wait until every order has come to its end."""
        while self._lives:
            await asyncio.wait(set(self._lives))

    async def stop(self) -> None:
        """Orders live no further."""
        lives = list(self._lives)
        for task in lives:
            task.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    def change(self, **changes: object) -> None:
        """Turn knobs: any field of the options. Raises TypeError for one there is not."""
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]  # checked by the caller's table


def _row(payment: Payment) -> dict[str, str]:
    return {
        "paymentId": payment.payment_id,
        "endToEndId": payment.instruction.end_to_end_id,
        "msgId": payment.instruction.msg_id,
        "transactionStatus": payment.status,
    }


def _read(body: bytes) -> Instruction:
    """XML rules, then the message profile: what fails here is a matter of form."""
    try:
        document = parse(body)
        profile.check(document)
        return Instruction.of(document)
    except (XmlRefused, profile.ProfileRefused, ValueError) as error:
        raise Refused(400, "FORMAT_ERROR", str(error)[:500]) from error
