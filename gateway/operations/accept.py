"""Take a payout in: idempotency, the payout, its first event and its first callback, in one transaction.

A 201 is a promise, so it leaves only after the commit. When COMMIT itself fails, nobody knows; then the same insert is
repeated on a fresh connection, and the reference's unique key decides (R18): if the first one happened, the repeat
finds it with the same fingerprint and answers as a replay would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.domain.beneficiary import Beneficiary, Saved, personal
from gateway.domain.errors import CommitUnknown, PaymuxError, ReferenceReused, StaleWrite
from gateway.domain.event import Event, EventType
from gateway.domain.fingerprint import fingerprint
from gateway.domain.identity import payout_id, shard_of
from gateway.domain.money import Money
from gateway.domain.payer import Payer, personal_of
from gateway.domain.payout import Payout
from gateway.domain.terms import NO_TERMS, Terms
from gateway.failpoints import Commit, Unit
from gateway.operations.announce import make_callbacks
from gateway.operations.first_use import FirstUse
from gateway.operations.missing import missing
from gateway.operations.recipients import recipients
from gateway.operations.services import Services
from gateway.operations.tally import tally_payout
from gateway.redact import private
from gateway.store.port import Tx
from gateway.store.records import Lease, Reference
from gateway.tracing.spans import Stage

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PayoutRequest:
    """What an app asked for, parsed and normalised."""

    app: str
    reference: str
    amount: Money
    beneficiary: Beneficiary
    purpose: str | None = None
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    terms: Terms = NO_TERMS
    payer: Payer | None = None
    flags: Mapping[str, str | bool] = field(default_factory=dict)
    """What was noticed and is pointed out; stands in the timeline, changes nothing."""
    id: str | None = None
    """The payout's, where it was promised before (`gateway.operations.retry`)."""
    caller: str | None = None
    """The `traceparent` under which it was asked for."""
    retry_of: str | None = None
    batch_id: str | None = None
    """The batch that it stands in; it says nothing of what is ordered."""
    saved: Saved | None = None
    """As what the app named the beneficiary, where it did: its id is what the order is known by."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The payout as it is now; `replayed` when the reference was known already."""

    payout: Payout
    replayed: bool
    told: bool = True
    """There may be a callback to be sent."""


async def accept(services: Services, request: PayoutRequest, first_use: FirstUse | None = None) -> Accepted:
    """Make `request` a payout, once. `first_use`: the nonce that it came with, which goes into the store before it.

    Raises:
        NonceUsed: nothing was changed.
        ReferenceReused: the reference belongs to other content; nothing was changed.
        PayoutArchived: it was paid out, or ended otherwise, long ago; nothing was changed.
        CommitUnknown: it may or may not be stored; the app repeats the same request.
        StoreUnavailable: it is not stored.
    """
    now = services.clock.now()
    mark = fingerprint(
        services.keys.fingerprint,
        request.app,
        request.reference,
        request.amount,
        request.saved or request.beneficiary,
        request.purpose,
        request.description,
        request.terms,
        request.retry_of,
        request.payer,
    )
    payout = _new_payout(services, request, now)
    # Without room here it is due in the store, at once or when it is to be sent, and comes up in its turn.
    lease = (
        Lease(services.node, 1, now + timedelta(seconds=services.lease_s))
        if payout.begins_at <= now and services.has_room(request.app)
        else None
    )

    def unit(tx: Tx) -> Accepted:
        if first_use is not None:
            first_use.stands()
        known = tx.reference(request.app, request.reference)
        if known is not None:
            return _replay(tx, known, mark, payout.id if request.id is None else None)
        return _insert(services, tx, payout, mark, lease, now, request.flags)

    with private(*personal(request.beneficiary), *personal_of(request.payer)):
        accepted = await _behind(first_use, _run_settled(services, Unit(Commit.ACCEPT, unit)))
    if not accepted.replayed:
        log.info("payout.accepted", payout=accepted.payout.id, app=request.app, amount=request.amount.minor)
        tally_payout(services.meter, None, accepted.payout)
        ended, caller = services.clock.now(), request.caller
        services.spans.over(Stage.ACCEPT, accepted.payout.id, now, ended, caller=caller, app=request.app)
        if lease is not None:
            services.hand_over(accepted.payout, lease)
        else:
            services.wake()
        if accepted.told:
            services.wake_callbacks()
    return accepted


async def _behind(first_use: FirstUse | None, accepting: Coroutine[Any, Any, Accepted]) -> Accepted:
    """Both are queued, the nonce first. An order that is stored is answered, whatever became of its nonce."""
    if first_use is None:
        return await accepting
    accepted: Accepted | BaseException
    kept, accepted = await asyncio.gather(first_use.settle(), accepting, return_exceptions=True)
    if not isinstance(accepted, BaseException):
        return accepted
    if isinstance(kept, BaseException) and not isinstance(kept, PaymuxError):
        raise kept
    raise accepted


async def _run_settled(services: Services, unit: Callable[[Tx], Accepted]) -> Accepted:
    """Run it; when its commit is unknown, or another request won the race, say the same thing once more."""
    try:
        return await services.store.run(unit)
    except (CommitUnknown, StaleWrite):
        return await services.store.run(unit)


def _new_payout(services: Services, request: PayoutRequest, now: datetime) -> Payout:
    shard = shard_of(request.app, request.reference)
    return Payout(
        id=request.id or payout_id(shard, services.new_uuid()),
        shard=shard,
        app=request.app,
        reference=request.reference,
        amount=request.amount,
        beneficiary=request.beneficiary,
        created_at=now,
        give_up_at=request.terms.send_by or max(request.terms.send_at or now, now) + services.give_up_after,
        purpose=request.purpose,
        description=request.description,
        metadata=dict(request.metadata),
        terms=request.terms,
        payer=request.payer,
        retry_of=request.retry_of,
        batch_id=request.batch_id,
        last_event=1,
    )


def _replay(tx: Tx, known: Reference, mark: bytes, own_id: str | None) -> Accepted:
    """The payout as it is; not a replay when it is our own insert, whose commit we were not sure of.

    An id that was promised before may have been inserted by anybody, so it is never taken for our own: whoever holds
    its lease works on it, and if nobody does it comes up by itself.
    """
    if known.fingerprint != mark:
        raise ReferenceReused(known.payout_id)
    payout = tx.payout(known.payout_id)
    if payout is None:
        raise missing(tx, known.payout_id)
    return Accepted(payout, replayed=known.payout_id != own_id)


def _insert(
    services: Services,
    tx: Tx,
    payout: Payout,
    mark: bytes,
    lease: Lease | None,
    now: datetime,
    flags: Mapping[str, str | bool],
) -> Accepted:
    told = recipients(services, tx, payout.app)
    announced = make_callbacks(None, payout, told, now, services.new_uuid, services.api_version, 0)
    payout = replace(payout, callback_sequence=announced.sequence)
    tx.insert(payout, Reference(payout.id, mark), lease, services.keys.accounts.of_beneficiary(payout.beneficiary))
    tx.append_event(payout, Event(1, now, EventType.ACCEPTED, f"app:{payout.app}", detail=flags))
    for callback in announced.callbacks:
        tx.enqueue_callback(callback)
    return Accepted(payout, replayed=False, told=bool(announced.callbacks))
