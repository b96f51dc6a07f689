"""What an attempt says about its channel: each attempt counts once, whatever is heard of it and however often.

The rule is a pure function of how an attempt stands (`worth`), and what is handed to the record is the difference
between two of its standings. An attempt's whole evidence is thus always that of its last one:

* paid: one success; failed by the channel's fault: one failure;
* failed by the beneficiary's (a closed account, a wrong name) or by ours: nothing;
* unknown: counted apart, as something that must be asked about; the outcome counts too, once it is known;
* open: a part of a failure that grows with its age once it is late, and is given back when the money arrives after all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LATE_MAX = 0.9
"""What a pending attempt comes to at most: silence is never quite a failure."""


class Standing(StrEnum):
    """How an attempt stands, as far as its channel's health goes."""

    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    """Definite, and the channel's own fault."""
    NOT_ITS_FAULT = "not_its_fault"
    """Definite, for the beneficiary's sake or ours."""


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


_WORTH = {Standing.PAID: (SUCCESS, SUCCESS + UNKNOWN), Standing.FAILED: (FAILURE, FAILURE + UNKNOWN)}
"""What it comes to, without and with a time in which nobody knew. A standing that is missing here settles nothing."""


def worth(standing: Standing, was_unknown: bool, late: float = 0.0) -> Evidence:
    """What an attempt comes to in all; `late` is the `lateness` of an open one that was counted, 0 to 1.

    One whose lateness is handed to the decision as a live fact (`LiveFacts.late`) must not be counted as late here too.
    """
    if late > 0.0 and standing is Standing.OPEN:
        return Evidence(failure=min(late, LATE_MAX), unknown=float(was_unknown))
    return _WORTH.get(standing, (NOTHING, UNKNOWN))[was_unknown]


def lateness(age_s: float, usual_s: float) -> float:
    """How much of a failure a pending attempt of `age_s` is: none up to its usual time, half at twice that, then more.

    `usual_s` is when nearly all have arrived (`routing.arrival`); the share doubles its way to `LATE_MAX`.
    """
    over_s = age_s - usual_s
    return 0.0 if over_s <= 0 else min(1.0 - 2.0 ** (-over_s / max(usual_s, 1.0)), LATE_MAX)
