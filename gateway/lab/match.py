"""One arm against one seed of a world: sets the arm up, plays, and measures."""

from __future__ import annotations

from gateway.lab.arms.port import Make, Setting
from gateway.lab.fees import fee_minor
from gateway.lab.play import Game, Table
from gateway.lab.trace import Trace, dice
from gateway.lab.world import Board


def setting(trace: Trace, name: str, board: Board) -> Setting:
    """What an operator knows of the world, with a list of channels drawn by the seed where prices do not decide."""
    world, truth = trace.world, trace.truth
    channels = range(len(world.channels))
    fees = tuple(fee_minor(channel, world.orders.amount.median) for channel in world.channels)
    lots = dice(name, trace.seed, "list")
    order = sorted(channels, key=lambda channel: (fees[channel], lots.random()))
    feedback = world.feedback
    orders_s = (feedback.orders or 0) * world.orders.every_s
    totals = [sum(row[channel] for row in trace.costs(board)) for channel in channels]
    return Setting(
        channels=tuple(channel.name for channel in world.channels),
        fees=fees,
        weights=tuple(channel.weight for channel in world.channels),
        list_order=tuple(order),
        time_value=world.orders.time_value,
        failure_cost=world.orders.failure_cost,
        feedback_s=feedback.after_s + orders_s,
        news_age_s=feedback.after_s,
        late_s=truth.late_s,
        board=board,
        best=totals.index(min(totals)),
    )


def match(trace: Trace, known: Setting, world: str, arm: str, make: Make) -> Game:
    """Play it. The arm's own chances are its own, so that a new arm moves no other."""
    return Table(trace, make(known), known.board, dice(world, trace.seed, arm, known.board)).play()
