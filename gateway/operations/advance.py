"""Move one payout as far as it will go: ask the core what is next, do it, save it, ask again.

Each step is one function below; what they share is the order of things: load or hold a version, decide, commit the
intent, act, fold the answer. A step whose version has moved on changes nothing (`StaleWrite`), and the payout is
looked at afresh.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from gateway.domain import changes
from gateway.domain.allowance import AllowanceSpent
from gateway.domain.errors import StaleWrite
from gateway.domain.event import EventType
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.domain.safety import Safety
from gateway.domain.status import StatusReason, closing_code
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
from gateway.operations.deciding import Detail, Update, decide_in, tell
from gateway.operations.holding import HoldFor, hold_for
from gateway.operations.intent import Outgoing, plan_intent, send
from gateway.operations.learn import Heard, learn_and_go_on
from gateway.operations.plan import sent_of, tell_choice, waiting_code
from gateway.operations.record import touch
from gateway.operations.retried import doubt
from gateway.operations.services import Services
from gateway.operations.transmit import interrupted
from gateway.operations.usage import look_at_usage
from gateway.store.port import Tx
from gateway.store.records import Lease
from routing.decide import Decision
from routing.guard import RefusedBeforeSend, Verdict

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def advance(services: Services, payout: Payout, lease: Lease, outgoing: Outgoing | None = None) -> None:
    """Do all that can be done for `payout` now, then let go of it. Returns early when the lease is lost.

    `outgoing`: its intent is committed, with its acceptance, and nothing was sent yet.
    """
    if outgoing is not None:
        sent = await _send_first(services, payout, outgoing, lease)
        if sent is None:
            return
        payout = sent
    while True:
        lease, now = services.lease(lease.owner, lease.fence)
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


async def _send_first(services: Services, payout: Payout, outgoing: Outgoing, lease: Lease) -> Payout | None:
    try:
        return await send(services, payout, outgoing, lease)
    except StaleWrite:
        return await _look_again(services, payout, services.lease(lease.owner, lease.fence)[0])


async def _act_with_care(
    services: Services, payout: Payout, step: Step, seen: Safety, lease: Lease, now: datetime
) -> Payout | None:
    """In quarantine and in the ask-first time (R15). None: put off and let go of."""
    careful = await safe_step(services, payout, step, seen, now)
    lease, now = services.lease(lease.owner, lease.fence)  # asking takes its time
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
    lease, now = services.lease(lease.owner, lease.fence)  # looking takes its time
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
            given_up = Update(changes.give_up(payout, number, now), EventType.ATTEMPT_GIVEN_UP, number, seen=seen)
            return await _decide(services, payout, given_up, lease, now)
        case Close(reason):
            return await _close(services, payout, reason, seen, lease, now)
        case PutOnHold(code):
            held = Update(changes.hold(payout, code, now), EventType.HELD, detail={"code": str(code)})
            return await _decide(services, payout, held, lease, now)
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


async def _decide(services: Services, before: Payout, update: Update, lease: Lease, now: datetime) -> Payout:
    """Commit one change of ours."""
    unit = Unit(update.event, lambda tx: decide_in(services, tx, before, update, lease, now))
    decided = await services.store.run(unit)
    tell(services, decided)
    return decided.saved


async def _close(
    services: Services, payout: Payout, reason: StatusReason, seen: Safety, lease: Lease, now: datetime
) -> Payout:
    detail: Detail = {"reason": str(reason.code)}
    closed = Update(changes.close(payout, reason, now), EventType.CLOSED, detail=detail, seen=seen)
    return await _decide(services, payout, closed, lease, now)


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
    update = Update(waiting, EventType.WAITING, detail={"refused": refused})
    return await _decide(services, payout, update, lease, now)


# Sending -------------------------------------------------------------------------------------------------------------


async def _plan(
    services: Services, payout: Payout, plan: Plan, seen: Safety, lease: Lease, now: datetime
) -> Payout | None:
    """Choose a channel, commit the intent, send."""
    await look_at_usage(services, now)
    found = plan_intent(services, payout, plan, seen, now)
    if isinstance(found, Decision):
        tell_choice(services, payout, found, now, services.clock.now())
        return await _wait_for_channel(services, payout, found, seen, lease, now)
    tell_choice(services, payout, found.chosen, now, found.chosen_at)
    try:
        return await _commit_and_send(services, payout, found.update, found.outgoing, lease, now)
    except AllowanceSpent as spent:  # another node was quicker: nothing was committed, the next look knows
        await look_at_usage(services, now, anew=True)
        raise StaleWrite(str(spent)) from spent


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
    after = changes.begin_repeat(payout, number, now)
    detail: Detail = {"transmission": after.attempt(number).transmissions}
    update = Update(after, EventType.ATTEMPT_REPEATED, number, detail, seen)
    outgoing = Outgoing(handle, number, signed, permit)
    return await _commit_and_send(services, payout, update, outgoing, lease, now)


async def _commit_and_send(
    services: Services, payout: Payout, update: Update, outgoing: Outgoing, lease: Lease, now: datetime
) -> Payout | None:
    """The intent first, durably; then the one call. Whatever fails before the call gives the permit back, and not its
    share of the rate: a channel that the store refuses again and again is not chosen without end."""
    try:
        sending = await _decide(services, payout, update, lease, now)
    except BaseException:
        outgoing.permit.release(Verdict.NO_EVIDENCE)
        raise
    return await send(services, sending, outgoing, lease)


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
    told = await _decide(services, payout, Update(asked, EventType.CANCEL_SENT, number), lease, now)
    call = handle.calls.through(handle.channel.cancel, sent_of(told, told.attempt(number)))
    reached(Send.CANCEL, Moment.BEFORE_SEND)
    answer = await ask(services, handle, call, How.CANCEL)
    reached(Send.CANCEL, Moment.AFTER_SEND)
    return await learn_and_go_on(services, Heard(payout.id, number, answer), lease)
