"""Leave a payout to people, for what was found out about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.domain import changes
from gateway.domain.event import EventType
from gateway.domain.hold import HoldCode
from gateway.domain.payout import Payout
from gateway.domain.safety import Safety
from gateway.domain.status import status
from gateway.failpoints import Unit
from gateway.operations.record import record
from gateway.operations.services import Services
from gateway.operations.tally import tally_payout
from gateway.store.port import Tx
from gateway.store.records import Incident, Lease

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HoldFor:
    """People must look: `why` names the channel and the id."""

    code: HoldCode
    why: str


async def hold_for(
    services: Services, payout: Payout, found: HoldFor, seen: Safety, lease: Lease | None, now: datetime
) -> Payout:
    """Hold it, with an incident that says why, in one transaction."""
    detail = {"code": str(found.code), "why": found.why}

    def unit(tx: Tx) -> Payout:
        services.standing.still(tx, seen)
        tx.append_incident(payout, Incident(now, str(found.code), found.why))
        held = changes.hold(payout, found.code, now)
        return record(services, tx, payout, held, EventType.HELD, now, detail=detail, lease=lease)

    held = await services.store.run(Unit(EventType.HELD, unit))
    log.error("payout.held", payout=payout.id, **detail)
    tally_payout(services.meter, status(payout), held)
    services.wake_callbacks()
    return held
