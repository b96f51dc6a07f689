"""The bank behind the mock channel: takes orders by its script, pays and returns when due, and posts its
notifications.

The book is the only state. Whatever is under way is written in it with its date, so a bank that starts on an old book
goes on where the killed one stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from adapters.mock import wire
from adapters.mock.book import Book, Booked, Row, rows
from adapters.mock.config import MockSettings
from adapters.mock.plays import Play, State, Tell, Trouble, play
from adapters.steering import NotSteered, Transition
from gateway.clock import Clock

Post = Callable[[Booked, Tell], Awaitable[bool]]
"""Posts one notification; True when it was taken."""

RETRY_AFTER_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Waits between the posts of one notification. After the last one it is left until the bank starts again."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that is in the book, and whether this transmission put it there."""

    order: Booked
    first: bool


class Bank:
    """One bank. `submit`, `find` and `cancel` are what it offers; it raises OSError when its book fails it."""

    def __init__(self, settings: MockSettings, clock: Clock, post: Post, base: Path = Path()) -> None:
        self._settings = settings
        self._clock = clock
        self._post = post
        self._book = Book(base / settings.book if settings.book is not None else None)
        self._followed: dict[str, asyncio.Task[object]] = {}

    async def submit(self, body: bytes) -> Booked | Trouble:
        """Take an order's bytes in and answer, as the play of its account has it."""
        taken = self._take(body)
        if isinstance(taken, Trouble):
            return taken
        if taken.first:
            self._follow(taken.order)
            part = play(taken.order.account)
            if part.answer_lost:
                return Trouble.DROPPED
            if part.slow:
                await self._clock.sleep(self._settings.slow_s)
        return taken.order

    def find(self, channel_reference: str) -> Booked | None:
        """The order of that reference; if it was taken several times, one that paid."""
        with self._book.open():
            return self._find(channel_reference)

    def cancel(self, channel_reference: str) -> Booked | None:
        """Drop a pending order; gives it as it then stands."""
        with self._book.open():
            order = self._find(channel_reference)
            if order is not None and order.state is State.PENDING:
                order = replace(order, state=State.CANCELLED, changed_at=self._clock.now(), due_at=None)
                self._book.write(order)
            return order

    def steer(self, channel_reference: str, to: Transition) -> None:
        """Do it by hand, now. Raises `NotSteered`: the book has the order otherwise, or not at all."""
        with self._book.open():
            order = self._find(channel_reference)
            moved = steered(order, to, self._clock.now())
            self._book.write(moved)
        if next_tell(moved) is not None:
            self._follow(moved)
        elif (tell := _TOLD_BY_HAND.get(to)) is not None:
            self._spawn(f"{moved.channel_payout_id} by hand", self._post_until_taken(moved, tell))

    def rows(self) -> list[Row]:
        """The book, for an auditor."""
        with self._book.open():
            return rows(self._book.orders())

    def resume(self) -> None:
        """Take up everything that the book says is still to be paid, returned or told."""
        with self._book.open():
            for order in self._book.orders():
                self._follow(order)

    async def close(self) -> None:
        """Stop; what is still to be done is in the book."""
        tasks = list(self._followed.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._book.close()

    def _take(self, body: bytes) -> Taken | Trouble:
        try:
            ordered = wire.read_order(body)
        except wire.Unreadable:
            return Trouble.UNREADABLE
        digest = hashlib.sha256(body).hexdigest()
        with self._book.open():
            known = self._book.find(ordered.channel_reference)
            if known and known[-1].state is not State.LOST and self._settings.duplicate_mode == "same_resource":
                return Taken(known[-1], first=False) if known[-1].digest == digest else Trouble.CONFLICT
            return self._take_new(ordered, digest, known)

    def _take_new(self, ordered: wire.Ordered, digest: str, known: list[Booked]) -> Taken | Trouble:
        part, now = play(ordered.account), self._clock.now()
        lost = known[-1].transmissions if known and known[-1].state is State.LOST else 0
        earlier = len(known) - (lost > 0)
        drop = earlier == 0 and lost < part.lost_first
        state = State.LOST if drop else part.taken_as
        order = Booked(
            channel_payout_id=f"MOCK-{ordered.channel_reference}-{earlier + 1}",
            channel_reference=ordered.channel_reference,
            amount=ordered.amount,
            account=ordered.account,
            digest=digest,
            state=state,
            taken_at=now,
            changed_at=now,
            due_at=None if drop else self._due_at(part, now),
            transmissions=lost + 1,
            paid_times=int(state is State.PAID),
        )
        self._book.write(order)
        return part.lost_as if drop else Taken(order, first=True)

    def _due_at(self, part: Play, now: datetime) -> datetime | None:
        return now + timedelta(seconds=self._delay_s(part.taken_as)) if part.moves_on else None

    def _delay_s(self, state: State) -> float:
        return self._settings.return_s if state is State.PAID else self._settings.usual_s

    def _find(self, channel_reference: str) -> Booked | None:
        known = self._book.find(channel_reference)
        return next((order for order in known if order.paid_times), known[-1] if known else None)

    def _follow(self, order: Booked) -> None:
        """See the order through in the background, unless there is nothing left to do or somebody is at it."""
        name = order.channel_payout_id
        if name in self._followed or (order.due_at is None and next_tell(order) is None):
            return
        self._spawn(name, self._see_through(name))

    def _spawn(self, name: str, work: Coroutine[None, None, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._followed[name] = task
        task.add_done_callback(lambda _: self._followed.pop(name, None))

    async def _see_through(self, name: str) -> None:
        while (order := self._look(name)).due_at is not None:
            # No longer than a fresh order would wait: a wall clock that was set back must not hold it up for hours.
            left_s = (order.due_at - self._clock.now()).total_seconds()
            await self._clock.sleep(min(max(left_s, 0.0), self._delay_s(order.state)))
            self._move_on(order)
        while (tell := next_tell(order)) is not None and await self._post_until_taken(order, tell):
            order = self._note_told(order)

    def _look(self, name: str) -> Booked:
        with self._book.open():
            return self._book.get(name)

    def _move_on(self, seen: Booked) -> None:
        """Pay or return it, if the book still says what was seen: a cancel may have been faster."""
        with self._book.open():
            if self._book.get(seen.channel_payout_id) == seen:
                self._book.write(moved_on(seen, self._clock.now()))

    def _note_told(self, order: Booked) -> Booked:
        with self._book.open():
            told = replace(order, told=order.told + 1)
            self._book.write(told)
            return told

    async def _post_until_taken(self, order: Booked, tell: Tell) -> bool:
        for wait_s in (*RETRY_AFTER_S, None):
            if await self._post(order, tell):
                return True
            if wait_s is not None:
                await self._clock.sleep(wait_s)
        return False


BY_HAND: dict[tuple[State, Transition], State] = {
    (State.PENDING, Transition.PAID): State.PAID,
    (State.PENDING, Transition.REJECTED): State.REJECTED,
    (State.PAID, Transition.RETURNED): State.RETURNED,
}
"""What somebody at the bank can do with an order in each state; a missing pair is the refusal."""

_TOLD_BY_HAND = {Transition.PAID: Tell.PAID, Transition.RETURNED: Tell.RETURNED}
"""Of a refusal this bank tells nobody: it is found by asking."""


def steered(order: Booked | None, to: Transition, now: datetime) -> Booked:
    """The order after somebody at the bank did it. Raises `NotSteered`."""
    state = None if order is None else BY_HAND.get((order.state, to))
    if order is None or state is None:
        raise NotSteered(f"the bank has it {'not at all' if order is None else order.state}: it cannot become {to}")
    paid = order.paid_times + (state is State.PAID)
    return replace(order, state=state, changed_at=now, due_at=None, paid_times=paid)


def moved_on(order: Booked, now: datetime) -> Booked:
    """The order after its date: what was pending is paid, what was paid has come back."""
    if order.state is State.PENDING:
        return replace(order, state=State.PAID, changed_at=now, due_at=None, paid_times=order.paid_times + 1)
    return replace(order, state=State.RETURNED, changed_at=now, due_at=None)


def next_tell(order: Booked) -> Tell | None:
    """The notification that is owed next; none before the money has moved for the last time."""
    settled = order.due_at is None and order.state in (State.PAID, State.RETURNED)
    owed = play(order.account).tells[order.told :] if settled else ()
    return owed[0] if owed else None
