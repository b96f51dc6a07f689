"""What the two sides of a plain channel say to each other, in our words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.channel import Order
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from gateway.domain.outcome import Finality, OutcomeKind
from gateway.domain.reasons import RejectReason

Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Told:
    """What the channel says of one order."""

    kind: OutcomeKind
    reference: str | None = None
    """Our reference as the channel repeats it. Another one, or none, and nothing of this is believed."""
    amount: Money | None = None
    """The amount as the channel repeats it. A success must say it, and say ours."""
    channel_payout_id: str | None = None
    code: str | None = None
    """The channel's own code, for people."""
    reason: RejectReason | None = None
    finality: Finality = Finality.UNKNOWN
    returned: Money | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A notification: the channel's own id of it, the same over its tries, and what it says."""

    id: str
    told: Told


@dataclass(frozen=True, slots=True)
class PlainWire:
    """The words of one channel. Pure functions; what they raise as ValueError, KeyError or TypeError is unclear."""

    write_order: Callable[[Order], Json]
    """Our order in the channel's words: with `channel_reference` as its idempotency key."""
    read_answer: Callable[[int, Json], Told | None]
    """The answer to an order or a question, by HTTP status and body, in our words. None: it says nothing of it."""
    read_event: Callable[[Json], Event]
    """A notification whose signature holds, in our words."""
    kinds: frozenset[BeneficiaryKind]
    currencies: frozenset[str]


class KeptState(StrEnum):
    """Where an order stands in the channel's books."""

    PROCESSING = "processing"
    PAID = "paid"
    REFUSED = "refused"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as the other side reads it."""

    reference: str
    amount: Money
    account: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """An order in the other side's books."""

    placed: Placed
    payout_id: str
    state: KeptState = KeptState.PROCESSING
    refused_for: RejectReason | None = None
    paid_times: int = 0
    """What really moved, whatever `state` says."""
