"""The decision: every limit refuses with its reason, the ranking is lawful, the stored form reads back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from routing.decide import Candidate, Decision, LiveFacts, Refusal, RefusalCode, Request, decide
from routing.eligibility import PASSING, eligibility
from routing.fees import Usage, fee_minor
from routing.health import FAILURE, SUCCESS, UNKNOWN
from routing.health_book import HealthBook, health_class
from routing.policy import ChannelPolicy, ChannelState, FeeKind, FeeRule
from routing.rules import Action, Match, Rule
from routing.schedule import Once
from routing.score import CHEAPEST, FASTEST

BANK, WECHAT = BeneficiaryKind.BANK_ACCOUNT, BeneficiaryKind.WECHAT
FREE = (FeeRule(FeeKind.FLAT, "CNY"),)
REQUEST = Request(Money(1_000, "CNY"), BANK)
SOUND = ChannelPolicy(
    name="alpha",
    state=ChannelState.ENABLED,
    currencies=frozenset({"CNY"}),
    kinds=frozenset({BANK}),
    fees=FREE,
    usual_s=60.0,
    in_flight=10,
    rps=5.0,
    min_minor=1_000,
    max_minor=1_000,
)
IDLE = LiveFacts()
NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)
CLASS = health_class(1_000, BANK)

ONE_FAULT = {
    RefusalCode.STATE_DISABLED: (REQUEST, replace(SOUND, state=ChannelState.DISABLED), IDLE),
    RefusalCode.STATE_DRAINING: (REQUEST, replace(SOUND, state=ChannelState.DRAINING), IDLE),
    RefusalCode.CURRENCY: (REQUEST, replace(SOUND, currencies=frozenset({"EUR"})), IDLE),
    RefusalCode.BENEFICIARY_KIND: (replace(REQUEST, kind=WECHAT), SOUND, IDLE),
    RefusalCode.AMOUNT_BELOW_MIN: (replace(REQUEST, amount=Money(999, "CNY")), SOUND, IDLE),
    RefusalCode.AMOUNT_ABOVE_MAX: (replace(REQUEST, amount=Money(1_001, "CNY")), SOUND, IDLE),
    RefusalCode.NO_FEE_RULE: (REQUEST, replace(SOUND, fees=()), IDLE),
    RefusalCode.ALREADY_TRIED: (replace(REQUEST, tried=frozenset({"alpha"})), SOUND, IDLE),
    RefusalCode.NOT_ALLOWED: (replace(REQUEST, allow=frozenset({"beta"})), SOUND, IDLE),
    RefusalCode.BREAKER_OPEN: (REQUEST, SOUND, LiveFacts(breaker_open=True)),
    RefusalCode.IN_FLIGHT_FULL: (REQUEST, SOUND, LiveFacts(in_flight=10)),
    RefusalCode.RATE_LIMITED: (REQUEST, SOUND, LiveFacts(rate_available=False)),
    RefusalCode.DAILY_LIMIT: (REQUEST, replace(SOUND, daily_minor=5_000), LiveFacts(paid_today_minor=4_001)),
    RefusalCode.MONTHLY_LIMIT: (
        REQUEST,
        replace(SOUND, monthly_minor=5_000),
        LiveFacts(usage=Usage(3, volume_minor=4_001)),
    ),
    RefusalCode.BALANCE_LOW: (REQUEST, replace(SOUND, balance_low_minor=100), LiveFacts(balance_minor=1_099)),
    RefusalCode.MAINTENANCE: (REQUEST, replace(SOUND, schedule=(Once(NOW, NOW + timedelta(hours=2)),)), IDLE),
}


def test_limits_of_money_include_their_bounds() -> None:
    """What exactly fits the day, the month and the account is taken."""
    policy = replace(SOUND, daily_minor=5_000, monthly_minor=9_000, balance_low_minor=100)
    live = LiveFacts(usage=Usage(9, 8_000), paid_today_minor=4_000, balance_minor=1_100)
    assert eligibility(REQUEST, policy, live) == ()


def test_the_sound_channel_is_ranked() -> None:
    """The base of every case below has no fault of its own; limits include their bounds."""
    assert eligibility(REQUEST, SOUND, LiveFacts(in_flight=9)) == ()


def test_every_code_is_covered_and_has_a_passing_row() -> None:
    """A new code cannot be added without a case here and a row in the table."""
    later = {RefusalCode.UNSENDABLE, RefusalCode.NOT_READY, RefusalCode.STOPPED, RefusalCode.DEARER}
    assert set(ONE_FAULT) | later | {RefusalCode.RULE, RefusalCode.NOT_QUOTED} == set(RefusalCode)
    assert set(PASSING) == set(RefusalCode)


@pytest.mark.parametrize("code", ONE_FAULT)
def test_one_fault_gives_exactly_its_reason(code: RefusalCode) -> None:
    """Each limit refuses alone, under its own code, in words; the payout waits only if it may pass."""
    request, policy, live = ONE_FAULT[code]
    refusals = eligibility(request, policy, live, NOW)
    assert [refusal.code for refusal in refusals] == [code]
    assert refusals[0].channel == "alpha"
    assert refusals[0].detail
    decision = decide(request, [policy], {"alpha": live}, now=NOW)
    assert decision.ranked == ()
    assert decision.waitable is PASSING[code]


@pytest.mark.parametrize(
    ("allow", "deny", "left"),
    [
        ("", "", "alpha beta gamma"),
        ("alpha", "", "alpha"),
        ("", "alpha beta", "gamma"),
        ("alpha beta", "beta", "alpha"),
        ("alpha", "alpha", ""),
    ],
)
def test_an_app_says_which_channels_may_carry_it(allow: str, deny: str, left: str) -> None:
    """No other one is ranked, whatever it costs, also when time is over; each refusal says that it was the app."""
    request = replace(REQUEST, allow=frozenset(allow.split()), deny=frozenset(deny.split()))
    channels = [replace(SOUND, name=name) for name in ("alpha", "beta", "gamma")]
    for last in (False, True):
        decision = decide(replace(request, last=last), channels, {})
        assert [each.channel for each in decision.ranked] == left.split()
        assert {each.code for each in decision.refused} <= {RefusalCode.NOT_ALLOWED}
        assert len(decision.ranked) + len(decision.refused) == 3
        assert left or not decision.waitable


def test_all_reasons_are_given_and_one_lasting_reason_ends_the_wait() -> None:
    """A channel that is both drained and of the wrong currency is not worth waiting for."""
    policy = replace(SOUND, state=ChannelState.DRAINING, currencies=frozenset({"EUR"}))
    live = LiveFacts(breaker_open=True, in_flight=10, rate_available=False)
    decision = decide(REQUEST, [policy], {"alpha": live})
    assert {refusal.code for refusal in decision.refused} == {
        RefusalCode.STATE_DRAINING,
        RefusalCode.CURRENCY,
        RefusalCode.BREAKER_OPEN,
        RefusalCode.IN_FLIGHT_FULL,
        RefusalCode.RATE_LIMITED,
    }
    assert not decision.waitable
    assert decide(REQUEST, [policy, replace(SOUND, name="beta")], {"beta": live}).waitable


def test_nothing_configured_is_nothing_to_wait_for() -> None:
    """Without channels there is neither a candidate nor a hope."""
    assert (decide(REQUEST, [], {}).ranked, decide(REQUEST, [], {}).refused) == ((), ())
    assert not decide(REQUEST, [], {}).waitable


def test_cheapest_first_then_fastest_then_by_name() -> None:
    """Money before speed before the alphabet."""
    dear = (FeeRule(FeeKind.FLAT, "CNY", amount_minor=5),)
    channels = [
        replace(SOUND, name="dear-fast", fees=dear, usual_s=1.0),
        replace(SOUND, name="b-slow", usual_s=9.0),
        replace(SOUND, name="a-slow", usual_s=9.0),
        replace(SOUND, name="z-fast", usual_s=2.0),
    ]
    ranked = decide(REQUEST, channels, {}).ranked
    assert [candidate.channel for candidate in ranked] == ["z-fast", "a-slow", "b-slow", "dear-fast"]
    assert [candidate.fee_minor for candidate in ranked] == [0, 0, 0, 5]


def test_a_refusal_after_the_ranking_moves_the_channel_over() -> None:
    """What a guard or an adapter refuses later is kept with its reason, and the next one leads."""
    channels = [SOUND, replace(SOUND, name="beta")]
    after = decide(REQUEST, channels, {}).refuse("alpha", RefusalCode.UNSENDABLE, "no bank code")
    assert [candidate.channel for candidate in after.ranked] == ["beta"]
    assert after.refused == (Refusal("alpha", RefusalCode.UNSENDABLE, "no bank code"),)
    assert not after.waitable
    assert after.refuse("beta", RefusalCode.RATE_LIMITED, "").waitable


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"v":2}',
        '{"v":4,"ranked":[],"refused":[]}',
        '{"v":3,"ranked":[],"refused":[]}',
        '{"v":3,"ranked":"alpha","facts":"","refused":[],"worth":[0.0,0.0]}',
        '{"v":3,"ranked":"alpha","facts":"?","refused":[],"worth":[0.0,0.0]}',
        '{"v":3,"ranked":"","facts":"AAAA","refused":[],"worth":[0.0,0.0]}',
        '{"v":1,"ranked":[[1]]}',
        '{"v":1,"ranked":[],"refused":[["a","x",""]]}',
    ],
)
def test_what_is_not_a_stored_decision_is_refused(text: str) -> None:
    """Another version or another shape raises ValueError, never half a decision."""
    with pytest.raises(ValueError):
        Decision.from_json(text)


currencies = st.sampled_from(["CNY", "EUR"])
fees = st.lists(
    st.builds(
        FeeRule,
        kind=st.sampled_from(FeeKind),
        currency=currencies,
        amount_minor=st.integers(0, 50),
        bps=st.integers(0, 200),
        amount_gte=st.none() | st.integers(0, 500),
    ),
    max_size=2,
).map(tuple)
policies = st.lists(
    st.builds(
        ChannelPolicy,
        name=st.sampled_from("abcdef"),
        state=st.sampled_from(ChannelState),
        currencies=st.frozensets(currencies),
        kinds=st.frozensets(st.sampled_from(BeneficiaryKind)),
        fees=fees,
        usual_s=st.sampled_from([0.0, 1.0, 60.0]),
        in_flight=st.integers(1, 3),
        rps=st.just(1.0),
        max_minor=st.none() | st.integers(0, 1_000),
    ),
    unique_by=lambda policy: policy.name,
    max_size=6,
)
requests = st.builds(
    Request,
    amount=st.builds(Money, st.integers(1, 1_000), currencies),
    kind=st.sampled_from(BeneficiaryKind),
    tried=st.frozensets(st.sampled_from("abcdef"), max_size=2),
)
lives = st.dictionaries(
    st.sampled_from("abcdef"), st.builds(LiveFacts, st.booleans(), st.integers(0, 3), st.booleans())
)


@given(requests, policies, lives, st.randoms(use_true_random=False))
def test_the_laws_of_every_decision(
    request_: Request, channels: list[ChannelPolicy], live: dict[str, LiveFacts], random: object
) -> None:
    """Ranked or refused, never both, never neither; sorted; the order of the configuration is without effect;
    and the stored form reads back as the same value."""
    decision = decide(request_, channels, live)
    ranked = [candidate.channel for candidate in decision.ranked]
    refused = {refusal.channel for refusal in decision.refused}
    assert len(set(ranked)) == len(ranked)
    assert not set(ranked) & refused
    assert set(ranked) | refused == {policy.name for policy in channels}
    order = [(c.cost, c.channel) for c in decision.ranked]
    assert order == sorted(order)
    prices = {policy.name: fee_minor(request_.amount, policy.fees) for policy in channels}
    assert all(candidate.fee_minor == prices[candidate.channel] for candidate in decision.ranked)
    shuffled = list(channels)
    random.shuffle(shuffled)  # type: ignore[attr-defined] - hypothesis hands in a random.Random
    assert decide(request_, shuffled, live) == decision
    assert Decision.from_json(decision.to_json()) == decision == decision.replayed()


PAIR = [SOUND, replace(SOUND, name="beta")]


def names(decision: Decision) -> list[str]:
    return [candidate.channel for candidate in decision.ranked]


def flat(name: str, fee: int, usual_s: float = 60.0, **more: object) -> ChannelPolicy:
    fees = (FeeRule(FeeKind.FLAT, "CNY", amount_minor=fee),)
    return replace(SOUND, name=name, fees=fees, usual_s=usual_s, **more)  # type: ignore[arg-type] - checked by use


def test_a_decision_of_the_first_format_is_still_read() -> None:
    """What was stored before this version stays readable, with what it said."""
    text = '{"v":1,"ranked":[["alpha",7,60.0]],"refused":[["beta","currency","does not pay CNY"]]}'
    decision = Decision.from_json(text)
    assert [(c.channel, c.fee_minor, c.usual_s) for c in decision.ranked] == [("alpha", 7, 60.0)]
    assert decision.refused == (Refusal("beta", RefusalCode.CURRENCY, "does not pay CNY"),)


def test_a_decision_of_the_second_format_is_still_read() -> None:
    """Its numbers stood in rows; a rule's place and the other marks came after them."""
    text = (
        '{"v":2,"ranked":[["alpha",7,60.0,0.5,0.25,9.0],["beta",9,1.0,1.0,0.5,4.5,0,1,0]],"refused":[],'
        '"worth":[0.5,10.0],"preference":"fastest","seed":"281474976710655"}'
    )
    decision = Decision.from_json(text)
    alpha, beta = decision.ranked
    assert (alpha.fee_minor, alpha.usual_s, alpha.p, alpha.mean, alpha.strength) == (7, 60.0, 0.5, 0.25, 9.0)
    assert alpha.cost == 7 + (0.5 * 60.0 + 0.5 * 10.0) / 0.5
    assert (beta.place, beta.fell_together, beta.last_resort) == (0, True, False)
    assert (decision.preference, decision.seed) == ("fastest", 281474976710655)
    assert Decision.from_json(decision.to_json()) == decision


def test_the_stored_form_is_compact() -> None:
    """Less than seventy bytes for a channel, names included, and every number to the last bit."""
    names = [f"channel-{number:03}" for number in range(100)]
    ranked = tuple(Candidate(name, 10**15, 0.1, 0.3, 1 / 3, 2 / 3, 0.0) for name in names)
    decision = Decision(ranked, ()).replayed()
    text = decision.to_json()
    assert len(text) < 70 * len(names)
    assert Decision.from_json(text) == decision


def test_a_sick_channel_is_not_worth_its_low_fee() -> None:
    """Fee, speed and health are one number: at 30 % success the cheap channel is the dear one."""
    book = HealthBook()
    for number in range(100):
        book.observe("cheap", CLASS, SUCCESS if number % 10 < 3 else FAILURE, float(number))
        book.observe("dear", CLASS, SUCCESS, float(number))
    channels = [flat("cheap", 10), flat("dear", 60)]
    assert names(decide(REQUEST, channels, {}, book)) == ["dear", "cheap"]
    assert names(decide(REQUEST, channels, {})) == ["cheap", "dear"]


def test_the_preference_decides_what_waiting_is_worth() -> None:
    """Ten minutes for 20 fen: too dear for the thrifty, cheap for who is in a hurry."""
    channels = [flat("slow", 10, usual_s=600.0), flat("fast", 30, usual_s=1.0)]
    assert names(decide(REQUEST, channels, {}, preference=CHEAPEST)) == ["slow", "fast"]
    assert names(decide(REQUEST, channels, {}, preference=FASTEST)) == ["fast", "slow"]


def test_a_channel_that_took_payouts_and_fell_silent_is_left_before_any_failure() -> None:
    """The ages of what it has not answered are enough."""
    book = HealthBook()
    for number in range(200):
        book.observe("alpha", CLASS, SUCCESS, float(number))
        book.observe("beta", CLASS, SUCCESS if number % 10 else FAILURE, float(number))
    assert names(decide(REQUEST, PAIR, {}, book)) == ["alpha", "beta"]
    assert names(decide(REQUEST, PAIR, {"alpha": LiveFacts(late=5.0)}, book)) == ["beta", "alpha"]


def test_unknown_outcomes_cost_the_time_they_stay_open() -> None:
    """They are no failures, and yet a channel that loses its answers is slower than it promises."""
    book = HealthBook()
    for number in range(50):
        book.observe("alpha", CLASS, SUCCESS, float(number))
        book.observe("alpha", CLASS, UNKNOWN, float(number))
    alpha, beta = (decide(REQUEST, [policy], {}, book).ranked[0] for policy in PAIR)
    assert alpha.usual_s > SOUND.unknown_s / 2 > beta.usual_s == SOUND.usual_s
    assert alpha.mean > beta.mean


def test_after_a_failure_the_next_channel_is_sought_outside_the_failed_domain() -> None:
    """An order, not an exclusion: the neighbour of the failed channel stays as the last way."""
    channels = [flat("a1", 1, failure_domain="a"), flat("a2", 2, failure_domain="a"), flat("b1", 90)]
    assert names(decide(REQUEST, channels, {})) == ["a1", "a2", "b1"]
    assert names(decide(replace(REQUEST, tried=frozenset({"a1"})), channels, {})) == ["b1", "a2"]


def test_the_last_usable_channel_is_never_ejected_by_rate() -> None:
    """A soft trip bars a channel only while another one is usable; failures in a row always do."""
    soft, hard = LiveFacts(breaker_open=True, soft_trip=True), LiveFacts(breaker_open=True)
    assert names(decide(REQUEST, PAIR, {"alpha": soft})) == ["beta"]
    alone = decide(REQUEST, PAIR, {"alpha": soft, "beta": hard})
    assert names(alone) == ["alpha"]
    assert alone.ranked[0].last_resort
    assert {refusal.channel for refusal in alone.refused} == {"beta"}
    assert names(decide(REQUEST, PAIR, {"alpha": hard, "beta": hard})) == []
    drained = replace(SOUND, state=ChannelState.DRAINING)
    assert names(decide(REQUEST, [drained], {"alpha": soft})) == []


def test_rules_come_before_the_score() -> None:
    """Only and never exclude with the rule's name; prefer goes first however dear."""
    channels = [flat("a", 1), flat("b", 50), flat("c", 90)]
    never = Rule("no a", Action.NEVER, ("a",))
    prefer = Rule("c first", Action.PREFER, ("c",), Match(amount_gte=1_000))
    decision = decide(REQUEST, channels, {}, rules=[never, prefer])
    assert names(decision) == ["c", "b"]
    assert decision.rule == "c first"
    assert decision.refused == (Refusal("a", RefusalCode.RULE, "rule 'no a'"),)
    only = Rule("only b", Action.ONLY, ("b",))
    assert names(decide(REQUEST, channels, {}, rules=[only])) == ["b"]
    assert Decision.from_json(decision.to_json()) == decision == decision.replayed()


def test_the_same_seed_gives_the_same_decision() -> None:
    """And another one another draw: what was drawn is kept, so that it replays without dice."""
    book = HealthBook()
    for number in range(30):
        book.observe("alpha", CLASS, SUCCESS if number % 5 else FAILURE, float(number))
    first, again, other = (decide(REQUEST, PAIR, {}, book, random=Random(seed), seed=seed) for seed in (7, 7, 8))
    assert first == again != other
    assert first.drawn
    assert first.seed == 7
    assert Decision.from_json(first.to_json()).replayed() == first
    assert decide(REQUEST, list(reversed(PAIR)), {}, book, random=Random(7), seed=7) == first
