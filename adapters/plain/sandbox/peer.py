"""The other side of a plain channel: a server with books of its own, that obeys the magic endings.

It speaks the channel's words, which its author gives it as an `OtherSide`; what it does is the same for all.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from adapters.json_text import NotJson, read_object
from adapters.plain import signing
from adapters.plain.sandbox.book import DELAYED, Book, Delay, lost_transmissions
from adapters.plain.words import Json, Kept, KeptState, Placed
from adapters.sandbox.books import BookEntry
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.control import control_app
from adapters.sandbox.faults import SIGNATURE_FAULTS, Fault, FaultQueue, Stage, play
from adapters.sandbox.notifier import Notifier, NotifyRules, Outgoing
from adapters.sandbox.server import SandboxServer
from adapters.spec import SandboxPlace
from gateway.secret import SecretResolver

HANG_S = 30.0
SLOW_S = 3.0


@dataclass(frozen=True, slots=True)
class OtherSide:
    """What the real channel says, as its author knows it from its documents. The mirror of `PlainWire`."""

    read_order: Callable[[Json], Placed]
    """An order that came. Raises ValueError, KeyError or TypeError for one that is none."""
    write_answer: Callable[[Kept | None], tuple[int, Json]]
    """HTTP status and body of an answer; None: there is no such order."""
    write_event: Callable[[str, Kept], Json]
    """The body of a notification, with the event's id."""


class PlainPeer:
    """A sandbox (`adapters.spec.Sandbox`) on loopback."""

    def __init__(self, place: SandboxPlace, other_side: OtherSide) -> None:
        self.clock = SandboxClock(place.clock)
        self.faults = FaultQueue()
        self._place = place
        self._words = other_side
        self._key = SecretResolver(place.keys.parent, {})(f"file:{place.keys.name}/key").reveal()
        self._book = Book()
        self._nonces: set[str] = set()
        self._seen: dict[str, int] = {}
        self._plans: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._session = aiohttp.ClientSession()
        self._notifier = Notifier(self._session, self.clock, NotifyRules())
        self._server = SandboxServer(
            app, control_app(self), port=self._place.port, control_port=self._place.control_port
        )
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()
        for plan in self._plans:
            plan.cancel()
        await asyncio.gather(*self._plans, return_exceptions=True)
        await self._notifier.stop()
        await self._session.close()

    @property
    def base_url(self) -> str:
        return self._server.base_url

    @property
    def control_url(self) -> str:
        return self._server.control_url

    @property
    def notifier(self) -> Notifier:
        return self._notifier

    def books(self) -> list[BookEntry]:
        return self._book.entries()

    def scenario(self, order: Mapping[str, object]) -> object:
        raise ValueError("this sandbox knows no scenarios; the account's ending chooses")

    async def set_listener(self, open_: bool) -> None:
        await (self._server.open_listener() if open_ else self._server.close_listener())

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        placed = self._order(request, body)
        fault = self.faults.take(request.method) or self._fated(placed)

        async def work(_fault: Fault | None) -> web.Response:
            return await self._work(request, body, placed)

        async def hang() -> None:
            await self.clock.sleep(HANG_S)

        # Answers are not signed here, so nothing can be wrong with their signature.
        return await play(None if fault in SIGNATURE_FAULTS else fault, request, work, Stage(_refusal, hang))

    def _order(self, request: web.Request, body: bytes) -> Placed | None:
        if request.method != "POST":
            return None
        try:
            return self._words.read_order(read_object(body))
        except (NotJson, ValueError, KeyError, TypeError):
            return None

    def _fated(self, placed: Placed | None) -> Fault | None:
        """What the payee's account does to this transmission."""
        if placed is None:
            return None
        number = self._seen.get(placed.reference, 0)
        self._seen[placed.reference] = number + 1
        faults = lost_transmissions(placed.account)
        return faults[number] if number < len(faults) else None

    async def _work(self, request: web.Request, body: bytes, placed: Placed | None) -> web.Response:
        try:
            headers = tuple(request.headers.items())
            nonce = signing.verify(self._key, request.raw_path, body, headers, self.clock.now())
        except signing.BadSignature as error:
            return web.json_response({"error": error.code}, status=401)
        if nonce in self._nonces:
            return web.json_response({"error": "nonce_used"}, status=401)
        self._nonces.add(nonce)
        if request.method == "GET":
            return self._answered(self._book.find(request.path.rpartition("/")[2]))
        if placed is None:
            return web.json_response({"error": "no_order"}, status=400)
        kept, fresh = self._book.place(placed)
        if fresh:
            self._begin(kept)
        if self._book.is_slow(kept):
            await self.clock.sleep(SLOW_S)
        return self._answered(self._book.find(placed.reference))

    def _answered(self, kept: Kept | None) -> web.Response:
        status, body = self._words.write_answer(kept)
        return web.json_response(dict(body), status=status)

    def _begin(self, kept: Kept) -> None:
        if kept.state is not KeptState.PROCESSING:
            self._tell(kept)
        plan = asyncio.get_running_loop().create_task(self._live(kept, DELAYED[self._book.fate(kept)]))
        self._plans.add(plan)
        plan.add_done_callback(self._plans.discard)

    async def _live(self, kept: Kept, delays: tuple[Delay, ...]) -> None:
        """What becomes of an order in the course of time."""
        for delay in delays:
            await self.clock.sleep(delay.after_s)
            moved = self._book.move(kept.placed.reference, delay)
            self._tell(moved, repeat=delay.told_times)

    def _tell(self, kept: Kept, repeat: int = 1) -> None:
        body = web.json_response(dict(self._words.write_event(f"ev-{kept.payout_id}-{kept.state}", kept))).body
        if not isinstance(body, bytes):
            raise TypeError("a JSON answer is bytes")
        content = body

        def signed() -> Outgoing:
            headers = signing.sign(self._key, "", content, self.clock.now(), secrets.token_bytes(16))
            return Outgoing(self._place.notify_url, (("content-type", "application/json"), *headers), content)

        self._notifier.post(signed, repeat=repeat)


def _refusal(status: int) -> web.Response:
    return web.json_response({"error": "not now"}, status=status)
