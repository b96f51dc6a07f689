"""The real API on a real socket, over real operations and a real store; and a client that sends what it is told.

Clients normalise: they would hide what the framing tests are about. So requests are bytes here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.channel import NotificationRefused, RawNotification, Reply, Timeouts
from adapters.steering import NotSteered, Transition
from gateway.api.keys import KeyRecord, KeyRing, Scope, bearer_record
from gateway.api.server import InForce, Listener, Snapshot, public_app, start_listener
from gateway.api.signed_request import Algorithm, authorization
from gateway.callbacks.endpoint import Endpoint
from gateway.callbacks.sender import Sent
from gateway.domain import changes
from gateway.domain.event import EventType
from gateway.domain.reasons import StatusCode
from gateway.domain.status import StatusReason
from gateway.domain.steps import StepPolicy
from gateway.operations.background import Background
from gateway.operations.record import record
from gateway.operations.services import ChannelHandle, Keys, Services
from gateway.sealing import Sealer
from gateway.secret import Secret
from gateway.store.port import ReadTx, Tx
from gateway.store.sqlite import SqliteStore
from routing.guard import Guard, Limits
from tests.support.builders import POLLS, sending
from tests.support.clock import START, FakeClock
from tests.support.patience import PATIENCE_S
from tests.support.scripted import a_policy

T = TypeVar("T")

ALL_SCOPES = frozenset(Scope)
TEST_KEY = b"test_Kc0mVnWxJ3qPzR7t"
NOTIFY_TOKEN = "tok_4f0c2a9e7b"
CURSOR_KEY = b"cursor key of the tests"


@dataclass(frozen=True)
class Signer:
    """A key with the secret half that its app holds."""

    record: KeyRecord
    secret: bytes = field(repr=False)


def hmac_signer(key_id: str, app: str, scopes: frozenset[Scope] = ALL_SCOPES, **validity: Any) -> Signer:
    secret = f"the secret of {key_id}".encode()
    return Signer(KeyRecord(key_id, app, Algorithm.HMAC_SHA256, secret, scopes, **validity), secret)


def ed25519_signer(key_id: str, app: str) -> Signer:
    private = Ed25519PrivateKey.from_private_bytes(key_id.encode().ljust(32, b"."))
    record = KeyRecord(key_id, app, Algorithm.ED25519, private.public_key().public_bytes_raw(), ALL_SCOPES)
    return Signer(record, private.private_bytes_raw())


SHOP = hmac_signer("shop-1", "shop")
SHOP_ED = ed25519_signer("shop-2", "shop")
RIVAL = hmac_signer("rival-1", "rival")
READER = hmac_signer("shop-reader", "shop", frozenset({Scope.QUERY}))
WRITER = hmac_signer("shop-writer", "shop", frozenset({Scope.SUBMIT}))
EXPIRED = hmac_signer("shop-old", "shop", not_after=START - timedelta(seconds=1))
FUTURE = hmac_signer("shop-new", "shop", not_before=START + timedelta(hours=1))
SIGNERS = (SHOP, SHOP_ED, RIVAL, READER, WRITER, EXPIRED, FUTURE)


class FaultyStore:
    """A store whose next units or reads fail as a test says; else the real one."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.run_errors: list[Exception | None] = []
        """One entry per unit to come: the error it ends in, or None for one that works."""
        self.run_errors_after: list[Exception] = []
        """One entry per unit to come that works, and of which nobody knows it."""
        self.read_error: Exception | None = None

    async def run(self, unit: Callable[[Tx], T]) -> T:
        error = self.run_errors.pop(0) if self.run_errors else None
        if error is not None:
            raise error
        after = self.run_errors_after.pop(0) if self.run_errors_after else None
        done = await self.store.run(unit)
        if after is not None:
            raise after
        return done

    async def read(self, query: Callable[[ReadTx], T]) -> T:
        if self.read_error is not None:
            raise self.read_error
        return await self.store.read(query)

    async def close(self) -> None:
        await self.store.close()


class EarChannel:
    """A channel of which only the ear works: it keeps what it hears and refuses it politely."""

    name = "ear"

    def __init__(self) -> None:
        self.heard: list[RawNotification] = []
        self.steered: list[tuple[str, Transition]] = []

    async def read_notification(self, raw: RawNotification) -> Any:
        self.heard.append(raw)
        raise NotificationRefused("not_signed", "no signature", status=418)

    async def steer(self, channel_reference: str, to: Transition) -> None:
        """What somebody at the bank did; twice is once too often."""
        if (channel_reference, to) in self.steered:
            raise NotSteered(f"it is {to} already")
        self.steered.append((channel_reference, to))

    def reply(self, status: int, code: str) -> Reply:
        return Reply(status, (("Content-Type", "text/xml"), ("X-Ear", code)), b"<heard/>")


@dataclass
class Upstream:
    """The other side of every endpoint: answers as it is told to, else 204, and keeps what it was sent."""

    answers: list[Sent] = field(default_factory=list)
    sent: list[tuple[Endpoint, str, bytes]] = field(default_factory=list)

    async def send(self, endpoint: Endpoint, message_id: str, body: bytes) -> Sent:
        self.sent.append((endpoint, message_id, body))
        return self.answers.pop(0) if self.answers else Sent(204, "HTTP 204", None, 7)


@dataclass(frozen=True)
class Answered:
    """One answer as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def codes(self) -> dict[str, str]:
        """pointer -> code of a problem's errors."""
        return {each["pointer"]: each["code"] for each in self.json()["errors"]}


def parse_answer(raw: bytes) -> Answered:
    """The first answer in `raw` (the rest is its body, interim answers are skipped)."""
    while raw.startswith(b"HTTP/1.1 100"):
        raw = raw.partition(b"\r\n\r\n")[2]
    head, _, body = raw.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    assert status_line.startswith("HTTP/"), raw[:200]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answered(int(status_line.split()[1]), headers, body)


class ApiServer:
    """The public API, started; `services`, `clock` and `store` are its world."""

    def __init__(
        self,
        services: Services,
        clock: FakeClock,
        store: FaultyStore,
        ear: EarChannel,
        upstream: Upstream,
        *,
        sandbox: bool = True,
    ) -> None:
        self.services = services
        self.upstream = upstream
        self.clock = clock
        self.store = store
        self.ear = ear
        keys = KeyRing([*(signer.record for signer in SIGNERS), bearer_record("test", "shop", TEST_KEY, ALL_SCOPES)])
        tokens = {"ear": NOTIFY_TOKEN, "gone": "tok_of_a_channel_that_is_gone"}
        self.app = public_app(InForce(Snapshot(services, keys, tokens)), sandbox=sandbox, cursor_key=CURSOR_KEY)
        self.listener: Listener | None = None
        self._references = count(1)

    async def start(self) -> None:
        self.listener = await start_listener(self.app, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self.listener is not None
        await self.listener.stop()
        await self.store.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert self.listener is not None
        return await asyncio.open_connection("127.0.0.1", self.listener.port)

    async def raw(self, data: bytes) -> Answered:
        """Send these bytes, and read until the server closes."""
        return parse_answer(await self.raw_bytes(data))

    async def raw_bytes(self, data: bytes) -> bytes:
        reader, writer = await self.connect()
        try:
            writer.write(data)
            async with asyncio.timeout(PATIENCE_S):
                return await reader.read()
        finally:
            writer.close()

    async def send(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answered:
        """One plain request with the headers given, and those that framing needs."""
        return await self.raw(http(method, target, body, headers or {}))

    async def signed(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        by: Signer = SHOP,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """One rightly signed request."""
        return await self.send(method, target, body, {**self.auth(method, target, body, by=by), **(headers or {})})

    def auth(
        self, method: str, target: str, body: bytes = b"", *, by: Signer = SHOP, at_s: int = 0, nonce: str = ""
    ) -> dict[str, str]:
        """The headers of a signed request; `at_s` seconds off the server's clock."""
        made = authorization(
            by.record.algorithm,
            by.record.id,
            by.secret,
            method=method,
            target=target,
            timestamp=int(self.clock.now().timestamp()) + at_s,
            nonce=nonce or secrets.token_hex(16),
            body=body,
        )
        return {"Authorization": made, **({"Content-Type": "application/json"} if body else {})}

    def order(self, reference: str | None = None, **fields: object) -> dict[str, Any]:
        """An order that is accepted; `fields` replace its own."""
        return {
            "reference": reference or f"order-{next(self._references)}",
            "amount": {"value": 12345, "currency": "CNY"},
            "beneficiary": {
                "type": "bank_account",
                "account_number": "6222 0000-0000 0199",
                "name": "张三",
                "bank_code": "000200000002",
                "country": "CN",
            },
            **fields,
        }

    async def quoted(self, **fields: object) -> str:
        """The id of a quote for `order`'s amount and method, or for what `fields` say instead."""
        asked = {"amount": {"value": 12345, "currency": "CNY"}, "method": "bank_account", **fields}
        made: str = (await self.signed("POST", "/v1/quotes", json.dumps(asked).encode())).json()["id"]
        return made

    async def failed(self, reference: str | None = None, **fields: object) -> str:
        """A payout of the shop that no channel took in its time; its id."""
        made: str = (await self.create(self.order(reference, **fields))).json()["id"]

        def unit(tx: Tx) -> None:
            payout, now = tx.payout(made), self.clock.now()
            assert payout is not None
            closed = changes.close(payout, StatusReason(StatusCode.CHANNEL_UNAVAILABLE), now)
            record(self.services, tx, payout, closed, EventType.CLOSED, now)

        await self.store.run(unit)
        return made

    async def sent(self, reference: str | None = None) -> str:
        """A payout of the shop whose order is at the ear; its id."""
        made: str = (await self.create(self.order(reference))).json()["id"]

        def unit(tx: Tx) -> None:
            payout = tx.payout(made)
            assert payout is not None
            tx.save(payout, sending(payout, "ear"), None)

        await self.store.run(unit)
        return made

    async def create(self, order: Mapping[str, object], *, by: Signer = SHOP) -> Answered:
        return await self.signed("POST", "/v1/payouts", json.dumps(order).encode(), by=by)


def http(method: str, target: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A request after which the connection ends."""
    named = {"Host": "gateway.test", "Connection": "close", **headers}
    if body or method == "POST":
        named["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def make_server(folder: Path, *, sandbox: bool = True) -> ApiServer:
    """An API with a store in `folder`, not yet started."""
    clock = FakeClock()
    store = FaultyStore(SqliteStore.open_file(folder / "api.db", Sealer([b"k" * 32], secrets.token_bytes), "sandbox"))
    ear = EarChannel()
    guard = Guard("ear", Limits(in_flight=50, rps=1000), clock.monotonic)
    handle = ChannelHandle(ear, a_policy("ear"), guard, POLLS, Timeouts())  # type: ignore[arg-type]  # only its ear is used
    uuids = count(0x0190_0000_0000_7000_8000_0000_0000_0000)
    services = Services(
        store=store,
        clock=clock,
        new_uuid=lambda: UUID(int=next(uuids)),
        keys=Keys(b"identity", b"fingerprint"),
        channels={"ear": handle},
        endpoints={"shop": (Endpoint("ep_1", "shop", "http://127.0.0.1:9/", (Secret(b"whsec_" + b"A" * 32),)),)},
        steps=StepPolicy(),
        node="node-1",
        give_up_after=timedelta(hours=72),
        retry_every=timedelta(seconds=30),
        lease_s=30.0,
        api_version="2026-01-01",
        background=Background(),
        hand_over=lambda payout, lease, outgoing: None,
        wake=lambda: None,
        wake_callbacks=lambda: None,
        sender=(upstream := Upstream()),
    )
    return ApiServer(services, clock, store, ear, upstream, sandbox=sandbox)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
