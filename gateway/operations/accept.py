"""Take a payout in: idempotency, the payout, its first event and its first callback, in one transaction.

A 201 is a promise, so it leaves only after the commit (`gateway.operations.incoming`).

Where this node has a place for it, and a channel takes it now, the intent to send it goes along in that transaction,
and its one call leaves right after it: two commits would be the longest part of a payout's way. Nothing of this can
refuse an order: whatever speaks against it, before the commit or in it, leaves an order that is accepted and not yet
planned, which the worker takes up as any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from gateway.domain.beneficiary import Beneficiary, Saved, personal
from gateway.domain.errors import PaymuxError
from gateway.domain.fingerprint import fingerprint
from gateway.domain.identity import payout_id, shard_of
from gateway.domain.money import Money
from gateway.domain.payer import Payer, personal_of
from gateway.domain.payout import Payout
from gateway.domain.terms import NO_TERMS, Terms
from gateway.operations.deciding import tell
from gateway.operations.first_use import FirstUse
from gateway.operations.incoming import Accepted, Incoming, take_in
from gateway.operations.intent import Intent, first_intent
from gateway.operations.plan import tell_choice
from gateway.operations.services import Services
from gateway.operations.tally import tally_payout
from gateway.operations.telling import begin
from gateway.redact import private
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


async def accept(services: Services, request: PayoutRequest, first_use: FirstUse | None = None) -> Accepted:
    """Make `request` a payout, once. `first_use`: the nonce that it came with, which goes into the store before it.

    Raises:
        NonceUsed: nothing was changed.
        ReferenceReused: the reference belongs to other content; nothing was changed.
        PayoutArchived: it was paid out, or ended otherwise, long ago; nothing was changed.
        CommitUnknown: it may or may not be stored; the app repeats the same request.
        StoreUnavailable: it is not stored.
    """
    incoming = _incoming(services, request, first_use)
    intent: Intent | None = None
    with private(*personal(request.beneficiary), *personal_of(request.payer)):
        give_place_back = services.keep_place() if _may_begin(services, incoming) else None
        try:
            if give_place_back is not None:
                intent = await first_intent(services, incoming.payout, incoming.now)
            accepted = await _behind(first_use, take_in(services, incoming, intent))
            if not accepted.replayed:
                chosen = intent
                if _hand_over(services, incoming, accepted, intent):
                    intent = None  # it is the worker's now
                _tell(services, incoming, accepted, chosen, request.caller)
            return accepted
        finally:
            if intent is not None:
                intent.outgoing.give_back()
            if give_place_back is not None:
                give_place_back()


def _incoming(services: Services, request: PayoutRequest, first_use: FirstUse | None) -> Incoming:
    lease, now = services.lease(services.node, 1)
    payout = _new_payout(services, request, now)
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
    # Without room here it is due in the store, at once or when it is to be sent, and comes up in its turn.
    here = payout.begins_at <= now and services.has_room(request.app)
    return Incoming(payout, mark, lease if here else None, now, request.id is not None, request.flags, first_use)


def _may_begin(services: Services, incoming: Incoming) -> bool:
    """Whether a channel may be chosen for it before it is stored. Not for what was said here before: it is known, most
    likely, and nothing is signed for it. An item of a batch leaves the places to orders that somebody waits for."""
    new = services.recent_orders.is_new(incoming.payout.app, incoming.payout.reference)
    return new and incoming.lease is not None and incoming.payout.batch_id is None and incoming.payout.retry_of is None


def _hand_over(services: Services, incoming: Incoming, accepted: Accepted, intent: Intent | None) -> bool:
    """Work on it begins; whether the intent is the worker's now."""
    if accepted.opened is not None and intent is not None and incoming.lease is not None:
        services.hand_over(accepted.opened.saved, incoming.lease, intent.outgoing)
        return True
    if incoming.lease is not None:
        services.hand_over(accepted.payout, incoming.lease, None)
    else:
        services.wake()
    return False


def _tell(
    services: Services, incoming: Incoming, accepted: Accepted, intent: Intent | None, caller: str | None
) -> None:
    """It is stored, and that is said."""
    payout = accepted.payout
    log.info("payout.accepted", payout=payout.id, app=payout.app, amount=payout.amount.minor)
    tally_payout(services.meter, None, payout)
    services.spans.over(Stage.ACCEPT, payout.id, incoming.now, services.clock.now(), caller=caller, app=payout.app)
    begin(services, accepted.told)
    if accepted.opened is not None and intent is not None:
        tell_choice(services, payout, intent.chosen, incoming.now, intent.chosen_at)
        tell(services, accepted.opened)


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
