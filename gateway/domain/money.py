"""Money: an integer of minor units with its currency. Never a float, never a bare number."""

from __future__ import annotations

import re
from dataclasses import dataclass

MINOR_MAX = 10**15
"""The largest amount of one order, in minor units (docs/api.md)."""

_CURRENCY = re.compile(r"[A-Z]{3}")


class MoneyError(ValueError):
    """A value that is not money, or two moneys that do not go together."""


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units of `currency` (ISO 4217, three upper-case letters). May be zero or negative (a refund's sum)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise MoneyError(f"minor units are an int, not {type(self.minor).__name__}")
        if not _CURRENCY.fullmatch(self.currency):
            raise MoneyError(f"not an ISO 4217 code: {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        self._must_match(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._must_match(other)
        return Money(self.minor - other.minor, self.currency)

    def _must_match(self, other: Money) -> None:
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} do not add up")

    def decimal(self, exponent: int) -> str:
        """The amount with exactly `exponent` fraction digits and a dot: 12345 with 2 is `123.45`."""
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(exponent + 1, "0")
        return sign + (digits if exponent == 0 else f"{digits[:-exponent]}.{digits[-exponent:]}")


def parse_decimal(text: str, currency: str, exponent: int) -> Money:
    """Read `123.45`: no sign, no exponent, at most `exponent` fraction digits.

    Raises:
        MoneyError: for anything else, trailing zeros beyond the currency's digits included.
    """
    match = re.fullmatch(r"([0-9]{1,18})(?:\.([0-9]{1,5}))?", text, re.ASCII)
    if match is None:
        raise MoneyError(f"not a plain decimal amount: {text[:40]!r}")
    whole, fraction = match.group(1), match.group(2) or ""
    if len(fraction) > exponent:
        raise MoneyError(f"{currency} has {exponent} fraction digits, got {len(fraction)}")
    return Money(int(whole + fraction.ljust(exponent, "0")), currency)
