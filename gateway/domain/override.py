"""Overrides: what people set on a channel while it runs, beside the file (docs/operations.md, "Overrides").

They can only take traffic away. The file says the most that a channel may do; what is in force is the least of the file
and of every override that is active. So a forgotten override never sends money where the file does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

ORDER = ("enabled", "draining", "disabled")
"""The states of a channel, each letting through less than the one before."""

OVERRIDES_MAX = 200
"""So many may be active at once."""

LASTS_MAX = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Override:
    """One of them. At least one of `state` and `weight` is given."""

    id: str
    channel: str
    state: str | None
    """`draining` or `disabled`."""
    weight: int | None
    """0 to 99: of so many payouts in a hundred the channel takes part (`routing.share`)."""
    reason: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    """None: until somebody lifts it."""
    lifted_by: str | None = None
    lifted_at: datetime | None = None

    def active(self, now: datetime) -> bool:
        return self.lifted_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Held:
    """A channel's state and weight as they are in force."""

    state: str
    weight: int


def held_to(state: str, weight: int, overrides: Iterable[Override], now: datetime) -> Held:
    """The least of what the file says (`state`, `weight`) and of what the active ones of `overrides` say."""
    active = [each for each in overrides if each.active(now)]
    states = [state, *(each.state for each in active if each.state is not None)]
    weights = [weight, *(each.weight for each in active if each.weight is not None)]
    return Held(max(states, key=ORDER.index), min(weights))


def of(channel: str, overrides: Iterable[Override], now: datetime) -> tuple[Override, ...]:
    """The active ones of one channel."""
    return tuple(each for each in overrides if each.channel == channel and each.active(now))


def next_end(overrides: Iterable[Override]) -> datetime | None:
    """When the next of them ends by itself, or should have ended already."""
    return min((each.expires_at for each in overrides if each.expires_at is not None), default=None)
