"""What must be true of every payout and of every change to one, whoever made it and whatever was heard.

Written down apart from the code under test: nothing here asks `status` what the status is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.domain.payout import LIVE, AttemptState, DuplicateMode, Payout
from gateway.domain.reasons import StatusCode
from gateway.domain.status import FINAL, Status, status
from gateway.domain.steps import CancelAtChannel, Close, Plan, Repeat, Step, StepPolicy, next_due, next_step
from tests.support.builders import NOW

_A = AttemptState


def _states(payout: Payout) -> set[AttemptState]:
    return {attempt.state for attempt in payout.attempts}


def _all_rejected(payout: Payout) -> bool:
    return _states(payout) <= {_A.REJECTED}


def _resolved_paid(payout: Payout) -> bool:
    return payout.resolution is not None and payout.resolution.paid


def _is_for_later(payout: Payout) -> bool:
    return payout.terms.send_at is not None and payout.terms.send_at > payout.created_at


STATUS_BY_PRECEDENCE: tuple[tuple[Callable[[Payout], bool], Status], ...] = (
    (lambda p: _A.RETURNED in _states(p), Status.RETURNED),
    (lambda p: _A.SUCCEEDED in _states(p) or _resolved_paid(p), Status.PAID),
    (lambda p: bool(_states(p) & LIVE), Status.PROCESSING),
    (lambda p: p.closure is not None and p.closure.code is StatusCode.CANCELED_BY_APP, Status.CANCELED),
    (lambda p: p.closure is not None, Status.FAILED),
    (lambda p: p.frozen, Status.PROCESSING),
    (lambda p: p.hold is not None, Status.HELD),
    (lambda p: p.cancel_requested_at is not None, Status.CANCELED),
    (lambda p: bool(p.attempts), Status.PROCESSING),
    (lambda p: _is_for_later(p) and p.waiting_for is None, Status.SCHEDULED),
    (lambda _: True, Status.ACCEPTED),
)
"""The status as docs/api.md words it: the first line that applies."""


def breaches(payout: Payout, policies: tuple[StepPolicy, ...]) -> Iterator[str]:
    """Every law that `payout` breaks as it stands at `NOW`."""
    live = [attempt for attempt in payout.attempts if attempt.state in LIVE]
    unproved = [attempt for attempt in payout.attempts if attempt.state is not _A.REJECTED]
    said = status(payout)
    if len(live) > 1:
        yield "two attempts are live (R2)"
    if len(unproved) > 1:
        yield "an attempt was opened beside one that is not proved rejected (R2)"
    if said is not next(word for applies, word in STATUS_BY_PRECEDENCE if applies(payout)):
        yield f"the status {said} is not what attempts, holds and decisions amount to (R7)"
    if said in FINAL and live:
        yield f"{said} is said while an attempt is live (R8)"
    if said in (Status.CANCELED, Status.FAILED) and not _all_rejected(payout):
        yield f"{said} is said though an attempt is not proved rejected (R8, R19)"
    if _is_forgotten(payout, said):
        yield "unfinished, and nothing will ever look at it (I3)"
    if any(attempt.transmitted is (attempt.state is _A.PLANNED) for attempt in live):
        yield "planned and counted as sent, or open and not (R13)"
    for policy in policies:
        yield from _step_breaches(payout, next_step(payout, NOW, policy), policy)


def _is_forgotten(payout: Payout, said: Status) -> bool:
    """A live attempt is always due; what has none waits for people only if frozen or held."""
    people = payout.frozen or payout.hold is not None
    deaf = payout.hold is not None and not payout.hold.rule.asks
    waits = deaf or (people and payout.live_attempt is None)
    return said not in FINAL and not waits and next_due(payout) is None


def _step_breaches(payout: Payout, step: Step, policy: StepPolicy) -> Iterator[str]:
    open_attempts = [attempt for attempt in payout.attempts if attempt.state in LIVE - {_A.PLANNED}]
    stopped = payout.frozen or payout.hold is not None
    wished = payout.cancel_requested_at is not None
    if stopped and isinstance(step, Plan | Repeat | Close | CancelAtChannel):
        yield f"{step} under a freeze or a hold (R12, R14)"
    if wished and isinstance(step, Plan | Repeat):
        yield f"{step} under a cancel wish (R19)"
    if open_attempts and isinstance(step, Plan | Close):
        yield f"{step} while the outcome of an attempt is open (R1, R2)"
    if isinstance(step, Plan | Repeat | Close) and status(payout) in FINAL:
        yield f"{step} of a payout that has ended"
    if isinstance(step, Close) and not _all_rejected(payout):
        yield f"{step} while an attempt is not proved rejected (R8)"
    if isinstance(step, Repeat):
        attempt = payout.attempt(step.number)
        if attempt.ground.duplicate_mode is DuplicateMode.NONE:
            yield "a repeat where it would be a second order (R9)"
        if attempt.state is not _A.UNKNOWN or attempt.channel in policy.disabled_channels:
            yield f"a repeat of an attempt that is {attempt.state}, or whose channel is switched off (R16)"


_NEXT = {
    _A.PLANNED: {_A.SENDING, _A.REJECTED},
    _A.SENDING: set(_A),
    _A.PENDING: {_A.SUCCEEDED, _A.REJECTED, _A.RETURNED},
    _A.UNKNOWN: {_A.PENDING, _A.SUCCEEDED, _A.REJECTED, _A.RETURNED},
    _A.SUCCEEDED: {_A.RETURNED},
    _A.REJECTED: set[AttemptState](),
    _A.RETURNED: set[AttemptState](),
}
"""Where an attempt may go (docs/states.md). Settled ones only come back from *paid* (R11), but for people."""


def move_breaches(before: Payout, after: Payout, by_people: bool) -> Iterator[str]:
    """Every law that the change from `before` to `after` breaks."""
    for old, new in zip(before.attempts, after.attempts, strict=False):
        corrected = by_people and old.state is _A.REJECTED and new.state is _A.SUCCEEDED and _resolved_paid(after)
        if new.state is not old.state and new.state not in _NEXT[old.state] and not corrected:
            yield f"attempt {old.number} went from {old.state} to {new.state} (I14)"
        if (old.channel, old.channel_reference, old.prepared) != (new.channel, new.channel_reference, new.prepared):
            yield f"attempt {old.number} changed who or what it is (R5)"
        if new.transmissions < old.transmissions and new.state is not _A.PLANNED:
            yield f"attempt {old.number} lost a transmission without proof (R13)"
    if len(after.attempts) > len(before.attempts):
        given_up = [new.state for new in after.attempts[: len(before.attempts)]]
        if any(state is not _A.REJECTED for state in given_up):
            yield "an attempt was opened while an earlier one was not proved rejected (R2)"
    if len(after.attempts) < len(before.attempts):
        yield "an attempt is gone"
    if not by_people:
        yield from _alone_breaches(before, after)


def _alone_breaches(before: Payout, after: Payout) -> Iterator[str]:
    """What needs two people (R14, R20)."""
    was, now = status(before), status(after)
    if before.frozen and not after.frozen:
        yield "a freeze went away by itself (R14)"
    if before.closure is not None and after.closure != before.closure:
        yield "a closed payout was closed again, or opened"
    if was in FINAL and now is not was and (was, now) != (Status.PAID, Status.RETURNED):
        yield f"{was} became {now} by itself (R8)"
