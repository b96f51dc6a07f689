"""ISO 4217: which currencies exist and how many fraction digits they have (from the `iso4217` package)."""

from __future__ import annotations

from functools import cache

from iso4217 import Currency


@cache
def exponent(currency: str) -> int | None:
    """Fraction digits of a currency money can be paid in; None for an unknown code or one without minor units (XXX)."""
    try:
        found = Currency(currency)
    except ValueError:
        return None
    digits = found.exponent
    return digits if isinstance(digits, int) else None


def codes() -> list[str]:
    """Every currency money can be paid in, sorted."""
    return sorted(currency.code for currency in Currency if exponent(currency.code) is not None)
