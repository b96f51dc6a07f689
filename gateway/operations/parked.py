"""Callbacks that were given up, of all payouts: which they are, and telling a window of them once more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from gateway.domain.audit import Act, Deed
from gateway.failpoints import Commit, Unit
from gateway.operations.deliver import renew
from gateway.operations.desk import Told
from gateway.operations.services import Services
from gateway.store.parked import ParkedWindow
from gateway.store.port import ReadTx, Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()

AT_ONCE = 100
"""The most that one answer lists, and that one unit makes due."""


@dataclass(frozen=True, slots=True)
class Page:
    """The longest parked of a window."""

    told: tuple[Told, ...]
    has_more: bool


async def parked(services: Services, window: ParkedWindow) -> Page:
    """Up to `AT_ONCE` of them, with every try."""

    def query(tx: ReadTx) -> Page:
        found = tx.parked(window, AT_ONCE + 1)
        told = tuple(Told(each, tuple(tx.deliveries(each))) for each in found[:AT_ONCE])
        return Page(told, len(found) > AT_ONCE)

    return await services.store.read(query)


async def redeliver_parked(services: Services, window: ParkedWindow, principal: str) -> tuple[int, bool]:
    """Make up to `AT_ONCE` of them due again, from the start of their schedule: how many, and whether there are more.

    Who says it again with the same window comes to its end: what is parked anew was parked after it.
    """
    now = services.clock.now()

    def unit(tx: Tx) -> tuple[int, bool]:
        found: Sequence[object] = [renew(tx, each, now) for each in tx.parked(window, AT_ONCE)]
        if found:
            tx.append_audit(Deed(now, principal, Act.CALLBACK_REDELIVERED, "parked", _told(window, len(found))))
        return len(found), bool(found) and bool(tx.parked(window, 1))

    due, has_more = await services.store.run(Unit(Commit.REDELIVERY, unit))
    if due:
        services.wake_callbacks()
        log.warning("callback.redelivery_asked", parked=due, app=window.app, endpoint=window.endpoint, by=principal)
    return due, has_more


def _told(window: ParkedWindow, due: int) -> dict[str, str | int | bool | None]:
    since = None if window.since is None else window.since.isoformat()
    until = window.until.isoformat()
    return {"app": window.app, "endpoint": window.endpoint, "since": since, "until": until, "callbacks": due}
