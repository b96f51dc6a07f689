"""The age alarm of what waits for people (R12): held and frozen payouts that nobody has looked after for too long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from gateway.operations.nodes import on_duty
from gateway.operations.review import held
from gateway.operations.services import Current, Services
from gateway.store.records import Duty, UnderReview

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LOOK_EVERY_S = 600.0
"""How often it is complained about."""


async def overdue(services: Services, alarm_after: timedelta) -> tuple[UnderReview, ...]:
    """What has waited for people for longer than `alarm_after`, the longest waiting first; complained about if any."""
    limit = services.clock.now() - alarm_after
    late = tuple(each for each in await held(services) if each.since <= limit)
    if late:
        oldest = late[0]
        age_s = round((services.clock.now() - oldest.since).total_seconds())
        log.error("review.overdue", payouts=len(late), oldest=oldest.payout.id, oldest_age_s=age_s, why=oldest.why)
    return late


async def watch(current: Current, alarm_after: Callable[[], timedelta]) -> None:
    """Look for ever, one node for all, each time with what is configured by then; after a look that failed there is
    the next.
    """
    while True:
        services = current.services
        try:
            if await on_duty(services, Duty.ALARM):
                await overdue(services, alarm_after())
        except Exception:  # an alarm that dies on a passing fault of the store is no alarm
            log.exception("review.watch_failed")
        await services.clock.sleep(LOOK_EVERY_S)
