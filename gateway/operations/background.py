"""Tasks that nobody may cancel: a submit under way, a commit, the reading of a late answer (R10)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Background:
    """Keeps such tasks alive, and lets a stopping gateway wait for them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def drain(self, timeout_s: float) -> int:
        """Wait for what is running, at most `timeout_s`; how many were left running."""
        if not self._tasks:
            return 0
        _, left = await asyncio.wait(self._tasks, timeout=timeout_s)
        return len(left)
