"""The domain machine, walked completely: anything may be heard of any attempt, of any transmission, at any time.

The channels of this walk are not truthful. Whatever they say, in whatever order: the laws of `tests.exhaustive.laws`
hold in every payout and for every change. Time, crashes, the app's wish to cancel and what two people may do are moves
like any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import combinations

from gateway.domain import steps
from gateway.domain.hold import Hold
from gateway.domain.money import Money
from gateway.domain.outcome import Absence, Answer, Finality, Heard, NextAction, Outcome, OutcomeKind, classify
from gateway.domain.payout import Attempt, AttemptState, Payout, Resolution
from gateway.domain.reasons import RejectReason
from gateway.domain.states import Change
from gateway.domain.status import FINAL, status
from tests.exhaustive import shell
from tests.exhaustive.laws import breaches, move_breaches
from tests.exhaustive.timeless import LATER, POLICY, jumps, key, timeless, timeless_attempt
from tests.support.builders import NOW, a_payout

TRANSMISSIONS_MAX = 2
POLICIES = (POLICY, replace(POLICY, disabled_channels=frozenset({"alpha"})))
REASONS = (RejectReason.CHANNEL_UNAVAILABLE, RejectReason.PAYEE_ACCOUNT_CLOSED)
"""One that another channel may follow, and one that ends it."""
ACTION = NextAction("confirm", (), LATER)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a walk takes in besides every answer, every transmission, time and the wish to cancel."""

    grounds: shell.Grounds
    rows_max: int = 2
    """Attempts of one payout, those that never left included."""
    people: bool = False
    """Crashes, content conflicts, actions of the beneficiary, returns that do not add up, and two people."""


@dataclass(slots=True)
class Walked:
    """What a walk saw."""

    seen: list[Payout] = field(default_factory=list)
    """Every payout, timeless."""
    changes: int = 0
    answers: int = 0
    """Answers that could be heard on the way; many amount to the same change."""
    contradictions: int = 0
    breaches: list[str] = field(default_factory=list)
    unfinishable: list[Payout] = field(default_factory=list)
    """Payouts from which nothing leads to an end."""
    exhausted: bool = False


def walk(scope: Scope, limit: int = 10_000_000, breaches_max: int = 20) -> Walked:
    """Every payout that can be reached, breadth first."""
    start = timeless(a_payout())
    walked, queue = Walked([start]), deque([0])
    numbers, seen, before = {key(start): 0}, walked.seen, [list[int]()]
    while queue and len(seen) < limit and len(walked.breaches) < breaches_max:
        here = queue.popleft()
        payout = seen[here]
        walked.breaches += [f"{law}: {payout}" for law in breaches(payout, POLICIES)]
        for by_people, raw in neighbours(payout, scope, walked):
            after = timeless(raw)
            walked.changes += 1
            walked.breaches += [f"{law}: {payout} -> {after}" for law in move_breaches(payout, after, by_people)]
            there = numbers.setdefault(key(after), len(seen))
            if there == len(seen):
                seen.append(after)
                before.append([])
                queue.append(there)
            before[there].append(here)
    walked.exhausted = not queue
    ends = [number for number, payout in enumerate(seen) if status(payout) in FINAL]
    finishable = _leading_to(ends, before)
    walked.unfinishable = [payout for number, payout in enumerate(seen) if number not in finishable]
    return walked


def _leading_to(ends: list[int], before: list[list[int]]) -> set[int]:
    reached, open_ends = set(ends), list(ends)
    while open_ends:
        for one in before[open_ends.pop()]:
            if one not in reached:
                reached.add(one)
                open_ends.append(one)
    return reached


def neighbours(payout: Payout, scope: Scope, walked: Walked) -> Iterator[tuple[bool, Payout]]:
    """Every payout that one thing more can make of this one; True with what two people did."""
    for after in _ours(payout, scope):
        yield False, shell.saved(after)
    for after in _heard(payout, scope, walked):
        yield False, shell.saved(after)
    for _, after in jumps(payout):
        yield False, after
    wished = shell.cancel_wish(payout)
    if wished is not None:
        yield False, wished
    if scope.people:
        yield from ((False, after) for after in _crashed(payout))
        yield from ((True, after) for after in _reviewed(payout))


def _ours(payout: Payout, scope: Scope) -> Iterator[Payout]:
    for step in {steps.next_step(payout, NOW, policy) for policy in POLICIES}:
        after = shell.decided(payout, step)
        if after is not None:
            yield after
        match step:
            case steps.Plan(instead_of):
                yield from (i.payout for i in shell.plans(payout, instead_of, scope.grounds, scope.rows_max))
            case steps.Repeat(number) if payout.attempt(number).transmissions < TRANSMISSIONS_MAX:
                yield shell.repeated(payout, number).payout


def _crashed(payout: Payout) -> Iterator[Payout]:
    """Whoever worked on it died once more: it is put on hold, and let go of."""
    crashed = replace(payout, crashes=steps.CRASHES_MAX)
    held = shell.decided(crashed, steps.next_step(crashed, NOW, POLICY))
    if payout.hold is None and held is not None:
        yield replace(held, crashes=0)


def _reviewed(payout: Payout) -> Iterator[Payout]:
    """What two people may make of it, whatever channels said of whichever attempts."""
    numbers = [attempt.number for attempt in payout.attempts]
    for count in range(len(numbers) + 1):
        for paid in combinations(numbers, count):
            yield from (after for _, after in shell.reviewed(payout, frozenset(paid)))


# Hearing -------------------------------------------------------------------------------------------------------------


@cache
def answers(people: bool) -> tuple[Answer, ...]:
    """Everything a channel can say: each way of hearing, kind and finality, and what goes with the kind."""
    bare = [Answer(heard, kind) for heard in Heard for kind in OutcomeKind]
    return tuple(richer for answer in bare for richer in _richer(answer, people))


def _richer(answer: Answer, people: bool) -> Iterator[Answer]:
    yield answer
    if answer.kind is OutcomeKind.REJECTED:
        for finality in Finality:
            yield from (replace(answer, finality=finality, reason=reason) for reason in REASONS)
    if people:
        yield from _for_people(answer)


def _for_people(answer: Answer) -> Iterator[Answer]:
    match answer.kind:
        case OutcomeKind.REJECTED:
            yield replace(answer, conflict=True)
        case OutcomeKind.PENDING:
            yield replace(answer, action=ACTION)
            yield replace(answer, action_over=True)
        case OutcomeKind.RETURNED:
            yield from (replace(answer, returned=Money(minor, "CNY")) for minor in (12345, 20000))


@cache
def meanings(transmissions: int, absence: Absence, people: bool) -> tuple[tuple[Outcome, ...], int]:
    """What all answers to all transmissions can amount to, each meaning once; and how many pairs that are."""
    asked = [
        classify(answer, number, transmissions, absence, large=large)
        for answer in answers(people)
        for number in range(transmissions + 1)
        for large in (False, True)
    ]
    return tuple(dict.fromkeys(replace(one, answer=_deciding(one.answer)) for one in asked)), len(asked)


def _deciding(answer: Answer) -> Answer:
    """What of a classified answer the fold still reads."""
    unasked = answer.heard in (Heard.NOTIFICATION, Heard.CANCEL)
    return replace(answer, heard=Heard.NOTIFICATION if unasked else answer.heard, finality=Finality.UNKNOWN)


def _heard(payout: Payout, scope: Scope, walked: Walked) -> Iterator[Payout]:
    """The distinct payouts that any answer to any transmission of any attempt can make of this one."""
    for attempt in payout.attempts:
        _, asked = meanings(attempt.transmissions, attempt.ground.absence, scope.people)
        walked.answers += asked
        for heard, after in heard_of(payout, attempt, scope.people):
            walked.contradictions += heard.contradiction
            if heard.broken:
                walked.breaches.append(f"{heard.broken}: {payout}")
            yield after


def heard_of(payout: Payout, attempt: Attempt, people: bool) -> Iterator[tuple[Learned, Payout]]:
    """Likewise of one attempt, with what made it."""
    others = tuple(other.state for other in payout.attempts if other is not attempt)
    for heard in _all_heard(attempt, payout.hold, payout.resolution, others, people):
        frozen = payout.frozen or heard.contradiction
        yield heard, replace(payout.with_attempt(heard.attempt), frozen=frozen, hold=heard.hold)


@dataclass(frozen=True, slots=True)
class Learned:
    """What an answer made of an attempt and of its payout."""

    attempt: Attempt
    hold: Hold | None
    contradiction: bool
    broken: str
    """The law that this very answer broke: told here, where it is still at hand."""


def forget() -> None:
    """Everything that was worked out once: for a test that changes a rule."""
    for known in (meanings, _all_heard):
        known.cache_clear()


@cache
def _all_heard(
    attempt: Attempt, hold: Hold | None, resolution: Resolution | None, others: tuple[AttemptState, ...], people: bool
) -> tuple[Learned, ...]:
    """The fold, once for all payouts that are alike in what it reads."""
    payout = replace(_stand_in(attempt, others), hold=hold, resolution=resolution)
    meant, _ = meanings(attempt.transmissions, attempt.ground.absence, people)
    return tuple(dict.fromkeys(_one_heard(payout, attempt.number, one) for one in meant))


def _one_heard(payout: Payout, number: int, meant: Outcome) -> Learned:
    folded = shell.told(payout, number, meant)
    before, after = payout.attempt(number), folded.payout.attempt(number)
    contradiction = folded.change is Change.CONTRADICTION
    law = ""
    if before.state is AttemptState.REJECTED and meant.kind in _PROOF_OF_PAYMENT and not contradiction:
        law = f"payment of a rejected attempt went unnoticed (I21): {meant}"
    if after.due_at is None and _owed_a_look(before, after):
        law = f"nobody will ask again (R17): {meant}"
    return Learned(timeless_attempt(after), folded.payout.hold, contradiction, law)


_PROOF_OF_PAYMENT = (OutcomeKind.SUCCEEDED, OutcomeKind.RETURNED)


def _owed_a_look(before: Attempt, after: Attempt) -> bool:
    """An attempt that may still pay, and one that was just refused (its follow-ups are timeless from then on)."""
    return after.live or (before.live and after.state is AttemptState.REJECTED and after.transmitted)


def _stand_in(attempt: Attempt, others: tuple[AttemptState, ...]) -> Payout:
    """A payout with this attempt, whose other ones are in these states."""
    rest = [replace(attempt, state=state) for state in others]
    rest.insert(attempt.number - 1, attempt)
    numbered = tuple(replace(one, number=number) for number, one in enumerate(rest, 1))
    return replace(a_payout(), attempts=numbered)
