"""The thread that owns the one connection that writes: what queues for it, and how long that takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from gateway.admission.commit_wait import CommitWait, Pressure
from gateway.domain.errors import StoreUnavailable
from gateway.store.company import Company
from gateway.store.lanes import Lanes, Queued
from gateway.store.on_loop import is_short
from gateway.store.writer import GROUP_MAX, GroupCommitter


class WriterThread:
    """A thread that owns the committer. Units go in from any thread; `stop` lets the queued ones finish."""

    def __init__(
        self,
        committer: GroupCommitter,
        wait: CommitWait | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wait` is told of each group; the committer tells it of each COMMIT. `monotonic` times a group's wait."""
        self._committer = committer
        self._wait = wait or CommitWait(monotonic, GROUP_MAX)
        self._company = Company(monotonic)
        self._lanes = Lanes()
        self._thread = threading.Thread(target=self._work, name="paymux-writer", daemon=True)
        self._stopping = False
        self._changed = threading.Condition()
        self._thread.start()

    def put(self, queued: Queued[Any]) -> None:
        with self._changed:
            if self._stopping:
                queued.future.set_exception(StoreUnavailable("the store is closed"))
                return
            self._lanes.put(queued)
            self._changed.notify()

    @property
    def pressure(self) -> Pressure:
        """How many units wait, and how long one more that comes in by the door would. For any thread."""
        ahead = self._lanes.before_door(self._wait.group)
        return Pressure(len(self._lanes) + self._wait.under_way, self._wait.estimate_s(ahead))

    def stop(self) -> None:
        """Finish what is queued, then end. Blocks; call it off the loop."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while group := self._take():
            self._wait.began(len(group))
            self._company.begin()
            self._committer.commit(group, self._join)
            self._wait.ended()
        self._committer.close()

    def _take(self) -> list[Queued[Any]]:
        """The next group, when there is one; nothing once the end has come and all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or len(self._lanes) > 0)
            return self._lanes.take(self._wait.group)

    def _join(self, group: list[Queued[Any]]) -> bool:
        """Who came since the transaction began, or since the last turn of the loop: a commit is shared by those who are
        in it. What is long would keep the others waiting."""
        room = self._wait.group - len(group)
        joined: list[Queued[Any]] = []
        if room > 0:
            with self._changed:
                joined = self._lanes.take(room, is_short)
            group += joined
        self._wait.joined(len(joined))
        return len(joined) < room and self._company.is_awaited(len(joined))
