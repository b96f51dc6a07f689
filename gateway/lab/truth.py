"""The truth of a world by order number: what each channel's success rate, speed and price are. No router sees it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp

from gateway.lab.fees import fee_minor
from gateway.lab.world import Arrival, Channel, World

DAY_S = 86_400.0
JUMP = 0.05
"""The least a success rate changes by at once to be called a fall or a recovery."""
P_MIN = 0.001
"""The chance that an impossible channel is reckoned with, so that its index is a number."""


@dataclass(frozen=True)
class Truth:
    """A world, unrolled."""

    world: World

    @cached_property
    def p(self) -> list[tuple[float, ...]]:
        """The success rate of each channel at each order; zero before it opens and while it is silent."""
        columns = [[_p(channel, at) for at in range(self.world.orders.count)] for channel in self.world.channels]
        return list(zip(*columns, strict=True))

    @cached_property
    def slow(self) -> list[tuple[float, ...]] | None:
        """How many times as long each channel takes at each order; None when nothing is ever slow."""
        if not any(channel.slow for channel in self.world.channels):
            return None
        columns = [[_slow(channel, at) for at in range(self.world.orders.count)] for channel in self.world.channels]
        return list(zip(*columns, strict=True))

    def silent(self, channel: int, at: int) -> bool:
        """Whether it would take this order and never be heard of again."""
        return any(span.begins <= at < span.until for span in self.world.channels[channel].silent)

    @cached_property
    def late_s(self) -> float:
        """When a pending attempt counts as failed with arms that have such a rule."""
        usual_s = max(promised_s(channel.arrival, DAY_S / 2.0) for channel in self.world.channels)
        orders = self.world.feedback.orders or 0
        waits_s = usual_s + self.world.feedback.after_s + orders * self.world.orders.every_s
        return self.world.late_s or max(300.0, 4.0 * waits_s)

    def cost_minor(self, p: float, fee: float, time_s: float) -> float:
        """What one attempt costs on average: the fee if it is paid, the waiting, the failure if it is not."""
        orders = self.world.orders
        return p * fee + orders.time_value * time_s / 3600.0 + (1.0 - p) * orders.failure_cost

    def reorder_minor(self, amount_minor: int) -> float:
        """What it costs to pay a failed order after all, later, when everything is well: the least index there is.

        It makes the least expected cost of a single attempt, and of one that may move on, the same channel
        (docs/routing.md), and lets nobody save a fee by failing.
        """
        return min(self._well(channel, amount_minor) for channel in range(len(self.world.channels)))

    def _well(self, number: int, amount_minor: int) -> float:
        channel = self.world.channels[number]
        p = max(max(piece.p, piece.to or 0.0) for piece in channel.success)
        fee = max(fee_minor(channel, amount_minor), fee_minor(channel, amount_minor, 10**9, 10**15))
        return self.cost_minor(p, fee, self.time_s(number, 0, 0.0)) / max(p, P_MIN)

    def time_s(self, number: int, at: int, at_s: float) -> float:
        """The mean time until an attempt's outcome is known, with lost answers and silence in it."""
        channel = self.world.channels[number]
        if channel.silent and self.silent(number, at):
            return self.world.stuck_s
        factor = self.slow[at][number] if self.slow is not None else 1.0
        time_s = arrives_s(channel.arrival, at_s, factor * exp(channel.arrival.spread**2 / 2.0))
        return time_s if channel.lost is None else time_s + channel.lost.share * channel.lost.found_s


def promised_s(arrival: Arrival, at_s: float) -> float:
    """How long the channel says an order at `at_s` takes."""
    return arrives_s(arrival, at_s, 1.0) if arrival.promised_s is None else arrival.promised_s


def arrives_s(arrival: Arrival, at_s: float, stretch: float) -> float:
    """The time until the money is there, for an order at `at_s`; `stretch` is luck and slowness together."""
    if arrival.days is None:
        return arrival.median_s * stretch
    day, second = divmod(at_s, DAY_S)
    settled = day + arrival.days + (second >= arrival.cutoff_s)
    return settled * DAY_S + arrival.opens_s - at_s


def _p(channel: Channel, at: int) -> float:
    if at < channel.opens or any(span.begins <= at < span.until for span in channel.silent):
        return 0.0
    last = channel.success[-1].until
    place, begins = at % last if last is not None else at, 0
    for piece in channel.success:
        if piece.until is None or place < piece.until:
            break
        begins = piece.until
    if piece.to is None or piece.until is None:
        return piece.p
    return piece.p + (piece.to - piece.p) * (place - begins) / (piece.until - begins)


def _slow(channel: Channel, at: int) -> float:
    return next((span.factor for span in channel.slow if span.begins <= at < span.until), 1.0)
