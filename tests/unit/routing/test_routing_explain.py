"""The explanation: complete, true in every number, in two languages; what it says would change the choice does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import explain as words
from routing.candidate import Candidate, ranked, repriced
from routing.change import CHANCE_STEPS, Change, Fact, decided_with, what_would_change
from routing.decision import Decision
from routing.eligibility import Refusal, RefusalCode
from routing.explain import REFUSED, Language, Voice, explain
from routing.score import BALANCED, Worth

WORTH = BALANCED.worth(0)


def candidate(name: str, fee: int, p: float = 0.9, time_s: float = 60.0, worth: Worth = WORTH) -> Candidate:
    return repriced(Candidate(name, fee, time_s, p, p, 50.0, 0.0), worth)


def decision(*candidates: Candidate, **more: object) -> Decision:
    made = Decision(ranked(candidates), (), "balanced", WORTH)
    return replace(made, **more)  # type: ignore[arg-type] - checked by use


chances = st.floats(0.01, 1.0)
candidates = st.lists(st.tuples(st.integers(0, 1_000), chances, st.floats(0.0, 1e5)), min_size=2, max_size=5).map(
    lambda rows: [candidate(f"c{number}", *row) for number, row in enumerate(rows)]
)


@given(candidates)
def test_what_would_have_changed_it_does_change_it_and_no_less_would(found: list[Candidate]) -> None:
    """With each change made the runner-up is first; with one step less it is not."""
    made = decision(*found)
    changes = what_would_change(made)
    rival = made.ranked[1].channel
    assert Fact.FEE in {change.fact for change in changes}, "a dear enough winner always loses"
    for change in changes:
        assert decided_with(made, change).ranked[0].channel == rival
        step = {Fact.FEE: 1.0, Fact.CHANCE: 1.0 / CHANCE_STEPS, Fact.TIME: 1.0}[change.fact]
        less = change.after - step if change.after > change.before else change.after + step
        if abs(less - change.before) > step / 2:
            assert decided_with(made, replace(change, after=less)).ranked[0].channel != rival


def test_the_least_change_of_a_fee_by_hand() -> None:
    """30 against 50 with all else equal: 21 less, or 20 less where the name decides."""
    assert what_would_change(decision(candidate("a", 30), candidate("b", 50)))[0] == Change("b", Fact.FEE, 50, 29)
    assert what_would_change(decision(candidate("b", 30), candidate("a", 50)))[0] == Change("a", Fact.FEE, 50, 30)


def test_where_the_runner_up_cannot_win_the_winner_must_lose() -> None:
    """A free rival cannot be cheaper: the winner's fee goes up, its chance goes down."""
    made = decision(candidate("a", 0, p=0.99), candidate("b", 0, p=0.5))
    fee, chance, *_ = what_would_change(made)
    assert (fee.channel, chance.channel) == ("a", "b")
    assert fee.after > fee.before


def test_no_fact_stands_above_a_rule_or_a_failed_domain() -> None:
    """Then no change of cost would have changed the choice, and it says so."""
    ruled = decision(candidate("a", 90)._replace(place=0), candidate("b", 1), rule="a first")
    fell = decision(candidate("a", 90), candidate("b", 1)._replace(fell_together=True))
    for made in (ruled, fell):
        assert made.ranked[0].channel == "a"
        assert what_would_change(made) == ()
        assert "would have changed it" in explain(made)[-1]
    assert what_would_change(decision(candidate("a", 1))) == ()


def test_every_refusal_has_words_in_both_languages() -> None:
    """A new code cannot be added without them, and no language is left out."""
    assert set(REFUSED) == set(RefusalCode)
    both = [*REFUSED.values(), *words._TEXT.values()]
    assert all(english and chinese and english != chinese for english, chinese in both)
    assert all(any("一" <= letter <= "鿿" for letter in chinese) or "{" in chinese for _, chinese in both)


@pytest.mark.parametrize("language", Language)
def test_the_parts_add_up_to_the_cost_and_all_channels_are_named(language: Language) -> None:
    """Every number a person needs is in it: fee, waiting, risk, chance, evidence, refusal."""
    made = decision(candidate("alpha", 200, p=0.8, time_s=3_600.0), candidate("beta", 500), drawn=True)
    made = made.refuse("gone", RefusalCode.BALANCE_LOW, "10 on its account")
    text = "\n".join(explain(made, Voice(language, "CNY", 2)))
    first = made.ranked[0]
    assert first.fee_minor + first.time_minor(WORTH) + first.risk_minor(WORTH) == pytest.approx(first.cost)
    for part in (
        "alpha",
        "beta",
        "gone",
        "10 on its account",
        "2.3750 CNY",
        "2.00 CNY",
        "0.25 CNY",
        "0.1250 CNY",
        "80.00 %",
        "50",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (decision(candidate("a", 1)), "no other channel"),
        (decision(candidate("a", 1), candidate("b", 2)), "lowest expected cost"),
        (decision(candidate("a", 9)._replace(place=0), candidate("b", 2), rule="a first"), "the rule a first"),
        (decision(candidate("a", 9), candidate("b", 2)._replace(fell_together=True)), "failure domain"),
        (decision(candidate("a", 1)._replace(last_resort=True)), "breaker is open"),
        (decision(refused=(Refusal("a", RefusalCode.BREAKER_OPEN, ""),)), "waits for one"),
        (decision(refused=(Refusal("a", RefusalCode.CURRENCY, ""),)), "waiting would not help"),
    ],
)
def test_the_reason_of_the_choice_is_the_true_one(made: Decision, said: str) -> None:
    """Cost, rule, domain, last resort, or nobody."""
    assert said in explain(made)[0]


def test_money_without_a_currency_is_told_in_minor_units() -> None:
    """Fees as the integers they are, expected costs a little finer."""
    voice = Voice()
    assert (voice.money(200), voice.money(200.123)) == ("200", "200.12")
    assert Voice(currency="JPY").money(7) == "7 JPY"
