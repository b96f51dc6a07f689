"""Erase what is personal of an ended payout, for good: one person, with a reason, in the audit and in its history."""

from __future__ import annotations

import structlog

from gateway.callbacks.body import without_personal
from gateway.domain import erasure
from gateway.domain.audit import Act, Deed
from gateway.domain.errors import RequestRefused
from gateway.domain.event import EventType
from gateway.domain.payout import Payout
from gateway.failpoints import Commit, Unit
from gateway.operations.missing import missing
from gateway.operations.panel import StillMay
from gateway.operations.record import record
from gateway.operations.services import Services
from gateway.store.port import Tx

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def erase(services: Services, payout_id: str, reason: str, principal: str, still_may: StillMay) -> Payout:
    """What is left of it. Said again, it changes nothing more.

    Raises:
        NotFound: there is no such payout.
        PayoutArchived: what is personal of it stands in the archive.
        RequestRefused: not_final, callbacks_open.
    """
    now = services.clock.now()

    def unit(tx: Tx) -> Payout:
        still_may(tx)
        payout = tx.payout(payout_id)
        if payout is None:
            raise missing(tx, payout_id)
        if payout.erased_at is not None:
            return payout
        _check(tx, payout)
        left = erasure.erased(payout, now)
        saved = record(services, tx, payout, left, EventType.ERASED, now, actor=principal)
        tx.erase(saved, without_personal)
        tx.append_audit(Deed(now, principal, Act.PAYOUT_ERASED, payout.id, {"reason": reason}))
        log.warning("payout.erased", payout=payout.id, by=principal)
        return saved

    await _check_intent(services, payout_id)
    left = await services.store.run(Unit(Commit.REQUEST, unit))
    first = left.retry_of
    if first is not None:  # whom it goes to stands with the failed payout, too, in another shard
        await services.store.run(Unit(Commit.REQUEST, lambda tx: tx.erase_retry(first)))
    return left


async def _check_intent(services: Services, payout_id: str) -> None:
    """What orders a failed payout again is not erased before that intent has ended: it is still compared with it.

    Raises:
        RequestRefused: not_final.
    """
    payout = await services.store.read(lambda tx: tx.payout(payout_id))
    first = None if payout is None else payout.retry_of
    intent = None if first is None else await services.store.read(lambda tx: tx.retry(first))
    if intent is not None and intent.ended_at is None:
        raise RequestRefused(str(erasure.Refusal.NOT_FINAL), erasure.WORDS[erasure.Refusal.NOT_FINAL])


def _check(tx: Tx, payout: Payout) -> None:
    """Raises `RequestRefused`."""
    open_ones = any(each.due_at is not None for each in tx.callbacks(payout.id))
    why = erasure.refusal(payout, tx.retry(payout.id), callbacks_open=open_ones)
    if why is not None:
        raise RequestRefused(str(why), erasure.WORDS[why])
