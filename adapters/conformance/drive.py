"""A payout through one channel with nothing around it: submit, query, notifications, and the core's own judgement.

No operations, no store, no guard: what a channel says and what the domain makes of it, step by step.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from adapters.channel import Channel, Notice, Order, Sent
from adapters.conformance.world import World
from adapters.magic import Fate
from gateway.domain.changes import Opening, begin_repeat, open_attempt, send_planned
from gateway.domain.identity import AttemptIds
from gateway.domain.outcome import Answer, OutcomeKind, classify
from gateway.domain.payout import Attempt, AttemptState, Payout
from gateway.domain.states import SETTLED, Change, Polls, fold

POLLS = Polls((timedelta(seconds=2),))
ROUNDS = 12
STEP_S = 5.0


class Drive:
    """One payout with one attempt. `heard` is every outcome, in order."""

    def __init__(self, world: World, fate: Fate = Fate.USUAL, channel: Channel | None = None) -> None:
        self.world = world
        self.channel = channel or world.channel
        self.order = world.order(fate)
        channel, now = self.channel, world.clock.now()
        payout = _payout(self.order, now)
        ids = AttemptIds(self.order.channel_reference, self.order.uetr)
        prepared = channel.prepare(self.order, now)
        self.payout: Payout = open_attempt(payout, Opening("x", 1, ids, channel.ground, prepared, ""), now)
        self.heard: list[OutcomeKind] = []
        self._read = len(world.received)

    @property
    def attempt(self) -> Attempt:
        return self.payout.attempt(1)

    @property
    def sent(self) -> Sent:
        attempt = self.attempt
        return Sent(self.order, attempt.ground, attempt.prepared, attempt.channel_payout_id)

    def fold(self, answer: Answer, transmission_no: int = 0) -> None:
        """What the gateway would make of it; a contradiction is a broken promise."""
        attempt = self.attempt
        outcome = classify(answer, transmission_no, attempt.transmissions, attempt.ground.absence)
        folded = fold(self.payout, 1, outcome, self.world.clock.now(), POLLS)
        assert folded.change is not Change.CONTRADICTION, (attempt.state, outcome.kind, answer)
        self.heard.append(outcome.kind)
        self.payout = folded.payout

    async def transmit(self) -> None:
        number = self.attempt.transmissions
        self.fold(await self.submit(), number)

    async def submit(self) -> Answer:
        """One transmission, not folded."""
        return await self.channel.submit(self.channel.sign(self.sent))

    async def transmit_slowly(self) -> None:
        """The answer is only given after the channel's time has passed."""
        self.world.clock.rung.clear()
        call = asyncio.ensure_future(self.submit())
        await self.world.clock.rung.wait()
        assert not call.done(), "it was to be slow"
        await self.world.clock.advance(STEP_S)
        self.fold(await call, 1)

    async def look(self) -> None:
        """Do what is due: the same bytes again, or a question."""
        now, attempt = self.world.clock.now(), self.attempt
        if attempt.state is AttemptState.PLANNED:
            self.payout = send_planned(self.payout, 1, now)
            await self.transmit()
        elif attempt.repeat_due:
            self.payout = begin_repeat(self.payout, 1, now)
            await self.transmit()
        else:
            await self.ask()

    async def ask(self) -> None:
        self.fold(await self.channel.query(self.sent))

    async def listen(self) -> None:
        """Fold every notification about this order that came since."""
        fresh, self._read = self.world.received[self._read :], len(self.world.received)
        for raw in fresh:
            for notice in (await self.channel.read_notification(raw)).notices:
                if self._is_ours(notice):
                    assert notice.amount in (None, self.order.amount)
                    self.fold(notice.answer)

    def _is_ours(self, notice: Notice) -> bool:
        if notice.channel_reference is not None:
            return notice.channel_reference == self.order.channel_reference
        return notice.channel_payout_id == self.attempt.channel_payout_id

    async def through(self, rounds: int = ROUNDS) -> None:
        """A minute of the channel's time, with everything that is due and everything that comes in."""
        for _ in range(rounds):
            await self.world.live(STEP_S)
            await self.listen()
            due_at = self.attempt.due_at
            if self.attempt.state not in SETTLED and due_at is not None and due_at <= self.world.clock.now():
                await self.look()


def _payout(order: Order, now: datetime) -> Payout:
    return Payout(
        id=order.payout_id,
        shard=0,
        app="conformance",
        reference=order.reference,
        amount=order.amount,
        beneficiary=order.beneficiary,
        created_at=now,
        give_up_at=now + timedelta(hours=72),
        last_event=1,
    )
