"""An extra power of channels that live in the sandbox: somebody at the bank acts in the bank's own books."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol, runtime_checkable


class Transition(StrEnum):
    """What the bank is to do with an order that it has."""

    PAID = "paid"
    REJECTED = "rejected"
    """As if the beneficiary's account were closed."""
    RETURNED = "returned"


class NotSteered(Exception):
    """The bank cannot do that with the order as it stands in its books; in words, for who asked."""


@runtime_checkable
class Steerable(Protocol):
    """A channel with that power. We hear of what was done as of everything: by notification, or by asking."""

    async def steer(self, channel_reference: str, to: Transition) -> None:
        """Raises `NotSteered`."""
        ...
