"""What the lab asks of a router, and what it tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from random import Random
from typing import Final, Protocol

from gateway.lab.world import Board


class News(IntEnum):
    """What is heard of an attempt."""

    SUCCEEDED = 0
    FAILED = 1
    """Definite, and the channel's fault."""
    PAYEE_FAULT = 2
    """Definite, and the beneficiary's fault: any channel would have refused."""
    UNKNOWN = 3
    """The answer was lost; what became of it is heard later."""
    LATE = 4
    """Pending for longer than `Setting.late_s`. What becomes of it may be heard later."""


# Looking a member up in its class costs more than all the rest of a comparison.
SUCCEEDED: Final = News.SUCCEEDED
FAILED: Final = News.FAILED
PAYEE_FAULT: Final = News.PAYEE_FAULT
UNKNOWN: Final = News.UNKNOWN
LATE: Final = News.LATE


class Order:
    """The order to decide on. One object, filled anew for each, so that no arm pays for making it."""

    __slots__ = ("amount_minor", "at_s", "costs", "fees", "number", "promised_s")

    number: int
    at_s: float
    amount_minor: int
    fees: Sequence[int]
    """What each channel would charge, in minor units."""
    promised_s: Sequence[float]
    """When each says the money would be there."""
    costs: Sequence[float]
    """What each channel truly costs on average: for the oracle only."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What somebody who sets a router up knows of its world."""

    channels: tuple[str, ...]
    fees: tuple[int, ...]
    """What each charges for a usual amount."""
    weights: tuple[int, ...]
    list_order: tuple[int, ...]
    """The channels as an operator would list them who knows prices but no success rates: by fee, equal ones by lot."""
    time_value: int
    failure_cost: int
    feedback_s: float
    """How long after a result it is usually heard of."""
    news_age_s: float
    """How old a result is by the time that is told with it; a feedback delayed by orders tells when it was."""
    late_s: float
    board: Board
    best: int
    """The best single channel in hindsight: for `fixed_best` only."""


class Arm(Protocol):
    """A router. It sees only its own results."""

    def choose(self, order: Order, eligible: Sequence[int], random: Random) -> int:
        """One of `eligible`; the order is then sent there."""

    def learn(self, channel: int, news: News, order: int, at_s: float) -> None:
        """What is heard of an attempt, when it is heard."""


Make = Callable[[Setting], Arm]


@dataclass(frozen=True, slots=True)
class Entry:
    """An arm as the table has it, with every parameter, so that a report can print them."""

    make: Make
    parameters: Mapping[str, object]


class Deaf:
    """An arm that learns nothing."""

    def learn(self, channel: int, news: News, order: int, at_s: float) -> None:
        """Nothing it hears changes what it does."""


class OnceHeard:
    """Success or failure, once an attempt: pending for too long is a failure, whatever is heard afterwards.

    So that slow news of a dead channel reach arms without a rule of their own; what is unknown is pending.
    """

    def __init__(self) -> None:
        self._given_up: set[tuple[int, int]] = set()

    def learn(self, channel: int, news: News, order: int, at_s: float) -> None:
        if news is SUCCEEDED or news is FAILED:
            if not self._given_up or (order, channel) not in self._given_up:
                self.heard(channel, news is SUCCEEDED, at_s)
        elif news is LATE:
            self._given_up.add((order, channel))
            self.heard(channel, False, at_s)
        elif news is PAYEE_FAULT:
            self.payee_fault(channel, at_s)

    def heard(self, channel: int, paid: bool, at_s: float) -> None:
        raise NotImplementedError

    def payee_fault(self, channel: int, at_s: float) -> None:
        """To most a failure is a failure."""
        self.heard(channel, False, at_s)
