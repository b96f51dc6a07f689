"""The rivals' rules against values worked out by hand from what is published of them."""

from __future__ import annotations

from collections import Counter
from math import log, sqrt
from random import Random

import pytest

from gateway.lab.arms.bandits import DThompson, DUcb, SwUcb
from gateway.lab.arms.plain import Cheapest, Oracle, PriorityBreaker, Split, fixed_best
from gateway.lab.arms.port import FAILED, LATE, PAYEE_FAULT, SUCCEEDED, UNKNOWN, Order, Setting
from gateway.lab.arms.srv3 import Elimination, Mode, SrV3, Window, reset_bound
from gateway.lab.arms.table import ARMS
from gateway.lab.world import Board

SETTING = Setting(
    channels=("a", "b", "c"),
    fees=(20, 20, 10),
    weights=(2, 1, 1),
    list_order=(2, 0, 1),
    time_value=20,
    failure_cost=50,
    feedback_s=0.0,
    news_age_s=0.0,
    late_s=300.0,
    board=Board.CHOICE,
    best=1,
)
ALL = (0, 1, 2)


def order(number: int = 0, at_s: float = 0.0) -> Order:
    made = Order()
    made.number, made.at_s, made.amount_minor = number, at_s, 10_000
    made.fees, made.costs, made.promised_s = (20, 20, 10), (3.0, 1.0, 2.0), (1.0, 1.0, 1.0)
    return made


def test_every_promised_arm_is_there() -> None:
    """By the names that results are read by."""
    srv3 = {f"srv3_{mode}{full}" for mode in ("greedy", "random", "explore") for full in ("", "_full")}
    plain = {"paymux", "oracle", "fixed_best", "cheapest", "priority_breaker", "split"}
    assert set(ARMS) == srv3 | plain | {"sw_ucb", "d_ucb", "d_thompson"}
    assert all(entry.make(SETTING) for entry in ARMS.values())


# The success-rate router ---------------------------------------------------------------------------------------------


def test_a_window_starts_at_one_and_forgets_the_oldest() -> None:
    """125 ones; each result pushes the oldest out."""
    window = Window()
    assert window.score == 1.0
    window.push(0)
    assert window.score == pytest.approx(124 / 125)
    for _ in range(125):
        window.push(1)
    assert window.score == 1.0


def test_the_reset_bound_is_three_sigma_below_the_best() -> None:
    """At 0.95: sigma = sqrt(0.09 / 125) = 0.026833, the bound 0.8695, zeros floor(0.1305 x 125) = 16."""
    bound, zeros = reset_bound(0.95)
    assert bound == pytest.approx(0.95 - 3 * 0.0268328, abs=1e-6)
    assert zeros == 16
    assert reset_bound(1.0)[1] == 10
    assert reset_bound(0.5)[0] == pytest.approx(0.5 - 3 * sqrt(0.25 / 125))


def test_a_rewritten_window_stands_at_the_bound_with_its_zeros_spread() -> None:
    """16 zeros of 125: score 0.872, and no long run of either."""
    window = Window()
    window.rewrite(16)
    assert window.score == pytest.approx(109 / 125)
    scores = []
    for _ in range(125):
        window.push(1)
        scores.append(window.score)
    assert scores[-1] == 1.0
    assert scores[62] == pytest.approx((109 / 125 + 1.0) / 2, abs=0.01)


def test_only_failures_eliminate_after_21() -> None:
    """0.95 to the 21st is the first power below 0.35, to the 59th the first below 0.05; failing moves nothing."""
    elimination = Elimination()
    powers = []
    for _ in range(59):
        elimination.begun()
        powers.append(elimination.score)
    assert powers[19] > 0.35 > powers[20]
    assert powers[57] > 0.05 > powers[58]


def test_a_success_does_not_quite_make_good_for_the_attempt() -> None:
    """0.95 x 1.0526 = 0.99997; the score never exceeds 1."""
    elimination = Elimination()
    elimination.begun()
    elimination.succeeded()
    assert elimination.score == pytest.approx(0.95 * 1.0526)
    elimination.score = 1.0
    elimination.succeeded()
    assert elimination.score == 1.0


def test_a_soft_reset_allows_about_ten_failures() -> None:
    """After 15 minutes below the threshold: 0.35 / 0.95 to the 9th = 0.5553, ten attempts from below it again."""
    elimination = Elimination()
    elimination.score = 0.2
    assert elimination.eliminates(900.0)
    assert elimination.score == 0.2
    assert elimination.eliminates(900.1)
    assert elimination.score == pytest.approx(0.5553, abs=1e-4)
    assert not elimination.eliminates(900.2)
    for _ in range(10):
        elimination.begun()
    assert elimination.eliminates(1000.0)
    assert elimination.score < 0.35


def test_greedy_takes_the_best_score_and_draws_lots_among_equals() -> None:
    """At first all are equal; after a failure the failed one is never taken while the others have none."""
    arm, random = SrV3(SETTING, Mode.GREEDY, full=False), Random(1)
    assert {arm.choose(order(), ALL, random) for _ in range(50)} == {0, 1, 2}
    arm.learn(1, FAILED, 0, 0.0)
    assert {arm.choose(order(), ALL, random) for _ in range(50)} == {0, 2}
    assert arm.choose(order(), (1,), random) == 1


def test_exploring_learns_from_the_hedged_orders_alone() -> None:
    """5 % go anywhere; the result of another order leaves the windows as they are."""
    arm, random = SrV3(SETTING, Mode.EXPLORE, full=False), Random(2)
    arm.scores[:] = [1.0, 0.5, 0.5]
    elsewhere = {}
    for number in range(4000):
        chosen = arm.choose(order(number), ALL, random)
        if chosen != 0:
            elsewhere[number] = chosen
    assert len(elsewhere) / 4000 == pytest.approx(0.05 * 2 / 3, abs=0.01)
    before = list(arm.scores)
    arm.learn(0, FAILED, 99_999, 0.0)
    assert arm.scores == before
    number, chosen = elsewhere.popitem()
    arm.learn(chosen, FAILED, number, 0.0)
    assert arm.scores != before


def test_random_traffic_goes_to_the_others() -> None:
    """5 % to one that is not the top, and every result counts."""
    arm, random = SrV3(SETTING, Mode.RANDOM, full=False), Random(3)
    arm.scores[:] = [1.0, 0.9, 0.9]
    taken = Counter(arm.choose(order(number), ALL, random) for number in range(4000))
    assert (taken[1] + taken[2]) / 4000 == pytest.approx(0.05, abs=0.01)
    arm.learn(0, FAILED, 17, 0.0)
    assert arm.scores[0] == pytest.approx(124 / 125)


def test_full_resets_a_dead_window_and_demotes_by_five() -> None:
    """A window at zero is lifted to the bound of the best; an eliminated channel has a fifth of its score."""
    arm, random = SrV3(SETTING, Mode.GREEDY, full=True), Random(4)
    for number in range(125):
        arm.learn(0, FAILED, number, 0.0)
    assert arm.scores[0] == 0.0
    arm.choose(order(), ALL, random)
    assert arm.scores[0] == pytest.approx(115 / 125)
    arm.elimination[1].score = arm.elimination[2].score = 0.3
    assert {arm.choose(order(), ALL, random) for _ in range(10)} == {0}


def test_the_payees_faults_count_unless_filtered() -> None:
    """The filter is one of the optional parts."""
    bare, full = SrV3(SETTING, Mode.GREEDY, full=False), SrV3(SETTING, Mode.GREEDY, full=True)
    for arm in (bare, full):
        arm.learn(0, PAYEE_FAULT, 0, 0.0)
    assert (bare.scores[0], full.scores[0]) == (pytest.approx(124 / 125), 1.0)


def test_pending_too_long_is_a_failure_and_its_outcome_is_not_counted_again() -> None:
    """Pushed once, whatever is heard later; an unknown outcome alone moves nothing."""
    arm = SrV3(SETTING, Mode.GREEDY, full=False)
    arm.learn(0, UNKNOWN, 0, 0.0)
    assert arm.scores[0] == 1.0
    arm.learn(0, LATE, 0, 300.0)
    arm.learn(0, FAILED, 0, 600.0)
    assert arm.scores[0] == pytest.approx(124 / 125)


# Bandits -------------------------------------------------------------------------------------------------------------


def test_sliding_window_ucb_by_hand() -> None:
    """3 of 4, 1 of 1: means 0.75 and 1, paddings sqrt(0.6 ln 5 / n); the window forgets the 201st result back."""
    arm, random = SwUcb(SETTING), Random(5)
    assert {arm.choose(order(), ALL, random) for _ in range(3)} == {0, 1, 2}
    for paid in (SUCCEEDED, SUCCEEDED, SUCCEEDED, FAILED):
        arm.learn(0, paid, 0, 0.0)
    arm.learn(1, SUCCEEDED, 0, 0.0)
    assert 0.75 + sqrt(0.6 * log(5) / 4) < 1.0 + sqrt(0.6 * log(5) / 1)
    assert arm.choose(order(), (0, 1), random) == 1
    for number in range(200):
        arm.learn(2, FAILED, number, 0.0)
    assert (arm.tried[0], arm.tried[1], arm.tried[2]) == (0.0, 0.0, 200.0)


def test_discounted_ucb_by_hand() -> None:
    """After success then failure of one channel: n = 1.99, paid 0.99; another's result discounts it once more."""
    arm = DUcb(SETTING)
    arm.learn(0, SUCCEEDED, 0, 0.0)
    arm.learn(0, FAILED, 1, 0.0)
    assert (arm.tried[0], arm.paid[0]) == (pytest.approx(1.99), pytest.approx(0.99))
    arm.learn(1, SUCCEEDED, 2, 0.0)
    assert arm.tried[0] == pytest.approx(1.99 * 0.99)


def test_discounted_thompson_by_hand() -> None:
    """Counts fade by 0.999 at every result, and draws follow Beta(1 + paid, 1 + failed)."""
    arm, random = DThompson(SETTING), Random(6)
    for number in range(1000):
        arm.learn(0, SUCCEEDED, number, 0.0)
    assert arm.paid[0] == pytest.approx((1 - 0.999**1000) / 0.001)
    arm.learn(1, FAILED, 0, 0.0)
    assert arm.paid[0] == pytest.approx((1 - 0.999**1000) / 0.001 * 0.999)
    taken = Counter(arm.choose(order(), (0, 1), random) for _ in range(200))
    assert taken[0] > 190


# Without an algorithm ------------------------------------------------------------------------------------------------


def test_the_plain_ones_do_what_they_say() -> None:
    """The oracle by true cost, hindsight by its channel, the cheapest by fee, the split by weight."""
    random = Random(7)
    assert Oracle(SETTING).choose(order(), ALL, random) == 1
    assert Oracle(SETTING).choose(order(), (0, 2), random) == 2
    assert fixed_best(SETTING).choose(order(), ALL, random) == 1
    assert fixed_best(SETTING).choose(order(), (0, 2), random) == 2
    assert Cheapest(SETTING).choose(order(), ALL, random) == 2
    taken = Counter(Split(SETTING).choose(order(), ALL, random) for _ in range(4000))
    assert taken[0] / 4000 == pytest.approx(0.5, abs=0.03)


def test_a_priority_list_has_breakers() -> None:
    """Five failures in a row open; 20 s later one trial, whose success closes and whose failure opens anew."""
    arm, random = PriorityBreaker(SETTING), Random(8)
    for number in range(5):
        assert arm.choose(order(), ALL, random) == 2
        arm.learn(2, FAILED, number, 10.0)
    assert arm.choose(order(at_s=29.9), ALL, random) == 0
    assert [arm.choose(order(at_s=30.0), ALL, random) for _ in range(2)] == [2, 0]
    arm.learn(2, FAILED, 9, 31.0)
    assert [arm.choose(order(at_s=at_s), ALL, random) for at_s in (50.9, 51.0, 51.1)] == [0, 2, 0]
    arm.learn(2, SUCCEEDED, 10, 52.0)
    assert [arm.choose(order(at_s=53.0), ALL, random) for _ in range(2)] == [2, 2]
