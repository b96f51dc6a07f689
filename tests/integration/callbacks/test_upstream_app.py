"""The demo app and the examples do what every receiver should, as programs of their own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.api.signed_request import parse_authorization
from gateway.callbacks.body import event_body
from gateway.callbacks.sender import CallbackSender
from gateway.callbacks.signing import sign
from gateway.clock import SystemClock
from gateway.demo.upstream import read_secrets
from gateway.domain.payout import AttemptState
from tests.support.callbacks import ROOT, ed25519, make_attempt, make_endpoint, make_payout, pem, program, whsec

PROCESSING = make_payout(attempts=(make_attempt(AttemptState.PENDING),))
PAID = make_payout(attempts=(make_attempt(AttemptState.SUCCEEDED),))
FIRST = event_body("evt_1", "payout.processing", 1, datetime.now(UTC), PROCESSING, "v")
SECOND = event_body("evt_2", "payout.paid", 2, datetime.now(UTC), PAID, "v")


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text(f"{whsec(1)}\n{whsec(2)}\n")
    return str(path)


async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status


async def get(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.json()


async def test_the_upstream_app_as_a_process(secret_file: str) -> None:
    """It takes what we sign, counts repeats, keeps the newest state, refuses the rest, and shows all of it."""
    async with program("-m", "gateway.demo.upstream", "--port", "0", "--secret-file", secret_file) as (process, url):
        async with CallbackSender(SystemClock(), live=False) as sender:
            new, old = make_endpoint(f"{url}/callbacks"), make_endpoint(f"{url}/callbacks", secrets=(whsec(2),))
            foreign = make_endpoint(f"{url}/callbacks", secrets=(whsec(9),))
            statuses = [
                (await sender.send(endpoint, event_id, body)).status
                for endpoint, event_id, body in (
                    (new, "evt_2", SECOND),
                    (old, "evt_1", FIRST),
                    (new, "evt_2", SECOND),
                    (foreign, "evt_1", FIRST),
                    (new, "evt_other", FIRST),
                )
            ]
        stale = sign(new, "evt_1", datetime.now(UTC) - timedelta(minutes=6), FIRST)
        assert await post(f"{url}/callbacks", stale, FIRST) == 401
        seen = await get(f"{url}/seen")
        process.terminate()
        assert await process.wait() == 0
    assert statuses == [204, 204, 204, 401, 400]
    assert seen == {
        "verified": 3,
        "refused": 3,
        "duplicates": 1,
        "events": 2,
        "payouts": {PAID.id: {"status": "paid", "sequence": 2}},
    }


@pytest.mark.parametrize("text", ["", "\n", "hunter2\n", f"{whsec()}\nhunter2"])
def test_the_upstream_app_needs_real_secrets(tmp_path: Path, text: str) -> None:
    """No secret or a malformed one: it does not start, rather than take everything or nothing."""
    path = tmp_path / "secret"
    path.write_text(text)
    with pytest.raises(ValueError):
        read_secrets(path)


async def test_the_example_receiver_verifies(tmp_path: Path) -> None:
    """examples/verify_callback.py takes ours (v1 beside v1a too), refuses a changed, foreign, old or unsigned one."""
    path = tmp_path / "secret"
    path.write_text(whsec() + "\n")
    now = datetime.now(UTC)
    ours = sign(make_endpoint(secrets=(whsec(2), whsec()), keys=(ed25519(),)), "evt_2", now, SECOND)
    foreign = sign(make_endpoint(secrets=(whsec(9),)), "evt_2", now, SECOND)
    old = sign(make_endpoint(), "evt_2", now - timedelta(minutes=6), SECOND)
    async with program("examples/verify_callback.py", "0", str(path)) as (process, url):
        assert process.stdout is not None
        assert await post(url, ours, SECOND) == 204
        assert (await process.stdout.readline()).decode() == "payout.paid order-1 paid\n"
        assert await post(url, ours, SECOND) == 204
        assert await post(url, sign(make_endpoint(), "evt_1", now, FIRST), FIRST) == 204
        for headers, body in ((ours, SECOND + b" "), (foreign, SECOND), (old, SECOND), ({}, SECOND)):
            assert await post(url, headers, body) == 401
        process.terminate()
        assert await process.stdout.read() == b"", "a repeat or an older event was acted upon"


async def run_example(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "examples/sign_request.py", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    stdout, _ = await process.communicate()
    return process.returncode, stdout.decode()


SECRET = b"a secret of thirty-two bytes or so"
AUTHORIZATION = re.compile(
    r'PAYMUX-(ED25519|HMAC-SHA256) key_id="([^"]+)",timestamp="(\d+)",nonce="([^"]+)",signature="([^"]+)"'
)


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "ed25519"])
async def test_the_example_order_is_signed_as_documented(algorithm: str, tmp_path: Path) -> None:
    """examples/sign_request.py signs method, target, timestamp, nonce and body; a second opinion verifies it."""
    key_file = tmp_path / "key"
    key_file.write_bytes(SECRET + b"\n" if algorithm == "hmac-sha256" else pem(ed25519()))
    verified: list[tuple[str, Any]] = []

    async def create(request: web.Request) -> web.Response:
        body = await request.read()
        match = AUTHORIZATION.fullmatch(request.headers["Authorization"])
        assert match is not None
        assert parse_authorization(request.headers["Authorization"]) is not None, "the gateway's own reader refuses it"
        name, key_id, timestamp, nonce, signature = match.groups()
        assert name == algorithm.upper()
        signed = f"POST\n/v1/payouts\n{timestamp}\n{nonce}\n".encode() + body + b"\n"
        given = base64.b64decode(signature, validate=True)
        if algorithm == "ed25519":
            ed25519().public_key().verify(given, signed)
        else:
            assert given == hmac.new(SECRET, signed, hashlib.sha256).digest()
        assert abs(int(timestamp) - datetime.now(UTC).timestamp()) < 300
        verified.append((key_id, json.loads(body)))
        return web.json_response({"id": "po_1"}, status=201)

    app = web.Application()
    app.router.add_post("/v1/payouts", create)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        code, printed = await run_example(
            url, "--key-id", "demo-1", "--key-file", str(key_file), "--algorithm", algorithm, "--reference", "order-7"
        )
    assert (code, printed) == (0, '201 {"id": "po_1"}\n')
    [(key_id, order)] = verified
    assert (key_id, order["reference"], order["amount"]) == ("demo-1", "order-7", {"value": 12500, "currency": "CNY"})


async def test_the_example_order_shows_a_refusal(tmp_path: Path) -> None:
    """A problem is printed as it came, and the exit code says that there is no payout."""
    key_file = tmp_path / "key"
    key_file.write_text("test-secret")
    async with TestServer(web.Application()) as server:
        url = str(server.make_url("")).rstrip("/")
        code, printed = await run_example(url, "--key-id", "demo-1", "--key-file", str(key_file))
    assert (code, printed[:3]) == (1, "404")
