"""Save one change: the payout, its one event row and its callbacks, all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.domain.changes import end_canceled
from gateway.domain.event import Event, EventType
from gateway.domain.payout import Payout
from gateway.domain.steps import next_due
from gateway.operations.announce import make_callbacks
from gateway.operations.recipients import recipients
from gateway.operations.services import Services
from gateway.operations.telling import Told, enqueue
from gateway.operations.usage import Reserved, keep_allowances
from gateway.store.port import Tx
from gateway.store.records import Lease

GATEWAY = "gateway"


@dataclass(slots=True)
class Noted:
    """What a unit did that others hear of once it is committed."""

    reserved: list[Reserved] = field(default_factory=list)
    """By new attempts, for `Usage.saw`."""
    told: Told = field(default_factory=Told)


def record(
    services: Services,
    tx: Tx,
    before: Payout,
    after: Payout,
    event: EventType,
    now: datetime,
    *,
    actor: str = GATEWAY,
    attempt: int | None = None,
    detail: Mapping[str, str | int | bool | None] | None = None,
    lease: Lease | None = None,
    noted: Noted | None = None,
) -> Payout:
    """Store `after` over `before`, append the event, enqueue what the apps must hear. Returns it as stored.

    `noted` is filled with what is to be followed up after the commit.

    Raises:
        StaleWrite: the stored payout is not `before`, or the lease is lost; nothing was changed.
        AllowanceSpent: a new attempt's channel may not be given so much more; nothing was changed.
    """
    after = end_canceled(after, now)
    endpoints = recipients(services, tx, after.app)
    announced = make_callbacks(
        before, after, endpoints, now, services.new_uuid, services.api_version, before.callback_sequence
    )
    after = replace(after, last_event=before.last_event + 1, callback_sequence=announced.sequence)
    saved = tx.save(before, after, next_due(after), lease)
    reserved = keep_allowances(services, tx, before, saved, now)
    if noted is not None:
        noted.reserved += reserved
    tx.append_event(saved, Event(saved.last_event, now, event, actor, attempt, detail or {}))
    enqueue(services, tx, announced.callbacks, now, None if noted is None else noted.told)
    return saved


def touch(tx: Tx, before: Payout, after: Payout, lease: Lease | None = None) -> Payout:
    """Save bookkeeping that is no change of state: a question used up, a postponed look. No event."""
    return tx.save(before, after, next_due(after), lease)
