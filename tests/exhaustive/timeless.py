"""A payout without its clock: each moment becomes one of the few that a rule can tell apart.

What will ever be due is due at `NOW` (until then there would be nothing but waiting), a deadline is over or far away,
an age is rounded down to the next threshold that a rule asks for. Time passes by `jumps`: one moment at a time, in any
order. A real clock allows fewer orders, so whatever holds here holds there. What no rule reads (versions, texts) is
dropped, and follow-ups are too: what they would hear may be heard at any time anyway. When something was last sent is
long ago: people do not settle what is being sent this minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.payout import LIVE, Attempt, AttemptState, Closure, Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.steps import StepPolicy
from tests.support.builders import NOW

LATER = NOW + timedelta(days=4000)
LONG_AGO = NOW - timedelta(days=4000)

WINDOW = timedelta(hours=24)
"""For how long a channel of these walks knows an id again."""

POLICY = StepPolicy(pending_after=StepPolicy().unknown_after)
"""One patience for both kinds of not knowing: there are fewer moments to tell apart."""

SENT_AGES = (timedelta(0), WINDOW - timedelta(hours=1), POLICY.unknown_after)
"""Ages of the first transmission that mean something: it is not repeated any more, it is left to people."""

PATIENCE_AGES = (timedelta(0), POLICY.unknown_after)

_DROPPED = frozenset({"version", "last_event", "callback_sequence", "metadata", "waiting_for"})
_KEPT = tuple(field.name for field in fields(Payout) if field.name not in _DROPPED)


def key(payout: Payout) -> tuple[object, ...]:
    """What makes two timeless payouts the same one."""
    return tuple(getattr(payout, name) for name in _KEPT)


def timeless(payout: Payout) -> Payout:
    """The payout as every rule sees it at `NOW`."""
    attempts = tuple(map(timeless_attempt, payout.attempts))
    return replace(
        payout,
        version=1,
        last_event=1,
        callback_sequence=0,
        created_at=NOW,
        attempts=attempts,
        give_up_at=NOW if payout.give_up_at <= NOW else LATER,
        retry_at=payout.retry_at and NOW,
        waiting_for=None,
        cancel_requested_at=payout.cancel_requested_at and NOW,
        patient_since=_patience(payout),
        hold=payout.hold and replace(payout.hold, at=NOW),
        closure=payout.closure and _closure(payout.closure),
        resolution=payout.resolution and replace(payout.resolution, at=NOW),
        crashes=0,
    )


def moved_to_now(payout: Payout, now: datetime) -> Payout:
    """The same payout at another time of the world: what was `now` is `NOW`."""
    moved: Payout = _moved(payout, NOW - now)
    return moved


def _moved(value: Any, by: timedelta) -> Any:
    if isinstance(value, datetime):
        return value + by
    if isinstance(value, tuple):
        return tuple(_moved(one, by) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _moved(getattr(value, field.name), by) for field in fields(value)})
    return value


def _closure(closure: Closure) -> Closure:
    """Canceled, or failed: why is not read again."""
    canceled = closure.code is StatusCode.CANCELED_BY_APP
    return Closure(closure.code if canceled else StatusCode.CHANNEL_UNAVAILABLE, NOW)


def _patience(payout: Payout) -> datetime | None:
    """The later of first send and release counts: a release says nothing to an attempt that began after it."""
    live = payout.live_attempt
    sent = None if live is None else live.first_sent_at
    if payout.patient_since is None or sent is None or payout.patient_since <= sent:
        return None
    return _aged(payout.patient_since, PATIENCE_AGES)


def timeless_attempt(attempt: Attempt) -> Attempt:
    """Likewise for one attempt."""
    live = attempt.state in LIVE
    action = attempt.action
    return replace(
        attempt,
        opened_at=LONG_AGO,
        first_sent_at=_aged(attempt.first_sent_at, SENT_AGES) if live else None,
        last_sent_at=None,
        settled_at=None if live else NOW,
        verdict_as_of=None,
        due_at=attempt.due_at and NOW if live else None,
        asks=0,
        cancel_asked=attempt.cancel_asked and live,
        repeat_due=attempt.repeat_due and live,
        was_unknown=False,
        channel_code=None,
        action=None if action is None else replace(action, expires_at=_expiry(action.expires_at)),
        reason=attempt.reason if attempt.state is AttemptState.REJECTED else None,
    )


def _aged(moment: datetime | None, ages: tuple[timedelta, ...]) -> datetime | None:
    return None if moment is None else NOW - max(age for age in ages if age <= max(NOW - moment, timedelta(0)))


def _expiry(moment: datetime) -> datetime:
    """Far away, or over since so long that patience does not count from it."""
    return LATER if moment > NOW else LONG_AGO


def jumps(payout: Payout) -> Iterator[tuple[str, Payout]]:
    """Each way in which time alone makes this another payout."""
    if payout.give_up_at > NOW:
        yield "the deadline of the payout passes", replace(payout, give_up_at=NOW)
    older = _older(payout.patient_since, PATIENCE_AGES)
    if older is not None:
        yield "patience since the last release is over", replace(payout, patient_since=older)
    live = payout.live_attempt
    if live is not None:
        for what, aged in _attempt_jumps(live):
            yield f"attempt {live.number}: {what}", payout.with_attempt(aged)


def _attempt_jumps(attempt: Attempt) -> Iterator[tuple[str, Attempt]]:
    older = _older(attempt.first_sent_at, SENT_AGES)
    if older is not None:
        yield f"{NOW - older} have passed since it was first sent", replace(attempt, first_sent_at=older)
    action = attempt.action
    if action is not None and action.expires_at > NOW:
        yield "the beneficiary's time is over", replace(attempt, action=replace(action, expires_at=LONG_AGO))


def _older(moment: datetime | None, ages: tuple[timedelta, ...]) -> datetime | None:
    """The next age that means something; None when there is none."""
    if moment is None:
        return None
    return next((NOW - age for age in ages if age > NOW - moment), None)
