"""Ours in the lab: the product's own code, and what it does with silence, stale news and lost answers."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from gateway.lab.arms.paymux import Paymux
from gateway.lab.arms.port import FAILED, LATE, SUCCEEDED, UNKNOWN, Order, Setting
from gateway.lab.arms.table import ARMS, TUNED
from gateway.lab.told import tuning_hash
from gateway.lab.world import Board
from routing.health import DEFAULT, HealthTuning

SETTING = Setting(
    channels=("a", "b"),
    fees=(20, 20),
    weights=(1, 1),
    list_order=(0, 1),
    time_value=20,
    failure_cost=50,
    feedback_s=0.0,
    news_age_s=0.0,
    late_s=300.0,
    board=Board.CHOICE,
    best=0,
)


def order(number: int, fees: Sequence[int] = (20, 20)) -> Order:
    made = Order()
    made.number, made.at_s, made.amount_minor = number, float(number), 10_000
    made.fees, made.costs, made.promised_s = fees, (0.0, 0.0), (0.5, 0.5)
    return made


def taught(fees: Sequence[int] = (20, 20)) -> tuple[Paymux, Random]:
    """An arm that knows channel a at 96 % and channel b at 80 %, from a hundred orders each."""
    arm, random = Paymux(SETTING), Random(1)
    for number in range(200):
        channel = number % 2
        arm.choose(order(number, fees), (channel,), random)
        arm.learn(channel, FAILED if number % (50 if channel == 0 else 10) < 2 else SUCCEEDED, number, number + 0.5)
    return arm, random


def share_of_a(arm: Paymux, random: Random, begins: int, fees: Sequence[int] = (20, 20)) -> float:
    """Of fifty orders that nothing is heard of in time to matter."""
    taken = 0
    for number in range(begins, begins + 50):
        chosen = arm.choose(order(number, fees), (0, 1), random)
        taken += chosen == 0
        arm.learn(chosen, SUCCEEDED, number, number + 0.1)
    return taken / 50


def test_it_is_tuned_as_the_product_is() -> None:
    """The lab has no numbers of its own: the defaults, all of them, under a hash."""
    assert HealthTuning(**TUNED) == DEFAULT  # type: ignore[arg-type]  # a table of all fields
    assert ARMS["paymux"].parameters == TUNED
    assert len(tuning_hash()) == 16


def test_it_takes_the_better_channel_unless_the_fee_says_otherwise() -> None:
    """16 points of success are worth some 9 of fee at a failure cost of 50, not 15."""
    arm, random = taught()
    assert share_of_a(arm, random, 200) > 0.9
    arm, random = taught((35, 20))
    assert share_of_a(arm, random, 200, (35, 20)) < 0.1


def test_silence_moves_the_traffic_before_anything_is_heard() -> None:
    """Twenty orders accepted and not heard of: hardly any goes there any more. One answer, and it is trusted again."""
    arm, random = taught()
    numbers = [number for number in range(200, 240) if arm.choose(order(number), (0, 1), random) == 0]
    assert len(numbers) < 20
    late = 260
    arm.choose(order(late), (0,), random)
    arm.learn(0, SUCCEEDED, late, late + 0.5)
    assert share_of_a(arm, random, 261) > 0.8


def test_a_lost_answer_is_neither_silence_nor_failure() -> None:
    """Fifty unknown outcomes, pending for long: the channel is as good as before."""
    arm, random = taught()
    for number in range(200, 250):
        arm.choose(order(number), (0,), random)
        arm.learn(0, UNKNOWN, number, number + 0.9)
        arm.learn(0, LATE, number, number + 300.0)
    assert share_of_a(arm, random, 600) > 0.9
