"""What a payout wants next: one function, facts in, one step out. The worker does what it says and asks again.

Read from the top it is the whole plan of a payout's life: look after the attempt that may still pay; if there is
none, end it or plan another one. Nothing here opens a second attempt beside a live one (R2), and no clock, limit or
wish ends a payout while an attempt is not proved rejected (R8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.hold import HoldCode
from gateway.domain.payout import Attempt, AttemptState, Payout
from gateway.domain.reasons import OtherChannel, RejectReason, other_channel
from gateway.domain.states import may_repeat
from gateway.domain.status import StatusReason, closing_code, is_final
from gateway.domain.terms import OnExpiry


@dataclass(frozen=True, slots=True)
class StepPolicy:
    """The operator's part of the rule (`[routing]` in config.toml)."""

    max_attempts: int = 3
    """Channels that may have heard of the payout before it fails."""
    failover_also_on: frozenset[RejectReason] = frozenset({RejectReason.UNKNOWN})
    """Final refusals whose table row says `policy` and after which another channel is tried."""
    disabled_channels: frozenset[str] = frozenset()
    """Channels that get nothing sent, no repeat either; they are still asked (R16)."""
    unknown_after: timedelta = timedelta(hours=24)
    """An attempt whose outcome is unknown for so long is held for people (`[holds]`)."""
    pending_after: timedelta = timedelta(hours=96)
    """Likewise one that the channel says it is still working on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Choose a channel and open an attempt; `instead_of` is a planned one that never left, given up for it."""

    instead_of: int | None = None
    last: bool = False
    """Its time is over: any channel that may carry it, or it ends."""


@dataclass(frozen=True, slots=True)
class Query:
    """Ask the attempt's channel what became of it."""

    number: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Send the same bytes under the same id again."""

    number: int


@dataclass(frozen=True, slots=True)
class CancelAtChannel:
    """Tell the channel that the order is no longer wanted; its answer proves nothing, a query follows."""

    number: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A send that nobody is waiting for any more (a crash, a lost lease): its outcome is unknown."""

    number: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Turn a planned attempt, of which nothing was ever sent, into a rejected one."""

    number: int


@dataclass(frozen=True, slots=True)
class Close:
    """Record that nothing more will be tried: the payout is failed."""

    reason: StatusReason


@dataclass(frozen=True, slots=True)
class PutOnHold:
    """Leave it to people (R12)."""

    code: HoldCode


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`; None: nothing at all until something is heard."""

    until: datetime | None


Step = Plan | Query | Repeat | CancelAtChannel | Interrupted | GiveUp | Close | PutOnHold | Wait

CRASHES_MAX = 3
"""Whoever works on a payout may die this often in a row before it is left to people (row 64)."""


def next_step(payout: Payout, now: datetime, policy: StepPolicy) -> Step:
    """What the payout wants at `now`."""
    if payout.hold is not None and not payout.hold.rule.asks:
        return Wait(None)
    if payout.crashes >= CRASHES_MAX and payout.hold is None:
        return PutOnHold(HoldCode.CRASHED)
    live = payout.live_attempt
    if live is not None:
        step = _tend(payout, live, now, policy)
    elif is_final(payout) or payout.frozen or payout.hold is not None:
        step = Wait(next_due(payout))
    else:
        step = _carry_on(payout, now, policy)
    # What may still pay comes first; while it only waits, older attempts are followed up (R17).
    return (_due_follow_up(payout, now) or Wait(next_due(payout))) if isinstance(step, Wait) else step


def _tend(payout: Payout, live: Attempt, now: datetime, policy: StepPolicy) -> Step:
    """Look after the one attempt that may still pay."""
    match live.state:
        case AttemptState.PLANNED:
            return _tend_planned(payout, live, now, policy)
        case AttemptState.SENDING:
            return Interrupted(live.number)
        case _:
            return _tend_open(payout, live, now, policy)


def _tend_planned(payout: Payout, live: Attempt, now: datetime, policy: StepPolicy) -> Step:
    unwanted = payout.cancel_requested_at is not None or payout.give_up_at <= now
    if _stopped(payout) or unwanted or live.channel in policy.disabled_channels:
        return GiveUp(live.number)
    if payout.retry_at is not None and payout.retry_at > now:
        return Wait(_look_at(payout))
    return Plan(instead_of=live.number)


def _tend_open(payout: Payout, live: Attempt, now: datetime, policy: StepPolicy) -> Step:
    if live.due_at is not None and live.due_at > now:
        return Wait(live.due_at)
    if payout.hold is None and _patience_over(payout, live, now, policy):
        return PutOnHold(HoldCode.OUTCOME_UNKNOWN)
    # Under a freeze and under a hold the channel is asked, and told nothing (R14, R12).
    stopped = _stopped(payout)
    if not stopped and _unwanted(payout, live, now) and not live.cancel_asked:
        return CancelAtChannel(live.number)
    # Under a cancel wish an order that may never have arrived is not sent again: it would be a first send (R19).
    wanted = payout.cancel_requested_at is None
    may_send = wanted and not stopped and live.channel not in policy.disabled_channels
    if live.repeat_due and may_send and may_repeat(live, now):
        return Repeat(live.number)
    return Query(live.number)


def _stopped(payout: Payout) -> bool:
    return payout.frozen or payout.hold is not None


def _patience_over(payout: Payout, live: Attempt, now: datetime, policy: StepPolicy) -> bool:
    """Nobody could say for too long what became of it; while the beneficiary may still act, nobody has to."""
    patience = policy.pending_after if live.state is AttemptState.PENDING else policy.unknown_after
    since = max(live.first_sent_at or live.opened_at, payout.patient_since or live.opened_at)
    return now >= (since if live.action is None else max(since, live.action.expires_at)) + patience


def _unwanted(payout: Payout, live: Attempt, now: datetime) -> bool:
    """The app took its wish back, or the beneficiary let the channel's deadline pass."""
    return payout.cancel_requested_at is not None or (live.action is not None and live.action.expires_at <= now)


def _due_follow_up(payout: Payout, now: datetime) -> Query | None:
    for attempt in payout.attempts:
        if not attempt.live and attempt.due_at is not None and attempt.due_at <= now:
            return Query(attempt.number)
    return None


def _carry_on(payout: Payout, now: datetime, policy: StepPolicy) -> Step:
    """Every attempt is proved rejected, or there was none: try another channel, or end it."""
    heard = [attempt for attempt in payout.attempts if attempt.transmitted]
    final_refusal = bool(heard) and not may_fail_over(heard[-1], policy)
    over = payout.give_up_at <= now
    if final_refusal or len(heard) >= policy.max_attempts or (over and not _has_last_call(payout)):
        return Close(closing_code(payout))
    if (payout.retry_at is not None and payout.retry_at > now) or _is_early(payout, now):
        return Wait(_look_at(payout))
    return Plan(last=over)


def _is_early(payout: Payout, now: datetime) -> bool:
    """Its app wants it sent later; one that was begun is carried on, whatever the clock says since."""
    return payout.terms.send_at is not None and payout.terms.send_at > now and not payout.attempts


def _has_last_call(payout: Payout) -> bool:
    """Its time is over, and any channel may still have it: its app asked for that, and it was not on its way then."""
    over_at = payout.give_up_at
    on_its_way = any(each.transmitted and (each.settled_at or each.opened_at) >= over_at for each in payout.attempts)
    return payout.terms.on_expiry is OnExpiry.ANY_CHANNEL and not on_its_way


def may_fail_over(rejected: Attempt, policy: StepPolicy) -> bool:
    """Whether this definite refusal may be followed by an attempt on another channel."""
    reason = rejected.reason or RejectReason.UNKNOWN
    rule = other_channel(reason)
    return rule is OtherChannel.YES or (rule is OtherChannel.POLICY and reason in policy.failover_also_on)


def next_due(payout: Payout) -> datetime | None:
    """When the payout must be looked at again on its own account: what the store indexes."""
    dues = [attempt.due_at for attempt in payout.attempts if attempt.due_at is not None and not is_planned(attempt)]
    live = payout.live_attempt
    if payout.hold is not None and not payout.hold.rule.asks:
        return None
    idle = live is None and not is_final(payout) and not _stopped(payout)
    if idle or (live is not None and is_planned(live)):
        dues.append(_look_at(payout))
    return min(dues, default=None)


def _look_at(payout: Payout) -> datetime:
    """When one that waits for a channel is looked at next. The end of its time is no reason to where it has a last
    call: that comes at the next look."""
    at = payout.retry_at or payout.begins_at
    return at if payout.terms.on_expiry is OnExpiry.ANY_CHANNEL else min(at, payout.give_up_at)


def is_planned(attempt: Attempt) -> bool:
    """Nothing of it ever left us: it waits for a channel, not for an answer."""
    return attempt.state is AttemptState.PLANNED
