"""What the banks of a world have in common: its faults, its dice, its ledger, and the way to the gateway's door."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import aiohttp
from aiohttp import web

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.faults import Fault as Ordered
from adapters.sandbox.notifier import Notifier, NotifyRules, Outgoing
from gateway.clock import Clock
from gateway.simulation.dice import cut_at
from gateway.simulation.faults import Fault, Faults, Place
from gateway.simulation.ledger import Ledger
from gateway.simulation.messages import Answered, Asked, Call
from gateway.simulation.trace import Trace

Deliver = Callable[[str, Outgoing], Awaitable[bool]]
"""Carries one notification of a channel to the gateway; whether it was taken."""

RETRY_WAITS_S = (2.0, 15.0, 30.0, 180.0, 600.0, 1800.0, 3600.0, 10_800.0)
"""When a bank posts a notification again that was not taken. After that it is lost."""


SPREADS = timedelta(seconds=60)


@dataclass(slots=True, eq=False)
class Town:
    """Handed to every bank."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    dice: random.Random
    faults: Faults
    trace: Trace
    ledger: Ledger
    deliver: Deliver
    about: Callable[[str], str | None]
    """The order a `channel_reference` belongs to."""
    false_news: Callable[[bytes], None]
    """Told of every notification that was made up."""
    transmitted: Callable[[Call, bytes, bool], None]
    """Told when a byte of a submit's body, and whether all of it, reached a bank's side."""
    contract_broken: Callable[[str], None]
    """Told of every `channel_reference` that a bank breaks its word on."""
    denied: Callable[[str], None]
    """Told of every `channel_reference` that a bank has no memory of, whether it pays it or not."""
    outside: Context = field(default_factory=Context)
    """Where banks live: no node's crash reaches what is started in here."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start something that belongs to no node."""
        return self.loop.create_task(work, context=self.outside)

    def not_everywhere(self, taken_at: datetime) -> bool:
        """Whether a bank may still answer "not found" of an order that it took in then, and pay it. Later it may not:
        what a bank has taken in, all of it knows within a minute."""
        return self.clock.now() - taken_at < SPREADS

    def later(self, least_s: float, most_s: float) -> float:
        """Some time between; short waits as likely as long ones."""
        return float(least_s * (most_s / least_s) ** self.dice.random())


class CalmClock(SandboxClock):
    """A sandbox's clock that nobody moves forward: sleeping is one timer instead of two tasks."""

    def __init__(self, inner: Clock) -> None:
        super().__init__(inner)
        self._true = inner

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self._true.sleep(seconds)


class Post(Notifier):
    """A sandbox's notifier whose tries go through the simulated network. One fault is drawn for each notification."""

    def __init__(self, channel: str, town: Town) -> None:
        rules = NotifyRules(waits_s=RETRY_WAITS_S)
        super().__init__(cast(aiohttp.ClientSession, None), town.clock, rules)
        self.channel = channel
        self._town = town
        self.strike: Fault | None = None
        """What happens to the next notification posted."""

    def post(self, sign: Callable[[], Outgoing], *, repeat: int | None = None, hold_s: float = 0.0) -> None:
        strike, self.strike = self.strike, None
        town = self._town
        match strike:
            case Fault.NOTICE_LOST:
                town.faults.took(strike, self.channel)
                return
            case Fault.NOTICE_20:
                town.faults.took(strike, self.channel)
                repeat = 20
            case Fault.NOTICE_LATE:
                hold_s += town.later(5.0, 7200.0)
                town.faults.took(strike, self.channel, f"held back {hold_s:.0f} s")
            case Fault.NOTICE_FORGED:
                self._start(self._forge(sign))
        super().post(sign, repeat=repeat, hold_s=hold_s)

    async def once(self, outgoing: Outgoing) -> bool:
        """One try of a notification whose sender repeats it himself."""
        town, strike = self._town, self._town.faults.draw(Place.NOTIFICATION)
        match strike:
            case Fault.NOTICE_LOST:
                town.faults.took(strike, self.channel)
                return True
            case Fault.NOTICE_FORGED:
                self._start(self._forge(lambda: outgoing))
            case Fault.NOTICE_20:
                town.faults.took(strike, self.channel)
                for _ in range(19):
                    await self._try(outgoing)
            case Fault.NOTICE_LATE:
                wait_s = town.later(5.0, 7200.0)
                town.faults.took(strike, self.channel, f"held back {wait_s:.0f} s")
                await town.clock.sleep(wait_s)
        return await self._try(outgoing)

    async def _forge(self, sign: Callable[[], Outgoing]) -> None:
        """A stranger sends what we may have sent: the signature is of other bytes."""
        true = sign()
        at = cut_at(self._town.dice, max(len(true.body) - 1, 1))
        body = true.body[:at] + bytes([true.body[at] ^ 1]) + true.body[at + 1 :]
        self._town.false_news(body)
        self._town.faults.took(Fault.NOTICE_FORGED, self.channel)
        await self._town.deliver(self.channel, Outgoing(true.url, true.headers, body))

    async def _try(self, outgoing: Outgoing) -> bool:
        return await self._town.deliver(self.channel, outgoing)


class _Line:
    """Stands where aiohttp keeps the socket."""

    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    def get_extra_info(self, _name: str) -> None:
        return None


class _Arrived:
    """A request as a sandbox's handler reads it."""

    def __init__(self, asked: Asked) -> None:
        self.method = asked.method
        self.raw_path = asked.target
        self.headers = _Folded(asked.headers)
        self.raw_headers = tuple((name.encode(), value.encode()) for name, value in asked.headers)
        self.transport = _Line()
        self._body = asked.body

    async def read(self) -> bytes:
        return self._body


class _Folded(dict[str, str]):
    """Headers whose names may be written in any case."""

    def __init__(self, headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__((name.lower(), value) for name, value in headers)

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def handled(handler: Handler, asked: Asked) -> Answered | None:
    """What a sandbox's own handler answers; None when it broke the connection instead."""
    arrived = _Arrived(asked)
    response = await handler(cast(web.Request, arrived))
    if arrived.transport.aborted:
        return None
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    headers = (*response.headers.items(), ("Content-Length", str(len(body))))
    return Answered(response.status, headers, body)


@dataclass(frozen=True, slots=True)
class Mishap:
    """What a bank does wrong with one request."""

    ordered: Ordered | None = None
    """A fault of the sandbox's own list."""
    hides: bool = False
    """It says that it knows no such order, though it does."""
