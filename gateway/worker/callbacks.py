"""The loop over callbacks that are due.

Most never pass through it: the unit that makes one claims it for this node's worker where that has room (`claim`), and
it leaves as soon as that is committed (`begin`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from gateway.domain.errors import StoreError
from gateway.failpoints import Commit, Unit
from gateway.operations.services import Current, Services
from gateway.store.port import Tx
from gateway.store.records import Callback
from gateway.worker.bell import LEFT_EVERY_S, Bell

PROMISED_FOR = timedelta(seconds=5)
"""Longer than a commit takes."""
APP_SHARE = 4
"""Of all places, an app has one in so many at most."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class CallbackWorker:
    """Delivers due callbacks, at most `concurrency` at once, a few per endpoint and a quarter per app: a dead endpoint
    delays only itself, and an app that has many of them only its own."""

    def __init__(
        self,
        concurrency: int,
        every_s: float,
        timeout_s: float,
        deliver: Callable[[Callback], Awaitable[Callback]],
        per_endpoint: int = 4,
    ) -> None:
        """Claimed `per_endpoint` at a time, and none for an endpoint that has as many under way: hardly ever more than
        twice that. `deliver` gives it back as it is stored after the try."""
        self._limit = concurrency
        self._per_endpoint = per_endpoint
        self._per_app = max(concurrency // APP_SHARE, 2 * per_endpoint)
        self._every_s = every_s
        self._timeout_s = timeout_s
        self._deliver = deliver
        self._tasks: dict[asyncio.Task[bool], Callback] = {}
        self._promised: dict[tuple[str, str], tuple[Callback, datetime]] = {}
        """Claimed as they were made, and not known to be stored; and until when they are waited for."""
        self._endpoints: Counter[str] = Counter()
        self._apps: Counter[str] = Counter()
        """How many of both are for each."""
        self._counting = threading.Lock()
        self._running = False
        self._left = True
        """Something due may have been left: there was no room for it, or its endpoint had its fill."""
        self._stopping = False
        self.bell = Bell()

    @property
    def busy(self) -> int:
        """Callbacks under way."""
        return len(self._tasks)

    async def run(self, current: Current) -> None:
        """Until `stop`."""
        self._running = True
        while not self._stopping:
            services = current.services
            claimed, sleep_s = await self._claim(services)
            if claimed == 0 or len(self._tasks) >= self._limit:
                await self.bell.wait(services.clock, sleep_s)

    async def _claim(self, services: Services) -> tuple[int, float]:
        """Start what is due; how many there were, and how long nothing more will be: at most one round."""
        room = self._limit - len(self._tasks)
        self._left = True  # of what a try keeps out that ends while the store is asked, too
        if room <= 0:
            return 0, self._every_s
        now = services.clock.now()
        until = self._until(now)
        # Promised places bind new ones only: what is due waits for nobody who may never come.
        busy = _at_most(self._per_endpoint, (each.endpoint for each in self._tasks.values()))
        busy_apps = _at_most(self._per_app, (each.app for each in self._tasks.values()))
        limit = min(room, self._per_endpoint)

        def unit(tx: Tx) -> tuple[Sequence[Callback], datetime | None]:
            return tx.claim_callbacks(now, until, limit, busy, busy_apps), tx.next_callback_due_at()

        try:
            due, next_due = await services.store.run(Unit(Commit.CALLBACKS_CLAIMED, unit))
        except Exception:  # as for payouts: the loop goes on
            log.exception("worker.claim_failed")
            return 0, min(LEFT_EVERY_S, self._every_s)
        for callback in due:
            self._start(callback)
        # What is due and was not taken is for endpoints that are busy: the end of a try there rings the bell. What
        # becomes due behind it is not told, so it is looked for more often.
        until_due_s = self._every_s if next_due is None else (next_due - now).total_seconds()
        self._left = until_due_s <= 0 or len(due) >= limit
        return len(due), min(until_due_s if until_due_s > 0 else LEFT_EVERY_S, self._every_s)

    def _until(self, now: datetime) -> datetime:
        """Not due again before the try is over: a crash in between re-sends it, the receiver de-duplicates (row 60)."""
        return now + timedelta(seconds=2 * self._timeout_s)

    def claim(self, callback: Callback, now: datetime) -> datetime | None:
        """Until when one that is being stored is ours; None: it is due, behind what is left. For any thread.

        A place is promised to it for as long as a commit may take: its unit may yet fail, and then nobody says so.
        """
        with self._counting:
            self._forget_promises(now)
            if self._stopping or not self._running or self._left or not self._has_room(callback):
                return None
            self._promised[callback.id, callback.endpoint] = (callback, now + PROMISED_FOR)
            self._count(callback, 1)
        return self._until(now)

    def begin(self, callbacks: Sequence[Callback], now: datetime) -> None:
        """Send those that were claimed so, now that they are stored. Whose claim would not last for a try is left to
        the store, and so are all while we stop."""
        for callback in callbacks:
            with self._counting:
                if self._promised.pop((callback.id, callback.endpoint), None) is not None:
                    self._count(callback, -1)
            lasts = callback.due_at is not None and callback.due_at >= now + timedelta(seconds=self._timeout_s)
            if lasts and not self._stopping:
                self._start(callback)

    def _forget_promises(self, now: datetime) -> None:
        while self._promised:
            key, (callback, until) = next(iter(self._promised.items()))
            if now < until:
                break
            del self._promised[key]
            self._count(callback, -1)

    def _has_room(self, callback: Callback) -> bool:
        return (
            len(self._tasks) + len(self._promised) < self._limit
            and self._endpoints[callback.endpoint] < self._per_endpoint
            and self._apps[callback.app] < self._per_app
        )

    def _count(self, callback: Callback, more: int) -> None:
        for counts, name in ((self._endpoints, callback.endpoint), (self._apps, callback.app)):
            counts[name] += more
            if not counts[name]:
                del counts[name]

    def _start(self, callback: Callback) -> None:
        task = asyncio.create_task(self._one(callback))
        self._tasks[task] = callback
        with self._counting:
            self._count(callback, 1)
        task.add_done_callback(self._done)

    async def _one(self, callback: Callback) -> bool:
        """Whether it is due again, and when that is has to be looked up."""
        try:
            return (await self._deliver(callback)).due_at is not None
        except StoreError as error:
            log.error("callback.put_off", event_id=callback.id, error=type(error).__name__)
        except Exception:  # a bug in one delivery must not stop the others; it is due again later
            log.exception("callback.crashed", event_id=callback.id)
        return True

    def _done(self, task: asyncio.Task[bool]) -> None:
        callback = self._tasks.pop(task)
        with self._counting:
            self._count(callback, -1)
        if self._left or task.cancelled() or task.result():
            self.bell.ring()

    async def stop(self, grace_s: float) -> None:
        self._stopping = True
        self.bell.ring()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in left:
                task.cancel()


def _at_most(most: int, names: Iterable[str]) -> frozenset[str]:
    """Those that have as many under way."""
    return frozenset(name for name, count in Counter(names).items() if count >= most)
