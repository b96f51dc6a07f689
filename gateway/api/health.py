"""The admin listener's probes: alive, and ready to take work. Detail is shown here and nowhere else (S7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.api.responses import as_json
from gateway.api.routes import Call

CHECK_DEADLINE_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `detail` is for the operator."""

    ok: bool
    detail: str = ""


Check = Callable[[], Awaitable[Finding]]


@dataclass(slots=True)
class Health:
    """The checks of this node, and whether it is on its way out."""

    checks: Mapping[str, Check]
    draining: bool = False
    """Set before the listeners close: a load balancer then looks elsewhere first."""

    async def findings(self) -> dict[str, Finding]:
        """Every check's finding; one that hangs or fails is not ok."""
        found = await asyncio.gather(*(_run(check) for check in self.checks.values()))
        return dict(zip(self.checks, found, strict=True))


async def _run(check: Check) -> Finding:
    try:
        async with asyncio.timeout(CHECK_DEADLINE_S):
            return await check()
    except TimeoutError:
        return Finding(False, f"no answer within {CHECK_DEADLINE_S:g} s")
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding, not a fault of the probe
        return Finding(False, type(error).__name__)


class Probes:
    """Handlers of /livez and /readyz."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def live(self, call: Call) -> web.StreamResponse:
        """200 while the event loop turns: nothing else is looked at, so that a dead database restarts nobody."""
        return as_json({"status": "live"})

    async def ready(self, call: Call) -> web.StreamResponse:
        findings = await self._health.findings()
        ready = not self._health.draining and all(finding.ok for finding in findings.values())
        told: dict[str, object] = {"status": "ready" if ready else "not_ready", "draining": self._health.draining}
        if call.one("verbose") is not None:
            told["checks"] = [
                {"name": name, "ok": finding.ok, "detail": finding.detail} for name, finding in findings.items()
            ]
        return as_json(told, 200 if ready else 503)
