"""Fees: exact, rounded half up, clamped, and never guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from routing.fees import FeeKind, FeeRule, Usage, fee_minor

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
        {"volume_gte": 10, "volume_lte": 9},
        {"free_count": -1},
        {"free_minor": -1},
    ],
)
def test_a_rule_that_makes_no_sense_cannot_be_built(wrong: dict[str, int]) -> None:
    """Negative fees, shares above the whole and crossed bounds are refused where they are written."""
    with pytest.raises(ValueError, match="fee"):
        FeeRule(FeeKind.PERCENT, "CNY", **wrong)


def test_a_rule_is_not_valid_before_it_begins() -> None:
    """Crossed dates are refused as well."""
    with pytest.raises(ValueError, match="valid"):
        FeeRule(FeeKind.FLAT, "CNY", valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 31))


def test_a_fixed_amount_and_a_share_add_up_within_the_bounds() -> None:
    """The share is rounded before it is added; least and most bound the sum."""
    rule = FeeRule(FeeKind.BOTH, "CNY", amount_minor=30, bps=25, min_minor=32, max_minor=100)
    asked = {minor: fee_minor(Money(minor, "CNY"), (rule,)) for minor in (1, 200, 999, 1_000, 10**6)}
    assert asked == {1: 32, 200: 32, 999: 32, 1_000: 33, 10**6: 100}


def test_the_months_volume_chooses_the_tier_of_the_whole_payout() -> None:
    """The tier in which it begins, not a mixture of two."""
    fees = (
        FeeRule(FeeKind.FLAT, "CNY", amount_minor=9, volume_lte=999),
        FeeRule(FeeKind.FLAT, "CNY", amount_minor=4, volume_gte=1_000),
    )
    asked = [fee_minor(Money(5_000, "CNY"), fees, usage=Usage(1, volume)) for volume in (0, 999, 1_000)]
    assert asked == [9, 9, 4]


def test_the_first_payouts_of_the_month_are_free_by_number() -> None:
    """The quota counts payouts made before this one; the least fee does not apply to what is free."""
    rule = FeeRule(FeeKind.PERCENT, "CNY", bps=100, min_minor=5, free_count=2)
    assert [fee_minor(Money(100, "CNY"), (rule,), usage=Usage(count)) for count in (0, 1, 2)] == [0, 0, 5]


def test_only_what_goes_beyond_the_free_money_is_priced() -> None:
    """Of a payout that crosses the end of the quota the part beyond it pays."""
    rule = FeeRule(FeeKind.PERCENT, "CNY", bps=100, free_minor=10_000)
    paid_before = {
        volume: fee_minor(Money(1_000, "CNY"), (rule,), usage=Usage(1, volume)) for volume in (0, 9_000, 9_400, 20_000)
    }
    assert paid_before == {0: 0, 9_000: 0, 9_400: 4, 20_000: 10}


def test_dates_are_days_of_the_channels_zone_and_both_count() -> None:
    """A price of November holds from Shanghai's midnight to Shanghai's midnight, and on no unknown day."""
    shanghai = ZoneInfo("Asia/Shanghai")
    rule = FeeRule(FeeKind.FLAT, "CNY", 3, valid_from=date(2026, 11, 1), valid_until=date(2026, 11, 30))

    def fee(now: datetime | None) -> int | None:
        return fee_minor(Money(1, "CNY"), (rule,), now=now, zone=shanghai)

    assert fee(datetime(2026, 10, 31, 15, 59, tzinfo=UTC)) is None
    assert fee(datetime(2026, 10, 31, 16, 0, tzinfo=UTC)) == 3
    assert fee(datetime(2026, 11, 30, 15, 59, tzinfo=UTC)) == 3
    assert fee(datetime(2026, 11, 30, 16, 0, tzinfo=UTC)) is None
    assert fee(None) is None


def test_a_price_may_be_for_some_beneficiaries_only() -> None:
    """The rule is passed over for the others."""
    fees = (
        FeeRule(FeeKind.FLAT, "CNY", 1, kinds=frozenset({BeneficiaryKind.WECHAT})),
        FeeRule(FeeKind.FLAT, "CNY", 2),
    )
    assert [fee_minor(Money(1, "CNY"), fees, kind) for kind in BeneficiaryKind] == [1, 2]
