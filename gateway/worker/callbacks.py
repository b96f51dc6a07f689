"""The loop over callbacks that are due."""

from __future__ import annotations

import asyncio
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
        """Claimed `per_endpoint` at a time, and none for an endpoint that has as many under way: never more than twice
        that. `deliver` gives it back as it is stored after the try."""
        self._limit = concurrency
        self._per_endpoint = per_endpoint
        self._per_app = max(concurrency // APP_SHARE, 2 * per_endpoint)
        self._every_s = every_s
        self._timeout_s = timeout_s
        self._deliver = deliver
        self._tasks: dict[asyncio.Task[bool], Callback] = {}
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
        # Not due again before the try is over: a crash in between re-sends it, the receiver de-duplicates (row 60).
        until = now + timedelta(seconds=2 * self._timeout_s)
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
            task = asyncio.create_task(self._one(callback))
            self._tasks[task] = callback
            task.add_done_callback(self._done)
        # What is due and was not taken is for endpoints that are busy: the end of a try there rings the bell. What
        # becomes due behind it is not told, so it is looked for more often.
        until_due_s = self._every_s if next_due is None else (next_due - now).total_seconds()
        self._left = until_due_s <= 0 or len(due) >= limit
        return len(due), min(until_due_s if until_due_s > 0 else LEFT_EVERY_S, self._every_s)

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
        self._tasks.pop(task, None)
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
