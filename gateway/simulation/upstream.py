"""The apps upstream: they order, ask again when the answer is lost, take orders back, and hear callbacks."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.sender import Sent
from gateway.callbacks.signing import BadSignature, sign, verify
from gateway.clock import Clock
from gateway.domain.errors import AlreadyFinal, NotFound, ReferenceReused, StoreError
from gateway.domain.payout import Payout
from gateway.operations.accept import PayoutRequest, accept
from gateway.operations.cancel import cancel
from gateway.operations.incoming import Accepted
from gateway.operations.services import Services
from gateway.simulation.audit import Auditor
from gateway.simulation.faults import Fault, Faults, Place
from gateway.simulation.node import Life, LineBroken, Node
from gateway.simulation.orders import Habit, Wanted, changed
from gateway.simulation.stage import callback_secret
from gateway.simulation.trace import Trace

T = TypeVar("T")

ANSWER_WITHIN_S = 10.0
TRIES_MAX = 400
CALLBACK_TIMEOUT_S = 15.0


class Upstream:
    """All apps of a world, and the way between them and the nodes."""

    def __init__(
        self,
        nodes: Iterable[Node],
        auditor: Auditor,
        faults: Faults,
        dice: random.Random,
        trace: Trace,
        clock: Clock,
    ) -> None:
        self._nodes = tuple(nodes)
        self._auditor = auditor
        self._faults = faults
        self._dice = dice
        self._trace = trace
        self._clock = clock
        self.dead: set[str] = set()
        """Apps whose endpoint is down."""
        self.accepted: dict[str, str] = {}
        """Payout ids by reference."""
        self._wanted: dict[str, Wanted] = {}
        """By payout id."""
        self.heard: set[str] = set()
        """Event ids: each is acted on once."""
        self.forgotten = False
        """A restore has forgotten payouts: nobody can tell any more what a reference meant before."""
        self.unanswered = 0
        """Orders that no node ever took or refused."""

    # Ordering --------------------------------------------------------------------------------------------------------

    async def order(self, wanted: Wanted) -> None:
        """One order, from wanting it to knowing that it was taken."""
        self._auditor.order_wanted(wanted.app, wanted.reference, wanted.amount, wanted.beneficiary.account)
        await self._clock.sleep(max(wanted.at_s - self._clock.monotonic(), 0.0))
        taken = await self._until_answered(wanted)
        if taken is None:
            self.unanswered += 1
            return
        match wanted.habit:
            case Habit.REPEATS:
                await self._clock.sleep(self._dice.uniform(0.0, 600.0))
                await self._until_answered(wanted)
            case Habit.REUSES:
                await self._clock.sleep(self._dice.uniform(0.0, 600.0))
                if not self.forgotten:
                    await self._until_answered(changed(self._dice, wanted))
            case Habit.CANCELS:
                await self._clock.sleep(self._dice.choice((0.0, 0.05, 1.0, 20.0, 300.0)))
                await self._take_back(wanted, taken)

    async def order_again(self, payout_ids: list[str]) -> None:
        """Payouts that a restore forgot: sooner or later their apps notice that nobody knows them, and order again."""
        self.forgotten = self.forgotten or bool(payout_ids)
        for payout_id in payout_ids:
            wanted = self._wanted.get(payout_id)
            if wanted is not None:
                await self._clock.sleep(self._dice.uniform(0.0, 30.0))
                await self._until_answered(wanted)

    def reference_of(self, payout_id: str) -> str | None:
        wanted = self._wanted.get(payout_id)
        return wanted.reference if wanted is not None else None

    async def _until_answered(self, wanted: Wanted) -> str | None:
        """What every app should do: say the same thing again until there is an answer."""
        request = PayoutRequest(wanted.app, wanted.reference, wanted.amount, wanted.beneficiary)
        for _ in range(TRIES_MAX):
            try:
                accepted = await self._through(wanted, lambda services: accept(services, request))
            except (LineBroken, StoreError):
                await self._clock.sleep(self._dice.uniform(0.5, 8.0))
                continue
            except ReferenceReused:
                self._trace.add(wanted.app, "refused: reference reused", wanted.reference)
                return None
            return self._took(wanted, accepted)
        return None

    def _took(self, wanted: Wanted, accepted: Accepted) -> str:
        """A 2xx is in the app's hands."""
        payout: Payout = accepted.payout
        self._trace.add(wanted.app, "accepted" if not accepted.replayed else "known already", wanted.reference)
        self.accepted[wanted.reference] = payout.id
        self._wanted.setdefault(payout.id, wanted)
        account = wanted.beneficiary.account
        self._auditor.acknowledged(wanted.app, wanted.reference, payout.id, wanted.amount, account)
        return payout.id

    async def _take_back(self, wanted: Wanted, payout_id: str) -> None:
        for _ in range(TRIES_MAX):
            try:
                await self._through(wanted, lambda services: cancel(services, wanted.app, payout_id))
            except (LineBroken, StoreError):
                await self._clock.sleep(self._dice.uniform(0.5, 8.0))
                continue
            except (AlreadyFinal, NotFound) as refused:
                self._trace.add(wanted.app, f"cancel refused: {type(refused).__name__}", wanted.reference)
                return
            self._trace.add(wanted.app, "cancel taken", wanted.reference)
            return

    async def _through(self, wanted: Wanted, work: Callable[[Services], Coroutine[Any, Any, T]]) -> T:
        """One request to some node. Raises `LineBroken` when no answer came back, and what the gateway refused with."""
        strike = self._faults.draw(Place.API)
        await self._clock.sleep(self._dice.uniform(0.001, 0.02))
        up = [node for node in self._nodes if node.services is not None]
        if not up:
            raise LineBroken("nobody listens")
        if strike is Fault.API_LOST:
            self._faults.took(strike, wanted.app, about=wanted.reference)
            raise LineBroken("the request is lost")
        answer = await _within(self._dice.choice(up).ask(work), ANSWER_WITHIN_S)
        if strike is Fault.API_ANSWER_LOST:
            self._faults.took(strike, wanted.app, about=wanted.reference)
            raise LineBroken("the answer is lost")
        return answer

    # Hearing ---------------------------------------------------------------------------------------------------------

    def receive(self, app: str, headers: dict[str, str], body: bytes) -> int:
        """A callback is at an app's door; the status it answers."""
        now = self._clock.now()
        try:
            verify(headers, body, now, (callback_secret(app),))
        except BadSignature:
            self._trace.add(app, "callback refused: bad signature or time")
            return 401
        self._auditor.callback_received(app, body, headers, now)
        event = json.loads(body)
        payout = event["data"]["object"]
        again = " again" if event["id"] in self.heard else ""
        self.heard.add(event["id"])
        self._trace.add(app, f"hears {event['type']}{again} ({payout['status']})", payout["reference"])
        return 204


async def _within(work: Awaitable[T], timeout_s: float) -> T:
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError:
        raise LineBroken("no answer in time") from None


class CallbackLine:
    """`gateway.operations.deliver.Sender`: from one life of a node to the apps."""

    def __init__(self, life: Life, upstream: Upstream, faults: Faults, dice: random.Random) -> None:
        self._life = life
        self._upstream = upstream
        self._faults = faults
        self._dice = dice

    async def send(self, endpoint: Endpoint, message_id: str, body: bytes) -> Sent:
        """Sign and post once."""
        life, node = self._life, self._life.node
        await life.step("before a callback")
        headers = sign(endpoint, message_id, node.clock.now(), body)
        strike = self._faults.draw(Place.CALLBACK)
        await asyncio.sleep(self._dice.uniform(0.005, 0.1))
        if endpoint.app in self._upstream.dead:
            self._faults.took(Fault.ENDPOINT_DEAD, endpoint.app)
            return Sent(503, "HTTP 503", None, 5)
        if strike is Fault.CALLBACK_LOST:
            self._faults.took(strike, node.name)
            await asyncio.sleep(CALLBACK_TIMEOUT_S)
            return Sent(None, "no answer in time", None, 15_000)
        status = self._upstream.receive(endpoint.app, headers, body)
        if strike is Fault.CALLBACK_ANSWER_LOST:
            self._faults.took(strike, node.name)
            return Sent(None, "no answer: the connection broke", None, 50)
        await life.step("after a callback")
        return Sent(status, f"HTTP {status}", None, 50)
