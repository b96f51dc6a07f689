"""What a world is made of: channels with a truth that no router sees, and the orders that come.

Worlds are data (`worlds/*.toml`), so that one can be added without code. Money is in minor units of one currency, time
in seconds, and the story of a channel is told by order number: `until = 2000` means up to and without order 2,000.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from gateway.config.fields import fault

Listed = Strict(False)
"""A TOML list becomes a tuple."""
Chance = Annotated[float, Field(ge=0.0, le=1.0)]
Minor = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class Part(BaseModel):
    """One table of a world file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)


class Board(StrEnum):
    """What is played for."""

    CHOICE = "choice"
    """One attempt an order."""
    GATEWAY = "gateway"
    """A definite failure moves on to another channel; an unknown outcome never does."""


class Stretch(Part):
    """A piece of a channel's success rate: `p`, or from `p` in a straight line to `to`."""

    p: Chance
    to: Chance | None = None
    until: Annotated[int, Field(ge=1)] | None = None
    """The order it ends before; the last piece may go on for ever. If it does not, the pieces begin anew."""


class Span(Part):
    """From one order to before another."""

    begins: Number = Field(alias="from")
    until: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until <= self.begins:
            raise fault("until comes after from")
        return self


class Slow(Span):
    """While it lasts, everything takes so many times as long."""

    factor: Annotated[float, Field(ge=1.0, allow_inf_nan=False)]


class FeeTier(Part):
    """A price for amounts up to `amount_to`, for the first `count_to` payouts or `volume_to` of a month (30 days)."""

    flat: Minor = 0
    bps: Annotated[int, Field(ge=0, le=10_000)] = 0
    least: Minor = 0
    most: Minor | None = None
    amount_to: Minor | None = None
    count_to: Number | None = None
    volume_to: Minor | None = None

    @property
    def metered(self) -> bool:
        """Whether it depends on what was paid before."""
        return self.count_to is not None or self.volume_to is not None


class Arrival(Part):
    """When the money arrives: log-normal around the median, or at the opening hour of a settlement day."""

    median_s: Seconds = 0.5
    spread: Annotated[float, Field(ge=0.0, le=3.0)] = 0.3
    """Standard deviation of the logarithm."""
    days: Annotated[int, Field(ge=1, le=10)] | None = None
    """T+days, counted from the next day for an order after the cut-off; the median is then not used."""
    cutoff_s: Annotated[float, Field(ge=0.0, le=86_400.0)] = 59_400.0
    """Seconds after midnight; worlds begin at midnight."""
    opens_s: Annotated[float, Field(ge=0.0, le=86_400.0)] = 32_400.0
    """When on the settlement day the money is there."""
    promised_s: Seconds | None = None
    """What the channel promises, if it is not the truth."""


class Lost(Part):
    """Answers that never come: the outcome is unknown until it is asked about, successfully, `found_s` later."""

    share: Share
    found_s: Seconds = 600.0


class TopUp(Part):
    """Money that comes onto a channel's account with this order."""

    at: Number
    minor: Minor


class Balance(Part):
    """A prepaid account. Unless `told`, the channel fails payouts it cannot cover, and nobody knows before."""

    start: Minor
    top_ups: Annotated[tuple[TopUp, ...], Listed] = ()
    told: bool = False


def _pieces(value: Any) -> Any:
    return [{"p": float(value)}] if isinstance(value, int | float) and not isinstance(value, bool) else value


class Channel(Part):
    """One way for money to leave, with the truth about it."""

    name: Annotated[str, Field(min_length=1, max_length=40)]
    success: Annotated[tuple[Stretch, ...], Listed, Field(min_length=1), BeforeValidator(_pieces)]
    fees: Annotated[tuple[FeeTier, ...], Listed, Field(min_length=1)] = (FeeTier(),)
    """The first that fits is the price; the last fits always."""
    arrival: Arrival = Arrival()
    slow: Annotated[tuple[Slow, ...], Listed] = ()
    silent: Annotated[tuple[Span, ...], Listed] = ()
    """Accepts and is not heard of again: nothing is paid, and nobody says so."""
    lost: Lost | None = None
    balance: Balance | None = None
    opens: Number = 0
    """The order from which on it is there."""
    weight: Annotated[int, Field(ge=1)] = 1
    """Its share for arms that split by volume."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ends = [piece.until for piece in self.success]
        if None in ends[:-1] or any(b is not None and a is not None and b <= a for a, b in pairwise(ends)):
            raise fault("the pieces of success end one after the other; only the last may go on for ever")
        last = self.fees[-1]
        if last.metered or last.amount_to is not None:
            raise fault("the last fee has no bounds, so that every payout has a price")
        return self

    @property
    def metered(self) -> bool:
        """Whether its facts depend on what was sent through it before."""
        return self.balance is not None or any(tier.metered for tier in self.fees)


class Amounts(Part):
    """Log-normal around the median, in minor units."""

    median: Annotated[int, Field(ge=1)]
    spread: Annotated[float, Field(ge=0.0, le=3.0)] = 0.0
    most: Annotated[int, Field(ge=1)] = 10**9


class Orders(Part):
    """What the apps order, and what waiting and failing cost them."""

    count: Annotated[int, Field(ge=100, le=200_000)] = 5000
    every_s: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0
    random_gaps: bool = False
    """Exponential gaps with that mean instead of even ones."""
    amount: Amounts = Amounts(median=10_000)
    payee_fault: Share = 0.0
    """Share that fails on every channel, for the beneficiary's sake."""
    time_value: Minor = 20
    """Minor units an hour of waiting costs."""
    failure_cost: Minor = 50
    """Minor units a failed attempt costs."""


class Feedback(Part):
    """How long after a result the router learns of it: in seconds, or in orders."""

    after_s: Seconds = 0.0
    orders: Number | None = None
    """So many later orders are decided before it is known, however long that takes."""


class World(Part):
    """A truth for routers to find."""

    about: Annotated[str, Field(min_length=1)]
    channels: Annotated[tuple[Channel, ...], Listed, Field(min_length=2, max_length=50)]
    orders: Orders = Orders()
    feedback: Feedback = Feedback()
    boards: Annotated[frozenset[Annotated[Board, Strict(False)]], Listed, Field(min_length=1)] = frozenset(Board)
    late_s: Annotated[float, Field(gt=0.0)] | None = None
    """Pending for longer counts as failed with arms that have such a rule; by default 300 s or four usual waits."""
    stuck_s: Seconds = 3600.0
    """How long a silent channel's payout is held until a person settles it as failed."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [channel.name for channel in self.channels]
        if len(set(names)) < len(names):
            raise fault("two channels of one name")
        if not any(channel.opens == 0 and not (channel.balance and channel.balance.told) for channel in self.channels):
            raise fault("one channel at least can always be asked")
        return self

    @property
    def metered(self) -> bool:
        """Whether what a router did before changes what its choices cost now."""
        return any(channel.metered for channel in self.channels)
