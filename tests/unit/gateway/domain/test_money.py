"""Money is exact, never a float, never of two currencies at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.money import Money, MoneyError, parse_decimal

EXPONENTS = st.sampled_from([0, 2, 3])


@given(minor=st.integers(0, 10**15), exponent=EXPONENTS)
def test_decimal_and_back(minor: int, exponent: int) -> None:
    """Writing an amount and reading it again gives the same integer, whatever the currency's digits."""
    text = Money(minor, "CNY").decimal(exponent)
    assert parse_decimal(text, "CNY", exponent) == Money(minor, "CNY")
    assert len(text.partition(".")[2]) == exponent


@pytest.mark.parametrize(
    ("minor", "exponent", "text"),
    [(12345, 2, "123.45"), (5, 2, "0.05"), (0, 2, "0.00"), (7, 0, "7"), (1234, 3, "1.234"), (-5, 2, "-0.05")],
)
def test_decimal_texts(minor: int, exponent: int, text: str) -> None:
    """The dot stands where the currency says."""
    assert Money(minor, "CNY").decimal(exponent) == text


@pytest.mark.parametrize(
    "text", ["", "1.", ".5", "+1", "-1", "1e2", "1E+2", "1,000.00", " 1", "1 ", "１", "1.234", "NaN", "1" * 19, "1\n"]
)
def test_what_is_not_a_plain_decimal_is_refused(text: str) -> None:
    """No sign, exponent, grouping, space, foreign digit or excess fraction is read as money."""
    with pytest.raises(MoneyError):
        parse_decimal(text, "CNY", 2)


@pytest.mark.parametrize(("minor", "currency"), [(1.0, "CNY"), (True, "CNY"), ("1", "CNY"), (1, "cny"), (1, "CNYX")])
def test_what_is_not_money_cannot_be_made(minor: object, currency: str) -> None:
    """A float, a bool, a string or a malformed code never becomes an amount."""
    with pytest.raises(MoneyError):
        Money(minor, currency)  # type: ignore[arg-type]  # the wrong type on purpose


@given(a=st.integers(), b=st.integers())
def test_sums_are_exact_and_of_one_currency(a: int, b: int) -> None:
    """Adding and taking away again changes nothing; two currencies do not add up."""
    assert Money(a, "CNY") + Money(b, "CNY") - Money(b, "CNY") == Money(a, "CNY")
    with pytest.raises(MoneyError):
        Money(a, "CNY") + Money(b, "USD")
