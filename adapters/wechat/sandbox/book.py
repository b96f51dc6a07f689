"""The books: every order, every movement of money, and the moves that time makes (sheet section 7.5)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adapters.sandbox.books import BookEntry
from adapters.sandbox.clock import SandboxClock
from adapters.wechat.bill import BillRow, Direction
from adapters.wechat.sandbox.intake import Fields
from adapters.wechat.sandbox.options import WechatSandboxOptions
from adapters.wechat.sandbox.plays import CANCELABLE, MOVES, TERMINAL, Play, State
from adapters.wechat.sandbox.refusal import Refuse

REPEAT_FOR = timedelta(hours=72)
HISTORY = timedelta(days=30)
CLOSED_AFTER = timedelta(hours=24)
_BEIJING = timedelta(hours=8)


@dataclass(slots=True, eq=False)
class Bill:
    """One order."""

    fields: Fields = field(repr=False)
    play: Play
    transfer_bill_no: str
    created_at: datetime
    updated_at: datetime
    state: State = State.ACCEPTED
    fail_reason: str = ""
    package_info: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    paid_times: int = 0
    returned_fen: int = 0
    locked: bool = False
    """Its money has left the account."""

    @property
    def number(self) -> str:
        return str(self.fields["out_bill_no"])

    @property
    def fen(self) -> int:
        return int(str(self.fields["transfer_amount"]))

    @property
    def openid(self) -> str:
        return str(self.fields["openid"])


class Book:
    """Orders by number, movements in booking order. `ended` is called when an order reaches its end."""

    def __init__(self, options: WechatSandboxOptions, clock: SandboxClock, ended: Callable[[Bill], None]) -> None:
        self._options = options
        self._clock = clock
        self._ended = ended
        self.bills: dict[str, Bill] = {}
        self.movements: list[BillRow] = []
        self.balance_fen = options.balance_fen
        self.refuses_when_short = True
        """NOT_ENOUGH when the account is short; otherwise the order is taken and stays in PROCESSING."""
        self._tasks: set[asyncio.Task[None]] = set()

    def create(self, fields: Fields, play: Play) -> Bill:
        """A new order, or the present state of the one that is there. Raises `Refuse`."""
        known = self.bills.get(str(fields["out_bill_no"]))
        if known is not None:
            return self._repeat(known, fields)
        short = int(str(fields["transfer_amount"])) > self.balance_fen
        if play.refuses_funds or (short and self.refuses_when_short):
            raise Refuse("NOT_ENOUGH", "the operating account is short")
        now = self._clock.now()
        bill = Bill(fields, play, f"1330{len(self.bills) + 1:036}", now, now)
        self.bills[bill.number] = bill
        funded = all(self.move(bill, state) for state in play.at_once)
        self._start(self._live(bill) if funded else self._close_in_time(bill))
        return bill

    def _repeat(self, bill: Bill, fields: Fields) -> Bill:
        if fields != bill.fields:
            raise Refuse("INVALID_REQUEST", "the number belongs to an order with other fields")
        if self._clock.now() - bill.created_at > REPEAT_FOR:
            raise Refuse("INVALID_REQUEST", "the number is too old to be repeated: query it")
        return bill

    def find(self, *, number: str | None = None, transfer_bill_no: str | None = None) -> Bill:
        """An order of the last 30 days. Raises `Refuse` (NOT_FOUND)."""
        for bill in self.bills.values():
            named = bill.number == number if number is not None else bill.transfer_bill_no == transfer_bill_no
            if named and self._clock.now() - bill.created_at <= HISTORY:
                return bill
        raise Refuse("NOT_FOUND", "no such order")

    def move(self, bill: Bill, state: State) -> bool:
        """Make one move, if the table has it; whether it was made."""
        if state not in MOVES[bill.state] or (state is State.WAIT_USER_CONFIRM and not self._lock(bill)):
            return False
        bill.state, bill.updated_at = state, self._clock.now()
        if state is State.SUCCESS:
            bill.paid_times += 1 if bill.play.booked else 0
        if state is State.FAIL:
            bill.fail_reason = bill.fail_reason or bill.play.fail_reason
        if state in (State.FAIL, State.CANCELLED):
            self._unlock(bill)
        if state in TERMINAL:
            self._ended(bill)
        return True

    def _lock(self, bill: Bill) -> bool:
        """Take the money from the account; False while it is short."""
        if not bill.locked:
            if bill.fen > self.balance_fen:
                return False
            bill.locked = True
            self._book(bill, Direction.EXPENSE)
        return True

    def _unlock(self, bill: Bill) -> None:
        if bill.locked:
            bill.locked = False
            self._book(bill, Direction.INCOME)

    def _book(self, bill: Bill, direction: Direction) -> None:
        if not bill.play.booked:
            return
        self.balance_fen += bill.fen if direction is Direction.INCOME else -bill.fen
        self.movements.append(
            BillRow(
                booked_at=f"{self._clock.now() + _BEIJING:%Y-%m-%d %H:%M:%S}",
                wechat_order_no=bill.transfer_bill_no,
                flow_no=f"{len(self.movements) + 1:018}",
                business_name="商家转账",
                business_type="转账" if direction is Direction.EXPENSE else "转账退回",
                direction=direction,
                amount_fen=bill.fen,
                balance_fen=self.balance_fen,
                applicant="system",
                remark=str(bill.fields["transfer_remark"]),
                voucher_no=bill.number,
            )
        )

    async def _live(self, bill: Bill) -> None:
        """What time does to an order."""
        for wait, state in bill.play.later:
            await self._clock.sleep(getattr(self._options, wait))
            if not self.move(bill, state):
                break
        if bill.play.returns and bill.state is State.SUCCESS:
            await self._clock.sleep(self._options.return_s)
            bill.returned_fen = bill.fen
            self._unlock(bill)
        if bill.play.closes and bill.state not in TERMINAL:
            await self._close_in_time(bill)

    async def _close_in_time(self, bill: Bill) -> None:
        left = bill.created_at + CLOSED_AFTER - self._clock.now()
        await self._clock.sleep(left.total_seconds())
        if bill.state in CANCELABLE:
            bill.fail_reason = "OVERDUE_CLOSE"
            self.move(bill, State.FAIL)

    def confirm(self, bill: Bill) -> None:
        """The payee confirms. Raises ValueError when there is nothing to confirm."""
        if not self.move(bill, State.TRANSFERING):
            raise ValueError(f"the order is {bill.state}")
        self._start(self._move_later(bill, State.SUCCESS, self._options.transfer_s))

    def cancel(self, bill: Bill) -> None:
        """Our merchant cancels. Raises `Refuse` for an order that is past that."""
        if bill.state in (State.CANCELING, State.CANCELLED):
            return
        if not self.move(bill, State.CANCELING):
            raise Refuse("INVALID_REQUEST", "the order can no longer be cancelled")
        end = State.SUCCESS if bill.play.race else State.CANCELLED
        self._start(self._move_later(bill, end, self._options.cancel_s))

    async def _move_later(self, bill: Bill, state: State, wait_s: float) -> None:
        await self._clock.sleep(wait_s)
        self.move(bill, state)

    def top_up(self, balance_fen: int) -> None:
        """Set the balance; orders that were waiting for it go on."""
        self.balance_fen = balance_fen
        for bill in self.bills.values():
            if bill.state is State.PROCESSING and self.move(bill, State.WAIT_USER_CONFIRM):
                self._start(self._live(bill))

    def entries(self) -> list[BookEntry]:
        """What every order really came to."""
        return [
            BookEntry(
                channel_reference=bill.number,
                channel_payout_id=bill.transfer_bill_no,
                amount=bill.fen,
                currency="CNY",
                account=bill.openid,
                state=bill.state,
                paid_times=bill.paid_times,
                returned=bill.returned_fen,
            )
            for bill in self.bills.values()
        ]

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until time has done to the orders all that it will do."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
