"""What the rows play on: a scripted gateway whose store can fail, and a few things that happen to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from adapters.channel import Notice, RawNotification
from gateway.domain.errors import StaleWrite, StoreError, StoreUnavailable
from gateway.domain.outcome import Heard, OutcomeKind
from gateway.domain.payout import Payout
from gateway.operations import observe
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.advance import advance
from gateway.store.port import ReadTx, Store, Tx
from gateway.store.records import Lease
from tests.support.builders import BENEFICIARY, an_answer
from tests.support.scripted import HANG, MONEY, ScriptedChannel, ScriptedGateway, scripted_gateway

T = TypeVar("T")
K = OutcomeKind
BEFORE, AFTER = "before", "after"


@dataclass
class FailingStore:
    """A store whose units fail as written down: by name, once each."""

    inner: Store
    fails: defaultdict[str, deque[tuple[str, StoreError]]] = field(default_factory=lambda: defaultdict(deque))
    during: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Something that happens while a unit of that name is being committed, once."""

    async def run(self, unit: Callable[[Tx], T]) -> T:
        name = str(getattr(unit, "name", ""))
        when, error = self.fails[name].popleft() if self.fails[name] else ("", StoreUnavailable(""))
        if when == BEFORE:
            raise error
        result = await self.inner.run(unit)
        if name in self.during:
            self.during.pop(name)()
        if when == AFTER:
            raise error
        return result

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        return await self.inner.read(query)

    async def close(self) -> None:
        await self.inner.close()


def a_gateway() -> tuple[ScriptedGateway, ScriptedChannel, ScriptedChannel, FailingStore]:
    """A gateway with a cheap and a dear channel, and the store under it."""
    gateway = scripted_gateway("alpha", "beta")
    store = FailingStore(gateway.store)
    gateway.store = store
    gateway.services = replace(gateway.services, store=store)
    alpha, beta = gateway.channels.values()
    beta.submits.extend(an_answer(K.SUCCEEDED) for _ in range(9))
    return gateway, alpha, beta, store


def stays(gateway: ScriptedGateway, payout: Payout) -> None:
    """The cardinal thing: one attempt, and no other channel was told anything."""
    assert len(payout.attempts) == 1
    assert gateway.channels["beta"].sent == []


async def told(gateway: ScriptedGateway, event_id: str, body: str, *notices: Notice) -> int:
    """A verified notification comes in by alpha; the status it is answered with."""
    gateway.channels["alpha"].notices[body] = (event_id, None, notices)
    raw = RawNotification("POST", "/notify/alpha", (), body.encode(), gateway.clock.now())
    return (await observe.observe(gateway.services, "alpha", raw)).status


def notice(payout: Payout, kind: OutcomeKind, **fields: Any) -> Notice:
    """What a notification says of the payout's first attempt."""
    about = {name: fields.pop(name) for name in ("amount", "account") if name in fields}
    answer = an_answer(kind, Heard.NOTIFICATION, **fields)
    return Notice(answer, payout.attempt(1).channel_reference, **about)


@contextlib.asynccontextmanager
async def hanging(gateway: ScriptedGateway, late: object) -> AsyncIterator[tuple[Payout, asyncio.Task[None]]]:
    """A payout whose first send is under way and gets no answer; `late` is what comes when alpha is released."""
    alpha = gateway.channels["alpha"]
    alpha.submits.extend([HANG, late])
    gateway.handed.clear()
    alpha.called.clear()
    await accept(gateway.services, PayoutRequest("acme", "order-1", MONEY, BENEFICIARY))
    payout, lease = gateway.handed.pop()
    task = asyncio.create_task(_advance(gateway, payout, lease))
    await alpha.called.wait()
    try:
        yield await gateway.payout(payout.id), task
    finally:
        alpha.release.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await gateway.services.background.drain(1.0)


async def _advance(gateway: ScriptedGateway, payout: Payout, lease: Lease) -> None:
    with contextlib.suppress(StaleWrite):
        await advance(gateway.services, payout, lease)


async def killed(task: asyncio.Task[None]) -> None:
    """The worker is gone."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
