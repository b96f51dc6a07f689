"""Bugs to plant: each turns one decision of the core the wrong way and raises nothing. The search must find them all.

What a bug is patched into is undone by the `MonkeyPatch` that it is given. The bounds say in which worlds it shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest

from gateway.domain import changes, outcome, states, steps
from gateway.domain.outcome import Answer, Finality, Heard, OutcomeKind
from gateway.domain.payout import Attempt, AttemptState, DuplicateMode, Payout
from gateway.domain.status import closing_code
from tests.exhaustive.shell import contracts
from tests.exhaustive.world import Bounds

_A, _H, _K = AttemptState, Heard, OutcomeKind
_SAME, _REFUSE, _NONE = DuplicateMode.SAME_RESOURCE, DuplicateMode.REFUSE, DuplicateMode.NONE
_AS_SAID = outcome.BELIEF[_H.SUBMIT, _K.SUCCEEDED]


@dataclass(frozen=True, slots=True)
class Bug:
    """One wrong decision."""

    plant: Callable[[pytest.MonkeyPatch], None]
    breaks: str
    """A part of the law that it breaks first."""
    bounds: Bounds


def _believing(heard: Heard, kind: OutcomeKind) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setitem(outcome.BELIEF, (heard, kind), _AS_SAID)


def _folding(state: AttemptState, kind: OutcomeKind, to: AttemptState) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setitem(states.TABLE, (state, kind), to)


def _proof_of_any_transmission(patch: pytest.MonkeyPatch) -> None:
    _believing(_H.SUBMIT, _K.NOT_SENT)(patch)
    _folding(_A.UNKNOWN, _K.NOT_SENT, _A.PLANNED)(patch)


def _final_however_often(patch: pytest.MonkeyPatch) -> None:
    def is_final(answer: Answer, sent_once: bool) -> bool:
        return answer.finality in (Finality.FINAL, Finality.FINAL_ON_REPEAT)

    patch.setattr(outcome, "_is_final", is_final)


def _repeating(allowed: Callable[[Attempt, datetime], bool]) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(states, "may_repeat", allowed)
        patch.setattr(steps, "may_repeat", allowed)

    return plant


def _deadline_ends_it(patch: pytest.MonkeyPatch) -> None:
    tend = steps._tend_open

    def impatient(payout: Payout, live: Attempt, now: datetime, policy: steps.StepPolicy) -> steps.Step:
        over = payout.give_up_at <= now
        return steps.Close(closing_code(payout)) if over else tend(payout, live, now, policy)

    patch.setattr(steps, "_tend_open", impatient)


def _another_channel_meanwhile(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(steps, "_tend_open", lambda payout, live, now, policy: steps.Plan())


def _wish_is_a_deed(patch: pytest.MonkeyPatch) -> None:
    end = changes.end_canceled

    def at_once(payout: Payout, now: datetime) -> Payout:
        live = payout.live_attempt
        wished = payout.cancel_requested_at is not None
        return end(changes.give_up(payout, live.number, now) if wished and live is not None else payout, now)

    patch.setattr(changes, "end_canceled", at_once)


def _repeatable(attempt: Attempt) -> bool:
    return attempt.ground.duplicate_mode is not _NONE


def _in_window(attempt: Attempt, now: datetime) -> bool:
    sent = attempt.first_sent_at
    return sent is not None and (now - sent).total_seconds() < attempt.ground.repeat_window_s / 2


def _bounds(mode: DuplicateMode, rows_max: int) -> Bounds:
    return Bounds(contracts([mode], [mode]), rows_max=rows_max, nodes=1, people=False)


_TWO = _bounds(_SAME, 2)
_ONE = _bounds(_SAME, 1)
_ONE_REFUSING = _bounds(_REFUSE, 1)
_TWO_FORGETFUL = _bounds(_NONE, 2)

WORLDS = {"two": _TWO, "one": _ONE, "one that refuses repeats": _ONE_REFUSING, "two without ids": _TWO_FORGETFUL}
"""Channels of the worlds in which the bugs show."""


BUGS: dict[str, Bug] = {
    "no answer is a no": Bug(_folding(_A.SENDING, _K.UNCLEAR, _A.REJECTED), "I13", _TWO),
    "an interrupted send was never sent": Bug(_folding(_A.SENDING, _K.UNCLEAR, _A.PLANNED), "I11", _TWO),
    "not found is not paid": Bug(_believing(_H.QUERY, _K.ABSENT), "I13", _TWO),
    "proof about a repeat is proof about the order": Bug(_proof_of_any_transmission, "I14", _TWO),
    "a refused repeat is a refused order": Bug(_final_however_often, "I13", _ONE),
    "a refusal that a query finds is the order's": Bug(_believing(_H.QUERY, _K.REJECTED), "I13", _ONE_REFUSING),
    "any refusal of a submit is final": Bug(_believing(_H.SUBMIT, _K.REJECTED), "I13", _ONE),
    "a cancel that was taken is a cancel": Bug(_believing(_H.CANCEL, _K.REJECTED), "I13", _ONE),
    "a wish to cancel is a deed": Bug(_wish_is_a_deed, "I13", _TWO),
    "an id is known for ever": Bug(_repeating(lambda attempt, _: _repeatable(attempt)), "I2", _ONE),
    "every channel knows its ids": Bug(_repeating(_in_window), "R9", _TWO_FORGETFUL),
    "the deadline ends it": Bug(_deadline_ends_it, "R1", _TWO),
    "another channel meanwhile": Bug(_another_channel_meanwhile, "R2", _TWO),
    "the last write wins": Bug(
        lambda _: None, "I9", Bounds(contracts([_SAME], [_SAME]), people=False, checks_version=False)
    ),
}
"""By the mistaken belief. The last one is not in the core: it is a store that does not look at the version."""
