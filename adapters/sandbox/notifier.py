"""Posts notifications in the background: at least once, again after a failure, as late and as often as ordered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from gateway.clock import Clock

ANSWER_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One try: signed for this try alone."""

    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotifyRules:
    """How notifications travel."""

    waits_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 10.0, 10.0, 30.0)
    """The wait after the first failed try, the second, and so on; past the last it is given up."""
    repeat: int = 1
    """How often each is delivered, taken or not."""
    reorder: bool = False
    """Every second one is held back by `hold_s`, so that the next overtakes it."""
    hold_s: float = 0.3
    never: bool = False


class Notifier:
    """Owns its background tasks, and nothing else: the session and the clock are handed in."""

    def __init__(self, session: aiohttp.ClientSession, clock: Clock, rules: NotifyRules) -> None:
        self._session = session
        self._clock = clock
        self.rules = rules
        self._tasks: set[asyncio.Task[None]] = set()
        self._posted = 0

    def post(self, sign: Callable[[], Outgoing], *, repeat: int | None = None, hold_s: float = 0.0) -> None:
        """Deliver what `sign` makes (anew for every try) until it is taken.

        `repeat` overrides the rule for this one; `hold_s` holds it back before the first try.
        """
        if self.rules.never:
            return
        self._posted += 1
        if self.rules.reorder and self._posted % 2:
            hold_s += self.rules.hold_s
        self._start(self._deliver(sign, repeat or self.rules.repeat, hold_s))

    def change(self, **changes: Any) -> None:
        """Change some of the rules for what is posted from now on. Raises TypeError for an unknown one."""
        self.rules = replace(self.rules, **changes)

    def _start(self, delivery: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(delivery)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, sign: Callable[[], Outgoing], repeat: int, hold_s: float) -> None:
        if hold_s > 0:
            await self._clock.sleep(hold_s)
        for _ in range(repeat):
            await self._until_taken(sign)

    async def _until_taken(self, sign: Callable[[], Outgoing]) -> None:
        for wait_s in self.rules.waits_s:
            if await self._try(sign()):
                return
            await self._clock.sleep(wait_s)
        await self._try(sign())

    async def _try(self, outgoing: Outgoing) -> bool:
        """Whether the receiver took it: any 2xx; only the status counts."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        headers = list(outgoing.headers)
        try:
            async with self._session.post(
                outgoing.url, data=outgoing.body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def drain(self) -> None:
        """Wait until nothing is on its way any more."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        """Give up everything that is still on its way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
