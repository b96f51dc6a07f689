"""What channels charge in the lab: exact integers, checked by hand."""

from __future__ import annotations

import pytest

from gateway.lab.fees import MONTH_S, Account, fee_minor
from gateway.lab.truth import Truth, arrives_s
from gateway.lab.world import Arrival, Balance, Channel, FeeTier, TopUp, World

TIERED = Channel(
    name="a",
    success=({"p": 0.9},),  # type: ignore[arg-type]  # read like a file
    fees=(FeeTier(flat=0, count_to=2), FeeTier(bps=25, least=10, most=50, amount_to=30_000), FeeTier(flat=7, bps=10)),
)


@pytest.mark.parametrize(
    ("amount", "count", "fee"),
    [
        (10_000, 0, 0),
        (10_000, 1, 0),
        (10_000, 2, 25),
        (1_000, 2, 10),
        (25_000, 2, 50),
        (30_001, 2, 37),
        (30_500, 2, 38),
    ],
)
def test_the_first_tier_that_fits_is_the_price(amount: int, count: int, fee: int) -> None:
    """Free quota, then basis points within bounds, then flat and basis points, half a unit rounded up."""
    assert fee_minor(TIERED, amount, count) == fee


def test_a_quota_begins_anew_every_month() -> None:
    """What was paid before the month turned does not count."""
    account = Account(TIERED)
    for _ in range(2):
        assert account.fee_minor(10_000, 0.0) == 0
        account.paid(10_000, 0.0)
    assert account.fee_minor(10_000, 5.0) == 25
    assert account.fee_minor(10_000, MONTH_S) == 0


def test_an_account_covers_what_was_put_in_and_not_paid_out() -> None:
    """To the last minor unit; a top-up counts from its order on."""
    balance = Balance(start=100, top_ups=(TopUp(at=9, minor=50),))
    account = Account(Channel(name="a", success=({"p": 0.9},), balance=balance))  # type: ignore[arg-type]  # as above
    assert account.covers(100, 0)
    assert not account.covers(101, 0)
    account.paid(70, 0.0)
    assert (account.covers(30, 8), account.covers(31, 8), account.covers(80, 9)) == (True, False, True)


def test_settlement_days_count_from_the_cut_off() -> None:
    """At 09:00 on the next day for an order before 16:30, a day later for one after it."""
    arrival = Arrival(days=1)
    assert arrives_s(arrival, 0.0, 1.0) == 86_400 + 9 * 3600
    assert arrives_s(arrival, 59_400.0, 1.0) == 2 * 86_400 + 9 * 3600 - 59_400


def test_paying_after_all_costs_the_best_index_of_good_times() -> None:
    """By hand: fee 20, nothing for half a second, 4 % of 50: 20 x 0.96 + 2 over 0.96."""
    world = World.model_validate(
        {
            "about": "x",
            "channels": [
                {"name": "a", "success": [{"p": 0.96, "until": 50}, {"p": 0.02}], "fees": [{"flat": 20}]},
                {"name": "b", "success": 0.9, "fees": [{"flat": 20}]},
            ],
            "orders": {"time_value": 0},
        }
    )
    assert Truth(world).reorder_minor(10_000) == pytest.approx((0.96 * 20 + 0.04 * 50) / 0.96)
