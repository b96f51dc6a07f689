"""Time that a payout has: waiting for a cheaper channel while that is worth it, and the last decision after it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from routing.decide import Decision, LiveFacts, RefusalCode, Request, decide
from routing.eligibility import BUSY, PASSING, SOON_OVER, Refusal
from routing.explain import Language, Voice, explain
from routing.policy import ChannelPolicy, ChannelState, FeeKind, FeeRule
from routing.rules import Action, Rule
from routing.score import CHEAPEST, FASTEST

BANK = BeneficiaryKind.BANK_ACCOUNT
HOUR_S = 3_600.0
PATIENT = Request(Money(100_000, "CNY"), BANK, patience_s=HOUR_S)
BROKEN = LiveFacts(breaker_open=True)


def flat(name: str, fee: int, **more: object) -> ChannelPolicy:
    policy = ChannelPolicy(
        name=name,
        state=ChannelState.ENABLED,
        currencies=frozenset({"CNY"}),
        kinds=frozenset({BANK}),
        fees=(FeeRule(FeeKind.FLAT, "CNY", amount_minor=fee),),
        usual_s=1.0,
        in_flight=10,
        rps=5.0,
    )
    return replace(policy, **more)  # type: ignore[arg-type]  # checked by use


PAIR = [flat("cheap", 100), flat("dear", 500)]


def names(decision: Decision) -> list[str]:
    return [candidate.channel for candidate in decision.ranked]


def test_it_waits_for_a_cheaper_channel_while_that_costs_less() -> None:
    """An hour is worth 1 to the thrifty and 500 to who is in a hurry; the dear channel costs 400 more."""
    waits = decide(PATIENT, PAIR, {"cheap": BROKEN}, preference=CHEAPEST)
    assert names(waits) == []
    assert waits.waitable
    assert [(r.channel, r.code) for r in waits.refused] == [
        ("cheap", RefusalCode.BREAKER_OPEN),
        ("dear", RefusalCode.DEARER),
    ]
    assert names(decide(PATIENT, PAIR, {"cheap": BROKEN}, preference=FASTEST)) == ["dear"]
    impatient = replace(PATIENT, patience_s=None)
    assert names(decide(impatient, PAIR, {"cheap": BROKEN}, preference=CHEAPEST)) == ["dear"]


def test_the_longer_it_may_wait_the_more_the_waiting_costs() -> None:
    """At 1 an hour, 400 hours are worth what the cheaper channel saves."""
    for hours, expected in ((380, []), (420, ["dear"])):
        wanted = replace(PATIENT, patience_s=hours * HOUR_S)
        assert names(decide(wanted, PAIR, {"cheap": BROKEN}, preference=CHEAPEST)) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"state": ChannelState.DISABLED},
        {"state": ChannelState.DRAINING},
        {"daily_minor": 1},
        {"max_minor": 1},
        {"currencies": frozenset({"EUR"})},
    ],
)
def test_it_does_not_wait_for_what_nobody_can_expect_back(more: dict[str, object]) -> None:
    """A switch, a limit, a contract: the cheaper channel is gone for now, and the dear one is taken."""
    assert names(decide(PATIENT, [flat("cheap", 100, **more), PAIR[1]], {"cheap": BROKEN}, preference=CHEAPEST)) == [
        "dear"
    ]


def test_a_rule_that_puts_the_dear_one_first_stands_above_the_waiting() -> None:
    """What an operator prefers is not kept from a payout for its cost."""
    first = Rule("dear first", Action.PREFER, ("dear",))
    assert names(decide(PATIENT, PAIR, {"cheap": BROKEN}, preference=CHEAPEST, rules=[first])) == ["dear"]


def test_the_last_decision_sets_rules_aside_that_give_way_and_no_others() -> None:
    """An only that gives way holds in the payout's time; a never and a plain only hold for ever."""
    regular = Rule("cheap only", Action.ONLY, ("cheap",), gives_way=True)
    hard = replace(regular, gives_way=False)
    never = Rule("no dear", Action.NEVER, ("dear",))
    last = replace(PATIENT, patience_s=None, last=True)
    for rule, in_time, after in ((regular, [], ["dear"]), (hard, [], []), (never, [], [])):
        live = {"cheap": BROKEN}
        assert names(decide(replace(last, last=False), PAIR, live, rules=[rule])) == in_time
        decision = decide(last, PAIR, live, rules=[rule])
        assert names(decision) == after
        assert decision.last
        assert Decision.from_json(decision.to_json()) == decision
    for action in set(Action) - {Action.ONLY}:
        with pytest.raises(ValueError):
            Rule("no", action, ("dear",), gives_way=True)


@pytest.mark.parametrize(
    ("more", "live"),
    [
        ({"state": ChannelState.DISABLED}, LiveFacts()),
        ({"state": ChannelState.DRAINING}, LiveFacts()),
        ({"daily_minor": 1}, LiveFacts()),
        ({"monthly_minor": 1}, LiveFacts()),
        ({"max_minor": 1}, LiveFacts()),
        ({"fees": ()}, LiveFacts()),
        ({}, LiveFacts(balance_minor=1)),
        ({}, LiveFacts(rate_available=False)),
        ({}, BROKEN),
    ],
)
def test_the_last_decision_passes_no_limit(more: dict[str, object], live: LiveFacts) -> None:
    """A switch, a limit, a breaker, money that is not there: what refuses in the payout's time refuses after it."""
    last = replace(PATIENT, patience_s=None, last=True)
    decision = decide(last, [flat("dear", 1, **more)], {"dear": live})
    assert names(decision) == []
    assert decision.refused == decide(replace(last, last=False), [flat("dear", 1, **more)], {"dear": live}).refused


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(RefusalCode)), max_size=6))
def test_busy_is_a_kind_of_waitable(refused: list[tuple[str, RefusalCode]]) -> None:
    """Who has its hands full may be waited for; the tables of what passes lie within each other."""
    decision = Decision((), tuple(Refusal(channel, code, "") for channel, code in refused))
    assert decision.waitable or not decision.busy
    assert BUSY < SOON_OVER < {code for code, passing in PASSING.items() if passing}


@pytest.mark.parametrize(
    ("language", "preference", "over"), [("en", "cheapest", "time was over"), ("zh", "cheapest", "期限")]
)
def test_the_explanation_says_by_what_it_was_ranked(language: str, preference: str, over: str) -> None:
    """The preference by name, and that it was the last decision, in both languages."""
    voice = Voice(Language(language))
    text = "\n".join(explain(decide(replace(PATIENT, last=True), PAIR, {}, preference=CHEAPEST), voice))
    assert preference in text
    assert over in text
    assert over not in "\n".join(explain(decide(PATIENT, PAIR, {}, preference=CHEAPEST), voice))
