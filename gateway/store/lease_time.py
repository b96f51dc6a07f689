"""Whose clock leases and nonces run out by, where several nodes share a store: the database's, never a node's (R9).

A node tells the time by its own clock. What it says is moved over by how far the database's clock is ahead of it,
measured at the beginning of each transaction: a node whose clock jumps takes no lease that still holds, and gives none
that outlasts the others'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class LeaseTime(Protocol):
    """The time in one transaction."""

    def now(self, callers: datetime) -> datetime:
        """What `callers`, the present of whoever asks, is in the store."""
        ...

    def until(self, callers: datetime) -> datetime:
        """What `callers`, a moment of the node's own clock, is in the store."""
        ...


@dataclass(frozen=True, slots=True)
class DatabaseTime:
    """By the database's clock."""

    at: datetime
    """What it showed as the transaction began."""
    ahead: timedelta
    """Of the node's."""

    def now(self, callers: datetime) -> datetime:
        return self.at

    def until(self, callers: datetime) -> datetime:
        return callers + self.ahead


@dataclass(frozen=True, slots=True)
class CallersTime:
    """By whatever the caller says: for one node alone, and for tests with a clock of their own."""

    def now(self, callers: datetime) -> datetime:
        return callers

    def until(self, callers: datetime) -> datetime:
        return callers


Measure = Callable[[datetime], LeaseTime]
"""From what the database's clock shows to the time of a transaction."""


def by_database(now: Callable[[], datetime]) -> Measure:
    """Measured against the node's own clock."""
    return lambda at: DatabaseTime(at, at - now())


def by_caller(_at: datetime) -> LeaseTime:
    """`CallersTime`."""
    return CallersTime()
