"""A slice of the simulation in every test run: a few worlds of every kind, with nothing violated and nothing random."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gateway.simulation import stage
from gateway.simulation.faults import BROKEN, TABLE, Fault
from gateway.simulation.parallel import each
from gateway.simulation.run import Options, SeedResult, run_seed
from gateway.simulation.work import SeedTask, live

ORDERS = 40
SEEDS = (0, 1, 2, 3, 4, 5, 6, 12)
"""With real signatures (0), broken contracts (3), restores (4, 12), and plain ones."""


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    folder: Path = tmp_path_factory.mktemp("simulation")
    stage.prepare(folder)
    return Options(folder)


@pytest.fixture(scope="module")
def results(options: Options) -> dict[int, SeedResult]:
    return {seed: run_seed(seed, ORDERS, options) for seed in SEEDS}


def test_no_invariant_is_violated(results: dict[int, SeedResult]) -> None:
    """In no world, whatever went wrong in it."""
    assert [violation for result in results.values() for violation in result.violations] == []
    assert sum(result.accepted for result in results.values()) == ORDERS * len(SEEDS)


def test_every_kind_of_fault_occurs(results: dict[int, SeedResult]) -> None:
    """A fault that is never drawn, or never changes anything, proves nothing."""
    drawn = sum((result.faults for result in results.values()), Counter[Fault]())
    assert {row.fault for row in TABLE} == set(Fault)
    assert set(Fault) - set(drawn) == set()
    assert sum(drawn.values()) >= 3 * ORDERS * len(SEEDS)
    assert not any(BROKEN & set(result.faults) for result in results.values() if not result.broken_contract)


def test_late_successes_occur_and_are_detected(results: dict[int, SeedResult]) -> None:
    """Money that an abandoned attempt moved after all is found, each time."""
    counts = sum((result.counts for result in results.values()), Counter[str]())
    assert counts["late_successes"] > 0
    assert counts["late_successes_detected"] == counts["late_successes"]
    assert counts["failovers"] > 0
    assert counts["restores"] > 0
    assert counts["false_failed_callbacks"] == 0


def test_nearly_every_payout_comes_to_its_end(results: dict[int, SeedResult]) -> None:
    """Where banks keep their contract: final, or held for people."""
    sound = [result for result in results.values() if not result.broken_contract]
    assert sum(result.finished for result in sound) >= 0.99 * sum(result.accepted for result in sound)


@pytest.mark.parametrize("seed", [2])
def test_a_seed_lives_the_same_life_again(seed: int, options: Options, results: dict[int, SeedResult]) -> None:
    """In this process, whose hash seed is anything, and in a fresh one."""
    again = run_seed(seed, ORDERS, options)
    (elsewhere,) = each(live, [SeedTask(seed, ORDERS, options)], 1)
    assert again.trace_hash == elsewhere.trace_hash == results[seed].trace_hash
    assert again.faults == elsewhere.faults == results[seed].faults


def test_real_signatures_change_nothing_but_the_time_they_take(
    options: Options, results: dict[int, SeedResult]
) -> None:
    """A world with MACs in the place of signatures, and without httpx and SQLAlchemy's execution, is the same world."""
    real = Options(options.folder, real_crypto=True)
    told = [run_seed(5, 12, wanted) for wanted in (options, real)]
    assert [result.real_crypto for result in told] == [False, True]
    assert told[0].trace_hash == told[1].trace_hash
    assert told[0].faults == told[1].faults
    assert sum(told[0].faults.values()) > 12


def test_other_seeds_live_other_lives(results: dict[int, SeedResult]) -> None:
    """The seed is what everything is drawn from."""
    assert len({result.trace_hash for result in results.values()}) == len(SEEDS)
