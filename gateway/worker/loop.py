"""Two loops: payouts that are due, and callbacks that are due.

A freshly accepted payout does not pass through here at all: the accepting node hands it straight to a task
(`hand_over`), so there is no polling delay on the way in. The payout loop takes what is due by its own schedule, and
rescues what a crash left behind, which is the same thing: a row that is due and that nobody holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from gateway.clock import Clock
from gateway.domain.beneficiary import personal
from gateway.domain.errors import StoreError
from gateway.domain.payout import Payout
from gateway.failpoints import Commit, Unit
from gateway.operations.advance import advance
from gateway.operations.services import Services
from gateway.redact import private
from gateway.store.port import Callback, Lease, Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()


WAITING_MAX = 2000
"""Accepted payouts that may queue for a place in this node's worker; more are left to the rescue loop."""


class Bell:
    """Rung when something may have become due; waited for with a longest wait."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, clock: Clock, longest_s: float) -> None:
        """Come back when rung, or after `longest_s`; a ring while nobody waited is not lost."""
        sleeping = asyncio.ensure_future(clock.sleep(longest_s))
        ringing = asyncio.ensure_future(self._rung.wait())
        try:
            await asyncio.wait({sleeping, ringing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            ringing.cancel()
        self._rung.clear()


class PayoutWorker:
    """Advances payouts, at most `concurrency` at once."""

    def __init__(self, concurrency: int, rescue_every_s: float) -> None:
        self._limit = concurrency
        self._kept_free = max(1, concurrency // 4) if concurrency > 1 else 0
        """Places that new payouts leave to those that are due: questions and rescues must not starve (I31, I44)."""
        self._every_s = rescue_every_s
        self._tasks: dict[asyncio.Task[None], tuple[str, Lease]] = {}
        self._waiting: deque[tuple[Payout, Lease]] = deque()
        self._put_off: deque[tuple[float, str, Lease]] = deque()
        """Payouts that the store failed in the middle of, and when (monotonic) we let go of them: the oldest first."""
        self._stopping = False
        self.bell = Bell()
        self._services: Services | None = None

    def attach(self, services: Services) -> None:
        """The services refer to this worker's `hand_over` and bell, so they are made after it."""
        self._services = services

    @property
    def busy(self) -> int:
        return len(self._tasks)

    def hand_over(self, payout: Payout, lease: Lease) -> None:
        """Work on a payout now, or as soon as there is room. Past the queue's end its lease simply runs out."""
        if self._stopping:
            return
        if len(self._tasks) < self._limit - self._kept_free:
            self._start(payout, lease)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append((payout, lease))

    def _start(self, payout: Payout, lease: Lease) -> None:
        task = asyncio.create_task(self._advance(payout, lease))
        self._tasks[task] = (payout.id, lease)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if self._waiting and not self._stopping and len(self._tasks) < self._limit - self._kept_free:
            self._start(*self._waiting.popleft())
        self.bell.ring()

    async def _advance(self, payout: Payout, lease: Lease) -> None:
        assert self._services is not None  # noqa: S101 - attached before anything is handed over
        with private(*personal(payout.beneficiary)):
            await self._advance_logged(self._services, payout, lease)

    async def _advance_logged(self, services: Services, payout: Payout, lease: Lease) -> None:
        try:
            await advance(services, payout, lease)
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
        assert self._services is not None  # noqa: S101 - attached by the composition root
        while not self._stopping:
            claimed, sleep_s = await self._claim(self._services)
            if claimed == 0 or len(self._tasks) >= self._limit:
                await self.bell.wait(self._services.clock, sleep_s)

    async def _claim(self, services: Services) -> tuple[int, float]:
        """Start what is due; how many there were, and how long nothing more will be: at most one round."""
        room = self._limit - len(self._tasks)
        if room <= 0:
            return 0, self._every_s
        now, monotonic_s = services.clock.now(), services.clock.monotonic()
        let_go = [(payout_id, lease) for at_s, payout_id, lease in self._put_off if at_s <= monotonic_s]

        def unit(tx: Tx) -> tuple[Sequence[tuple[Payout, Lease]], datetime | None]:
            for payout_id, lease in let_go:
                tx.release(payout_id, lease)
            return tx.claim(services.node, now, services.lease_s, min(room, 64)), tx.next_due_at()

        try:
            claimed, next_due = await services.store.run(Unit(Commit.CLAIMED, unit))
        except Exception:  # whatever it was, the loop goes on: it is what rescues
            log.exception("worker.claim_failed")
            return 0, self._every_s
        for _ in let_go:
            self._put_off.popleft()
        for payout, lease in claimed:
            self._start(payout, lease)
        # What is due between two rounds is waited for, to the moment; a round only finds what others left behind.
        until_due_s = self._every_s if next_due is None else max((next_due - now).total_seconds(), 0.001)
        return len(claimed), min(until_due_s, self._every_s)

    async def stop(self, grace_s: float) -> int:
        """Take nothing new; wait for what is under way. How many were left: the next start finds them.

        All of it is let go of: an orderly stop is no crash (row 64).
        """
        self._stopping = True
        self.bell.ring()
        in_hand = [(payout.id, lease) for payout, lease in self._waiting]
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
        if self._services is None or not in_hand:
            return

        def unit(tx: Tx) -> None:
            for payout_id, lease in in_hand:
                tx.release(payout_id, lease)

        with contextlib.suppress(StoreError):  # then they run out, and count as crashed once
            await self._services.store.run(Unit(Commit.RELEASE, unit))


class CallbackWorker:
    """Delivers due callbacks, at most `concurrency` at once and a few per endpoint: a dead one delays only itself."""

    PER_ENDPOINT = 4
    """Claimed so many at a time, and none for an endpoint that has as many under way: never more than twice that."""

    def __init__(
        self, concurrency: int, every_s: float, timeout_s: float, deliver: Callable[[Callback], Awaitable[object]]
    ) -> None:
        self._limit = concurrency
        self._every_s = every_s
        self._timeout_s = timeout_s
        self._deliver = deliver
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._stopping = False
        self.bell = Bell()

    async def run(self, services: Services) -> None:
        """Until `stop`."""
        while not self._stopping:
            claimed, sleep_s = await self._claim(services)
            if claimed == 0 or len(self._tasks) >= self._limit:
                await self.bell.wait(services.clock, sleep_s)

    async def _claim(self, services: Services) -> tuple[int, float]:
        """Start what is due; how many there were, and how long nothing more will be: at most one round."""
        room = self._limit - len(self._tasks)
        if room <= 0:
            return 0, self._every_s
        now = services.clock.now()
        # Not due again before the try is over: a crash in between re-sends it, the receiver de-duplicates (row 60).
        until = now + timedelta(seconds=2 * self._timeout_s)
        busy = self._busy_endpoints()
        limit = min(room, self.PER_ENDPOINT)

        def unit(tx: Tx) -> tuple[Sequence[Callback], datetime | None]:
            return tx.claim_callbacks(now, until, limit, busy), tx.next_callback_due_at()

        try:
            due, next_due = await services.store.run(Unit(Commit.CALLBACKS_CLAIMED, unit))
        except Exception:  # as for payouts: the loop goes on
            log.exception("worker.claim_failed")
            return 0, self._every_s
        for callback in due:
            task = asyncio.create_task(self._one(callback))
            self._tasks[task] = callback.endpoint
            task.add_done_callback(self._done)
        # What is due and was not taken is for endpoints that are busy: the end of a try there rings the bell.
        until_due_s = self._every_s if next_due is None or next_due <= now else (next_due - now).total_seconds()
        return len(due), min(until_due_s, self._every_s)

    def _busy_endpoints(self) -> frozenset[str]:
        endpoints = list(self._tasks.values())
        return frozenset(name for name in endpoints if endpoints.count(name) >= self.PER_ENDPOINT)

    async def _one(self, callback: Callback) -> None:
        try:
            await self._deliver(callback)
        except StoreError as error:
            log.error("callback.put_off", event_id=callback.id, error=type(error).__name__)
        except Exception:  # a bug in one delivery must not stop the others; it is due again later
            log.exception("callback.crashed", event_id=callback.id)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self.bell.ring()

    async def stop(self, grace_s: float) -> None:
        self._stopping = True
        self.bell.ring()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in left:
                task.cancel()
