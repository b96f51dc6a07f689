"""One node of the simulated gateway: its lives, and the ports through which a life meets the world.

Everything a node starts belongs to the life it is in (a task factory writes it down). A crash ends the life: its ports
answer nobody any more, its tasks are cancelled, and what was being committed is committed or not, as it happens.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from datetime import datetime
from typing import Any, Protocol, TypeVar

from gateway.failpoints import Commit
from gateway.operations.services import Services
from gateway.simulation.clock import NodeClock
from gateway.simulation.faults import Fault, Faults, Place
from gateway.simulation.gateway import SimulatedGateway
from gateway.simulation.loop import VirtualLoop
from gateway.simulation.trace import Trace
from gateway.store.port import ReadTx, Store, Tx

T = TypeVar("T")

LIFE: ContextVar[Life | None] = ContextVar("life", default=None)

_ROUNDS = frozenset({Commit.CLAIMED, Commit.CALLBACKS_CLAIMED})
ROUND_S = (0.5, 5.0)
"""How long a worker takes to look around: what became due meanwhile is found in the same round."""
PAUSE_S = (0.5, 100.0)
STUCK_S = (61.0, 120.0)
"""How long a call of the store hangs that outlives its caller's lease."""


class LineBroken(Exception):
    """The node went away before it answered."""


class Witness(Protocol):
    """Who is told of starts and crashes; the auditor."""

    def node_started(self, node: str, at: datetime) -> None: ...

    def node_crashed(self, node: str, at: datetime) -> None: ...


class Life:
    """From one start of a node to its crash or stop."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.dead = False
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.committing: set[asyncio.Task[Any] | None] = set()
        """Tasks that wait for a commit: nothing cancels that."""
        self.paused: asyncio.Future[None] | None = None
        self.context = copy_context()
        self.context.run(LIFE.set, self)
        self.gateway: SimulatedGateway | None = None

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start something on this node."""
        return self.node.loop.create_task(work, context=self.context.copy())

    async def awake(self) -> None:
        """Return when the node may go on; never, for whoever belongs to a dead one."""
        while self.paused is not None and not self.dead:
            await self.paused
        if self.dead:
            raise asyncio.CancelledError("the node is dead")

    def strike(self) -> Fault | None:
        """A port is used: what happens to the node at this moment. Whoever is told has to `suffer` it."""
        if self.dead or self.paused is not None:
            return Fault.PAUSE
        return self.node.faults.draw(Place.STEP)

    async def suffer(self, strike: Fault, where: str) -> None:
        """Crash, or wait until the pause is over."""
        if strike is Fault.CRASH:
            self.node.crash(where)
        elif self.paused is None and not self.dead:
            self.node.pause(where)
        await self.awake()

    async def step(self, where: str) -> None:
        """A port is used: the moment at which a node may crash or be paused."""
        strike = self.strike()
        if strike is not None:
            await self.suffer(strike, where)


class Node:
    """A machine: it may be up or down; what runs on it is its life."""

    def __init__(
        self,
        name: str,
        loop: asyncio.AbstractEventLoop,
        faults: Faults,
        dice: random.Random,
        trace: Trace,
        witness: Witness,
        now: Callable[[], datetime],
    ) -> None:
        self.name = name
        self.loop = loop
        self.faults = faults
        self.trace = trace
        self.clock = NodeClock(loop, self._awake)
        self.life: Life | None = None
        self.lock = asyncio.Lock()
        """Held while somebody starts or stops it."""
        self.dice = dice
        self._witness = witness
        self._now = now
        self.came_down: Callable[[Node], None] = lambda _node: None
        """Told when it crashed: somebody starts it again."""

    async def _awake(self) -> None:
        life = LIFE.get()
        if life is not None:
            await life.awake()

    @property
    def services(self) -> Services | None:
        """Of the running gateway; None while it is down or starting."""
        gateway = self.life.gateway if self.life is not None else None
        return gateway.services if gateway is not None and gateway.is_open else None

    async def start(self, make: Callable[[], SimulatedGateway]) -> bool:
        """Start a gateway on it; whether it came up."""
        life = self.life = Life(self)
        self._witness.node_started(self.name, self._now())
        self.trace.add(self.name, "starts")

        async def begin() -> None:
            life.gateway = make()
            await life.gateway.begin()

        task = life.start(begin())
        await asyncio.wait({task})
        if task.cancelled() or life.dead:
            return False
        if task.exception() is not None:
            self.crash(f"could not start: {type(task.exception()).__name__}", counted=False)
            return False
        return True

    def crash(self, where: str, *, counted: bool = True) -> None:
        """Kill it, here and now."""
        life = self.life
        if life is None or life.dead:
            return
        self.life, life.dead = None, True
        if counted:
            self.faults.took(Fault.CRASH, self.name, where)
        else:
            self.trace.add(self.name, f"goes down: {where}")
        self._witness.node_crashed(self.name, self._now())
        self._wake(life)
        current = asyncio.current_task()
        for task in list(life.tasks):
            if task is not current and task not in life.committing:
                task.cancel()
        self.came_down(self)

    def pause(self, where: str) -> None:
        """Stop it as SIGSTOP does, for a while."""
        life = self.life
        if life is None or life.paused is not None:
            return
        for_s = PAUSE_S[0] * (PAUSE_S[1] / PAUSE_S[0]) ** self.dice.random()
        life.paused = self.loop.create_future()
        self.faults.took(Fault.PAUSE, self.name, f"for {for_s:.1f} s {where}")
        self.loop.call_later(for_s, self._wake, life)

    def _wake(self, life: Life) -> None:
        paused, life.paused = life.paused, None
        if paused is not None and not paused.done():
            paused.set_result(None)

    async def stop(self) -> None:
        """An orderly stop."""
        life = self.life
        if life is None or life.gateway is None:
            return
        self.trace.add(self.name, "stops")
        task = life.start(life.gateway.end())
        await asyncio.wait({task})
        if not life.dead:
            life.dead, self.life = True, None
            self._wake(life)
            for left in list(life.tasks):
                if left not in life.committing:
                    left.cancel()

    async def ask(self, work: Callable[[Services], Coroutine[Any, Any, T]]) -> T:
        """Have the node do something for somebody outside.

        Raises:
            LineBroken: it is not up, or went down meanwhile.
        """
        services, life = self.services, self.life
        if services is None or life is None:
            raise LineBroken("nobody listens")
        task = life.start(work(services))
        task.add_done_callback(_heard)
        await asyncio.wait({task})
        if task.cancelled() or life.dead:
            raise LineBroken("the connection broke")
        return task.result()


def _heard(task: asyncio.Task[Any]) -> None:
    """Whoever asked may have gone away: then nobody wants to know how it failed."""
    if not task.cancelled():
        task.exception()


class NodeStore:
    """`gateway.store.port.Store` as a life sees it: the way to the database, on which the node may die."""

    def __init__(self, inner: Store, life: Life) -> None:
        self._inner = inner
        self._life = life

    async def run(self, unit: Callable[[Tx], T]) -> T:
        life, name = self._life, getattr(unit, "name", "unit")
        if name in _ROUNDS:
            await asyncio.sleep(life.node.dice.uniform(*ROUND_S))
        strike = life.strike()
        if strike is not None:
            await life.suffer(strike, f"before the commit of {name}")
        task = asyncio.current_task()
        life.committing.add(task)
        try:
            result = await self._inner.run(unit)
            if life.node.faults.draw(Place.UNIT) is Fault.LEASE and not life.dead:
                life.node.faults.took(Fault.LEASE, life.node.name, name)
                await asyncio.sleep(life.node.dice.uniform(*STUCK_S))
        finally:
            life.committing.discard(task)
        strike = life.strike()
        if strike is not None:
            await life.suffer(strike, f"after the commit of {name}")
        return result

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        await self._life.awake()
        return await self._inner.read(query)

    async def close(self) -> None:
        """The database outlives its nodes."""


class CountedTask(asyncio.Task[T]):
    """A task whose place in a set follows from when it was started, not from where it lies in memory."""

    def __init__(self, work: Coroutine[Any, Any, T], *, loop: VirtualLoop, context: Context | None) -> None:
        self._number = loop.next_number()
        super().__init__(work, loop=loop, context=context)

    def __hash__(self) -> int:
        return self._number


def task_factory(
    loop: VirtualLoop, work: Coroutine[Any, Any, Any], context: Context | None = None, **_more: Any
) -> asyncio.Task[Any]:
    """Makes tasks that belong to the life they were started in."""
    task: asyncio.Task[Any] = CountedTask(work, loop=loop, context=context)
    life = LIFE.get() if context is None else context.get(LIFE)
    if life is not None:
        life.tasks[task] = None
        task.add_done_callback(lambda done: life.tasks.pop(done, None))
    return task
