"""Move one payout as far as it will go: ask the core what is next, do it, save it, ask again.

Each step is one function below; what they share is the order of things: load or hold a version, decide, commit the
intent, act, fold the answer. A step whose version has moved on changes nothing (`StaleWrite`), and the payout is
looked at afresh.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from adapters.channel import Signed
from gateway.domain import changes
from gateway.domain.allowance import AllowanceSpent
from gateway.domain.errors import StaleWrite
from gateway.domain.event import EventType
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.domain.safety import Safety
from gateway.domain.status import StatusReason, closing_code, status
from gateway.domain.steps import (
    CancelAtChannel,
    Close,
    GiveUp,
    Interrupted,
    Plan,
    PutOnHold,
    Query,
    Repeat,
    Step,
    Wait,
    next_step,
)
from gateway.failpoints import Commit, Moment, Send, Unit, reached
from gateway.operations.ask_first import PutOff, put_off, safe_step
from gateway.operations.asking import ask
from gateway.operations.holding import HoldFor, hold_for
from gateway.operations.learn import Heard, learn_and_go_on
from gateway.operations.plan import Chosen, choose, sent_of, waiting_code
from gateway.operations.record import Noted, record, touch
from gateway.operations.retried import doubt
from gateway.operations.services import ChannelHandle, Services
from gateway.operations.tally import tally_payout
from gateway.operations.transmit import interrupted, transmit
from gateway.operations.usage import look_at_usage
from gateway.store.port import Tx
from gateway.store.records import Lease
from routing.decide import Decision
from routing.guard import Permit, RefusedBeforeSend, Verdict

Detail = dict[str, str | int | bool | None]
"""Short facts for the event row and the log line."""

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def advance(services: Services, payout: Payout, lease: Lease) -> None:
    """Do all that can be done for `payout` now, then let go of it. Returns early when the lease is lost."""
    while True:
        now = services.clock.now()
        lease = replace(lease, until=now + timedelta(seconds=services.lease_s))
        step = next_step(payout, now, services.steps)
        if isinstance(step, Wait):
            await _let_go(services, payout, lease)
            return
        seen = services.standing.now
        try:
            act = _act if seen.calm_about(payout.created_at) else _act_with_care
            act = act if payout.retry_of is None else _act_on_a_retry
            after = await act(services, payout, step, seen, lease, now)
        except StaleWrite:
            after = await _look_again(services, payout, lease)
        if after is None:
            return
        payout = after


async def _act_with_care(
    services: Services, payout: Payout, step: Step, seen: Safety, lease: Lease, now: datetime
) -> Payout | None:
    """In quarantine and in the ask-first time (R15). None: put off and let go of."""
    careful = await safe_step(services, payout, step, seen, now)
    now = services.clock.now()  # asking takes its time
    lease = replace(lease, until=now + timedelta(seconds=services.lease_s))
    match careful:
        case PutOff():
            return await put_off(services, payout, careful, seen, lease, now)
        case HoldFor():
            return await hold_for(services, payout, careful, seen, lease, now)
        case _:
            return await _act(services, payout, careful, seen, lease, now)


async def _act_on_a_retry(
    services: Services, payout: Payout, step: Step, seen: Safety, lease: Lease, now: datetime
) -> Payout | None:
    """Nothing is sent of it while the payout that it orders again may have been paid."""
    why = await doubt(services, payout) if isinstance(step, Plan | Repeat) else None
    if why is not None:
        return await hold_for(services, payout, why, seen, lease, now)
    act = _act if seen.calm_about(payout.created_at) else _act_with_care
    return await act(services, payout, step, seen, lease, now)


async def _act(
    services: Services, payout: Payout, step: Step, seen: Safety, lease: Lease, now: datetime
) -> Payout | None:
    """The payout after the step; None when there is nothing more to do now, and it was let go of."""
    match step:
        case Plan():
            return await _plan(services, payout, step, seen, lease, now)
        case Query(number):
            return await _query(services, payout, number, lease)
        case Repeat(number):
            return await _repeat(services, payout, number, seen, lease, now)
        case CancelAtChannel(number):
            return await _cancel_at_channel(services, payout, number, lease, now)
        case Interrupted(number):
            transmission_no = payout.attempt(number).transmissions
            return await learn_and_go_on(services, Heard(payout.id, number, interrupted(), transmission_no), lease)
        case GiveUp(number):
            given_up = changes.give_up(payout, number, now)
            return await _decide(services, payout, given_up, EventType.ATTEMPT_GIVEN_UP, lease, now, number, seen=seen)
        case Close(reason):
            return await _close(services, payout, reason, seen, lease, now)
        case PutOnHold(code):
            held = changes.hold(payout, code, now)
            return await _decide(services, payout, held, EventType.HELD, lease, now, detail={"code": str(code)})
        case Wait():
            return payout


async def _let_go(services: Services, payout: Payout, lease: Lease) -> None:
    await services.store.run(Unit(Commit.RELEASE, lambda tx: tx.release(payout.id, lease)))


async def _look_again(services: Services, payout: Payout, lease: Lease) -> Payout | None:
    """The payout as it is now, if it is still ours to look after."""

    def unit(tx: Tx) -> Payout | None:
        tx.renew(payout.id, lease, lease.until)
        return tx.payout(payout.id)

    try:
        return await services.store.run(Unit(Commit.RENEW, unit))
    except StaleWrite:
        log.info("payout.lease_lost", payout=payout.id)
        return None


# Deciding ------------------------------------------------------------------------------------------------------------


async def _decide(
    services: Services,
    before: Payout,
    after: Payout,
    event: EventType,
    lease: Lease,
    now: datetime,
    attempt: int | None = None,
    detail: Detail | None = None,
    seen: Safety | None = None,
) -> Payout:
    """Commit one change of ours; with `seen`, only while the store's safety is what it was decided under (R15)."""

    def unit(tx: Tx) -> tuple[Payout, Noted]:
        if seen is not None:
            services.standing.still(tx, seen)
        noted = Noted()
        stored = record(
            services, tx, before, after, event, now, attempt=attempt, detail=detail, lease=lease, noted=noted
        )
        return stored, noted

    saved, noted = await services.store.run(Unit(event, unit))
    services.usage.saw(noted.reserved)
    log.info(str(event), payout=saved.id, attempt=attempt, **(detail or {}))
    tally_payout(services.meter, status(before), saved)
    if noted.told:
        services.wake_callbacks()
    return saved


async def _close(
    services: Services, payout: Payout, reason: StatusReason, seen: Safety, lease: Lease, now: datetime
) -> Payout:
    closed = changes.close(payout, reason, now)
    detail: Detail = {"reason": str(reason.code)}
    return await _decide(services, payout, closed, EventType.CLOSED, lease, now, detail=detail, seen=seen)


async def _wait_for_channel(
    services: Services, payout: Payout, decision: Decision, seen: Safety, lease: Lease, now: datetime
) -> Payout:
    """Nobody takes it. What may pass is waited for, what cannot pass ends it (row 7); a last decision waits for its
    turn only."""
    hope = decision.busy if decision.last else decision.waitable
    if not hope and payout.live_attempt is None:
        heard = any(attempt.transmitted for attempt in payout.attempts)
        reason = closing_code(payout) if heard else StatusReason(waiting_code(decision))
        return await _close(services, payout, reason, seen, lease, now)
    code = waiting_code(decision)
    waiting = changes.wait_for_channel(payout, code, now, services.retry_every)
    if payout.waiting_for is code:
        return await services.store.run(Unit(Commit.TOUCH, lambda tx: touch(tx, payout, waiting, lease)))
    refused = " ".join(f"{refusal.channel}:{refusal.code}" for refusal in decision.refused)
    return await _decide(services, payout, waiting, EventType.WAITING, lease, now, detail={"refused": refused})


# Sending -------------------------------------------------------------------------------------------------------------


async def _plan(
    services: Services, payout: Payout, plan: Plan, seen: Safety, lease: Lease, now: datetime
) -> Payout | None:
    """Choose a channel, commit the intent, send."""
    instead_of = plan.instead_of
    planned = payout.attempt(instead_of) if instead_of is not None else None
    await look_at_usage(services, now)
    found = choose(services, payout, planned, now, last=plan.last)
    if isinstance(found, Decision):
        return await _wait_for_channel(services, payout, found, seen, lease, now)
    intent = _intent(payout, found, instead_of, now)
    number = len(intent.attempts) if found.opening is not None else instead_of or len(intent.attempts)
    outgoing = _Outgoing(found.handle, number, found.signed, found.permit)
    detail: Detail = {"channel": found.handle.channel.name}
    opened = EventType.ATTEMPT_OPENED
    try:
        return await _commit_and_send(services, payout, intent, opened, outgoing, detail, seen, lease, now)
    except AllowanceSpent as spent:  # another node was quicker: nothing was committed, the next look knows
        await look_at_usage(services, now, anew=True)
        raise StaleWrite(str(spent)) from spent


def _intent(payout: Payout, found: Chosen, instead_of: int | None, now: datetime) -> Payout:
    if found.opening is None:
        assert instead_of is not None  # noqa: S101 - only a planned attempt is sent without an opening
        return changes.send_planned(payout, instead_of, now)
    base = changes.give_up(payout, instead_of, now) if instead_of is not None else payout
    return changes.open_attempt(base, found.opening, now)


async def _repeat(
    services: Services, payout: Payout, number: int, seen: Safety, lease: Lease, now: datetime
) -> Payout | None:
    """The same bytes under the same id, freshly signed; a question instead where that is not possible now."""
    attempt = payout.attempt(number)
    handle = services.channels[attempt.channel]
    if attempt.ground.adapter_version != handle.channel.ground.adapter_version:
        return await _query(services, payout, number, lease)  # stored bytes of an older adapter (row 54)
    try:
        signed = handle.channel.sign(sent_of(payout, attempt))
        permit = handle.guard.admit(last_resort=True)  # no other channel may carry what this one may have taken
    except RefusedBeforeSend:
        return await _query(services, payout, number, lease)  # nothing ever keeps us from asking (I26)
    except Exception:  # an adapter's bug: ask instead, the repeat is due again after that
        log.exception("channel.sign_failed", payout=payout.id, channel=attempt.channel)
        return await _query(services, payout, number, lease)
    intent = changes.begin_repeat(payout, number, now)
    outgoing = _Outgoing(handle, number, signed, permit)
    detail: Detail = {"transmission": intent.attempt(number).transmissions}
    repeated = EventType.ATTEMPT_REPEATED
    return await _commit_and_send(services, payout, intent, repeated, outgoing, detail, seen, lease, now)


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A transmission that is signed and admitted, and waits for its intent to be durable."""

    handle: ChannelHandle
    number: int
    signed: Signed
    permit: Permit


async def _commit_and_send(
    services: Services,
    payout: Payout,
    intent: Payout,
    event: EventType,
    outgoing: _Outgoing,
    detail: Detail,
    seen: Safety,
    lease: Lease,
    now: datetime,
) -> Payout | None:
    """The intent first, durably; then the one call. Whatever fails before the call gives the permit back."""
    handle, number, permit = outgoing.handle, outgoing.number, outgoing.permit
    started_s = services.clock.monotonic()
    try:
        sending = await _decide(services, payout, intent, event, lease, now, number, detail, seen)
        if not _lease_lasts(services, handle.timeouts.total_s, started_s):
            raise StaleWrite(f"{payout.id}: too little of the lease is left to send")
    except BaseException:
        permit.release(Verdict.NO_EVIDENCE)
        raise
    return await transmit(services, handle, sending, number, outgoing.signed, permit, lease)


def _lease_lasts(services: Services, deadline_s: float, started_s: float) -> bool:
    """A node that was paused between intent and send must not send on a lease that others may hold (row 56)."""
    return services.lease_s - (services.clock.monotonic() - started_s) > deadline_s


# Asking --------------------------------------------------------------------------------------------------------------


async def _query(services: Services, payout: Payout, number: int, lease: Lease) -> Payout | None:
    attempt = payout.attempt(number)
    handle = services.channels[attempt.channel]
    reached(Send.QUERY, Moment.BEFORE_SEND)
    call = handle.calls.through(handle.channel.query, sent_of(payout, attempt))
    answer = await ask(services, handle, call, How.QUERY)
    reached(Send.QUERY, Moment.AFTER_SEND)
    handle.guard.queries.heard(Verdict.CHANNEL_FAULT if answer.channel_fault else Verdict.OK)
    return await learn_and_go_on(services, Heard(payout.id, number, answer), lease)


async def _cancel_at_channel(
    services: Services, payout: Payout, number: int, lease: Lease, now: datetime
) -> Payout | None:
    """Say that it is no longer wanted, where the channel can be told so; a question follows either way."""
    handle = services.channels[payout.attempt(number).channel]
    asked = changes.ask_to_cancel(payout, number, now)
    if not handle.channel.capabilities.can_cancel:
        return await services.store.run(Unit(Commit.TOUCH, lambda tx: touch(tx, payout, asked, lease)))
    told = await _decide(services, payout, asked, EventType.CANCEL_SENT, lease, now, number)
    call = handle.calls.through(handle.channel.cancel, sent_of(told, told.attempt(number)))
    reached(Send.CANCEL, Moment.BEFORE_SEND)
    answer = await ask(services, handle, call, How.CANCEL)
    reached(Send.CANCEL, Moment.AFTER_SEND)
    return await learn_and_go_on(services, Heard(payout.id, number, answer), lease)
