"""Explicit rules: whom they are about, and what they do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from routing.request import Request
from routing.rules import NO_RULES, Action, Match, Rule, apply

BANK, WECHAT = BeneficiaryKind.BANK_ACCOUNT, BeneficiaryKind.WECHAT
REQUEST = Request(Money(500, "CNY"), BANK, app="acme", key="p1", beneficiary="b1")
ABC = ("a", "b", "c")


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        (Match(), True),
        (Match(apps=frozenset({"acme"})), True),
        (Match(apps=frozenset({"other"})), False),
        (Match(currencies=frozenset({"EUR"})), False),
        (Match(kinds=frozenset({WECHAT})), False),
        (Match(amount_gte=500, amount_lte=500), True),
        (Match(amount_gte=501), False),
        (Match(amount_lte=499), False),
    ],
)
def test_a_rule_is_about_the_payouts_that_it_matches(match: Match, fits: bool) -> None:
    """Everything that is given must fit; bounds are included."""
    applied = apply([Rule("r", Action.NEVER, ("a",), match)], REQUEST, None)
    assert (applied.excluder("a") is not None) is fits
    assert applied.excluder("b") is None


def test_all_rules_exclude_and_the_first_orders() -> None:
    """Only and never add up; of two rules that order, the upper one counts."""
    rules = [
        Rule("only", Action.ONLY, ("a", "b")),
        Rule("never", Action.NEVER, ("b",)),
        Rule("first", Action.PREFER, ("c", "a")),
        Rule("second", Action.PREFER, ("b",)),
    ]
    applied = apply(rules, REQUEST, None)
    excluders = {channel: rule.name for channel in ABC if (rule := applied.excluder(channel)) is not None}
    assert excluders == {"b": "never", "c": "only"}
    assert applied.places == {"c": 0, "a": 1}
    assert applied.leading == "first"
    assert apply([], REQUEST, None) is NO_RULES
    assert NO_RULES.leading == ""


def leaders(rule: Rule, requests: list[Request], dice: Random | None) -> Counter[str]:
    firsts: Counter[str] = Counter()
    for request in requests:
        places = apply([rule], request, dice).places
        firsts[min(places, key=lambda channel: places[channel])] += 1
    return firsts


@pytest.mark.parametrize("dice", [Random(4), None])
def test_a_split_keeps_its_weights(dice: Random | None) -> None:
    """With dice, and without them by the payout itself; a channel of weight zero is left out."""
    rule = Rule("split", Action.SPLIT, ABC, weights=(70.0, 30.0, 0.0))
    firsts = leaders(rule, [replace(REQUEST, key=f"p{number}") for number in range(2_000)], dice)
    assert set(firsts) == {"a", "b"}
    assert firsts["a"] / 2_000 == pytest.approx(0.7, abs=0.04)


def test_without_dice_a_split_is_a_function_of_the_payout() -> None:
    """Asked again, the same payout goes the same way."""
    rule = Rule("split", Action.SPLIT, ABC)
    assert apply([rule], REQUEST, None) == apply([rule], REQUEST, None)


def test_sticky_keeps_a_beneficiary_with_its_channel() -> None:
    """Whatever the payout or the dice; beneficiaries spread evenly; a channel that goes moves only its own."""
    rule = Rule("sticky", Action.STICKY, ABC)
    requests = [replace(REQUEST, beneficiary=f"b{number}") for number in range(900)]
    assert max(leaders(rule, requests, None).values()) < 400
    fewer = Rule("sticky", Action.STICKY, ("a", "b"))
    for number, request in enumerate(requests):
        places = apply([rule], request, Random(number)).places
        assert places == apply([rule], replace(request, key="other"), None).places
        if min(places, key=lambda channel: places[channel]) != "c":
            left = apply([fewer], request, None).places
            assert sorted(left, key=lambda channel: left[channel]) == [
                channel for channel in sorted(places, key=lambda channel: places[channel]) if channel != "c"
            ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": ()},
        {"channels": ("a", "a")},
        {"channels": ("a",), "weights": (1.0, 2.0)},
        {"channels": ("a",), "weights": (-1.0,)},
        {"channels": ("a",), "weights": (0.0,)},
    ],
)
def test_a_rule_that_makes_no_sense_cannot_be_built(wrong: dict[str, tuple[object, ...]]) -> None:
    """No channels, one twice, weights that do not go with them."""
    with pytest.raises(ValueError, match="odd"):
        Rule("odd", Action.SPLIT, **wrong)  # type: ignore[arg-type] - wrong on purpose
