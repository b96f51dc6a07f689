"""An upstream app under chaos: takes callbacks, believes none twice, and notices what must not be."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class App:
    """Listens on the callback address. A context; what it heard is plain data."""

    port: int
    heard: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Payout id -> the statuses told of it."""
    deliveries: int = 0
    repeated: int = 0
    faults: list[str] = field(default_factory=list)
    """One event with two bodies (invariant 37)."""
    _bodies: dict[str, bytes] = field(default_factory=dict)
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> App:
        app = web.Application()
        app.router.add_post("/callbacks", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        event: dict[str, Any] = json.loads(body)
        self.deliveries += 1
        known = self._bodies.setdefault(event["id"], body)
        if known is not body:
            self.repeated += 1
            if known != body:
                self.faults.append(f"{event['id']} came with two bodies")
        payout = event["data"]["object"]
        self.heard[payout["id"]].add(payout["status"])
        return web.Response(status=204)
