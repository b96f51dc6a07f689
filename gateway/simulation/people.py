"""The people who look after a gateway: two of them let it out of quarantine and release what may go on (R12, R15, R20).

They go by what is true: the bank's own books. One of them sometimes tries to approve a request of his own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gateway.domain.errors import NotFound, RequestRefused, StoreError
from gateway.domain.hold import HoldCode
from gateway.domain.payout import Payout
from gateway.domain.review import Ask, Request, RequestKind
from gateway.operations.review import approve, held, make_request
from gateway.operations.services import Services
from gateway.simulation.ledger import Ledger
from gateway.simulation.node import LineBroken, Node
from gateway.simulation.trace import Trace

T = TypeVar("T")

ANN, BOB = "person:ann", "person:bob"
LOOK_EVERY_S = 240.0
REST_S = 8 * 3600.0
"""How often they look once the faults are over: nobody goes home from a quarantine."""


class People:
    """Ann asks, Bob approves."""

    def __init__(
        self,
        nodes: list[Node],
        ledger: Ledger,
        dice: random.Random,
        trace: Trace,
        quarantined: Callable[[], bool],
        review_count: Callable[[], int],
    ) -> None:
        self._nodes = nodes
        self._ledger = ledger
        self._dice = dice
        self._trace = trace
        self._quarantined = quarantined
        self._review_count = review_count
        self.resting = False

    async def run(self) -> None:
        """Look around, again and again."""
        while True:
            resting = self.resting and not self._quarantined()
            await asyncio.sleep(REST_S if resting else LOOK_EVERY_S * self._dice.uniform(0.5, 1.5))
            if self._quarantined():
                await self._decide(Ask(RequestKind.LEAVE_QUARANTINE, None, "reconciled"))
            elif self._review_count():
                await self._look_at_held()

    async def _look_at_held(self) -> None:
        found = await self._ask(held)
        for each in found or ():
            ask = self._wanted(each.payout)
            if ask is not None:
                await self._decide(ask)

    def _wanted(self, payout: Payout) -> Ask | None:
        """What is to be done about it; None when it is best left alone."""
        if payout.hold is None:
            return None
        match payout.hold.code:
            case HoldCode.CRASHED:
                return Ask(RequestKind.RELEASE, payout.id, "the machine was at fault")
            case HoldCode.FOUND_AT_CHANNEL if self._is_paid(payout):
                return Ask(RequestKind.RESOLVE_PAID, payout.id, "on the bank's statement", b"statement")
            case _:
                return None

    def _is_paid(self, payout: Payout) -> bool:
        """By the banks' books, under whatever id."""
        lines = self._ledger.lines.values()
        return any(line.paid_times and self._ledger.about(line.channel_reference) == payout.reference for line in lines)

    async def _decide(self, ask: Ask) -> None:
        """Ann asks; Bob, or at first Ann herself, approves."""
        request = await self._ask(lambda services: make_request(services, ANN, ask))
        if request is None:
            return
        await asyncio.sleep(self._dice.uniform(5.0, 60.0))
        if self._dice.random() < 0.3:
            await self._approve(request, ANN)
        await self._approve(request, BOB)

    async def _approve(self, request: Request, person: str) -> None:
        done = await self._ask(lambda services: approve(services, person, request.id))
        said = f"approves {request.kind}" if done is not None else f"may not approve {request.kind}"
        self._trace.add(person, said, request.payout_id)

    async def _ask(self, work: Callable[[Services], Coroutine[Any, Any, T]]) -> T | None:
        """Through some node; None when it could not be done."""
        up = [node for node in self._nodes if node.services is not None]
        if not up:
            return None
        try:
            return await self._dice.choice(up).ask(work)
        except (LineBroken, StoreError, RequestRefused, NotFound):
            return None
