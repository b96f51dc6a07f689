"""How fast to ask a channel that does not answer questions. It never refuses one: a slower pace is all it can order."""

from __future__ import annotations

from routing.breaker import Verdict

SLOWEST = 8.0
"""Waits grow to at most so many times their usual length."""


class QueryGate:
    """Counts questions without an answer in a row: each `failures` of them double the waits; an answer ends it."""

    def __init__(self, failures: int = 5) -> None:
        self.failures = failures
        self._unanswered = 0

    @property
    def wait_factor(self) -> float:
        """What the waits between questions are to be multiplied by: 1 while the channel answers."""
        return min(2.0 ** (self._unanswered // max(self.failures, 1)), SLOWEST)

    def heard(self, verdict: Verdict) -> None:
        """What one question came to. A fault of ours says nothing."""
        if verdict is Verdict.CHANNEL_FAULT:
            self._unanswered = min(self._unanswered + 1, self.failures * 4)
        elif verdict is Verdict.OK:
            self._unanswered = 0
