"""Two people decide what no program may (R12, R14, R20): one asks, another one approves, the payout is as it was.

Who they are is settled before they come here (`gateway.api.admin`): a principal is authenticated, and two requests
with two tokens of one person are one principal. What may be asked for is a table in `gateway.domain.review`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.domain.audit import Act, Deed
from gateway.domain.errors import NotFound, RequestRefused
from gateway.domain.identity import request_id, shard_of_payout
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import Payout
from gateway.domain.review import (
    NEEDS_EVIDENCE,
    REQUEST_LIVES,
    Ask,
    Facts,
    Request,
    RequestKind,
    event_of,
    granted,
    refusal,
    state_hash,
)
from gateway.domain.status import status
from gateway.failpoints import Commit, Unit
from gateway.operations.missing import missing
from gateway.operations.quarantine import leave_in, quarantine_hash
from gateway.operations.record import record
from gateway.operations.services import Services
from gateway.operations.tally import tally_payout
from gateway.store.port import ReadTx, Tx
from gateway.store.records import Evidence, UnderReview

log: structlog.stdlib.BoundLogger = structlog.get_logger()

UNDER_REVIEW_MAX = 1000
"""As many held and frozen payouts are listed at once, the longest waiting first."""


StillMay = Callable[[Tx], None]
"""Looked at inside the unit: a person whose right ended while the request was on its way does nothing any more."""


def _anybody(_tx: Tx) -> None:
    """For callers that have no tokens to end: tests, and the gateway itself."""


async def make_request(services: Services, principal: str, ask: Ask, still_may: StillMay = _anybody) -> Request:
    """Put `ask` on record. It does nothing until another person approves it.

    Raises:
        NotFound: no such payout.
        RequestRefused: it cannot be granted as things stand.
    """
    now = services.clock.now()
    if ask.kind in NEEDS_EVIDENCE and not ask.evidence:
        raise RequestRefused("evidence_missing", "a resolution needs the evidence it rests on")
    if (ask.payout_id is None) is not (ask.kind is RequestKind.LEAVE_QUARANTINE):
        raise RequestRefused("payout_id", f"{ask.kind} is{' not' if ask.payout_id else ''} about one payout")
    shard = shard_of_payout(ask.payout_id) if ask.payout_id else 0
    if shard is None:
        raise NotFound(ask.payout_id)
    new_id = request_id(shard, services.new_uuid())

    def unit(tx: Tx) -> Request:
        still_may(tx)
        made = Request(
            id=new_id,
            kind=ask.kind,
            payout_id=ask.payout_id,
            reason=ask.reason,
            evidence_sha256=hashlib.sha256(ask.evidence).hexdigest() if ask.evidence else None,
            made_by=principal,
            made_at=now,
            state_hash=_checked(services, tx, ask.kind, ask.payout_id, now),
            expires_at=now + REQUEST_LIVES,
        )
        tx.add_request(made, ask.evidence)
        tx.append_audit(_deed(made, Act.REQUEST_MADE, principal, now))
        return made

    made = await services.store.run(Unit(Commit.REQUEST, unit))
    log.warning("review.requested", request=made.id, kind=str(made.kind), payout=made.payout_id, by=principal)
    return made


async def approve(services: Services, principal: str, wanted: str, still_may: StillMay = _anybody) -> Request:
    """The second person's word: what was asked for is done, in the same transaction as the approval.

    Raises:
        NotFound: no such request.
        RequestRefused: the same person, too late, or no longer as it was.
    """
    now = services.clock.now()

    def unit(tx: Tx) -> tuple[Request, _Done | None]:
        still_may(tx)
        request = _open_request(tx, wanted)
        if request.made_by == principal:
            raise RequestRefused("same_person", "whoever asked for it cannot approve it")
        if now >= request.expires_at:
            raise RequestRefused("expired", "nobody approved it in time; ask again")
        if _checked(services, tx, request.kind, request.payout_id, now) != request.state_hash:
            raise RequestRefused("state_changed", "it is no longer as it was when it was asked for; ask again")
        approved = replace(request, approved_by=principal, approved_at=now)
        tx.save_request(approved)
        tx.append_audit(_deed(approved, Act.REQUEST_APPROVED, principal, now))
        return approved, _do(services, tx, approved, now)

    approved, done = await services.store.run(Unit(Commit.REQUEST, unit))
    if done is not None:
        tally_payout(services.meter, status(done[0]), done[1])
    log.warning(
        "review.approved",
        request=approved.id,
        kind=str(approved.kind),
        payout=approved.payout_id,
        made_by=approved.made_by,
        by=principal,
    )
    await services.store.read(services.standing.look)
    services.wake()
    services.wake_callbacks()
    return approved


async def withdraw(services: Services, principal: str, wanted: str, still_may: StillMay = _anybody) -> Request:
    """Take a request back; anyone who may make one may. Raises `NotFound`, `RequestRefused`."""
    now = services.clock.now()

    def unit(tx: Tx) -> Request:
        still_may(tx)
        withdrawn = replace(_open_request(tx, wanted), withdrawn_at=now)
        tx.save_request(withdrawn)
        tx.append_audit(_deed(withdrawn, Act.REQUEST_WITHDRAWN, principal, now))
        return withdrawn

    withdrawn = await services.store.run(Unit(Commit.REQUEST, unit))
    log.warning("review.withdrawn", request=withdrawn.id, by=principal)
    return withdrawn


async def open_requests(services: Services) -> Sequence[Request]:
    """What waits for a second person, the oldest first; what ran out is not among it."""
    now = services.clock.now()
    found = await services.store.read(lambda tx: tx.open_requests())
    return [request for request in found if now < request.expires_at]


async def held(services: Services) -> Sequence[UnderReview]:
    """Held and frozen payouts, the longest waiting first."""
    return await services.store.read(lambda tx: tx.under_review(UNDER_REVIEW_MAX))


def _deed(request: Request, act: Act, principal: str, now: datetime) -> Deed:
    detail = {"kind": str(request.kind), "payout": request.payout_id, "evidence_sha256": request.evidence_sha256}
    return Deed(now, principal, act, request.id, detail)


def _open_request(tx: Tx, wanted: str) -> Request:
    request = tx.request(wanted)
    if request is None:
        raise NotFound(wanted)
    if not request.open:
        raise RequestRefused("not_open", "it was approved or withdrawn already")
    return request


def _checked(services: Services, tx: Tx, kind: RequestKind, payout_id: str | None, now: datetime) -> str:
    """The hash of the state the request is made on. Raises `RequestRefused` when it cannot be granted on it."""
    if payout_id is None:
        return quarantine_hash(tx)
    payout = _payout(tx, payout_id)
    facts = _facts(services, tx, payout, now)
    refused = refusal(kind, payout, facts)
    if refused is not None:
        raise RequestRefused(refused.code, refused.detail)
    return state_hash(payout, facts)


_Done = tuple[Payout, Payout]
"""A payout before and after a request was carried out."""


def _do(services: Services, tx: Tx, request: Request, now: datetime) -> _Done | None:
    if request.payout_id is None:
        leave_in(tx, now, services.ask_first_for)
        return None
    before = _payout(tx, request.payout_id)
    after = granted(request.kind, before, _facts(services, tx, before, now))
    if before.frozen and not after.frozen:
        tx.lift_freezes(before, now)
    detail: dict[str, str | int | bool | None] = {
        "request": request.id,
        "kind": str(request.kind),
        "made_by": request.made_by,
        "reason": request.reason,
        "evidence_sha256": request.evidence_sha256,
        "state_hash": request.state_hash,
    }
    event, actor = event_of(request.kind), str(request.approved_by)
    return before, record(services, tx, before, after, event, now, actor=actor, detail=detail)


def _payout(tx: ReadTx, payout_id: str) -> Payout:
    payout = tx.payout(payout_id)
    if payout is None:
        raise missing(tx, payout_id)
    return payout


def _facts(services: Services, tx: ReadTx, payout: Payout, now: datetime) -> Facts:
    """What is known of it beside its state. Evidence that was not judged counts too: people see all of it."""
    moved = (OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED)
    said = [each.attempt for each in tx.evidence(payout.id) if each.answer.kind in moved and _fits(each)]
    return Facts(now, frozenset(said), len(said), len(tx.incidents(payout.id)), _call_lasts(services, payout))


def _call_lasts(services: Services, payout: Payout) -> timedelta:
    """A call is closed after twice its deadline (R10); as long again for what is on its way by then."""
    live = payout.live_attempt
    total_s = services.channels[live.channel].timeouts.total_s if live is not None else 0.0
    return timedelta(seconds=4 * total_s)


def _fits(evidence: Evidence) -> bool:
    """Not one that was refused for another amount or payee: that speaks of no attempt of ours."""
    return evidence.judged or not evidence.answer.alarm
