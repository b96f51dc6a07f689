"""One round of taking up a file: every worker says whether it could, and none does before all have said yes.

A worker reads, checks and builds by itself, and comes as far as the last step before anything is changed. There it
waits. When the last voter has said yes, or ended because there is nothing to change, all go on; the first no, two who
read different files, or silence for too long is a no for all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

DECIDE_S = 20.0
"""The longest that whoever could waits for those who have not said. What it would remove is shut meanwhile."""
NOT_ASKED = "only the parent process says when the workers take a file up"


class Round:
    """Who has said what. Told of by calls on the parent's loop."""

    def __init__(self, voters: Iterable[int]) -> None:
        self._silent = set(voters)
        self._working = set(self._silent)
        self._ready: dict[int, str] = {}
        self._why: str | None = None
        self._decided = asyncio.Event()
        self._over = asyncio.Event()
        self._took: set[int] = set()
        self.refused: dict[int, str] = {}
        """Why the file is not in force, by worker."""
        self._settle()

    async def ready(self, worker: int, sha256: str) -> str | None:
        """A worker could take up the file with this hash: None when it shall, else why it shall not."""
        if worker not in self._silent:
            return NOT_ASKED
        self._silent.discard(worker)
        self._ready[worker] = sha256
        if len(set(self._ready.values())) > 1:
            self._forbid("the file changed while it was read")
        self._settle()
        try:
            async with asyncio.timeout(DECIDE_S):
                await self._decided.wait()
        except TimeoutError:
            self._forbid(f"worker {', '.join(map(str, sorted(self._silent)))} did not say in time whether it could")
        return self._why

    def ended(self, worker: int, why: str | None) -> None:
        """A worker's try is over: the file is in force there (it may have been before), or it is not, and why."""
        if worker not in self._working:
            return
        if why is None:
            self._took.add(worker)
        else:
            self.refused[worker] = why
            self._forbid(f"worker {worker} refuses it: {why}")
        self._silent.discard(worker)
        self._working.discard(worker)
        self._settle()

    async def over(self, longest_s: float) -> None:
        """Come back when everybody's try is over, or it has lasted too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._over.wait()

    @property
    def split(self) -> bool:
        """Some have the file in force and others do not."""
        return bool(self._took) and bool(self.refused)

    def _forbid(self, why: str) -> None:
        if not self._decided.is_set():
            self._why = why
            self._decided.set()

    def _settle(self) -> None:
        if not self._silent:
            self._decided.set()
        if not self._working:
            self._over.set()
