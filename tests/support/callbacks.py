"""Payouts, endpoints and callbacks for tests of the callbacks; a store that holds nothing else; programs to run."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.callbacks.endpoint import Endpoint, endpoint_id
from gateway.callbacks.sender import Sent
from gateway.clock import Clock
from gateway.domain.audit import Deed, Line, after
from gateway.domain.beneficiary import BankBeneficiary
from gateway.domain.money import Money
from gateway.domain.outcome import Absence, NextAction
from gateway.domain.payout import Attempt, AttemptState, DuplicateMode, Ground, Payout, Prepared
from gateway.metrics.port import BLIND
from gateway.operations.services import Services
from gateway.secret import Secret
from gateway.store.records import Callback, Delivery
from gateway.tracing.spans import NO_SPANS

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACTION = NextAction("wechat_confirm", (("package_info", "token"),), NOW + timedelta(hours=1))


def whsec(seed: int = 1) -> str:
    return "whsec_" + base64.b64encode(bytes([seed]) * 32).decode()


def ed25519(seed: int = 1) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_endpoint(
    url: str = "https://acme.example/callbacks",
    secrets: tuple[str, ...] = (whsec(),),
    keys: tuple[Ed25519PrivateKey, ...] = (),
    events: frozenset[str] = frozenset(),
    app: str = "acme",
) -> Endpoint:
    return Endpoint(
        id=endpoint_id(app, url),
        app=app,
        url=url,
        secrets=tuple(Secret(secret.encode()) for secret in secrets),
        signing_keys=tuple(Secret(pem(key)) for key in keys),
        events=events,
    )


def make_payout(**changes: Any) -> Payout:
    payout = Payout(
        id="po_aaa00000000000000000000000000",
        shard=0,
        app="acme",
        reference="order-1",
        amount=Money(12500, "CNY"),
        beneficiary=BankBeneficiary("6222021234567890", "张三丰", "102100099996", "CN"),
        created_at=NOW,
        give_up_at=NOW + timedelta(hours=1),
        description="private words",
    )
    return replace(payout, **changes)


def make_attempt(state: AttemptState, **changes: Any) -> Attempt:
    ground = Ground("mock", "1", "mock:", "main", (), DuplicateMode.SAME_RESOURCE, Absence.NEVER, 3600)
    attempt = Attempt(1, "mock", 1, "A" * 26, "uetr", state, ground, Prepared("/", b"{}"), NOW, transmissions=1)
    return replace(attempt, **changes)


def make_callback(endpoint: Endpoint, **changes: Any) -> Callback:
    callback = Callback(
        id="evt_0123456789abcdef",
        shard=0,
        payout_id=make_payout().id,
        app=endpoint.app,
        endpoint=endpoint.id,
        type="payout.paid",
        sequence=3,
        body=b'{"id":"evt_0123456789abcdef"}',
        created_at=NOW,
        due_at=NOW,
    )
    return replace(callback, **changes)


@dataclass
class FakeStore:
    """Callbacks, deliveries, the audit and no endpoints: any other verb of the port is an AttributeError."""

    rows: dict[tuple[str, str], Callback] = field(default_factory=dict)
    tried: list[Delivery] = field(default_factory=list)
    audited: list[Line] = field(default_factory=list)
    units: int = 0

    def append_audit(self, deed: Deed) -> Line:
        self.audited.append(after(self.audited[-1] if self.audited else None, deed))
        return self.audited[-1]

    async def run(self, unit: Callable[[Any], Any]) -> Any:
        self.units += 1
        return unit(self)

    async def read(self, query: Callable[[Any], Any]) -> Any:
        return query(self)

    def endpoint(self, _app: str, _endpoint_id: str) -> None:
        """Apps have made none."""

    def event(self, _shard: int, event_id: str) -> list[Callback]:
        return [row for row in self.rows.values() if row.id == event_id]

    def put(self, *callbacks: Callback) -> None:
        self.rows.update({(callback.id, callback.endpoint): callback for callback in callbacks})

    def callbacks(self, payout_id: str) -> list[Callback]:
        return [row for row in self.rows.values() if row.payout_id == payout_id]

    def record_delivery(self, callback: Callback, delivery: Delivery) -> None:
        self.put(callback)
        self.tried.append(delivery)


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A Python program that prints `listening on URL` as its first line; ended, and waited for, at the end."""
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    stdout = cast(asyncio.StreamReader, process.stdout)
    try:
        line = (await stdout.readline()).decode()
        assert line.startswith("listening on http://127.0.0.1:"), line
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@dataclass
class StubSender:
    """Answers what it was told to, in turn, and remembers what it was asked to send."""

    answers: list[Sent]
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def send(self, endpoint: Endpoint, message_id: str, body: bytes) -> Sent:
        self.sent.append((endpoint.id, message_id, body))
        return self.answers.pop(0)


def make_services(store: FakeStore, clock: Clock, *endpoints: Endpoint, woken: list[str] | None = None) -> Services:
    """The part of the services that delivering uses; anything else is an AttributeError."""
    wake = (woken if woken is not None else []).append
    part = SimpleNamespace(
        store=store,
        clock=clock,
        endpoints={endpoint.app: tuple(endpoints) for endpoint in endpoints},
        wake_callbacks=lambda: wake("callbacks"),
        meter=BLIND,
        spans=NO_SPANS,
    )
    return cast(Services, part)
