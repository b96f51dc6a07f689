"""Fees: exact, rounded half up, clamped, and never guessed."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.money import Money
from routing.policy import FeeKind, FeeRule
from routing.score import fee_minor

PERCENT_25 = FeeRule(FeeKind.PERCENT, "CNY", bps=25)


@pytest.mark.parametrize(
    ("minor", "fee"),
    [(1, 0), (199, 0), (200, 1), (400, 1), (599, 1), (600, 2), (1_000_000, 2_500), (10**15, 2_500_000_000_000)],
)
def test_a_percent_fee_is_rounded_half_up_to_whole_minor_units(minor: int, fee: int) -> None:
    """0.25 % of 200 is 0.5 and becomes 1; of 199 it is 0.4975 and becomes 0; large amounts stay exact."""
    assert fee_minor(Money(minor, "CNY"), (PERCENT_25,)) == fee


def test_bounds_of_a_rule_are_included_and_the_first_fitting_rule_wins() -> None:
    """A price list is read from the top; its bounds belong to it; the rule's currency must match."""
    fees = (
        FeeRule(FeeKind.FLAT, "EUR", amount_minor=7),
        FeeRule(FeeKind.FLAT, "CNY", amount_minor=1, amount_gte=100, amount_lte=200),
        FeeRule(FeeKind.FLAT, "CNY", amount_minor=2, amount_gte=200, amount_lte=300),
    )
    asked = {minor: fee_minor(Money(minor, "CNY"), fees) for minor in (99, 100, 200, 201, 300, 301)}
    assert asked == {99: None, 100: 1, 200: 1, 201: 2, 300: 2, 301: None}


def test_no_rule_is_no_price() -> None:
    """An empty price list is not a free channel; a flat fee of zero is."""
    assert fee_minor(Money(5, "CNY"), ()) is None
    assert fee_minor(Money(5, "CNY"), (FeeRule(FeeKind.FLAT, "CNY"),)) == 0


@given(
    minor=st.integers(1, 10**15),
    bps=st.integers(0, 10_000),
    bounds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(sorted),
    has_min=st.booleans(),
    has_max=st.booleans(),
)
def test_a_fee_keeps_its_min_and_max_and_is_else_within_half_a_unit_of_the_share(
    minor: int, bps: int, bounds: list[int], has_min: bool, has_max: bool
) -> None:
    """Whatever the amount: never below min, never above max, and exact to half a minor unit in between."""
    least, most = (bounds[0] if has_min else None), (bounds[1] if has_max else None)
    rule = FeeRule(FeeKind.PERCENT, "CNY", bps=bps, min_minor=least, max_minor=most)
    fee = fee_minor(Money(minor, "CNY"), (rule,))
    assert fee is not None
    assert least is None or fee >= least
    assert most is None or fee <= most
    if fee not in (least, most):
        assert Fraction(-1, 2) < fee - Fraction(minor * bps, 10_000) <= Fraction(1, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_minor": -1},
        {"bps": 10_001},
        {"bps": -1},
        {"min_minor": 5, "max_minor": 4},
        {"min_minor": -1},
        {"amount_gte": 10, "amount_lte": 9},
    ],
)
def test_a_rule_that_makes_no_sense_cannot_be_built(wrong: dict[str, int]) -> None:
    """Negative fees, shares above the whole and crossed bounds are refused where they are written."""
    with pytest.raises(ValueError, match="fee"):
        FeeRule(FeeKind.PERCENT, "CNY", **wrong)
