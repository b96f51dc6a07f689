"""The sandbox as a whole: door, faults, fates of the transport, routes, notifications, control."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import aiohttp
from aiohttp import web

from adapters.sandbox.books import BookEntry
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.control import control_app
from adapters.sandbox.faults import Fault, FaultQueue, Stage, play
from adapters.sandbox.keys import server_tls
from adapters.sandbox.notifier import Notifier, Outgoing
from adapters.sandbox.server import SandboxServer
from adapters.wechat.cipher import seal_resource
from adapters.wechat.orders import BILLS
from adapters.wechat.sandbox import minting, routes
from adapters.wechat.sandbox.book import Bill, Book
from adapters.wechat.sandbox.gate import Gate, Signer
from adapters.wechat.sandbox.intake import Fields, read_create
from adapters.wechat.sandbox.options import KeyMode, WechatSandboxOptions
from adapters.wechat.sandbox.plays import Play, by_openid, scenario
from adapters.wechat.sandbox.refusal import Refuse
from adapters.wechat.sandbox.statement import Statements
from adapters.wechat.sandbox.transport import Transport
from gateway.clock import Clock, SystemClock

_FAULT_CODES = {202: None, 429: "FREQUENCY_LIMITED", 500: "SYSTEM_ERROR"}


class WechatSandbox:
    """A WeChat Pay of one's own, on loopback."""

    def __init__(self, options: WechatSandboxOptions, clock: Clock | None = None) -> None:
        self._options = options
        self.clock = SandboxClock(clock or SystemClock())
        self.faults = FaultQueue()
        minting.mint(options.keys)
        self.keys = minting.load(options.keys)
        self.signer = Signer(self.keys, self.clock, options.key_mode)
        self.book = Book(options, self.clock, self._tell)
        self.statements = Statements(self.clock, self.book.movements)
        self._gate = Gate(self.keys, self.clock)
        self._transport = Transport(options, self.clock)
        self._scenarios: dict[str, Play] = {}
        self._reused_event_id: str | None = None
        self._notifier: Notifier | None = None
        self._session: aiohttp.ClientSession | None = None
        api = web.Application()
        api.router.add_route("*", "/{path:.*}", self._handle)
        self._server = SandboxServer(
            api,
            control_app(self),
            port=options.port,
            control_port=options.control_port,
            tls=server_tls(options.keys) if options.tls else None,
        )

    async def start(self) -> None:
        self._session = aiohttp.ClientSession()
        self._notifier = Notifier(self._session, self.clock, self._options.notifications)
        await self._server.start()

    async def stop(self) -> None:
        """Stop listening and forget everything: the books live in this object only."""
        await self.book.stop()
        if self._notifier is not None:
            await self._notifier.stop()
        await self._server.stop()
        if self._session is not None:
            await self._session.close()

    @property
    def base_url(self) -> str:
        return self._server.base_url

    @property
    def control_url(self) -> str:
        return self._server.control_url

    @property
    def notifier(self) -> Notifier:
        if self._notifier is None:
            raise RuntimeError("the sandbox was not started")
        return self._notifier

    def books(self) -> list[BookEntry]:
        return self.book.entries()

    async def set_listener(self, open_: bool) -> None:
        await (self._server.open_listener() if open_ else self._server.close_listener())

    # --- requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = routes.Call(request.method, request.raw_path, request.headers, body)
        wished = request.headers.get("Wechatpay-Serial", "")

        async def work(fault: Fault | None) -> web.Response:
            return self._answer(call, wished, fault)

        async def hang() -> None:
            await self.clock.sleep(self._options.hang_s)

        def refusal(status: int) -> web.Response:
            code = _FAULT_CODES[status]
            members = {"code": code, "message": "as ordered"} if code else {}
            return self._signed(status, routes.compact(members), wished)

        fated = await self._transport.fault(self._create_fields(call))
        fault = self.faults.take(request.method) or fated
        return await play(fault, request, work, Stage(refusal, hang))

    def _create_fields(self, call: routes.Call) -> Fields | None:
        """The fields of a create that will be taken in; a request that is refused has no fate."""
        if call.method != "POST" or call.path != BILLS:
            return None
        try:
            return self._read(call.body, call.headers.get("Wechatpay-Serial", ""))
        except Refuse:
            return None

    def _answer(self, call: routes.Call, wished: str, fault: Fault | None) -> web.Response:
        try:
            self._gate.admit(call.method, call.target, call.headers.get("Authorization", ""), call.body)
            answer = routes.answer(self, call)
        except Refuse as refuse:
            # Whether refusals are signed is not settled; the one of a signature surely cannot rest on keys.
            fault = Fault.NO_SIGNATURE if refuse.status == 401 else fault
            return self._signed(refuse.status, routes.compact(refuse.members), wished, fault)
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="application/octet-stream")
        if fault is Fault.OTHER_REQUEST and "out_bill_no" in answer:
            answer = answer | {"out_bill_no": "ANOTHERORDER"}
        return self._signed(200, routes.compact(answer), wished, fault)

    def _signed(self, status: int, body: bytes, wished: str, fault: Fault | None = None) -> web.Response:
        headers = self.signer.headers(self.signer.for_answer(wished), body, fault)
        headers["Request-ID"] = uuid.uuid4().hex.upper()
        headers["Content-Type"] = "application/json; charset=utf-8"
        return web.Response(status=status, body=body, headers=headers)

    def _read(self, body: bytes, wechatpay_serial: str) -> Fields:
        return read_create(body, wechatpay_serial, self.keys, self._options.amount_max_fen)

    def create(self, body: bytes, wechatpay_serial: str) -> Bill:
        """Take a create in. Raises `Refuse`."""
        fields = self._read(body, wechatpay_serial)
        number, openid = str(fields["out_bill_no"]), str(fields["openid"])
        self._transport.check_funds(number, openid)
        ordered = self._scenarios.get(number) or self._scenarios.get(openid)
        return self.book.create(fields, ordered or by_openid(openid))

    # --- notifications

    def _tell(self, bill: Bill) -> None:
        url = bill.fields.get("notify_url")
        if not bill.play.tells or not isinstance(url, str):
            return
        body = routes.compact(self._envelope(bill))

        def sign() -> Outgoing:
            headers = self.signer.headers(self.signer.for_notification(), body)
            return Outgoing(url, (("Content-Type", "application/json"), *headers.items()), body)

        badly = bill.play.told_badly
        self.notifier.post(sign, repeat=2 if badly else None, hold_s=self._options.hold_s if badly else 0.0)

    def _envelope(self, bill: Bill) -> Fields:
        sealed = seal_resource(
            self.keys.apiv3_key,
            routes.compact(routes.event(bill)),
            nonce=uuid.uuid4().hex[:12],
            associated_data="mch_payment",
        )
        return {
            "id": self._reused_event_id or str(uuid.uuid4()),
            "create_time": routes.stamp(self.clock.now()),
            "resource_type": "encrypt-resource",
            "event_type": "MCHTRANSFER.BILL.FINISHED",
            "summary": "商家转账单据终态通知",
            "resource": {"original_type": "mch_payment"} | sealed,
        }

    # --- control

    def scenario(self, order: Mapping[str, object]) -> object:
        """One or several of:

        {"for": "OUT_BILL_NO or openid", "play": "success | fail:REASON | wait_forever | overdue | not_enough |
        accepted_stuck | cancel_race"} for orders to come, {"confirm": "OUT_BILL_NO"}, {"balance_fen": 0},
        {"when_short": "refuse | processing"}, {"key_mode": "certificate | public_key | mixed"},
        {"rotate_certificate": true}, {"event_id": "reused by every event, or null"},
        {"bill": {"drop": ["OUT_BILL_NO"], "double": [], "alter": []}}.
        """
        known = {"for", "play", "confirm", "balance_fen", "when_short", "key_mode", "rotate_certificate", "event_id"}
        unknown = set(order) - known - {"bill"}
        if unknown:
            raise ValueError(f"no such order: {', '.join(sorted(unknown))}")
        if "for" in order:
            self._scenarios[str(order["for"])] = scenario(str(order["play"]))
        if "confirm" in order:
            self.book.confirm(self.book.bills[str(order["confirm"])])
        if "when_short" in order:
            self.book.refuses_when_short = order["when_short"] == "refuse"
        if "balance_fen" in order:
            self.book.top_up(int(str(order["balance_fen"])))
        if "key_mode" in order:
            self.signer.mode = KeyMode(str(order["key_mode"]))
        if order.get("rotate_certificate"):
            self.signer.rotate()
        if "event_id" in order:
            self._reused_event_id = str(order["event_id"]) if order["event_id"] else None
        if "bill" in order:
            spoils = order["bill"]
            self.statements.spoil(spoils if isinstance(spoils, Mapping) else {"bill": spoils})
        return {}
