"""The floor: what one payout costs on the bare wire.

Four HTTP messages (an order in, the channel's call out, its notification in, the callback out), one RSA signature made,
one checked, one HMAC. No logic, no database, no log; aiohttp both ways, connections kept, uvloop.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from adapters.wechat.orders import BILLS
from adapters.wechat.signing import answer_message, request_message, sign_bytes, verify_bytes


class Floor:
    """The handlers and what they need."""

    def __init__(self, folder: Path, channel: int, app: int) -> None:
        merchant = load_pem_private_key((folder / "merchant.pem").read_bytes(), None)
        platform = load_pem_public_key((folder / "platform_public.pem").read_bytes())
        assert isinstance(merchant, RSAPrivateKey)  # noqa: S101 - the stage made it
        assert isinstance(platform, RSAPublicKey)  # noqa: S101 - the stage made it
        self._merchant, self._platform = merchant, platform
        self._secret = (folder / "callback.key").read_bytes()
        self._channel, self._app = f"http://127.0.0.1:{channel}{BILLS}", f"http://127.0.0.1:{app}/callbacks"
        self._session = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
        self._tasks: set[asyncio.Task[None]] = set()

    async def order(self, request: web.Request) -> web.Response:
        wanted = json.loads(await request.read())
        self._spawn(self._send(wanted["reference"], wanted["amount"]["value"]))
        return web.json_response({"id": wanted["reference"], "status": "accepted"}, status=201)

    async def _send(self, reference: str, amount: int) -> None:
        body = json.dumps({"out_bill_no": reference, "transfer_amount": amount}).encode()
        timestamp = str(int(time.time()))
        proof = sign_bytes(self._merchant, request_message("POST", BILLS, timestamp, reference, body))
        headers = {"Authorization": proof, "Content-Type": "application/json"}
        async with self._session.post(self._channel, data=body, headers=headers) as answer:
            await answer.read()

    async def notify(self, request: web.Request) -> web.Response:
        body = await request.read()
        head = request.headers
        message = answer_message(head["Wechatpay-Timestamp"], head["Wechatpay-Nonce"], body)
        if not verify_bytes(self._platform, message, head["Wechatpay-Signature"]):
            return web.Response(status=401)
        self._spawn(self._call_back(json.loads(body)["id"]))
        return web.Response()

    async def _call_back(self, reference: str) -> None:
        body = json.dumps({"type": "payout.paid", "data": {"object": {"reference": reference}}}).encode()
        timestamp = str(int(time.time()))
        mac = hmac.digest(self._secret, f"{reference}.{timestamp}.".encode() + body, hashlib.sha256)
        headers = {
            "webhook-id": reference,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
            "Content-Type": "application/json",
        }
        async with self._session.post(self._app, data=body, headers=headers) as answer:
            await answer.read()

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]  # either of the two coroutines above
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def serve(folder: Path, port: int, channel: int, app: int) -> None:
    """Until it is killed."""
    floor = Floor(folder, channel, app)
    application = web.Application()
    application.add_routes([web.post("/v1/payouts", floor.order), web.post("/notify", floor.notify)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), *(int(number) for number in sys.argv[2:5])))
