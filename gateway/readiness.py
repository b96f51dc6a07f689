"""What the probe of a running gateway is told, part by part: whether it works, and what people should know of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.api.health import Finding, Health
from gateway.api.state import InForce
from gateway.domain.view import timestamp
from gateway.history import Carefulness
from gateway.operations.reload_state import Reloads
from gateway.operations.services import Services


class Readiness:
    """The checks of one gateway."""

    def __init__(self, in_force: InForce, reloads: Reloads, loops: Sequence[asyncio.Task[None]]) -> None:
        """`loops`: the workers', as many as run by now."""
        self._in_force = in_force
        self._reloads = reloads
        self._loops = loops
        self._carefulness = Carefulness()

    def health(self) -> Health:
        """All of them, by name."""
        return Health(
            {
                "store": self._check_store,
                "worker": self._check_loops,
                "review": self._check_review,
                "quarantine": self._check_quarantine,
                "config": self._check_config,
            }
        )

    @property
    def _services(self) -> Services:
        return self._in_force.services

    async def _check_store(self) -> Finding:
        await self._services.store.run(lambda tx: None)
        return Finding(True)

    async def _check_loops(self) -> Finding:
        stopped = [loop for loop in self._loops if loop.done()]
        return Finding(bool(self._loops) and not stopped, "a loop has ended" if stopped else "")

    async def _check_review(self) -> Finding:
        """Never a reason not to be ready: people are wanted, and the node works."""
        waiting, since = await self._services.store.read(lambda tx: tx.review_queue())
        return Finding(True, f"{waiting} held or frozen{f', the oldest since {timestamp(since)}' if since else ''}")

    async def _check_quarantine(self) -> Finding:
        """Ready all the same: payouts are accepted, asked about and told of; what is not sent waits."""
        return Finding(True, await self._carefulness.told(self._services))

    async def _check_config(self) -> Finding:
        """Ready all the same: what was in force before a refused reload still is."""
        state = self._reloads.state
        held = f", {state.overrides_active} overrides" if state.overrides_active else ""
        why = "".join(f"; refused: {fault}" for fault in state.faults)
        return Finding(True, f"sha256 {state.sha256[:12]} since {timestamp(state.since)}{held}{why}")
