"""What would have changed a decision: the least change of one fact that puts the runner-up first.

Each answer is found by making the decision again with the fact changed, so it is true by construction: with the change
the runner-up is first, with one step less it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from routing.candidate import Candidate, ranked, repriced
from routing.decision import Decision
from routing.score import P_MIN


class Fact(StrEnum):
    """What of a channel may be different, and in what steps."""

    FEE = "fee"
    """Minor units."""
    CHANCE = "chance"
    """Of success, in ten thousandths."""
    TIME = "time"
    """Seconds."""


CHANCE_STEPS = 10_000
_FEE_MAX = 10**15
_TIME_MAX_S = 10**9


@dataclass(frozen=True, slots=True)
class Change:
    """`channel`'s fact, as it was and as it would have had to be. For a chance both are fractions of one."""

    channel: str
    fact: Fact
    before: float
    after: float


def what_would_change(decision: Decision) -> tuple[Change, ...]:
    """For each fact the least change that makes the runner-up the first: of its own, or else of the winner's.

    Empty where no single fact does: there is no runner-up, or a rule or a failure domain stands above the cost.
    """
    if len(decision.ranked) < 2:
        return ()
    winner, rival = decision.ranked[0], decision.ranked[1]
    if (winner.place, winner.fell_together) != (rival.place, rival.fell_together):
        return ()
    found = (
        _least(decision, rival, fact, better=True) or _least(decision, winner, fact, better=False) for fact in Fact
    )
    return tuple(change for change in found if change is not None)


def decided_with(decision: Decision, change: Change) -> Decision:
    """The decision made again with this fact changed."""
    candidates = [
        _with(candidate, decision, change) if candidate.channel == change.channel else candidate
        for candidate in decision.ranked
    ]
    return Decision(ranked(candidates), decision.refused, decision.preference, decision.worth, decision.rule)


def _with(candidate: Candidate, decision: Decision, change: Change) -> Candidate:
    match change.fact:
        case Fact.FEE:
            return repriced(candidate, decision.worth, fee_minor=int(change.after))
        case Fact.CHANCE:
            return repriced(candidate, decision.worth, p=change.after)
        case Fact.TIME:
            return repriced(candidate, decision.worth, usual_s=change.after)


def _least(decision: Decision, candidate: Candidate, fact: Fact, *, better: bool) -> Change | None:
    """The least change of this channel's fact, to the better or the worse, with which the runner-up comes first."""
    rival = decision.ranked[1].channel
    before, steps, after = _scale(candidate, fact, better)

    def change(step: int) -> Change:
        return Change(candidate.channel, fact, before, after(step))

    def flips(step: int) -> bool:
        return decided_with(decision, change(step)).ranked[0].channel == rival

    if steps < 1 or not flips(steps):
        return None
    return change(_first(steps, flips))


def _scale(candidate: Candidate, fact: Fact, better: bool) -> tuple[float, int, Callable[[int], float]]:
    """Where the fact stands, how many steps it can go, and where so many steps lead to."""
    match fact:
        case Fact.FEE:
            fee = candidate.fee_minor
            return fee, fee if better else _FEE_MAX, lambda step: fee - step if better else fee + step
        case Fact.CHANCE:
            p = candidate.p
            room = (1.0 - p) if better else (p - P_MIN)
            sign = 1 if better else -1
            return p, int(room * CHANCE_STEPS), lambda step: p + sign * step / CHANCE_STEPS
        case Fact.TIME:
            time_s = candidate.usual_s
            return (
                time_s,
                int(time_s) if better else _TIME_MAX_S,
                lambda step: time_s - step if better else time_s + step,
            )


def _first(steps: int, holds: Callable[[int], bool]) -> int:
    """The least of 1 to `steps` for which `holds`; it holds for `steps`, and for all after the first."""
    low, high = 0, steps
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
