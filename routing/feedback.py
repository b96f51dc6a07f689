"""What an attempt says about its channel: each attempt counts once, whatever is heard of it and however often.

The rule is a pure function of what was counted for the attempt so far and of what is heard now; it gives the
difference to apply (`Evidence`). An attempt's whole evidence is thus always that of its last known standing:

* paid: one success; failed by the channel's fault: one failure;
* failed by the beneficiary's (a closed account, a wrong name) or by ours: nothing;
* unknown: counted apart, as something that must be asked about; the outcome counts too, once it is known;
* late: a part of a failure that grows with the age and is given back when the money arrives after all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LATE_MAX = 0.9
"""What a pending attempt comes to at most: silence is never quite a failure."""


class Heard(StrEnum):
    """What is known of an attempt, as far as its channel's health goes."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Definite, and the channel's own fault."""
    NOT_ITS_FAULT = "not_its_fault"
    """Definite, for the beneficiary's sake or ours."""
    UNKNOWN = "unknown"
    """Nobody knows whether it was taken."""
    LATE = "late"
    """Taken, and not yet paid."""


_OUTCOME = {Heard.SUCCEEDED: (1.0, 0.0), Heard.FAILED: (0.0, 1.0), Heard.NOT_ITS_FAULT: (0.0, 0.0)}
"""Successes and failures of an attempt whose outcome is known; a word that is missing here settles nothing."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What to add to a channel's record; parts of an outcome, and negative where something is given back."""

    success: float = 0.0
    failure: float = 0.0
    unknown: float = 0.0

    def __sub__(self, other: Evidence) -> Evidence:
        return Evidence(self.success - other.success, self.failure - other.failure, self.unknown - other.unknown)

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.success + other.success, self.failure + other.failure, self.unknown + other.unknown)


NOTHING = Evidence()
SUCCESS = Evidence(success=1.0)
FAILURE = Evidence(failure=1.0)
UNKNOWN = Evidence(unknown=1.0)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted for one attempt so far. A fresh one: nothing."""

    evidence: Evidence = NOTHING
    settled: bool = False
    """Its outcome is known: nothing later counts."""


_AT_ONCE = {
    Heard.SUCCEEDED: (Counted(SUCCESS, settled=True), SUCCESS),
    Heard.FAILED: (Counted(FAILURE, settled=True), FAILURE),
    Heard.NOT_ITS_FAULT: (Counted(NOTHING, settled=True), NOTHING),
}
"""What nearly all attempts come to: the first thing heard is the outcome."""


def lateness(age_s: float, usual_s: float) -> float:
    """How much of a failure a pending attempt of `age_s` is: none up to its usual time, half at twice that, then more.

    `usual_s` is when nearly all have arrived (`routing.arrival`); the share doubles its way to `LATE_MAX`.
    """
    over_s = age_s - usual_s
    return 0.0 if over_s <= 0 else min(1.0 - 2.0 ** (-over_s / max(usual_s, 1.0)), LATE_MAX)


def count(counted: Counted, heard: Heard, late: float = 0.0) -> tuple[Counted, Evidence]:
    """Fold what is heard of one attempt in: what is counted now, and the difference to hand to the record.

    `late` is the `lateness` of a pending attempt, 0 to 1. An attempt whose lateness is handed to the decision as a
    live fact (`LiveFacts.late`) must not be counted as late here as well.
    """
    if counted.settled:
        return counted, NOTHING
    if counted.evidence is NOTHING and heard in _AT_ONCE:
        return _AT_ONCE[heard]
    unknown = max(counted.evidence.unknown, float(heard is Heard.UNKNOWN))
    failure = counted.evidence.failure
    if heard is Heard.LATE:
        failure = max(failure, min(late, LATE_MAX))
    success, fault = _OUTCOME.get(heard, (0.0, failure))
    total = Evidence(success, fault, unknown)
    return Counted(total, settled=heard in _OUTCOME), total - counted.evidence
