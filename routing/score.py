"""What a channel costs for one amount: exact integers of minor units, checkable by hand."""

from __future__ import annotations

from gateway.domain.money import Money
from routing.policy import BPS, FeeKind, FeeRule


def fee_minor(amount: Money, fees: tuple[FeeRule, ...]) -> int | None:
    """The fee in minor units of the amount's currency by the first rule that fits; None when no rule does.

    A price nobody stated is not zero: a free channel says so with a flat fee of 0.
    """
    rule = next((rule for rule in fees if fits(rule, amount)), None)
    return None if rule is None else _clamped(_raw_fee_minor(rule, amount.minor), rule)


def fits(rule: FeeRule, amount: Money) -> bool:
    """Whether the rule prices this amount; its bounds are included."""
    above = rule.amount_gte is None or amount.minor >= rule.amount_gte
    below = rule.amount_lte is None or amount.minor <= rule.amount_lte
    return rule.currency == amount.currency and above and below


def _raw_fee_minor(rule: FeeRule, minor: int) -> int:
    """A percent fee is rounded to whole minor units, half up: 0.5 becomes 1."""
    if rule.kind is FeeKind.FLAT:
        return rule.amount_minor
    return (minor * rule.bps + BPS // 2) // BPS


def _clamped(fee: int, rule: FeeRule) -> int:
    raised = fee if rule.min_minor is None else max(fee, rule.min_minor)
    return raised if rule.max_minor is None else min(raised, rule.max_minor)
