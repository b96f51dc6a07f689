"""What a retry rests on is proof that its first payout was not paid. Where that no longer stands, the retry is held.

The two lie in different shards, so no transaction sees both. Therefore twice: whoever learns of the contradiction
holds the retry, and no attempt of a retry is opened or repeated before its first payout was looked at once more.
"""

from __future__ import annotations

import structlog

from gateway.domain.errors import StoreError
from gateway.domain.hold import HoldCode
from gateway.domain.payout import Payout
from gateway.domain.retry import is_doubtful
from gateway.domain.status import is_final
from gateway.failpoints import Commit, Unit
from gateway.operations.holding import HoldFor, hold_for
from gateway.operations.services import Services
from gateway.store.port import Tx
from gateway.store.records import Incident

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def doubt(services: Services, payout: Payout) -> HoldFor | None:
    """Why nothing more may be sent of it; None for what is no retry, or still rests on its proof. What people released
    is let go on: they have seen it.
    """
    if payout.retry_of is None or payout.patient_since is not None:
        return None
    first_id = payout.retry_of
    first = await services.store.read(lambda tx: tx.payout(first_id))
    return _why(first_id) if first is None or is_doubtful(first) else None


async def stop_retry(services: Services, first: Payout) -> None:
    """The first payout is contradicted: hold what it was ordered again as, or call people to what was paid twice."""
    retry_id, now = first.retried_as, services.clock.now()
    if retry_id is None:
        return
    try:
        retry = await services.store.read(lambda tx: tx.payout(retry_id))
        if retry is None or retry.hold is not None or retry.patient_since is not None:
            return
        why = _why(first.id)
        if not is_final(retry):
            await hold_for(services, retry, why, services.standing.now, None, now)
            services.wake()
            return

        def unit(tx: Tx) -> None:
            tx.append_incident(retry, Incident(now, str(why.code), why.why))

        await services.store.run(Unit(Commit.EVIDENCE, unit))
    except StoreError as error:  # whoever works on it looks before the next send
        log.warning("payout.retry_not_held", payout=retry_id, retry_of=first.id, error=type(error).__name__)


def _why(first_id: str) -> HoldFor:
    return HoldFor(HoldCode.RETRIED_PAID, f"{first_id}, of which it is the retry, may have been paid")
