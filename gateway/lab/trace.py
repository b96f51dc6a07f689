"""One seed of a world: everything that is a matter of luck, drawn once and the same for every arm.

Common random numbers: whether order 17 would be paid by channel 2 does not depend on who asks, when, or what else was
asked. Arms differ by their choices alone, which takes most of the noise out of their differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp
from random import Random
from typing import Any

from gateway.lab.fees import fee_minor
from gateway.lab.truth import P_MIN, Truth, promised_s
from gateway.lab.world import Board, World

Row = tuple[float, ...]


def dice(*name: object) -> Random:
    """The generator of that name, the same one every time."""
    return Random("/".join(map(str, name)))  # noqa: S311 - seeded on purpose: a run must repeat exactly


@dataclass(frozen=True, slots=True)
class Trace:
    """The orders of one seed, and how each would go on each channel. Rows are by order, then by channel."""

    world: World
    truth: Truth
    seed: int
    at_s: list[float]
    amounts: list[int]
    luck: list[Row]
    """An attempt succeeds if its number is below the success rate."""
    loss: list[Row]
    """Its answer is lost if its number is below the share of lost answers."""
    stretch: list[Row]
    """How many times its median an arrival takes."""
    payee_fault: list[bool]
    reorder: list[float]
    fees: list[tuple[int, ...]]
    promised_s: list[Row]
    """When each channel says the money would be there."""
    single: list[Row]
    """The expected cost of one attempt."""
    once: list[Row]
    """That, and paying a failed order after all: what the choice board counts."""
    index: list[Row]
    """The cost index of design 5, by which the gateway board's oracle goes."""

    outcomes: dict[tuple[int, int], Any] = field(default_factory=dict)
    """What the table has worked out of first attempts, by order and channel: it is the same for all arms."""

    def costs(self, board: Board) -> list[Row]:
        """What the oracle of this board goes by. For unmetered worlds only."""
        return self.once if board is Board.CHOICE else self.index


def draw(truth: Truth, name: str, seed: int) -> Trace:
    """The luck of one seed. `name` is the world's, so that worlds do not share their luck."""
    world = truth.world
    orders, channels = world.orders, world.channels
    numbers, several = range(orders.count), range(len(channels))
    at_s = _times(world, dice(name, seed, "times"))
    amounts = _amounts(world, dice(name, seed, "amounts"))
    luck, loss, normal = dice(name, seed, "luck"), dice(name, seed, "loss"), dice(name, seed, "stretch")
    payees = dice(name, seed, "payees")
    spread = [channel.arrival.spread for channel in channels]
    fees = _fees(world, amounts)
    reorder = _by_amount(amounts, truth.reorder_minor)
    single, once, index = [], [], []
    for at in numbers:
        costs, p = _costs(truth, at, at_s[at], fees[at]), truth.p[at]
        single.append(costs)
        once.append(tuple(cost + (1.0 - chance) * reorder[at] for cost, chance in zip(costs, p, strict=True)))
        index.append(tuple(cost / max(chance, P_MIN) for cost, chance in zip(costs, p, strict=True)))
    return Trace(
        world=world,
        truth=truth,
        seed=seed,
        at_s=at_s,
        amounts=amounts,
        luck=[tuple(luck.random() for _ in several) for _ in numbers],
        loss=[tuple(loss.random() for _ in several) for _ in numbers] if _any_lost(world) else [],
        stretch=[tuple(exp(each * normal.gauss(0.0, 1.0)) if each else 1.0 for each in spread) for _ in numbers],
        payee_fault=[payees.random() < orders.payee_fault for _ in numbers],
        reorder=reorder,
        fees=fees,
        promised_s=_promises(world, at_s),
        single=single,
        once=once,
        index=index,
    )


def _any_lost(world: World) -> bool:
    return any(channel.lost is not None for channel in world.channels)


def _times(world: World, random: Random) -> list[float]:
    orders = world.orders
    if not orders.random_gaps:
        return [at * orders.every_s for at in range(orders.count)]
    times, now_s = [], 0.0
    for _ in range(orders.count):
        times.append(now_s)
        now_s += random.expovariate(1.0 / orders.every_s)
    return times


def _amounts(world: World, random: Random) -> list[int]:
    amount = world.orders.amount
    if not amount.spread:
        return [amount.median] * world.orders.count
    drawn = (amount.median * exp(random.gauss(0.0, amount.spread)) for _ in range(world.orders.count))
    return [min(max(round(minor), 1), amount.most) for minor in drawn]


def _fees(world: World, amounts: list[int]) -> list[tuple[int, ...]]:
    known: dict[int, tuple[int, ...]] = {}
    for amount in set(amounts):
        known[amount] = tuple(fee_minor(channel, amount) for channel in world.channels)
    return [known[amount] for amount in amounts]


def _promises(world: World, at_s: list[float]) -> list[Row]:
    if all(channel.arrival.days is None for channel in world.channels):
        return [promises(world, 0.0)] * len(at_s)
    return [promises(world, now_s) for now_s in at_s]


def promises(world: World, now_s: float) -> Row:
    """When each channel says the money of an order at this moment would be there, in seconds."""
    return tuple(promised_s(channel.arrival, now_s) for channel in world.channels)


def _by_amount(amounts: list[int], reorder: Callable[[int], float]) -> list[float]:
    known = {amount: reorder(amount) for amount in set(amounts)}
    return [known[amount] for amount in amounts]


def _costs(truth: Truth, at: int, at_s: float, fees: tuple[int, ...]) -> Row:
    p = truth.p[at]
    return tuple(truth.cost_minor(p[c], fees[c], truth.time_s(c, at, at_s)) for c in range(len(fees)))
