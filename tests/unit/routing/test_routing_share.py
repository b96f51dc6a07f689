"""A channel's weight: so many payouts in a hundred, the same ones at every look, and nobody waits for it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from routing.coverage import lost, served
from routing.decide import decide
from routing.explain import Language, Voice, explain
from routing.policy import ChannelPolicy, ChannelState, FeeKind, FeeRule
from routing.request import Request
from routing.share import WHOLE, sits_out

KEYS = [f"po_{number}" for number in range(4000)]
BANK = BeneficiaryKind.BANK_ACCOUNT
REQUEST = Request(Money(1_000, "CNY"), BANK)


def channel(name: str, fee: int, weight: int = WHOLE) -> ChannelPolicy:
    return ChannelPolicy(
        name=name,
        state=ChannelState.ENABLED,
        currencies=frozenset({"CNY"}),
        kinds=frozenset({BANK}),
        fees=(FeeRule(FeeKind.FLAT, "CNY", amount_minor=fee),),
        usual_s=1.0,
        in_flight=10,
        rps=10.0,
        weight=weight,
    )


def first(key: str, *channels: ChannelPolicy) -> str:
    return decide(replace(REQUEST, key=key), channels, {}).ranked[0].channel


def test_the_share_is_the_weight() -> None:
    """Within a few standard deviations, for each weight."""
    for weight in (0, 1, 10, 50, 90, 99, 100):
        took = sum(not sits_out("alpha", weight, key) for key in KEYS)
        expected = len(KEYS) * weight / WHOLE
        assert abs(took - expected) <= 4 * (len(KEYS) * weight * (WHOLE - weight)) ** 0.5 / WHOLE


@given(st.text(min_size=1, max_size=20), st.integers(0, 99))
def test_a_lower_weight_only_takes_away(key: str, weight: int) -> None:
    """Who is left out at a weight is left out at every lower one: traffic does not jump about."""
    assert sits_out("alpha", weight, key) or not sits_out("alpha", weight + 1, key)
    if sits_out("alpha", weight + 1, key):
        assert sits_out("alpha", weight, key)


def test_payouts_go_to_the_others_and_come_back_when_there_are_none() -> None:
    """The cheaper channel at a weight of 30 has 30 in a hundred; alone it has all, and nobody waits."""
    cheap, dear = channel("alpha", 1, 30), channel("beta", 900)
    took = [first(key, cheap, dear) for key in KEYS[:1000]]
    assert 240 <= took.count("alpha") <= 360
    assert {first(key, cheap) for key in KEYS[:1000]} == {"alpha"}
    assert {first(key, channel("alpha", 1, 0), dear) for key in KEYS[:100]} == {"beta"}


def test_two_weights_fall_independently() -> None:
    """Two channels at the same weight do not leave out the same payouts."""
    both = sum(sits_out("alpha", 50, key) and sits_out("beta", 50, key) for key in KEYS)
    assert abs(both - len(KEYS) / 4) < 4 * (len(KEYS) * 3 / 16) ** 0.5


def test_it_is_explained() -> None:
    """In both languages, and no rule gets the credit."""
    key = next(key for key in KEYS if sits_out("alpha", 50, key))
    decision = decide(replace(REQUEST, key=key), [channel("alpha", 1, 50), channel("beta", 900)], {})
    assert "as their weight is" in explain(decision)[0]
    assert "权重" in explain(decision, Voice(Language.CHINESE))[0]


def test_coverage_is_who_is_switched_on() -> None:
    """A drained channel serves nobody new; what another one still serves is not lost."""
    alpha, beta = channel("alpha", 1), replace(channel("beta", 2), currencies=frozenset({"CNY", "USD"}))
    off = replace(beta, state=ChannelState.DRAINING)
    assert served([alpha, beta]) == {("CNY", BANK), ("USD", BANK)}
    assert lost([alpha, beta], [alpha, off]) == (("USD", BANK),)
    assert lost([alpha, beta], [replace(alpha, state=ChannelState.DISABLED), beta]) == ()
