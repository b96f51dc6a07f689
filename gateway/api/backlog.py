"""How many accepted payouts of an app may wait for a channel: each is a promise, and a promise costs room for ever.

A look at the store counts them. Since then only what was accepted here is added, so the count errs on the high side,
and before anybody is turned away for it, it is looked at anew. What other nodes accept meanwhile is known by the next
look: the bound is held to within what comes in during a second.
"""

from __future__ import annotations

from asyncio import Lock
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from gateway.api.problems import Code, Refused
from gateway.api.quotas import RETRY_MAX_S, retry_after
from gateway.operations.services import Services

_log = structlog.get_logger("api")

BELIEVED_FOR_S = 1.0
LOOK_SHARE = 0.05
"""The most of the time that may go into looking."""


@dataclass(frozen=True, slots=True)
class BacklogLimits:
    """Accepted payouts that no channel was chosen for yet: `[limits] waiting` and `[apps.NAME] limits.waiting`."""

    most: int = 2_000_000
    """Of all apps together."""
    apps: Mapping[str, int] = field(default_factory=dict)

    def of(self, app: str) -> int:
        return self.apps.get(app, self.most)


class Backlog:
    """Outlives every reload; the limits in force come with each question."""

    def __init__(self) -> None:
        self._seen: Mapping[str, int] | None = None
        self._came: Counter[str] = Counter()
        self._good_until_s = 0.0
        self._looking = Lock()

    def came(self, app: str) -> None:
        """A payout of the app was accepted here."""
        self._came[app] += 1

    async def refusal(self, services: Services, app: str, limits: BacklogLimits) -> Refused | None:
        """What a new payout of the app is told; None while there is room. Raises `StoreError`."""
        if self._seen is not None and self._over(app, limits) is None:
            return None
        async with self._looking:
            if self._seen is None or services.clock.monotonic() >= self._good_until_s:
                await self._look(services, limits)
                if self._over(app, limits):
                    _log.warning("api.backlog_full", app=app, waiting=self._waiting(app), in_all=self._in_all())
        return self._over(app, limits)

    def _over(self, app: str, limits: BacklogLimits) -> Refused | None:
        wait = (retry_after(RETRY_MAX_S),)
        if self._waiting(app) >= limits.of(app):
            return Refused(Code.QUOTA_EXCEEDED, "as many payouts of this app wait for a channel as may", headers=wait)
        if self._in_all() >= limits.most:
            return Refused(Code.OVERLOADED, "as many payouts wait for a channel as may", headers=wait)
        return None

    async def _look(self, services: Services, limits: BacklogLimits) -> None:
        came, began_s = self._came.copy(), services.clock.monotonic()
        self._seen = await services.store.read(lambda tx: tx.unsent(limits.most))
        ended_s = services.clock.monotonic()
        self._came -= came  # what came during the look may be in it: counted twice until the next one
        self._good_until_s = ended_s + max(BELIEVED_FOR_S, (ended_s - began_s) / LOOK_SHARE)

    def _waiting(self, app: str) -> int:
        return (self._seen or {}).get(app, 0) + self._came[app]

    def _in_all(self) -> int:
        return sum((self._seen or {}).values()) + self._came.total()
