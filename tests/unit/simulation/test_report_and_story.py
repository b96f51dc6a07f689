"""What a run says of itself: totals, exit, the smallest world that shows a violation, and a story."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.domain.outcome import Answer, Heard, OutcomeKind
from gateway.operations import learn
from gateway.simulation import baseline
from gateway.simulation.audit import Violation
from gateway.simulation.faults import Fault
from gateway.simulation.report import Totals, table
from gateway.simulation.run import Options, SeedResult, plan_of
from gateway.simulation.story import tell
from gateway.simulation.trace import Line

AT = datetime(2026, 1, 5, tzinfo=UTC)


def result(seed: int, *violations: Violation, broken: bool = False, finished: int = 10) -> SeedResult:
    return SeedResult(
        seed=seed,
        orders=10,
        violations=violations,
        counts=Counter(failovers=2, late_successes=1, late_successes_detected=1),
        faults=Counter({Fault.CRASH: 3, Fault.REFUSED: 1}),
        finished=finished,
        accepted=10,
        trace_hash=f"hash {seed}",
        broken_contract=broken,
        real_crypto=seed == 0,
        story=(
            Line(5.0, "shop", "accepted", "shop-1"),
            Line(6.0, "ant", "fault crash: before a send"),
            Line(6.5, "bank", "notifies ant: 200"),
            Line(70.0, "ant -> bank", "submit", "shop-1"),
            Line(7300.0, "bank", "paid 5 CNY", "shop-1"),
            Line(8000.0, "ant", "starts"),
            Line(9.0, "shop", "accepted", "shop-2"),
        ),
        about={"po_1": "shop-1"},
    )


def test_totals_add_up() -> None:
    """Seeds in any order give the same totals and the same hash."""
    results = [result(1), result(0), result(2, broken=True, finished=0)]
    told = Totals.of(results, 2.0, "fast").as_json()
    assert told == Totals.of(reversed(results), 2.0, "fast").as_json()
    assert (told["orders"], told["faults"], told["failovers"]) == (30, 12, 6)
    assert told["fault_kinds"] == {"crash": 9, "connection_refused": 3}
    assert (told["violations"], told["paid_twice"], told["lost"]) == (0, 0, 0)
    assert told["finished_share"] == 1.0, "worlds with broken contracts are left out of it"
    assert (told["broken_contract_worlds"], told["real_crypto_seeds"], told["orders_per_s"]) == (1, 1, 15.0)


def test_a_world_that_accepts_nothing_shows_nothing() -> None:
    """No violation among no payouts is no proof: the share of those that finished says so."""
    told = Totals.of([replace(result(1), accepted=0, finished=0)], 1.0, "fast").as_json()
    assert (told["accepted"], told["violations"], told["finished_share"]) == (0, 0, 0.0)


def test_violations_are_told_with_seed_and_payout() -> None:
    """The two that money is lost by have numbers of their own."""
    violations = (
        Violation(2, AT, "po_1", "paid 2 times"),
        Violation(3, AT, "po_1", "nowhere"),
        Violation(28, AT, None, "a gap"),
    )
    totals = Totals.of([result(4, *violations), result(5)], 1.0, "fast")
    told = totals.as_json()
    assert (told["violations"], told["paid_twice"], told["lost"]) == (3, 1, 1)
    (detail,) = told["violations_detail"]
    assert (detail["seed"], [each["invariant"] for each in detail["violations"]]) == (4, [2, 3, 28])
    assert any("seed 4" in line and "po_1" in line for line in table(totals))


def test_a_story_is_of_one_payout_and_what_happened_to_machines_meanwhile() -> None:
    """With times since it began, in the reader's units; other payouts, and other times, are left out."""
    lines = list(tell(result(1, Violation(2, AT, "po_1", "paid 2 times")), None))
    assert [line.split() for line in lines[1:]] == [
        ["+0.000s", "shop", "accepted"],
        ["+1.000s", "ant", "fault", "crash:", "before", "a", "send"],
        ["+1m05s", "ant", "->", "bank", "submit"],
        ["+2h01m", "bank", "paid", "5", "CNY"],
        ["!!", "invariant", "2:", "paid", "2", "times"],
    ]
    assert lines[0].endswith("the story of shop-1")
    assert list(tell(result(1), "shop-9")) == ["nothing is known of shop-9"]


def test_worlds_of_every_kind_are_among_the_first_ten() -> None:
    """Real signatures, broken contracts and restores; never a restore where a bank forgets as well."""
    plans = [plan_of(seed, 10, Options(Path())) for seed in range(400)]
    assert all(any(wanted(plan) for plan in plans[:10]) for wanted in (
        lambda plan: plan.real_crypto, lambda plan: plan.broken_contract, lambda plan: plan.restores,
        lambda plan: not (plan.real_crypto or plan.broken_contract or plan.restores),
    ))  # fmt: skip
    assert not any(plan.broken_contract and plan.restores for plan in plans)
    assert sum(plan.real_crypto for plan in plans) == 40


def test_the_baseline_changes_one_rule_and_takes_it_back() -> None:
    """An unclear submit is a failure under it; a question's unclear answer is still none, and ours is ours again."""
    ours = learn.classify
    unclear = Answer(Heard.SUBMIT, OutcomeKind.UNCLEAR)
    with baseline.timeout_is_failed():
        assert learn.classify(unclear, 1, 1).kind is OutcomeKind.REJECTED
        assert learn.classify(Answer(Heard.QUERY, OutcomeKind.UNCLEAR), 0, 1).kind is OutcomeKind.UNCLEAR
        assert learn.classify(Answer(Heard.SUBMIT, OutcomeKind.SUCCEEDED), 1, 1).kind is OutcomeKind.SUCCEEDED
    assert learn.classify is ours
    assert learn.classify(unclear, 1, 1).kind is OutcomeKind.UNCLEAR
