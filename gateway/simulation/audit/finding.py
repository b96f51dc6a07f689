"""What the auditor says, and when it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold."""

    invariant: int
    """Its number in the list of invariants (docs/reliability.md)."""
    at: datetime
    payout_id: str | None
    what: str


class When(StrEnum):
    """The moments at which checks run."""

    CHANGE = "a payout's change is committed"
    """`(Books, Change)`, before the books take it over."""
    UNIT = "a unit is committed"
    """`(Books, Unit)`, likewise."""
    STEP = "a step is over, for each payout that something happened to"
    """`(Books, Case)`."""
    SENT = "a submit reached a bank's side"
    """`(Books, Sighting)`."""
    BOOKED = "a bank's book changed"
    """`(Books, Line)`."""
    ACKNOWLEDGED = "an app got its 2xx"
    """`(Books, Acknowledgement)`."""
    TOLD = "an app got a callback"
    """`(Books, Told)`."""
    LOGGED = "a line was logged"
    """`(Books, str)`."""
    END = "everything is over, for each payout"
    """`(Books, Case, at)`."""
    END_ORDER = "everything is over, for each order"
    """`(Books, Order, at)`."""


Check = Callable[..., str | None]
"""Says what is wrong, or None. Its arguments are those of its moment."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """One line of the list, and what holds it."""

    text: str
    checks: tuple[tuple[When, Check], ...] = ()
    elsewhere: str = ""
    """Where it is checked when it is not, or not only, here: a test file."""
