"""A change that we decide on ourselves: recorded inside a unit, told once that is committed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.domain.event import EventType
from gateway.domain.payout import Payout
from gateway.domain.safety import Safety
from gateway.domain.status import status
from gateway.operations.record import Noted, record
from gateway.operations.services import Services
from gateway.operations.tally import tally_payout
from gateway.operations.telling import begin
from gateway.store.port import Tx
from gateway.store.records import Lease

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Detail = dict[str, str | int | bool | None]
"""Short facts for the event row and the log line."""


@dataclass(frozen=True, slots=True)
class Update:
    """What is to become of a payout."""

    after: Payout
    event: EventType
    attempt: int | None = None
    detail: Detail | None = None
    seen: Safety | None = None
    """With it, only while the store's safety is what it was decided under (R15)."""


@dataclass(frozen=True, slots=True)
class Decided:
    """An update that was recorded."""

    before: Payout
    saved: Payout
    update: Update
    noted: Noted


def decide_in(services: Services, tx: Tx, before: Payout, update: Update, lease: Lease, now: datetime) -> Decided:
    """The unit, or the last part of one.

    Raises:
        StaleWrite: `before` is not what is stored, the lease is lost, or safety is another; nothing was changed.
        AllowanceSpent: nothing was changed.
    """
    if update.seen is not None:
        services.standing.still(tx, update.seen)
    noted = Noted()
    saved = record(
        services,
        tx,
        before,
        update.after,
        update.event,
        now,
        attempt=update.attempt,
        detail=update.detail,
        lease=lease,
        noted=noted,
    )
    return Decided(before, saved, update, noted)


def tell(services: Services, decided: Decided) -> None:
    """Once it is committed, and only then."""
    update, saved = decided.update, decided.saved
    services.usage.saw(decided.noted.reserved)
    log.info(str(update.event), payout=saved.id, attempt=update.attempt, **(update.detail or {}))
    tally_payout(services.meter, status(decided.before), saved)
    begin(services, decided.noted.told)
