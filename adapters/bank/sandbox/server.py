"""The sandbox bank as a server: HTTP around the bank's business, faults and the control surface included."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace

import aiohttp
from aiohttp import web

from adapters.bank.sandbox import keys, plans
from adapters.bank.sandbox.bank import Bank
from adapters.bank.sandbox.book import Instruction
from adapters.bank.sandbox.doors import BankAnswer, Gatekeeper, Refused, Signer, error
from adapters.bank.sandbox.options import BankSandboxOptions, Lookup, NotifyFormat, StatementFault
from adapters.bank.sandbox.teller import Teller
from adapters.bank.signature_base import Request
from adapters.bank.xml import XmlRefused, parse
from adapters.sandbox.books import BookEntry
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.control import control_app
from adapters.sandbox.faults import Fault, FaultQueue, Stage, play
from adapters.sandbox.notifier import Notifier
from adapters.sandbox.server import SandboxServer
from gateway.clock import Clock, SystemClock
from gateway.domain.payout import DuplicateMode

_BODY_MAX_BYTES = 2 * 1024 * 1024


class BankSandbox:
    """A bank to try payouts on. Start it, talk to `base_url`, steer it at `control_url`, stop it."""

    def __init__(self, options: BankSandboxOptions, clock: Clock | None = None) -> None:
        self.clock = SandboxClock(clock or SystemClock())
        self.faults = FaultQueue()
        self._options = options
        self._seen: dict[str, int] = {}

    async def start(self) -> None:
        """Mint keys if there are none, open both listeners."""
        keys.mint(self._options.keys)
        held = keys.load(self._options.keys)
        self._session = aiohttp.ClientSession()
        self._notifier = Notifier(self._session, self.clock, self._options.notify_rules)
        self.signer = Signer(held, self.clock)
        self.gate = Gatekeeper(held, self.clock, demand_client=self._options.tls)
        self.teller = Teller(self._notifier, self.signer, lambda letter: self.bank.message_id(letter))
        self.bank = Bank(self._options, self.clock, self.teller, f"{int(self.clock.now().timestamp() * 1000):X}")
        api = web.Application(client_max_size=_BODY_MAX_BYTES)
        api.router.add_route("*", "/{tail:.*}", self._handle)
        self._server = SandboxServer(
            api,
            control_app(self),
            port=self._options.port,
            control_port=self._options.control_port,
            tls=keys.server_tls(self._options.keys) if self._options.tls else None,
        )
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()
        await self.bank.stop()
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

    def notify_at(self, url: str) -> None:
        """Where notifications go from now on."""
        self.bank.change(notify_url=url)

    def books(self) -> list[BookEntry]:
        return self.bank.book.entries()

    async def set_listener(self, open_: bool) -> None:
        await (self._server.open_listener() if open_ else self._server.close_listener())

    def scenario(self, order: Mapping[str, object]) -> object:
        """Either `{"for": EndToEndId or account, "words": "rjct:AC04", "after_s": 0.5}`, or knobs by name."""
        if "words" in order:
            wait = order.get("after_s", 0.3)
            if isinstance(wait, bool) or not isinstance(wait, int | float):
                raise ValueError("after_s is a number of seconds")
            self.bank.scenarios[str(order["for"])] = plans.scenario(str(order["words"]), float(wait))
            return {}
        for name, value in order.items():
            self._knobs[name](self, value)
        return {}

    def _set_funds(self, value: object) -> None:
        if not isinstance(value, Mapping):
            raise ValueError("funds are {account: minor units}")
        for account, minor in value.items():
            self.bank.book.set_funds(account, int(minor))

    def _set_replay(self, value: object) -> None:
        self.teller.replay_nonce = value is True

    _knobs: Mapping[str, Callable[[BankSandbox, object], None]] = {
        "duplicate_mode": lambda box, value: box.bank.change(duplicate_mode=DuplicateMode(str(value))),
        "lookup": lambda box, value: box.bank.change(lookup=Lookup(str(value))),
        "notify_format": lambda box, value: box.bank.change(notify_format=NotifyFormat(str(value))),
        "notify_bookings": lambda box, value: box.bank.change(notify_bookings=value is True),
        "notify_url": lambda box, value: box.notify_at(str(value)),
        "replay_nonce": lambda box, value: box._set_replay(value),
        "statement": lambda box, value: box.bank.change(
            statement_fault=None if value is None else StatementFault(str(value))
        ),
        "funds": lambda box, value: box._set_funds(value),
        "rotate_bank_key": lambda box, _: box.signer.rotate(),
        "expire_client_key": lambda box, _: box.gate.expire_client_key(),
    }

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        message = Request(request.method, self.base_url + request.raw_path, headers, await request.read())
        fingerprint = _fingerprint(request)

        async def work(fault: Fault | None) -> web.Response:
            try:
                self.gate.check(message, fingerprint)
                path, _, query = request.raw_path.partition("?")
                answer = await self.bank.serve(message, path, query)
            except Refused as refused:
                answer = refused.answer
            return self._signed(message, answer, fault)

        def refusal(status: int) -> web.Response:
            return self._signed(message, _FAULT_ANSWERS[status], None)

        async def hang() -> None:
            await self.clock.sleep(self.bank.options.hang_s)

        fault = self.faults.take(request.method) or self._fated(message)
        return await play(fault, request, work, Stage(refusal, hang))

    def _signed(self, request: Request, answer: BankAnswer, fault: Fault | None) -> web.Response:
        headers = self.signer.answer(request, answer, fault)
        return web.Response(status=answer.status, headers=list(headers), body=answer.body or None)

    def _fated(self, message: Request) -> Fault | None:
        """What the payee's account does to this transmission of the order, before anything is checked."""
        if message.method != "POST":
            return None
        try:
            instruction = Instruction.of(parse(message.body))
        except (XmlRefused, ValueError):
            return None
        number = self._seen.get(instruction.end_to_end_id, 0)
        self._seen[instruction.end_to_end_id] = number + 1
        faults = self.bank.plan(instruction).faults
        return faults[number] if number < len(faults) else None


_FAULT_ANSWERS: Mapping[int, BankAnswer] = {
    202: BankAnswer(202, b'{"transactionStatus":"RCVD"}'),
    429: replace(error(429, "ACCESS_EXCEEDED"), headers=(("Retry-After", "1"),)),
    500: error(500, "INTERNAL_SERVER_ERROR"),
}


def _fingerprint(request: web.Request) -> bytes | None:
    """Of the client's TLS certificate; None without TLS or without one."""
    session = request.transport.get_extra_info("ssl_object") if request.transport else None
    certificate = session.getpeercert(binary_form=True) if isinstance(session, ssl.SSLObject) else None
    return hashlib.sha256(certificate).digest() if certificate else None
