"""After a restore: what the store forgot, the channels remember (R15).

Ids are derived, not drawn (`gateway.domain.identity`): the same app, reference, channel and ordinal give the same id,
also when the store that once wrote it down is lost. So before a payout of a restored store is sent, given up or ended,
every channel there is or was is asked for every id this payout may have had there. One that knows any holds the
payout; one that does not answer is asked again; only when all say that they know nothing does the payout go on.

An app may not even notice a restore: it orders again what it got no callback for. The reference gives the same ids, so
the order that was paid in the lost time is found, and is not paid twice. That holds too where it orders something else
under the reference: our books would have refused it, the channel's answer then speaks of another amount or payee.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from adapters.channel import Sent, Unsendable
from gateway.domain import changes
from gateway.domain.errors import StoreUnavailable
from gateway.domain.event import EventType
from gateway.domain.hold import HoldCode
from gateway.domain.identity import AttemptIds, attempt_ids
from gateway.domain.outcome import Answer, OutcomeKind
from gateway.domain.outcome import Heard as How
from gateway.domain.payout import Payout
from gateway.domain.reasons import RejectReason, StatusCode
from gateway.domain.safety import Safety
from gateway.domain.status import is_final
from gateway.domain.steps import Close, GiveUp, Plan, Query, Repeat, Step, StepPolicy
from gateway.failpoints import Commit, Moment, Send, Unit, reached
from gateway.operations.asking import ask
from gateway.operations.holding import HoldFor, hold_for
from gateway.operations.outside import EVERY_CHANNEL, Errand
from gateway.operations.plan import ROWS_MAX, order_of
from gateway.operations.quarantine import grounds
from gateway.operations.record import record
from gateway.operations.services import ChannelHandle, Services
from gateway.store.port import Tx
from gateway.store.records import Lease

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LOOK_AGAIN_AFTER = timedelta(seconds=15)
"""How long a payout that a quarantine or a silent channel keeps waiting is left alone at first."""

LOOK_AGAIN_AT_MOST_AFTER = timedelta(minutes=2)
"""How long at most. A quarantine lasts hours, and ten thousand payouts may wait for its end."""

TOLD = StatusCode.CHANNEL_UNAVAILABLE
"""What an app is told meanwhile."""

KNOWN = frozenset({OutcomeKind.PENDING, OutcomeKind.SUCCEEDED, OutcomeKind.REJECTED, OutcomeKind.RETURNED})
"""Answers that mean: there is, or was, such an order. A refused one too: who knows how often it was sent."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """Nothing of it may be sent or ended now; `why` stands in its history."""

    why: str


async def safe_step(
    services: Services, payout: Payout, step: Step, seen: Safety, now: datetime
) -> Step | PutOff | HoldFor:
    """What may be done in `step`'s place while the store is not calm. Asks the channels where that decides."""
    stopped = payout.hold is not None or payout.frozen
    if isinstance(step, Repeat):
        return await _safe_repeat(services, payout, step, seen)
    if stopped or not isinstance(step, Plan | Close | GiveUp):
        return step
    if seen.quarantined:
        return _overdue_follow_up(payout, now) or PutOff("quarantine")
    return _at_last(payout, await _asked(services, payout, seen), now, services.steps) or step


def _at_last(
    payout: Payout, found: PutOff | HoldFor | None, now: datetime, policy: StepPolicy
) -> PutOff | HoldFor | None:
    """Beyond its own time, and asked for as long as an outcome may be unknown, it is left to people: never ended, and
    never put off for ever."""
    since = max(payout.give_up_at, payout.patient_since or payout.give_up_at)
    if isinstance(found, PutOff) and now >= since + policy.unknown_after:
        return HoldFor(HoldCode.OUTCOME_UNKNOWN, f"nobody could say whether it was paid: {found.why}")
    return found


async def _safe_repeat(services: Services, payout: Payout, step: Repeat, seen: Safety) -> Step | HoldFor:
    """A repeat that an older copy wants may be a second payment: in the lost time another channel may have paid."""
    if seen.quarantined:
        return Query(step.number)
    match await _asked(services, payout, seen):
        case None:
            return step
        case PutOff():
            return Query(step.number)
        case HoldFor() as found:
            return found


async def before_cancel(services: Services, payout: Payout, seen: Safety) -> None:
    """A wish ends a payout at once when nothing of it was ever sent. After a restore the channels must say so too.

    Raises:
        StoreUnavailable: one of them gives no answer; nothing was recorded, the app asks again.
    """
    if seen.calm_about(payout.created_at) or payout.hold or payout.frozen or is_final(payout):
        return
    match await _asked(services, payout, seen):
        case PutOff(why):
            raise StoreUnavailable(f"after a restore, and not to be canceled yet: {why}")
        case HoldFor() as found:
            await hold_for(services, payout, found, seen, None, services.clock.now())


def _overdue_follow_up(payout: Payout, now: datetime) -> Query | None:
    """What is put off must not keep an older attempt's question from being asked."""
    due = (each for each in payout.attempts if not each.live and each.due_at is not None and each.due_at <= now)
    return next((Query(each.number) for each in due), None)


async def _asked(services: Services, payout: Payout, seen: Safety) -> PutOff | HoldFor | None:
    """None: every channel says that it knows nothing of this payout but what our books know."""
    removed = seen.removed(grounds(services.channels))
    if removed:
        return HoldFor(HoldCode.CHANNEL_REMOVED, f"no longer configured as it was: {', '.join(removed)}")
    able = [handle for handle in services.channels.values() if _can_carry(handle, payout)]
    mute = [handle.channel.name for handle in able if not handle.channel.capabilities.can_look_up]
    if mute:
        return HoldFor(HoldCode.CHANNEL_REMOVED, f"cannot be asked by our own id: {', '.join(mute)}")
    asking = services.background.spawn(_ask_all(services, payout, able))
    # Half a lease at most: the other half is for the intent and the send.
    done, _ = await asyncio.wait({asking}, timeout=services.lease_s / 2)
    if not done:
        asking.cancel()
        return PutOff("asking first took too long")
    return asking.result()


def _can_carry(handle: ChannelHandle, payout: Payout) -> bool:
    """A channel that declares other kinds of payees or other currencies never got it."""
    able = handle.channel.capabilities
    return payout.beneficiary.kind in able.kinds and payout.amount.currency in able.currencies


async def _ask_all(services: Services, payout: Payout, able: list[ChannelHandle]) -> PutOff | HoldFor | None:
    """All channels at once, each for one id after the other. What was found outweighs who was silent."""
    places = max((handle.policy.in_flight for handle in able), default=0)
    with services.outside.wait_for(EVERY_CHANNEL, Errand.QUESTION, places):
        verdicts = await asyncio.gather(*(_ask_channel(services, payout, handle) for handle in able))
    found = next((each for each in verdicts if isinstance(each, HoldFor)), None)
    silent = [each.why for each in verdicts if isinstance(each, PutOff)]
    if found is None and not silent:
        log.info("payout.asked_first", payout=payout.id, channels=len(able))
    return found or (PutOff("; ".join(silent)) if silent else None)


async def _ask_channel(services: Services, payout: Payout, handle: ChannelHandle) -> PutOff | HoldFor | None:
    name = handle.channel.name
    for ids in _unknown_ids(services, payout, name):
        try:
            answer = await _look_up(services, payout, handle, ids)
        except Unsendable as error:
            if error.reason is RejectReason.CHANNEL_UNAVAILABLE:
                return PutOff(f"{name} is not ready")
            # It may have been expressed under older settings: what cannot be asked about is for people.
            return HoldFor(HoldCode.CHANNEL_REMOVED, f"{name} cannot be asked about this order: {error.detail}")
        except Exception:  # an adapter's bug is no answer: the payout waits, and others go on
            log.exception("channel.ask_failed", payout=payout.id, channel=name)
            return PutOff(f"{name}: the adapter failed")
        if answer.kind in KNOWN or answer.other_content:
            code = f" ({answer.channel_code})" if answer.channel_code else ""
            what = "an order with other content" if answer.other_content else answer.kind
            return HoldFor(HoldCode.FOUND_AT_CHANNEL, f"{name} knows {ids.channel_reference}: {what}{code}")
        if answer.kind is not OutcomeKind.ABSENT:
            return PutOff(f"{name} gave no clear answer")
    return None


def _unknown_ids(services: Services, payout: Payout, channel: str) -> Iterator[AttemptIds]:
    """Every id the payout may have had there, but those whose sending is in our books: they are followed anyway."""
    books = {attempt.channel_reference for attempt in payout.attempts if attempt.transmitted}
    for ordinal in range(1, ordinals_max(services.steps.max_attempts) + 1):
        ids = attempt_ids(services.keys.identity, payout.app, payout.reference, channel, ordinal)
        if ids.channel_reference not in books:
            yield ids


def ordinals_max(max_attempts: int) -> int:
    """The most attempts of one payout on one channel.

    Attempts that never left take numbers too, up to `ROWS_MAX` of them, and no two in a row on one channel.
    """
    return max(max_attempts, ROWS_MAX // 2 + 1)


async def _look_up(services: Services, payout: Payout, handle: ChannelHandle, ids: AttemptIds) -> Answer:
    """Raises `Unsendable`: the channel cannot express the order, so there is nothing to ask for."""
    channel, order = handle.channel, order_of(payout, ids)
    sent = Sent(order, channel.ground, channel.prepare(order, services.clock.now()))
    reached(Send.QUERY, Moment.BEFORE_SEND)
    answer = await ask(services, handle, handle.calls.through(channel.query, sent), How.QUERY)
    reached(Send.QUERY, Moment.AFTER_SEND)
    return answer


# What is done in a step's place --------------------------------------------------------------------------------------


def look_again_after(payout: Payout, now: datetime) -> timedelta:
    """The longer it has waited, the longer it may be left alone."""
    return min(max(LOOK_AGAIN_AFTER, (now - payout.created_at) / 8), LOOK_AGAIN_AT_MOST_AFTER)


async def put_off(
    services: Services, payout: Payout, why: PutOff, seen: Safety, lease: Lease, now: datetime
) -> Payout | None:
    """Wait, and say so once. None when it is let go of: what is put off is due all the time, so it waits by itself."""
    wait = look_again_after(payout, now)
    waiting = changes.wait_for_channel(payout, TOLD, now, wait)
    new = payout.waiting_for is not TOLD

    def unit(tx: Tx) -> Payout | None:
        services.standing.still(tx, seen)
        if new:
            detail = {"refused": why.why}
            return record(services, tx, payout, waiting, EventType.WAITING, now, detail=detail, lease=lease)
        tx.save(payout, waiting, now + wait, lease)
        tx.release(payout.id, lease)
        return None

    saved = await services.store.run(Unit(EventType.WAITING if new else Commit.TOUCH, unit))
    if new:
        log.info("payout.waiting", payout=payout.id, refused=why.why)
        services.wake_callbacks()
    return saved
