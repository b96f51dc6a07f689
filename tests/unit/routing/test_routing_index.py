"""The index: trying channels by ascending expected cost is the cheapest way to try them all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.score import BALANCED, Preference, Worth, expected_cost


class Channel(NamedTuple):
    fee: int
    time_s: float
    p: float


def total(order: Sequence[Channel], worth: Worth) -> float:
    """What a payout costs on average that goes down the list, a definite failure moving on to the next."""
    cost, arrives_here = 0.0, 1.0
    for channel in order:
        waiting = worth.second * channel.time_s
        cost += arrives_here * (waiting + channel.p * channel.fee + (1.0 - channel.p) * worth.failure)
        arrives_here *= 1.0 - channel.p
    return cost


channels = st.lists(
    st.builds(Channel, st.integers(0, 10_000), st.floats(0.0, 1e6), st.floats(0.01, 1.0)), min_size=1, max_size=5
)
worths = st.builds(Worth, st.floats(0.0, 1.0), st.floats(0.0, 5_000.0))


@given(channels, worths)
def test_ascending_index_is_as_good_as_the_best_of_all_orders(found: list[Channel], worth: Worth) -> None:
    """Against brute force over every permutation of up to five channels."""
    by_index = sorted(found, key=lambda channel: expected_cost(channel.fee, channel.time_s, channel.p, worth))
    best = min(total(order, worth) for order in permutations(found))
    assert total(by_index, worth) == pytest.approx(best, rel=1e-9, abs=1e-9)


def test_the_index_by_hand() -> None:
    """Fee 200, an hour at 20, half of the attempts fail at 50 each: 200 + (20 + 25) / 0.5."""
    assert expected_cost(200, 3600.0, 0.5, BALANCED.worth(10**6)) == pytest.approx(290.0)


def test_waiting_and_failing_may_grow_with_the_amount() -> None:
    """Ten basis points of 100,000 are 100 on top."""
    grows = Preference("grows", 20, 50, time_value_bps=10, failure_cost_bps=1)
    assert grows.worth(100_000) == Worth(120.0 / 3600.0, 60.0)


def test_a_hopeless_channel_is_dear_and_not_infinite() -> None:
    """So that the ranking still has an order when nothing works."""
    worth = BALANCED.worth(1)
    assert expected_cost(5, 1.0, 0.0, worth) == expected_cost(5, 1.0, 0.001, worth) > 40_000


def test_a_preference_is_not_negative() -> None:
    """Nobody is paid for waiting."""
    with pytest.raises(ValueError, match="worth nothing or more"):
        Preference("odd", -1, 0)
