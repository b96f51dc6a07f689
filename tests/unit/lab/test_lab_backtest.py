"""A backtest tells what another policy would have got, how sure it is, and what it cannot know."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import sqrt
from pathlib import Path
from random import Random
from statistics import fmean

import pytest

from gateway.cli.backtest import BadBacktest, moment
from gateway.cli.backtest import backtest as command
from gateway.cli.exit import Exit
from gateway.domain.beneficiary import BeneficiaryKind
from gateway.domain.money import Money
from gateway.domain.outcome import OutcomeKind
from gateway.domain.payout import AttemptState
from gateway.domain.reasons import RejectReason
from gateway.lab.backtest import Backtest, backtest
from gateway.lab.backtest_told import as_json, in_words
from gateway.lab.choice import Logged, Routing, judged, new_side, old_side, sampler
from gateway.lab.orders import LeftOut, Read, possible_kinds, read
from gateway.lab.snips import effective, weighted_mean
from gateway.operations.router import Router
from gateway.sealing import Sealer
from gateway.store.logged import FirstAttempt, first_attempts
from gateway.store.sqlite import SqliteStore
from routing.candidate import UNPLACED, Candidate, ranked
from routing.decide import decide
from routing.decision import Decision
from routing.eligibility import Refusal, RefusalCode
from routing.health import DEFAULT, FAILURE, SUCCESS, Health
from routing.health_book import HealthBook, health_class
from routing.policy import ChannelPolicy, ChannelState, FeeKind, FeeRule
from routing.request import Request
from routing.rules import Action, Match, Rule, apply
from routing.score import Preference, expected_cost
from tests.support.builders import NOW, an_answer
from tests.support.scripted import FEE_ONLY, scripted_gateway

SHIPPED = (Path(__file__).parents[3] / "config.toml").read_text(encoding="utf-8")
BANK = BeneficiaryKind.BANK_ACCOUNT
CAREFUL = Preference("careful", time_value_minor=0, failure_cost_minor=100)
WORTH = CAREFUL.worth(1)
BELIEFS = {"cheap": (0.85, 20.0), "dear": (0.93, 20.0)}
TRUTH = {"cheap": (0.80, 5.0), "dear": (0.96, 40.0)}
"""The chance that an attempt succeeds, and the mean seconds until the money is there."""


def a_channel(name: str, fee: int, **fields: object) -> ChannelPolicy:
    policy = ChannelPolicy(
        name=name,
        state=ChannelState.ENABLED,
        currencies=frozenset({"CNY"}),
        kinds=frozenset({BANK}),
        fees=(FeeRule(FeeKind.FLAT, "CNY", amount_minor=fee),),
        usual_s=10.0,
        in_flight=50,
        rps=20.0,
    )
    return replace(policy, **fields)  # type: ignore[arg-type]  # any field of it


def a_routing(cheap: int = 10, dear: int = 20, *rules: Rule, preference: Preference = CAREFUL) -> Routing:
    return Routing({"cheap": a_channel("cheap", cheap), "dear": a_channel("dear", dear)}, preference, rules)


@dataclass
class Town:
    """A router that draws from fixed beliefs, channels that keep to `TRUTH`, and a log of what came of it."""

    routing: Routing
    dice: Random

    def order(self, number: int) -> Logged:
        request = Request(Money(self.dice.randrange(1_000, 50_000), "CNY"), BANK, key=f"po_{number}")
        decision = self.decide(request)
        chance, mean_s = TRUTH[decision.ranked[0].channel]
        paid = self.dice.random() < chance
        took_s = self.dice.expovariate(1.0 / mean_s)
        return Logged(request, NOW + timedelta(seconds=number), decision, paid, took_s if paid else None)

    def decide(self, request: Request) -> Decision:
        worth = self.routing.preference.worth(request.amount.minor)
        applied = apply(self.routing.rules, request, self.dice)
        found = []
        for name, policy in self.routing.channels.items():
            mean, strength = BELIEFS[name]
            count = strength * DEFAULT.sharpness
            p = self.dice.betavariate(mean * count, (1.0 - mean) * count)
            fee = policy.fees[0].amount_minor
            place = applied.places.get(name, UNPLACED)
            cost = expected_cost(fee, policy.usual_s, p, worth)
            found.append(Candidate(name, fee, policy.usual_s, p, mean, strength, cost, place))
        return Decision(ranked(found), (), self.routing.preference.name, worth, applied.leading, drawn=True)


def a_log(routing: Routing, seed: int, orders: int) -> list[Logged]:
    town = Town(routing, Random(seed))
    return [town.order(number) for number in range(orders)]


def plain(log: Sequence[Logged]) -> tuple[float, float, float]:
    """Fee per paid order, success share, arrival: the plain means."""
    paid = [order for order in log if order.paid]
    fee = fmean(order.tried.fee_minor for order in paid)
    return fee, len(paid) / len(log), fmean(order.arrival_s or 0.0 for order in paid)


SPLIT = Rule("shares", Action.SPLIT, ("cheap", "dear"), weights=(3.0, 1.0))
OTHERS = {
    "prices": a_routing(10, 14),
    "preference": a_routing(preference=Preference("hasty", time_value_minor=0, failure_cost_minor=40)),
    "prefer": a_routing(10, 20, Rule("dear first", Action.PREFER, ("dear",))),
    "split": a_routing(10, 20, SPLIT),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_estimate_agrees_with_the_policy_itself(name: str) -> None:
    """The truth, from playing the other policy, is within what its backtest on another's log says."""
    other = OTHERS[name]
    result = backtest(a_log(a_routing(), 1, 1_500), a_routing(), other, seed=7, draws=60)
    truth = plain(a_log(other, 2, 10_000))
    log_says = [result.fee_minor, result.success_share, result.arrival_s]
    for compared, true in zip(log_says, truth, strict=True):
        assert compared.new is not None
        assert abs(compared.new.value - true) <= compared.new.half_width + 1e-9
    assert 0.05 < result.moved_share < 0.95
    assert 100 < result.effective_orders < 1_500
    old, new = result.success_share.old, result.success_share.new
    assert old is not None
    assert new is not None
    assert abs(old.value - truth[1]) > new.half_width / 3, "the policies differ enough for agreement to mean something"


def played(seed: int, other: Routing, orders: int = 300) -> tuple[list[Logged], float]:
    """The real router at work, learning; and the success share of another policy that holds the same beliefs."""
    dice, book, cls = Random(seed), HealthBook(), health_class(20_000, BANK)
    log, truth = [], []
    for number in range(orders):
        request, at = Request(Money(20_000, "CNY"), BANK, key=f"po_{number}"), NOW + timedelta(minutes=number)
        ours, *theirs = (
            decide(request, list(by.channels.values()), {}, book, preference=by.preference, random=dice, now=at)
            for by in (a_routing(), other, other, other)
        )
        truth.extend(TRUTH[each.ranked[0].channel][0] for each in theirs)
        channel = ours.ranked[0].channel
        paid = dice.random() < TRUTH[channel][0]
        book.observe(channel, cls, SUCCESS if paid else FAILURE, at.timestamp(), book.chose(channel, cls))
        log.append(Logged(request, at, Decision.from_json(ours.to_json()), paid))
    return log, fmean(truth)


def test_it_holds_for_the_router_itself_while_it_learns() -> None:
    """Over twelve logs of stored decisions at least ten intervals hold the truth, and the errors nearly cancel."""
    errors, within = [], 0
    for seed in range(6):
        for name in ("prices", "preference"):
            log, truth = played(seed, OTHERS[name])
            share = backtest(log, a_routing(), OTHERS[name], draws=40).success_share.new
            assert share is not None
            errors.append(share.value - truth)
            within += abs(share.value - truth) <= share.half_width
    assert within >= 10
    assert abs(fmean(errors)) < 0.03


@pytest.mark.parametrize("rules", [(), (SPLIT,)])
def test_the_same_policy_changes_nothing(rules: tuple[Rule, ...]) -> None:
    """Every weight is one, the estimates are the plain means, and nobody moves."""
    routing = a_routing(10, 20, *rules)
    log = a_log(routing, 3, 200)
    result = backtest(log, routing, routing, draws=50)
    assert result.effective_orders == pytest.approx(200)
    assert {order.tried.channel for order in log} == {"cheap", "dear"}
    for compared, mean in zip((result.fee_minor, result.success_share, result.arrival_s), plain(log), strict=True):
        assert compared.old == compared.new
        assert compared.new is not None
        assert compared.new.value == pytest.approx(mean)
    assert not result.moves
    assert not result.unsupported
    for order in log[:20]:
        sides = old_side(order, routing), new_side(order, routing, routing, {})
        assert judged(order, *sides, {}, Random(0), 50) == (order.tried.channel, 1.0, True)


def test_the_same_seed_gives_the_same_answer() -> None:
    """A backtest can be repeated, and its dice are its own."""
    log = a_log(a_routing(), 4, 60)
    first, again, other = (backtest(log, a_routing(), a_routing(10, 12), seed=seed, draws=50) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_channel_that_was_never_eligible_is_unsupported() -> None:
    """An order that would go where the log has nothing is counted, by channel, and said."""
    log = a_log(a_routing(), 5, 40)
    new = a_routing()
    new = replace(
        new,
        channels={**new.channels, "fresh": a_channel("fresh", 0)},
        preference=replace(CAREFUL, failure_cost_minor=0),
    )
    result = backtest(log, a_routing(), new, draws=50)
    assert result.unsupported == {"fresh": 40}
    assert sum(result.moves.values()) == 40
    words = "\n".join(in_words({"CNY": result}, Read()))
    assert "unsupported: 40 to fresh" in words
    assert "should be 1" in words
    assert "do not rely" in words


def test_where_the_old_policy_left_no_choice_the_log_tells_nothing_of_the_others() -> None:
    """An explicit rule, or means taken instead of draws: the other channel was there and never chosen."""
    prefer = Rule("cheap first", Action.PREFER, ("cheap",))
    ruled = a_routing(10, 20, prefer)
    result = backtest(a_log(ruled, 6, 30), ruled, a_routing(10, 0), draws=50)
    assert result.unsupported["dear"] == result.moves["cheap", "dear"] > 0
    taken = [replace(order, decision=replace(order.decision, drawn=False)) for order in a_log(a_routing(), 6, 30)]
    result = backtest(taken, a_routing(), a_routing(10, 0), draws=50)
    assert sum(result.unsupported.values()) == sum(result.moves.values()) > 0


def test_what_the_moment_forbade_stays_forbidden_and_what_the_configuration_forbade_does_not() -> None:
    """An open breaker is no matter of policy; a channel that was switched off is."""
    (order,) = a_log(replace(a_routing(), channels={"cheap": a_channel("cheap", 10)}), 8, 1)
    free = a_routing(10, 0)

    def with_refusal(code: RefusalCode) -> Logged:
        return replace(order, decision=replace(order.decision, refused=(Refusal("dear", code, ""),)))

    def contenders(code: RefusalCode) -> list[str]:
        return [each.channel for each in new_side(with_refusal(code), a_routing(), free, {}).contenders]

    assert contenders(RefusalCode.BREAKER_OPEN) == ["cheap"]
    assert contenders(RefusalCode.STATE_DISABLED) == ["cheap", "dear"]


def test_a_channel_that_the_new_policy_bars_has_no_weight() -> None:
    """Switched off, excluded, too small or gone: only the other one's orders count; with none left, nobody would go."""
    log = a_log(a_routing(), 9, 100)
    only_dear = plain([order for order in log if order.tried.channel == "dear"])
    base = a_routing()
    off = {**base.channels, "cheap": a_channel("cheap", 10, state=ChannelState.DRAINING)}
    small = {**base.channels, "cheap": a_channel("cheap", 10, max_minor=999)}
    for new in (
        replace(base, channels=off),
        replace(base, channels=small),
        replace(base, channels={"dear": base.channels["dear"]}),
        replace(base, rules=(Rule("no", Action.NEVER, ("cheap",)),)),
    ):
        result = backtest(log, base, new, draws=50)
        assert result.fee_minor.new is not None
        assert result.fee_minor.new.value == only_dear[0] == 20
        assert result.moves == {("cheap", "dear"): sum(order.tried.channel == "cheap" for order in log)}
    nobody = backtest(log, base, replace(base, channels={}), draws=50)
    assert nobody.refused == 100
    assert nobody.success_share.new is None
    assert nobody.moved_share == 0.0


def test_a_new_price_is_paid_and_a_free_quota_runs_out() -> None:
    """The fee under the new policy is that of the new price list; the month's payouts are counted from the log."""
    log = a_log(a_routing(10, 1_000_000), 10, 120)
    assert {order.tried.channel for order in log} == {"cheap"}
    fees = (FeeRule(FeeKind.FLAT, "CNY", amount_minor=6, free_count=50),)
    new = a_routing(10, 1_000_000)
    new = replace(new, channels={**new.channels, "cheap": a_channel("cheap", 0, fees=fees)})
    result = backtest(log, a_routing(10, 1_000_000), new, draws=20)
    paid = sum(order.paid for order in log)
    assert result.fee_minor.new is not None
    assert result.fee_minor.new.value == pytest.approx(6 * (paid - 50) / paid)


def grown(dice: Random, chance: float) -> Health:
    """A record after 300 quiet orders."""
    health = Health.fresh()
    for second in range(300):
        health = health.after(SUCCESS if dice.random() < chance else FAILURE, float(second))
    return health


def test_what_is_drawn_from_a_stored_posterior_is_what_the_router_draws() -> None:
    """From mean and strength channels win as often as by their records: three points off at most, in the mean."""
    dice = Random(5)

    def wins(first: Callable[[], float], second: Callable[[], float]) -> float:
        costs = (
            (expected_cost(10, 0.0, first(), WORTH), expected_cost(20, 0.0, second(), WORTH)) for _ in range(2_500)
        )
        return fmean(one < other for one, other in costs)

    errors, blunt = [], []
    for _ in range(10):
        pair = [grown(dice, chance) for chance in (0.87, 0.95)]
        true = wins(*(partial(health.draw, dice) for health in pair))
        errors.append(abs(wins(*(sampler((each.mean, each.strength), dice) for each in pair)) - true))
        unsharpened = [sampler((each.mean, each.strength / DEFAULT.sharpness), dice) for each in pair]
        blunt.append(abs(wins(*unsharpened) - true))
    assert fmean(errors) < 0.03 < fmean(blunt)


def test_the_mean_and_its_interval_are_those_of_the_book() -> None:
    """With equal weights the delta method gives the standard error of a mean; nothing weighs nothing."""
    values = [1.0, 2.0, 4.0, 9.0]
    found = weighted_mean((3.0, value) for value in values)
    assert found is not None
    assert found.value == 4.0
    assert found.half_width == pytest.approx(1.96 * sqrt(sum((value - 4.0) ** 2 for value in values)) / 4)
    assert weighted_mean([(0.0, 1.0)]) is None
    assert effective([2.0, 2.0, 0.0]) == pytest.approx(2.0)
    assert effective([]) == 0.0


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Over forty logs the success share of another policy is within the 95 % interval at least 35 times."""
    other = OTHERS["prices"]
    _, truth, _ = plain(a_log(other, 2, 20_000))
    estimates = [backtest(a_log(a_routing(), seed, 100), a_routing(), other, draws=30) for seed in range(100, 140)]
    shares = [result.success_share.new for result in estimates]
    within = sum(share is not None and abs(share.value - truth) <= share.half_width for share in shares)
    assert within >= 35


def test_the_kind_follows_from_who_could_carry_it() -> None:
    """The beneficiary is sealed: candidates and refusals tell its kind, or they do not."""
    both = frozenset(BeneficiaryKind)
    channels = {"a": a_channel("a", 1, kinds=both), "b": a_channel("b", 1), "c": a_channel("c", 1)}
    a = Candidate("a", 1, 1.0, 0.9, 0.9, 10.0, 1.0)
    refused = Refusal("b", RefusalCode.BENEFICIARY_KIND, "")
    assert possible_kinds(Decision((a, a._replace(channel="c")), ()), channels) == (BANK,)
    assert possible_kinds(Decision((a,), (refused,)), channels) == (BeneficiaryKind.WECHAT,)
    assert len(possible_kinds(Decision((a,), ()), channels)) == 2


def an_attempt(**fields: object) -> FirstAttempt:
    decision = Decision((Candidate("cheap", 10, 1.0, 0.9, 0.9, 10.0, 10.0),), ()).to_json()
    made = FirstAttempt(
        "po_1", "acme", Money(5, "CNY"), "cheap", AttemptState.SUCCEEDED, None, NOW, NOW, None, NOW, decision
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # any field of it


def test_what_tells_nothing_of_a_channel_is_left_out_and_counted() -> None:
    """Open attempts, a beneficiary's fault, a decision that is not there or names another channel; currencies apart."""
    rejected = AttemptState.REJECTED
    log = read(
        [
            an_attempt(settled_at=NOW + timedelta(seconds=9), verdict_as_of=NOW + timedelta(seconds=4)),
            an_attempt(amount=Money(5, "EUR"), state=AttemptState.RETURNED),
            an_attempt(state=rejected, reason=RejectReason.CHANNEL_UNAVAILABLE),
            an_attempt(state=rejected, reason=RejectReason.PAYEE_ACCOUNT_CLOSED),
            an_attempt(state=AttemptState.UNKNOWN, settled_at=None),
            an_attempt(decision=""),
            an_attempt(channel="dear"),
        ],
        a_routing().channels,
    )
    assert [(order.paid, order.arrival_s) for order in log.orders["CNY"]] == [(True, 4.0), (False, None)]
    assert [(order.paid, order.arrival_s) for order in log.orders["EUR"]] == [(True, None)]
    assert log.left_out == {LeftOut.NOT_ITS_FAULT: 1, LeftOut.OPEN: 1, LeftOut.NO_DECISION: 2}
    assert log.guessed == 0


async def test_the_reader_sees_first_attempts_of_a_live_database(tmp_path: Path) -> None:
    """From `since` on, without those that never left or came second, while the gateway has the file open and locked."""
    path = tmp_path / "paymux.db"
    dice = Random(0)
    store = SqliteStore.open_file(path, Sealer([bytes(32)], dice.randbytes), "sandbox")
    made = scripted_gateway("alpha", "beta")
    made.store = store
    made.services = replace(made.services, store=store, router=Router(preference=CAREFUL, new_seed=lambda: 1))
    alpha, beta = made.channels["alpha"], made.channels["beta"]
    for channel in (alpha, beta):
        channel.submits.extend([an_answer(OutcomeKind.SUCCEEDED)] * 4)
    try:
        await made.accept("early")
        made.clock.move(60.0)
        since = made.clock.now()
        await made.accept("late")
        alpha.submits.clear()
        beta.submits.clear()
        for channel in (alpha, beta):
            channel.submits.append(an_answer(OutcomeKind.REJECTED, reason=RejectReason.CHANNEL_UNAVAILABLE))
        failed = await made.accept("failed twice")
        found = first_attempts(path, since)
        everything = first_attempts(path, datetime(2020, 1, 1, tzinfo=UTC))
    finally:
        await store.close()
    assert len(failed.attempts) == 2
    assert [each.state for each in found] == [AttemptState.SUCCEEDED, AttemptState.REJECTED]
    assert [each.payout_id for each in found][1] == failed.id
    assert len(everything) == 3
    channels = {name: handle.policy for name, handle in made.services.channels.items()}
    log = read(everything, channels)
    assert [order.paid for order in log.orders["CNY"]] == [True, True, False]
    assert log.guessed == 3, "both scripted channels pay every kind"
    result = backtest(log.orders["CNY"], Routing(channels, CAREFUL), Routing(channels, CAREFUL), draws=20)
    assert result.effective_orders == pytest.approx(3)
    assert first_attempts(tmp_path / "none.db", since) == ()


async def test_the_command_tells_what_a_new_configuration_would_have_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over a real database and the shipped configuration: as JSON, in words, and with exit code 3 for an empty log."""
    (tmp_path / "config.toml").write_text(SHIPPED, encoding="utf-8")
    (tmp_path / "new.toml").write_text(f'{SHIPPED}\n[[routes]]\nname = "r"\nprefer = ["bank"]\n', encoding="utf-8")
    store = SqliteStore.open_file(tmp_path / "state" / "paymux.db", Sealer([bytes(32)], Random(0).randbytes), "sandbox")
    made = scripted_gateway("mock", "bank")
    made.store = store
    made.services = replace(made.services, store=store, router=Router(preference=FEE_ONLY, new_seed=lambda: 1))
    for channel in made.channels.values():
        channel.submits.append(an_answer(OutcomeKind.SUCCEEDED))
    try:
        await made.accept("order-1")
    finally:
        await store.close()
    capsys.readouterr()

    def told(since: str, *, json: bool = False) -> str:
        command(since=since, policy=tmp_path / "new.toml", config=tmp_path / "config.toml", json=json)
        return capsys.readouterr().out

    cny = json.loads(told("2020-01-01T00:00:00Z", json=True))["currencies"]["CNY"]
    assert (cny["orders"], cny["success_share"]["old"]["value"]) == (1, 1.0)
    assert cny["moves"] == [{"from": "mock", "to": "bank", "orders": 1}]
    assert cny["unsupported"] == {"bank": 1}
    assert "CNY: 1 first attempts" in told("2020-01-01T00:00:00Z")
    with pytest.raises(SystemExit) as ended:
        told("2100-01-01T00:00:00Z")
    assert ended.value.code == Exit.FOUND_PROBLEMS


def test_since_is_a_time_or_a_duration() -> None:
    """Both are read; a time without an offset and anything else are refused in words."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert moment("30d", now) == now - timedelta(days=30)
    assert moment("2026-01-01T08:00:00+08:00", now) == datetime(2026, 1, 1, tzinfo=UTC)
    for text in ("2026-01-01T00:00:00", "yesterday", "0d"):
        with pytest.raises(BadBacktest, match="neither"):
            moment(text, now)


def test_the_answer_is_one_line_or_plain_words() -> None:
    """Everything that was found is in both; without orders the words say so."""
    result: Backtest = backtest(a_log(a_routing(), 11, 50), a_routing(), a_routing(10, 12), draws=20)
    log = Read(guessed=2)
    log.left_out[LeftOut.OPEN] = 3
    told = json.loads(as_json({"CNY": result}, log))
    cny = told["currencies"]["CNY"]
    assert cny["orders"] == 50
    assert cny["moves"] == [{"from": "cheap", "to": "dear", "orders": result.moves["cheap", "dear"]}]
    assert set(cny["fee_per_paid_minor"]["new"]) == {"value", "ci95"}
    assert told["left_out"] == {"open": 3, "not_its_fault": 0, "no_decision": 0}
    words = "\n".join(in_words({"CNY": result}, log))
    assert f"cheap -> dear: {result.moves['cheap', 'dear']}" in words
    assert "left out: 3 not settled yet" in words
    assert "guessed: 2" in words
    assert "no order in the log" in "\n".join(in_words({}, Read()))


def test_a_rule_that_does_not_fit_the_order_orders_nothing() -> None:
    """A split for large amounts leaves the small ones to the score, before and after."""
    large = replace(SPLIT, match=Match(amount_gte=10_000_000))
    log = a_log(a_routing(), 12, 50)
    assert backtest(log, a_routing(), a_routing(10, 20, large), draws=20).effective_orders == pytest.approx(50)
