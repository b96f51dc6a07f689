"""One order into the store, alone or with the intent to send it: the units, and how often each is said.

When COMMIT itself fails, nobody knows; then the same is said once more on a fresh connection, and the reference's
unique key decides (R18): if the first one happened, the repeat finds it with the same fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from gateway.domain.allowance import AllowanceSpent
from gateway.domain.archived import PayoutArchived
from gateway.domain.errors import CommitUnknown, ReferenceReused, StaleWrite, StoreError
from gateway.domain.event import Event, EventType
from gateway.domain.payout import Payout
from gateway.failpoints import Commit, Unit
from gateway.operations.announce import make_callbacks
from gateway.operations.deciding import Decided, decide_in
from gateway.operations.first_use import FirstUse, NonceUsed
from gateway.operations.intent import Intent
from gateway.operations.missing import missing
from gateway.operations.recipients import recipients
from gateway.operations.services import Services
from gateway.operations.telling import Told, enqueue
from gateway.store.port import Tx
from gateway.store.records import Lease, Reference

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A payout to be, and what its request is known by."""

    payout: Payout
    mark: bytes
    """The fingerprint of what was asked for."""
    lease: Lease | None
    """None: this node has no room for it, or it is to be sent later."""
    now: datetime
    promised: bool
    """Its id was told before (`gateway.operations.retry`)."""
    flags: Mapping[str, str | bool]
    first_use: FirstUse | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The payout as it was taken in, or as it is now; `replayed` when the reference was known already."""

    payout: Payout
    replayed: bool
    told: Told
    opened: Decided | None = None
    """The intent to send it, where that was stored along with it."""


async def take_in(services: Services, incoming: Incoming, intent: Intent | None) -> Accepted:
    """With its intent where that can be: whatever keeps that from being stored does not keep the order from it."""
    alone = Unit(Commit.ACCEPT, lambda tx: _known(tx, incoming) or _insert(services, tx, incoming))
    if intent is None or incoming.lease is None:
        return await _settled(services, alone)
    try:
        return await _settled(services, _beginning(services, incoming, incoming.lease, intent))
    except (CommitUnknown, NonceUsed, ReferenceReused, PayoutArchived):
        raise
    except (AllowanceSpent, StoreError) as error:  # another node was quicker, a quarantine began
        log.info("payout.begun_alone", payout=incoming.payout.id, error=type(error).__name__)
    except Exception:  # a bug: whoever works on the payout meets it again
        log.exception("payout.begun_alone", payout=incoming.payout.id)
    return await _settled(services, alone)


def _beginning(services: Services, incoming: Incoming, lease: Lease, intent: Intent) -> Unit[Accepted]:
    """The order with its intent. Run again after a commit that nobody knows it finds the order, if that happened; and
    if nobody has touched it since it is as good as stored now, and nothing was sent. Its callbacks are left to their
    claims: they may be those of another run.
    """
    stored: list[Accepted] = []

    def unit(tx: Tx) -> Accepted:
        known = _known(tx, incoming)
        if known is None:
            accepted = _insert(services, tx, incoming)
            opened = decide_in(services, tx, accepted.payout, intent.update, lease, incoming.now)
            stored[:] = [replace(accepted, opened=opened)]
            return stored[0]
        ours = stored and stored[0].opened is not None and known.payout.version == stored[0].opened.saved.version
        if known.replayed or not ours:
            return known
        if intent.update.seen is not None:
            services.standing.still(tx, intent.update.seen)
        tx.renew(incoming.payout.id, lease, lease.until)
        return _untold(stored[0])

    return Unit(Commit.BEGUN, unit)


def _untold(accepted: Accepted) -> Accepted:
    opened = accepted.opened
    if opened is not None:
        opened = replace(opened, noted=replace(opened.noted, told=Told(due=True)))
    return replace(accepted, told=Told(due=True), opened=opened)


async def _settled(services: Services, unit: Unit[Accepted]) -> Accepted:
    """When its commit is unknown, or another request won the race, the same is said once more (R18)."""
    try:
        return await services.store.run(unit)
    except (CommitUnknown, StaleWrite):
        return await services.store.run(unit)


def _known(tx: Tx, incoming: Incoming) -> Accepted | None:
    """The payout as it is, where its reference is known; not a replay when it is our own insert, whose commit we were
    not sure of.

    An id that was promised before may have been inserted by anybody, so it is never taken for our own: whoever holds
    its lease works on it, and if nobody does it comes up by itself.
    """
    if incoming.first_use is not None:
        incoming.first_use.stands()
    known = tx.reference(incoming.payout.app, incoming.payout.reference)
    if known is None:
        return None
    if known.fingerprint != incoming.mark:
        raise ReferenceReused(known.payout_id)
    payout = tx.payout(known.payout_id)
    if payout is None:
        raise missing(tx, known.payout_id)
    own = not incoming.promised and known.payout_id == incoming.payout.id
    return Accepted(payout, not own, Told(due=own))


def _insert(services: Services, tx: Tx, incoming: Incoming) -> Accepted:
    now, told = incoming.now, Told()
    endpoints = recipients(services, tx, incoming.payout.app)
    announced = make_callbacks(None, incoming.payout, endpoints, now, services.new_uuid, services.api_version, 0)
    payout = replace(incoming.payout, callback_sequence=announced.sequence)
    account = services.keys.accounts.of_beneficiary(payout.beneficiary)
    tx.insert(payout, Reference(payout.id, incoming.mark), incoming.lease, account)
    tx.append_event(payout, Event(1, now, EventType.ACCEPTED, f"app:{payout.app}", detail=incoming.flags))
    enqueue(services, tx, announced.callbacks, now, told)
    return Accepted(payout, replayed=False, told=told)
