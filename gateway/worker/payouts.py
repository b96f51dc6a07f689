"""The loop over payouts that are due.

A freshly accepted payout does not pass through here at all: the accepting node hands it straight to a task
(`hand_over`), so there is no polling delay on the way in. The loop takes what is due by its own schedule, and rescues
what a crash left behind, which is the same thing: a row that is due and that nobody holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog

from gateway.admission.fair import POOL, FairQueue, FairTurns
from gateway.domain.beneficiary import personal
from gateway.domain.errors import StoreError
from gateway.domain.payout import Payout
from gateway.failpoints import Commit, Unit
from gateway.operations.advance import advance
from gateway.operations.intent import Outgoing
from gateway.operations.services import Current, Services
from gateway.redact import private
from gateway.store.picking import Pick
from gateway.store.port import Tx
from gateway.store.records import Lease
from gateway.worker.at_work import AtWork
from gateway.worker.bell import LEFT_EVERY_S, Bell
from gateway.worker.giving_way import GivingWay
from gateway.worker.places import Kind, Places

log: structlog.stdlib.BoundLogger = structlog.get_logger()


WAITING_MAX = 2000
"""Accepted payouts that may queue for a place in this node's worker; more are due in the store at once."""
CLAIM_MAX = 64
"""So many are claimed in one unit."""
LOOK_AGAIN_S = 0.1
"""While payouts give way to orders, how often is looked whether the next may begin."""


class PayoutWorker:
    """Advances payouts, `concurrency` at once; whoever waits for a channel does not count (`operations.outside`)."""

    def __init__(self, concurrency: int, rescue_every_s: float, waiting_max: int = WAITING_MAX) -> None:
        self._places = Places(concurrency)
        self._every_s = rescue_every_s
        self._waiting_max = waiting_max
        self._tasks: dict[asyncio.Task[None], tuple[str, Lease]] = {}
        self._accepting: set[asyncio.Future[None]] = set()
        """Orders that a place is kept for."""
        self._waiting: FairQueue[tuple[Payout, Lease]] = FairQueue(FairTurns(self._weight_of))
        self._turns = FairTurns(self._weight_of)
        self._behind = False
        """The last claim was full: there is more, so the next one waits until it is worth its cost."""
        self._left = True
        """Something due may have been left for want of room."""
        self._put_off: deque[tuple[float, str, Lease]] = deque()
        """Payouts that the store failed in the middle of, and when (monotonic) we let go of them: the oldest first."""
        self._stopping = False
        self.bell = Bell()
        self._stop_bell = Bell()
        self.giving_way = GivingWay()
        self.at_work = AtWork(concurrency)
        self._looks_again = False
        self._current: Current | None = None

    def attach(self, current: Current) -> None:
        """The services refer to this worker's `hand_over` and bell, so they are made after it."""
        self._current = current
        current.services.outside.went_out = self._went_out
        current.services.outside.came_back = self._places.come_back
        current.services.outside.eased = self.bell.ring

    @property
    def busy(self) -> int:
        """Payouts in hand, those that wait for a channel included."""
        return len(self._tasks)

    @property
    def taken(self) -> int:
        """Places that are occupied."""
        return self._places.taken

    @property
    def places(self) -> int:
        """How many there are now."""
        return self._places.places

    @property
    def waiting(self) -> int:
        """Accepted payouts that wait here for a place."""
        return len(self._waiting)

    def has_room(self, app: str) -> bool:
        """Whether one more new payout of the app may be handed over: apps share the queue by weight."""
        if self._stopping:
            return False
        if self._places.room(Kind.NEW) > 0 or len(self._waiting) < POOL * self._waiting_max:
            return True
        held = self._waiting.held()
        share = self._waiting_max * self._weight_of(app) / sum(self._weight_of(name) for name in held.keys() | {app})
        return len(self._waiting) < self._waiting_max and held.get(app, 0) < share

    def _weight_of(self, app: str) -> int:
        return 1 if self._current is None else self._current.services.weight_of(app)

    def keep_place(self) -> Callable[[], None] | None:
        """A place for a payout that is being accepted, until it is handed over or refused; None: it would have to wait
        for one. Give it back, once."""
        self._resize()
        free = not self._stopping and not self._waiting and self._places.room(Kind.NEW) > 0
        if not free or self._may_begin(Kind.NEW, 1) < 1 or self.giving_way.holds_back:
            return None
        self._places.block(Kind.NEW)
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._accepting.add(accepted)
        return lambda: self._give_back(accepted)

    def _give_back(self, accepted: asyncio.Future[None]) -> None:
        self._accepting.discard(accepted)
        accepted.set_result(None)
        self._places.unblock(Kind.NEW)
        self._fill()
        if self._left:
            self.bell.ring()

    def hand_over(self, payout: Payout, lease: Lease, outgoing: Outgoing | None = None) -> None:
        """Work on a payout now, or as soon as there is room: now, where `outgoing` waits to leave."""
        if self._stopping:
            if outgoing is not None:
                outgoing.give_back()
            if self._current is not None:  # nobody must think that its owner died
                self._current.services.background.spawn(self._let_go([(payout.id, lease)]))
            return
        self.giving_way.accepted()
        if outgoing is not None:
            self._start(payout, lease, Kind.NEW, outgoing)
            return
        self._waiting.put(payout.app, (payout, lease))
        self._fill()

    def _fill(self) -> None:
        """Start new ones while there is room."""
        self._resize()
        while self._waiting and not self._stopping and self._places.room(Kind.NEW) > 0:
            if self._may_begin(Kind.NEW, 1) < 1:
                self._fill_later()
                return
            self._start(*self._waiting.take(), Kind.NEW)

    def _resize(self) -> None:
        if self._current is not None:
            self._places.resize(self.at_work.places(self._current.services.clock.monotonic()))

    def _may_begin(self, kind: Kind, room: int) -> int:
        if self._current is None:
            return room
        return self.giving_way.room(kind, room, self._current.services.clock.monotonic())

    def _fill_later(self) -> None:
        if not self._looks_again and self._current is not None:
            self._looks_again = True
            self._current.services.background.spawn(self._fill_again(self._current.services))

    async def _fill_again(self, services: Services) -> None:
        await services.clock.sleep(LOOK_AGAIN_S)
        self._looks_again = False
        self._fill()

    def _start(self, payout: Payout, lease: Lease, kind: Kind, outgoing: Outgoing | None = None) -> None:
        task = asyncio.create_task(self._advance(payout, lease, outgoing))
        self._tasks[task] = (payout.id, lease)
        self._places.enter(task, kind)
        self.giving_way.began(kind)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._places.leave(task)
        self._fill()
        self.bell.ring()

    def _went_out(self, task: asyncio.Task[Any]) -> None:
        if self._places.go_out(task):
            self._fill()
            if self._left:
                self.bell.ring()

    async def _advance(self, payout: Payout, lease: Lease, outgoing: Outgoing | None) -> None:
        assert self._current is not None  # noqa: S101 - attached before anything is handed over
        with private(*personal(payout.beneficiary)):
            await self._advance_logged(self._current.services, payout, lease, outgoing)

    async def _advance_logged(
        self, services: Services, payout: Payout, lease: Lease, outgoing: Outgoing | None
    ) -> None:
        try:
            await advance(services, payout, lease, outgoing)
        except StoreError as error:
            # Nothing is lost: the row says how far it came. It was the store's fault and not the payout's, so we let go
            # of it, or its lease would run out as if its owner had crashed (row 64): but not at once, for a full disk
            # may take the letting go and the claim and refuse the rest, again and again.
            log.error("payout.put_off", payout=payout.id, error=type(error).__name__, detail=str(error))
            self._put_off.append((services.clock.monotonic() + self._every_s, payout.id, lease))
        except Exception:  # a bug in one payout must not stop the others; the lease delays its next try
            log.exception("payout.crashed", payout=payout.id)

    async def run(self) -> None:
        """Until `stop`."""
        assert self._current is not None  # noqa: S101 - attached by the composition root
        while not self._stopping:
            services = self._current.services
            claimed, sleep_s = await self._claim(services)
            if claimed == 0 or self._room() <= 0:
                await self.bell.wait(services.clock, sleep_s)
            if self.giving_way.holds_back:  # every payout that ends rings the bell, and a claim is work too
                await self._stop_bell.wait(services.clock, LOOK_AGAIN_S)

    def _room(self) -> int:
        """How many to claim now. Behind a backlog a claim costs more, so it is made for a quarter of the places."""
        self._resize()
        room = self._places.room(Kind.DUE)
        worth = self._places.places // 4 if self._behind else 1
        return self._may_begin(Kind.DUE, min(room, CLAIM_MAX)) if room >= worth else 0

    async def _claim(self, services: Services) -> tuple[int, float]:
        """Start what is due; how many there were, and how long nothing more will be: at most one round."""
        room, full = self._room(), services.outside.full
        if room <= 0:
            self._left = True
            return 0, LOOK_AGAIN_S if self.giving_way.holds_back else self._every_s
        pick = Pick(self._turns, full)
        now, monotonic_s = services.clock.now(), services.clock.monotonic()
        let_go = [(payout_id, lease) for at_s, payout_id, lease in self._put_off if at_s <= monotonic_s]

        def unit(tx: Tx) -> tuple[Sequence[tuple[Payout, Lease]], datetime | None]:
            for payout_id, lease in let_go:
                tx.release(payout_id, lease)
            return tx.claim(services.node, now, services.lease_s, room, pick), tx.next_due_at()

        try:
            claimed, next_due = await services.store.run(Unit(Commit.CLAIMED, unit))
        except Exception:  # whatever it was, the loop goes on: it is what rescues
            log.exception("worker.claim_failed")
            self._left = True
            return 0, self._every_s
        for _ in let_go:
            self._put_off.popleft()
        self._left = len(claimed) >= room
        self._behind = self._left and room > 1
        for payout, lease in claimed:
            self._start(payout, lease, Kind.DUE)
        # What is due between two rounds is waited for, to the moment; a round only finds what others left behind. What
        # is due and was not taken leads to a channel that has its fill: the end of a question there rings the bell.
        # What becomes due behind it is not told, so it is looked for more often.
        until_due_s = self._every_s if next_due is None else max((next_due - now).total_seconds(), 0.001)
        waits = bool(full) and next_due is not None and next_due <= now
        return len(claimed), min(LEFT_EVERY_S if waits else until_due_s, self._every_s)

    async def through(self) -> None:
        """Wait for what is under way at this moment: what begins later began with the services in force by then. What
        is being accepted is under way, too: it may have chosen its channel."""
        if self._accepting:
            await asyncio.wait(set(self._accepting))
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self, grace_s: float) -> int:
        """Take nothing new; wait for what is under way. How many were left: the next start finds them.

        All of it is let go of: an orderly stop is no crash (row 64).
        """
        self._stopping = True
        self.bell.ring()
        self._stop_bell.ring()
        in_hand = [(payout.id, lease) for payout, lease in self._waiting.drain()]
        in_hand += [(payout_id, lease) for _, payout_id, lease in self._put_off]
        left: set[asyncio.Task[None]] = set()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=grace_s)
            in_hand += [self._tasks[task] for task in left]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await self._let_go(in_hand)
        return len(left)

    async def _let_go(self, in_hand: Sequence[tuple[str, Lease]]) -> None:
        if self._current is None or not in_hand:
            return

        def unit(tx: Tx) -> None:
            for payout_id, lease in in_hand:
                tx.release(payout_id, lease)

        with contextlib.suppress(StoreError):  # then they run out, and count as crashed once
            await self._current.services.store.run(Unit(Commit.RELEASE, unit))
