"""The register of the failure taxonomy: one row, one promise, one test, and the wrong action that must break it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

Test = Callable[[], Awaitable[None]]
Instead = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """One way in which a payout can go wrong (docs/failures.md)."""

    number: int
    breaks: str
    action: str
    test: Test
    instead: Instead
    """The row's action replaced by failing over, or by what comes nearest where there is nothing to fail over to."""

    @property
    def promise(self) -> str:
        return " ".join((self.test.__doc__ or "").split())

    @property
    def name(self) -> str:
        return f"{self.test.__module__.rpartition('.')[2]}.py::{self.test.__name__}"


ROWS: dict[int, Row] = {}


def row(number: int, breaks: str, action: str, instead: Instead) -> Callable[[Test], Test]:
    """Enter a test as row `number`."""

    def enter(test: Test) -> Test:
        assert number not in ROWS, number
        ROWS[number] = Row(number, breaks, action, test, instead)
        return test

    return enter
