"""The decision: every limit refuses with its reason, the ranking is lawful, the stored form reads back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from routing.decide import Decision, LiveFacts, Refusal, RefusalCode, Request, decide
from routing.eligibility import PASSING, eligibility
from routing.policy import ChannelPolicy, ChannelState, FeeKind, FeeRule
from routing.score import fee_minor

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

ONE_FAULT = {
    RefusalCode.STATE_DISABLED: (REQUEST, replace(SOUND, state=ChannelState.DISABLED), IDLE),
    RefusalCode.STATE_DRAINING: (REQUEST, replace(SOUND, state=ChannelState.DRAINING), IDLE),
    RefusalCode.CURRENCY: (REQUEST, replace(SOUND, currencies=frozenset({"EUR"})), IDLE),
    RefusalCode.BENEFICIARY_KIND: (replace(REQUEST, kind=WECHAT), SOUND, IDLE),
    RefusalCode.AMOUNT_BELOW_MIN: (replace(REQUEST, amount=Money(999, "CNY")), SOUND, IDLE),
    RefusalCode.AMOUNT_ABOVE_MAX: (replace(REQUEST, amount=Money(1_001, "CNY")), SOUND, IDLE),
    RefusalCode.NO_FEE_RULE: (REQUEST, replace(SOUND, fees=()), IDLE),
    RefusalCode.ALREADY_TRIED: (replace(REQUEST, tried=frozenset({"alpha"})), SOUND, IDLE),
    RefusalCode.BREAKER_OPEN: (REQUEST, SOUND, LiveFacts(breaker_open=True)),
    RefusalCode.IN_FLIGHT_FULL: (REQUEST, SOUND, LiveFacts(in_flight=10)),
    RefusalCode.RATE_LIMITED: (REQUEST, SOUND, LiveFacts(rate_available=False)),
}


def test_the_sound_channel_is_ranked() -> None:
    """The base of every case below has no fault of its own; limits include their bounds."""
    assert eligibility(REQUEST, SOUND, LiveFacts(in_flight=9)) == ()


def test_every_code_is_covered_and_has_a_passing_row() -> None:
    """A new code cannot be added without a case here and a row in the table."""
    assert set(ONE_FAULT) | {RefusalCode.UNSENDABLE, RefusalCode.NOT_READY, RefusalCode.STOPPED} == set(RefusalCode)
    assert set(PASSING) == set(RefusalCode)


@pytest.mark.parametrize("code", ONE_FAULT)
def test_one_fault_gives_exactly_its_reason(code: RefusalCode) -> None:
    """Each limit refuses alone, under its own code, in words; the payout waits only if it may pass."""
    request, policy, live = ONE_FAULT[code]
    refusals = eligibility(request, policy, live)
    assert [refusal.code for refusal in refusals] == [code]
    assert refusals[0].channel == "alpha"
    assert refusals[0].detail
    decision = decide(request, [policy], {"alpha": live})
    assert decision.ranked == ()
    assert decision.waitable is PASSING[code]


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
    assert decide(REQUEST, [], {}) == Decision((), ())
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
    ["", "[]", "null", "{}", '{"v":2}', '{"v":1,"ranked":[[1]]}', '{"v":1,"ranked":[],"refused":[["a","x",""]]}'],
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
    order = [(c.fee_minor, c.usual_s, c.channel) for c in decision.ranked]
    assert order == sorted(order)
    prices = {policy.name: fee_minor(request_.amount, policy.fees) for policy in channels}
    assert all(candidate.fee_minor == prices[candidate.channel] for candidate in decision.ranked)
    shuffled = list(channels)
    random.shuffle(shuffled)  # type: ignore[attr-defined] - hypothesis hands in a random.Random
    assert decide(request_, shuffled, live) == decision
    assert Decision.from_json(decision.to_json()) == decision
