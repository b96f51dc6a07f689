"""The rule that others document: a submit without a clear answer counts as failed, and the next channel gets it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from gateway.domain.outcome import Heard, Outcome, OutcomeKind, classify
from gateway.domain.reasons import RejectReason
from gateway.operations import learn

NAME = "timeout-is-failed"
RULE = "a time-out, or any other unclear answer to a submit, is a failure: the payout goes to the next channel"


@contextmanager
def timeout_is_failed() -> Iterator[None]:
    """Patch that rule in; nothing else changes."""
    ours = classify

    def theirs(*arguments: Any, **more: Any) -> Outcome:
        outcome = ours(*arguments, **more)
        answer = outcome.answer
        if answer.heard is not Heard.SUBMIT or outcome.kind is not OutcomeKind.UNCLEAR:
            return outcome
        failed = replace(answer, reason=RejectReason.CHANNEL_UNAVAILABLE)
        return Outcome(OutcomeKind.REJECTED, failed)

    with patch.object(learn, "classify", theirs):
        yield
