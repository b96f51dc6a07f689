"""The attempt table and the one fold: how an outcome changes an attempt.

The table is the rule; a pair that is not in it is a contradiction ("!" in docs/states.md, which is drawn from here):
it is recorded and freezes the payout, and is never folded in (R14).

A return of an attempt whose success we had not heard of yet is no contradiction: it says both at once, that the order
was paid and that the money came back. That happens whenever we were down, or the channel slow, in between. Taking it is
safe: `returned` is absorbing and bars every new attempt (R11). Of a *rejected* attempt it stays a contradiction.

Proof of "not sent" that comes after the deadline, when the attempt is unknown already, is as good as no answer (R13).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.hold import Hold, HoldCode
from gateway.domain.outcome import Heard, Outcome, OutcomeKind
from gateway.domain.payout import LIVE, Attempt, AttemptState, DuplicateMode, Payout

_A, _K = AttemptState, OutcomeKind

TABLE: dict[tuple[AttemptState, OutcomeKind], AttemptState] = {
    (_A.SENDING, _K.NOT_SENT): _A.PLANNED,
    (_A.SENDING, _K.PENDING): _A.PENDING,
    (_A.SENDING, _K.SUCCEEDED): _A.SUCCEEDED,
    (_A.SENDING, _K.REJECTED): _A.REJECTED,
    (_A.SENDING, _K.UNCLEAR): _A.UNKNOWN,
    (_A.SENDING, _K.RETURNED): _A.RETURNED,
    (_A.PENDING, _K.NOT_SENT): _A.PENDING,
    (_A.PENDING, _K.PENDING): _A.PENDING,
    (_A.PENDING, _K.SUCCEEDED): _A.SUCCEEDED,
    (_A.PENDING, _K.REJECTED): _A.REJECTED,
    (_A.PENDING, _K.UNCLEAR): _A.PENDING,
    (_A.PENDING, _K.RETURNED): _A.RETURNED,
    (_A.UNKNOWN, _K.NOT_SENT): _A.UNKNOWN,
    (_A.UNKNOWN, _K.PENDING): _A.PENDING,
    (_A.UNKNOWN, _K.SUCCEEDED): _A.SUCCEEDED,
    (_A.UNKNOWN, _K.REJECTED): _A.REJECTED,
    (_A.UNKNOWN, _K.UNCLEAR): _A.UNKNOWN,
    (_A.UNKNOWN, _K.ABSENT): _A.REJECTED,
    (_A.UNKNOWN, _K.RETURNED): _A.RETURNED,
    (_A.SUCCEEDED, _K.PENDING): _A.SUCCEEDED,
    (_A.SUCCEEDED, _K.SUCCEEDED): _A.SUCCEEDED,
    (_A.SUCCEEDED, _K.UNCLEAR): _A.SUCCEEDED,
    (_A.SUCCEEDED, _K.RETURNED): _A.RETURNED,
    (_A.REJECTED, _K.REJECTED): _A.REJECTED,
    (_A.REJECTED, _K.UNCLEAR): _A.REJECTED,
    (_A.REJECTED, _K.ABSENT): _A.REJECTED,
    (_A.RETURNED, _K.PENDING): _A.RETURNED,
    (_A.RETURNED, _K.SUCCEEDED): _A.RETURNED,
    (_A.RETURNED, _K.UNCLEAR): _A.RETURNED,
    (_A.RETURNED, _K.RETURNED): _A.RETURNED,
}

SETTLED = frozenset(AttemptState) - LIVE

FOLLOW_UP_AFTER = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24), timedelta(hours=72))
"""A rejected attempt that was ever transmitted is asked again then: so a late success is found (R17)."""


class Change(StrEnum):
    """What a fold did."""

    MOVED = "moved"
    """The attempt is in another state."""
    LEARNED = "learned"
    """The same state; something about it is new, or a question was used up."""
    STALE = "stale"
    """The channel itself dates this before the verdict we hold, or it says nothing: kept as evidence, not judged."""
    CONTRADICTION = "contradiction"
    """The table has no such pair: the payout is frozen, a person must look."""


@dataclass(frozen=True, slots=True)
class Folded:
    """The payout after a fold, and what the fold did."""

    payout: Payout
    change: Change


@dataclass(frozen=True, slots=True)
class Polls:
    """A channel's poll schedule: waits between questions, the last one repeating."""

    waits: tuple[timedelta, ...]

    def wait(self, asks: int) -> timedelta:
        return self.waits[min(asks, len(self.waits) - 1)]

    def slowed(self, factor: float) -> Polls:
        """For a channel that answers no question: each wait `factor` times as long, but none beyond the last one."""
        if factor == 1.0:
            return self
        return Polls(tuple(max(wait, min(wait * factor, self.waits[-1])) for wait in self.waits))


def fold(payout: Payout, number: int, outcome: Outcome, now: datetime, polls: Polls) -> Folded:
    """Fold what was learned about attempt `number` into the payout. The only way an outcome changes anything."""
    attempt = payout.attempt(number)
    if _is_no_news(attempt, outcome):
        return Folded(payout, Change.STALE)
    if _is_stale(payout, attempt, outcome):
        return Folded(payout.with_attempt(_looked_at(attempt, outcome, now, polls)), Change.STALE)
    target = TABLE.get((attempt.state, outcome.kind))
    if target is None:
        frozen = replace(payout.with_attempt(_looked_at(attempt, outcome, now, polls)), frozen=True)
        return Folded(frozen, Change.CONTRADICTION)
    moved = target is not attempt.state
    learned = _learn(attempt, outcome, target, now)
    after = _schedule(learned, outcome, moved, now, polls)
    known = _rehold(payout.with_attempt(after), attempt, outcome, moved, now)
    return Folded(known, Change.MOVED if moved else Change.LEARNED)


def _rehold(payout: Payout, before: Attempt, outcome: Outcome, moved: bool, now: datetime) -> Payout:
    """What does not add up puts a hold on; a hold that proof made needless comes off."""
    wanted = _held_for(payout, before, outcome)
    if wanted is not None and (payout.hold is None or payout.hold.rule.asks):
        # A weaker hold gives way, or what lifts it would lift this one too; its age stays.
        since = payout.hold.at if payout.hold is not None else now
        return replace(payout, hold=Hold(wanted, since))
    if payout.hold is None or not moved or payout.live_attempt is not None:
        return payout
    rule = payout.hold.rule
    paid = outcome.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED)
    return replace(payout, hold=None) if (rule.until_settled if paid else rule.until_known) else payout


def _held_for(payout: Payout, before: Attempt, outcome: Outcome) -> HoldCode | None:
    answer = outcome.answer
    if answer.conflict and before.live:
        return HoldCode.CONTENT_CONFLICT
    if outcome.kind is OutcomeKind.RETURNED and answer.returned is not None:
        again = before.state is AttemptState.RETURNED and before.returned not in (None, answer.returned)
        if again or answer.returned.minor > payout.amount.minor:
            return HoldCode.RETURN_MISMATCH
    return None


def _is_no_news(attempt: Attempt, outcome: Outcome) -> bool:
    """That we heard nothing, of an attempt of which there is proof by now that nothing left us: whoever says so waited
    until the deadline, or took the payout over meanwhile, and was overtaken. Any word of a channel is news.
    """
    answer = outcome.answer
    nothing_heard = answer.heard is Heard.SUBMIT and answer.kind is OutcomeKind.UNCLEAR and not answer.raw
    return attempt.state is AttemptState.PLANNED and nothing_heard


def _is_stale(payout: Payout, attempt: Attempt, outcome: Outcome) -> bool:
    """Success and return are always judged; anything else only when not older than the verdict we hold (R14).

    A submit's "taken in" that comes back after the verdict was said before it: answers overtake each other.
    """
    if attempt.state not in SETTLED or outcome.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED):
        return False
    if outcome.answer.heard is Heard.SUBMIT and outcome.kind is OutcomeKind.PENDING:
        return payout.resolution is None  # unless people settled it: then it is news, and contradicts them
    asked_at, as_of = outcome.answer.asked_at, outcome.answer.as_of
    overtaken = asked_at is not None and attempt.settled_at is not None and asked_at <= attempt.settled_at
    if overtaken and outcome.kind is OutcomeKind.PENDING:
        return payout.resolution is None
    return as_of is not None and attempt.verdict_as_of is not None and as_of < attempt.verdict_as_of


def _learn(attempt: Attempt, outcome: Outcome, target: AttemptState, now: datetime) -> Attempt:
    """The attempt in its target state, with the facts the answer brought."""
    answer, moved = outcome.answer, target is not attempt.state
    settled = target in SETTLED
    known = replace(
        attempt,
        state=target,
        channel_payout_id=answer.channel_payout_id or attempt.channel_payout_id,
        action=None if settled or answer.action_over else answer.action or attempt.action,
        was_unknown=attempt.was_unknown or target is AttemptState.UNKNOWN,
        # A verdict keeps the code it was given for: later talk about it does not change why.
        channel_code=(answer.channel_code or attempt.channel_code) if moved or not settled else attempt.channel_code,
    )
    if target is AttemptState.PLANNED:
        # Transmission 1 of 1 never left: it comes off the count again (R13).
        known = replace(known, transmissions=0, first_sent_at=None, last_sent_at=None)
    if moved and settled:
        known = replace(
            known,
            reason=answer.reason if target is not AttemptState.SUCCEEDED else None,
            returned=answer.returned if target is AttemptState.RETURNED else None,
            verdict_as_of=answer.as_of,
            settled_at=now,
        )
    return known


def _schedule(attempt: Attempt, outcome: Outcome, moved: bool, now: datetime, polls: Polls) -> Attempt:
    """When the attempt is looked at next, and whether with a question or with the same bytes."""
    repeat = _wants_repeat(attempt, outcome, now)
    if not moved:
        return replace(_looked_at(attempt, outcome, now, polls), repeat_due=repeat)
    attempt = replace(attempt, asks=0, cancel_asked=False, repeat_due=repeat)
    if attempt.state in SETTLED:
        return replace(attempt, due_at=follow_up_at(attempt, 0))
    if attempt.state is AttemptState.PLANNED or outcome.ask_now:
        return replace(attempt, due_at=now)
    return replace(attempt, due_at=now + _wait(0, outcome, polls))


def _wants_repeat(attempt: Attempt, outcome: Outcome, now: datetime) -> bool:
    """The same bytes again are wanted and allowed; what we are told in between does not take the wish back."""
    possible = attempt.state is AttemptState.UNKNOWN and may_repeat(attempt, now)
    return possible and (outcome.repeat or (attempt.repeat_due and outcome.answer.heard not in ANSWERS))


ANSWERS = frozenset({Heard.SUBMIT, Heard.QUERY})
"""What answers a question of ours. Only that uses up a place in the schedule; what we are told unasked does not."""


_SAYS_NOTHING_NEW = {
    _A.SUCCEEDED: (_K.SUCCEEDED, _K.PENDING),
    _A.REJECTED: (_K.REJECTED,),
    _A.RETURNED: (_K.RETURNED, _K.SUCCEEDED, _K.PENDING),
}
"""What a settled attempt need not be asked about; anything else that cannot be believed makes us ask (rows 39, 40)."""


def _looked_at(attempt: Attempt, outcome: Outcome, now: datetime, polls: Polls) -> Attempt:
    """The same attempt, looked at next later after an answer, and at most sooner after news nobody asked for."""
    if outcome.ask_now and outcome.answer.kind not in _SAYS_NOTHING_NEW.get(attempt.state, ()):
        return replace(attempt, due_at=now)
    if outcome.answer.heard not in ANSWERS:
        return attempt
    asks = attempt.asks + 1
    if attempt.state in SETTLED:
        return replace(attempt, asks=asks, due_at=follow_up_at(attempt, asks))
    # A cancel that the channel may not have heard is said again with the next question (R19).
    cancel_asked = attempt.cancel_asked and outcome.answer.heard is not Heard.QUERY
    return replace(attempt, asks=asks, due_at=now + _wait(asks, outcome, polls), cancel_asked=cancel_asked)


def _wait(asks: int, outcome: Outcome, polls: Polls) -> timedelta:
    """Our own schedule's wait, or the channel's wish where that is longer."""
    return max(polls.wait(asks), timedelta(seconds=outcome.answer.resend_after_s or 0.0))


def follow_up_at(attempt: Attempt, asks: int) -> datetime | None:
    """When a settled attempt is asked about once more: only a rejected one that ever left us (R17)."""
    if attempt.state is not AttemptState.REJECTED or not attempt.transmitted or attempt.settled_at is None:
        return None
    return attempt.settled_at + FOLLOW_UP_AFTER[asks] if asks < len(FOLLOW_UP_AFTER) else None


CLOCK_ALLOWANCE = timedelta(hours=1)
"""How far our clock may have been set back since the first send without a repeat leaving its window (I35)."""


def may_repeat(attempt: Attempt, now: datetime) -> bool:
    """Whether the same bytes may be sent again: where a repeat is the same order, and within its window (row 30).

    The window is cut by the clock allowance, and by no more than half: what it guards against is an id that the
    channel has forgotten, and then a repeat would be a second order.
    """
    if attempt.ground.duplicate_mode is DuplicateMode.NONE or attempt.first_sent_at is None:
        return False
    window = timedelta(seconds=attempt.ground.repeat_window_s)
    return now < attempt.first_sent_at + max(window - CLOCK_ALLOWANCE, window / 2)
