"""Payouts by number, and what the gateway makes of each: every answer of the real core is asked for once and kept.

The core is pure and the payouts are timeless, so what it said once it will always say. A search that looks at a
million worlds meets the same few thousand payouts in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.domain import review, steps
from gateway.domain.outcome import Heard
from gateway.domain.payout import AttemptState, DuplicateMode, Payout
from gateway.domain.status import FINAL, Status, status
from tests.exhaustive import shell
from tests.exhaustive.lane import SAID, Say
from tests.exhaustive.laws import breaches, move_breaches
from tests.exhaustive.timeless import POLICY, SENT_AGES, jumps, key, timeless
from tests.support.builders import NOW, a_payout


class Commit(NamedTuple):
    """What a node may commit for a step: the payout after it, and what then has to leave."""

    text: str
    after: int
    number: int = 0
    """The attempt that something leaves for; 0 when nothing does."""
    transmission_no: int = 0
    """0: what leaves is a request to cancel."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a payout the world has to agree with, or acts on."""

    states: tuple[AttemptState, ...]
    modes: tuple[DuplicateMode, ...]
    transmissions: tuple[int, ...]
    window_over: tuple[bool, ...]
    """By attempt: whether its channel may have forgotten the id."""
    status: Status
    frozen: bool
    held: bool


@dataclass(slots=True)
class Table:
    """All payouts met so far; the first one, number 0, was just accepted."""

    grounds: shell.Grounds
    rows_max: int
    transmissions_max: int
    payouts: list[Payout] = field(default_factory=list)
    facts: list[Facts] = field(default_factory=list)
    broken: list[tuple[str, ...]] = field(default_factory=list)
    """By payout: the laws that it breaks, and those that changes to it broke."""
    _numbers: dict[tuple[object, ...], int] = field(default_factory=dict)
    _steps: dict[int, steps.Step] = field(default_factory=dict)
    _jumps: dict[int, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    _commits: dict[tuple[int, steps.Step], tuple[Commit, ...]] = field(default_factory=dict)
    _wishes: dict[int, int | None] = field(default_factory=dict)
    _reviews: dict[int, tuple[tuple[review.RequestKind, int], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._number(a_payout())

    def step(self, number: int) -> steps.Step:
        """What a node that takes the payout up wants to do."""
        known = self._steps.get(number)
        if known is None:
            known = self._steps[number] = steps.next_step(self.payouts[number], NOW, POLICY)
        return known

    def jumps(self, number: int) -> tuple[tuple[str, int], ...]:
        """What time makes of it."""
        known = self._jumps.get(number)
        if known is None:
            passed = [(what, self._number(older)) for what, older in jumps(self.payouts[number])]
            known = self._jumps[number] = tuple(passed)
        return known

    def told(self, number: int, attempt: int, heard: Heard, say: Say, transmission_no: int) -> int:
        """The payout after it heard this."""
        payout = self.payouts[number]
        meant = shell.meaning(payout, attempt, SAID[heard, say], transmission_no)
        return self._number(shell.saved(shell.told(payout, attempt, meant).payout), payout)

    def commits(self, number: int, step: steps.Step) -> tuple[Commit, ...]:
        """Every commit that a node with this step in mind may make, if the payout is still this one."""
        known = self._commits.get((number, step))
        if known is None:
            known = self._commits[number, step] = tuple(self._committed(number, step))
        return known

    def wish(self, number: int) -> int | None:
        """The payout after the app's wish to cancel; None when there is none to be made."""
        if number not in self._wishes:
            after = shell.cancel_wish(self.payouts[number])
            self._wishes[number] = None if after is None else self._number(after, self.payouts[number])
        return self._wishes[number]

    def reviews(self, number: int) -> tuple[tuple[review.RequestKind, int], ...]:
        """What two people may do with it, as far as the payout itself goes."""
        known = self._reviews.get(number)
        if known is None:
            payout = self.payouts[number]
            # A true channel never spoke of a rejected attempt as paid, and other attempts make no difference.
            done = [(kind, self._number(after, payout, True)) for kind, after in shell.reviewed(payout, frozenset())]
            known = self._reviews[number] = tuple(done)
        return known

    def _committed(self, number: int, step: steps.Step) -> list[Commit]:
        payout = self.payouts[number]
        after = shell.decided(payout, step)
        if after is not None:
            told = step.number if isinstance(step, steps.CancelAtChannel) else 0
            return [Commit(_text(step), self._number(shell.saved(after), payout), told)]
        intents = []
        if isinstance(step, steps.Plan):
            intents = list(shell.plans(payout, step.instead_of, self.grounds, self.rows_max))
        if isinstance(step, steps.Repeat) and payout.attempt(step.number).transmissions < self.transmissions_max:
            intents = [shell.repeated(payout, step.number)]
        return [
            Commit(_text(step), self._number(shell.saved(one.payout), payout), one.number, one.transmission_no)
            for one in intents
        ]

    def _deadlock(self, number: int) -> list[str]:
        """Neither a node nor the clock will ever move it, it is not over, and nobody was told to look."""
        payout, facts = self.payouts[number], self.facts[number]
        waits = isinstance(steps.next_step(payout, NOW, POLICY), steps.Wait) and not any(jumps(payout))
        return ["a deadlock"] if waits and not (facts.status in FINAL or facts.frozen or facts.held) else []

    def _number(self, raw: Payout, before: Payout | None = None, by_people: bool = False) -> int:
        payout = timeless(raw)
        number = self._numbers.setdefault(key(payout), len(self.payouts))
        if number == len(self.payouts):
            self.payouts.append(payout)
            self.facts.append(_facts(payout))
            self.broken.append((*breaches(payout, (POLICY,)), *self._deadlock(number)))
        if before is not None:
            self.broken[number] += tuple(move_breaches(before, payout, by_people))
        return number


def _text(step: steps.Step) -> str:
    return f"a node commits {step}"


def _facts(payout: Payout) -> Facts:
    attempts = payout.attempts
    window = NOW - SENT_AGES[1]
    return Facts(
        states=tuple(attempt.state for attempt in attempts),
        modes=tuple(attempt.ground.duplicate_mode for attempt in attempts),
        transmissions=tuple(attempt.transmissions for attempt in attempts),
        window_over=tuple(a.first_sent_at is not None and a.first_sent_at <= window for a in attempts),
        status=status(payout),
        frozen=payout.frozen,
        held=payout.hold is not None,
    )
