"""What one's own orders would have come to under another configuration: fee, success and arrival, off-policy.

Each logged first attempt is put before the policy that made it and before the new one (`gateway.lab.choice`); what came
of the attempts, weighed by how much more often the new policy would have made the same choice, tells what the new one
would have got (`gateway.lab.snips`). What is believed of the channels stays as logged: the new policy would have
learned from other outcomes, and that is not told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from statistics import fmean

from gateway.lab.choice import Belief, Judged, Logged, Routing, judged, new_side, old_side
from gateway.lab.snips import Estimate, effective, weighted_mean
from gateway.lab.trace import dice
from routing.facts import LiveFacts
from routing.fees import NO_USAGE, Usage

DRAWS = 200
"""Draws of the posteriors for each order."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure under both policies; None where no order tells."""

    old: Estimate | None
    """The plain mean."""
    new: Estimate | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """What the orders of one currency say of another policy."""

    orders: int
    effective_orders: float
    """How many orders of the new policy's own would tell as much."""
    mean_weight: float
    """1 but for chance where the log can speak for the whole of the new policy and the propensities are right; less
    where it lacks support."""
    fee_minor: Compared
    """Per order that its first attempt paid, in minor units."""
    success_share: Compared
    """Of first attempts."""
    arrival_s: Compared
    """Seconds from the send to the money's arrival, of first attempts that paid."""
    moves: Mapping[tuple[str, str], int]
    """Orders that the new policy would have given to another channel: by the old and the new one."""
    unsupported: Mapping[str, int]
    """Orders whose new channel the old policy never chooses in their place, by that channel: the log cannot tell of
    them, and the estimates are about the others."""
    refused: int
    """Orders that no channel of the new policy would take."""

    @property
    def moved_share(self) -> float:
        return sum(self.moves.values()) / self.orders if self.orders else 0.0


@dataclass(frozen=True, slots=True)
class _Row:
    """An order as it goes into the estimates."""

    order: Logged
    verdict: Judged
    new_fee_minor: int
    """Of the channel that was tried, by the new price list."""


def backtest(
    orders: Iterable[Logged], present: Routing, new: Routing, *, seed: int = 0, draws: int = DRAWS
) -> Backtest:
    """Weigh the orders, which are all of one currency. The same orders and seed give the same answer."""
    rows = _judged(orders, present, new, seed, draws)
    verdicts = [row.verdict for row in rows]
    moves: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row.verdict.choice not in (None, row.order.tried.channel):
            moves[row.order.tried.channel, str(row.verdict.choice)] += 1
    paid = [row for row in rows if row.order.paid]
    arrived = [(row, row.order.arrival_s) for row in paid if row.order.arrival_s is not None]
    return Backtest(
        orders=len(rows),
        effective_orders=effective(verdict.weight for verdict in verdicts),
        mean_weight=fmean(verdict.weight for verdict in verdicts) if verdicts else 0.0,
        fee_minor=Compared(
            weighted_mean((1.0, row.order.tried.fee_minor) for row in paid),
            weighted_mean((row.verdict.weight, row.new_fee_minor) for row in paid),
        ),
        success_share=Compared(
            weighted_mean((1.0, float(row.order.paid)) for row in rows),
            weighted_mean((row.verdict.weight, float(row.order.paid)) for row in rows),
        ),
        arrival_s=Compared(
            weighted_mean((1.0, took_s) for _, took_s in arrived),
            weighted_mean((row.verdict.weight, took_s) for row, took_s in arrived),
        ),
        moves=moves,
        unsupported=Counter(
            verdict.choice for verdict in verdicts if verdict.choice is not None and not verdict.has_support
        ),
        refused=sum(verdict.choice is None for verdict in verdicts),
    )


def _judged(orders: Iterable[Logged], present: Routing, new: Routing, seed: int, draws: int) -> list[_Row]:
    """In the order of time: a channel that was not eligible is believed to be as it was when it last was, and the
    month's payouts, which a new price may hang on, are those of the log."""
    beliefs: dict[str, Belief] = {}
    months = _Months(new)
    rows = []
    for number, order in enumerate(sorted(orders, key=attrgetter("at"))):
        before, after = old_side(order, present), new_side(order, present, new, months.live(order))
        verdict = judged(order, before, after, beliefs, dice("backtest", seed, number), draws)
        rows.append(_Row(order, verdict, after.fee_minor(order.tried.channel) or 0))
        beliefs.update({each.channel: (each.mean, each.strength) for each in order.decision.ranked})
        months.take(order)
    return rows


class _Months:
    """What each channel paid in a month, as far as the log has it."""

    def __init__(self, routing: Routing) -> None:
        self._channels = routing.channels
        self._given: defaultdict[tuple[str, str], Usage] = defaultdict(lambda: NO_USAGE)

    def _key(self, channel: str, order: Logged) -> tuple[str, str]:
        return channel, f"{order.at.astimezone(self._channels[channel].zone):%Y-%m}"

    def live(self, order: Logged) -> dict[str, LiveFacts]:
        return {name: LiveFacts(usage=self._given[self._key(name, order)]) for name in self._channels}

    def take(self, order: Logged) -> None:
        if order.paid and order.tried.channel in self._channels:
            key = self._key(order.tried.channel, order)
            month = self._given[key]
            self._given[key] = Usage(month.count + 1, month.volume_minor + order.request.amount.minor)
