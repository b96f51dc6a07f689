"""What can go wrong with a call, as a small closed tree.

    PaymuxError
    ├── NoAnswer      nothing came back, or not in time
    ├── Refused       the gateway said no: branch on `code`
    └── BadAnswer     an answer that this client cannot read

Each says whether the order may be stored all the same (`may_be_stored`). Then there is one right thing to do: make the
same call again, with the same reference. Never take a new reference for the same money.
"""

from __future__ import annotations

from paymux_client.models import Problem, ProblemCode


class PaymuxError(Exception):
    """A call that brought nothing."""

    may_be_stored: bool = False
    """Of a call that orders or changes something: this try of it, or an earlier one, may have got through."""


class NoAnswer(PaymuxError):
    """No try was answered. `__cause__` is what the last one met."""

    def __init__(self, text: str, *, may_be_stored: bool) -> None:
        super().__init__(text)
        self.may_be_stored = may_be_stored


class Refused(PaymuxError):
    """The gateway, or something before it, answered with an error."""

    def __init__(
        self,
        status: int,
        problem: Problem | None,
        *,
        retry_after_s: float | None = None,
        may_be_stored: bool = False,
    ) -> None:
        super().__init__(f"HTTP {status}" + (f" {problem.code}: {problem.title}" if problem else ""))
        self.status = status
        self.problem = problem
        """What the gateway says of it; None when the answer was not the gateway's (a proxy's page)."""
        self.retry_after_s = retry_after_s
        self.may_be_stored = may_be_stored

    @property
    def code(self) -> ProblemCode | str | None:
        """The problem's code."""
        return self.problem.code if self.problem else None

    @property
    def request_id(self) -> str | None:
        """Tell it to the operator when you ask about this call."""
        return self.problem.request_id if self.problem else None


class BadAnswer(PaymuxError):
    """A success whose body is not what the API promises."""

    def __init__(self, text: str, *, may_be_stored: bool = False) -> None:
        super().__init__(text)
        self.may_be_stored = may_be_stored
