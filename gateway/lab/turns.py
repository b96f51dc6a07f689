"""Where a world turns: the best channel falls, or one rises and becomes the best; and how soon traffic follows."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from gateway.lab.fees import fee_minor
from gateway.lab.truth import JUMP, P_MIN, Truth

RUN = 20
"""Traffic has moved when of so many orders in a row at least half have."""


@dataclass(frozen=True, slots=True)
class Turn:
    """From order `at` to before order `until` it is better (`rises`) or worse to use this channel than before."""

    at: int
    until: int
    channel: int
    rises: bool


def turns(truth: Truth) -> tuple[Turn, ...]:
    """All turns of a world, in order; each lasts until the next."""
    best, found = _best(truth), []
    for at in range(1, len(best)):
        if best[at] != best[at - 1]:
            old, new, p, was = best[at - 1], best[at], truth.p[at], truth.p[at - 1]
            if was[old] - p[old] >= JUMP:
                found.append((at, old, False))
            elif p[new] - was[new] >= JUMP:
                found.append((at, new, True))
    ends = [at for at, _, _ in found[1:]] + [len(best)] * bool(found)
    return tuple(Turn(at, end, channel, rises) for (at, channel, rises), end in zip(found, ends, strict=True))


def moved_after(choices: bytearray, turn: Turn) -> float:
    """How many orders after the turn the traffic has followed it; infinite when it does not before the next."""
    for begins in range(turn.at, turn.until - RUN + 1):
        there = choices.count(turn.channel, begins, begins + RUN)
        if 2 * (there if turn.rises else RUN - there) >= RUN:
            return float(begins - turn.at)
    return inf


def noticed(turn: Turn, moved: float) -> int:
    """The order by which the traffic had `moved`, or the next turn came."""
    return turn.until if moved == inf else turn.at + int(moved)


def hit(choices: bytearray, turn: Turn, moved: float) -> int:
    """How many orders went to a fallen channel before the traffic had left it."""
    return choices.count(turn.channel, turn.at, noticed(turn, moved))


def _best(truth: Truth) -> list[int]:
    world = truth.world
    amount, every_s = world.orders.amount.median, world.orders.every_s
    fees = [fee_minor(channel, amount) for channel in world.channels]
    best = []
    for at, p in enumerate(truth.p):
        costs = [
            truth.cost_minor(p[c], fee, truth.time_s(c, at, at * every_s)) / max(p[c], P_MIN)
            for c, fee in enumerate(fees)
        ]
        best.append(costs.index(min(costs)))
    return best
