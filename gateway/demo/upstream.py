"""A small upstream app, as its own process: takes callbacks and shows what it made of them.

    python -m gateway.demo.upstream --port 8090 --secret-file state/keys/app-demo.callback_secret

It does what every receiver should: verifies signature and time over the raw body, answers an event it has seen before
with success and does nothing, and never lets an older sequence overwrite a newer one. `GET /seen` shows the result.
Callbacks come in at any path. What it knows is in memory only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.callbacks.signing import BadSignature, secret_key, verify

BODY_MAX_BYTES = 64 * 1024


@dataclass(slots=True)
class Seen:
    """Everything the app has learned."""

    verified: int = 0
    """Callbacks whose signature held, repeated ones included."""
    refused: int = 0
    duplicates: int = 0
    ids: set[str] = field(default_factory=set)
    payouts: dict[str, dict[str, str | int]] = field(default_factory=dict)

    def take(self, event: dict[str, Any]) -> None:
        """Learn one verified event: once, and never backwards."""
        self.verified += 1
        if event["id"] in self.ids:
            self.duplicates += 1
            return
        self.ids.add(event["id"])
        payout, sequence = event["data"]["object"], int(event["sequence"])
        known = self.payouts.get(payout["id"])
        if known is None or sequence > int(known["sequence"]):
            self.payouts[payout["id"]] = {"status": payout["status"], "sequence": sequence}

    def view(self) -> dict[str, object]:
        return {
            "verified": self.verified,
            "refused": self.refused,
            "duplicates": self.duplicates,
            "events": len(self.ids),
            "payouts": self.payouts,
        }


def _now() -> datetime:
    return datetime.now(UTC)


def upstream_app(secrets: Sequence[str], now: Callable[[], datetime] = _now) -> web.Application:
    """The app; `secrets` are `whsec_…` texts, several during a rotation."""
    seen = Seen()

    async def callback(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            verified = verify(request.headers, body, now(), secrets)
        except BadSignature as error:
            seen.refused += 1
            print(f"refused: {error}", flush=True)
            return web.Response(status=401)
        event = json.loads(body)
        if event["id"] != verified.id:
            seen.refused += 1
            return web.Response(status=400)
        seen.take(event)
        return web.Response(status=204)

    async def show(_request: web.Request) -> web.Response:
        return web.json_response(seen.view())

    app = web.Application(client_max_size=BODY_MAX_BYTES)
    app.add_routes([web.get("/seen", show), web.post("/{path:.*}", callback)])
    return app


def read_secrets(path: Path) -> tuple[str, ...]:
    """The secrets in a file, one a line. Raises ValueError when there is none or one is malformed."""
    secrets = tuple(line.strip() for line in path.read_text().splitlines() if line.strip())
    if not secrets:
        raise ValueError(f"{path} has no secret")
    for secret in secrets:
        secret_key(secret)
    return secrets


async def serve(host: str, port: int, secrets: Sequence[str]) -> None:
    """Listen until SIGINT or SIGTERM. The first line printed says where: port 0 takes any free one."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(upstream_app(secrets), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        print(f"listening on http://{host}:{runner.addresses[0][1]}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.upstream", description="An upstream app.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--secret-file", type=Path, required=True, help="whsec_… secrets, one a line")
    given = parser.parse_args()
    asyncio.run(serve(given.host, given.port, read_secrets(given.secret_file)))


if __name__ == "__main__":
    main()
